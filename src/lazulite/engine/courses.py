"""What a parent job (a pipeline, a sweep) decides by: what it is told of its children, and what it answers."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection

from lazulite.engine.states import Change, Job
from lazulite.ids import WorkspaceId

_LONGEST_SLEEP_S = 60.0  # clocks are set, and machines sleep
# The property of a child's run that says which of its parent's steps it is.
STEP = "lazulite.step"
# The property that says which job stands for it, or why it has to run.
WHY = "lazulite.why"


@dataclass(frozen=True)
class NewJob:
    """A job that somebody wants.

    body: ARM's `properties` with `jobType`. name: made up when it is "". step: what its parent knows it by, unique
    among its parent's children. parent: the parent's name. experiment: an id; "" for the parent's, or the body's.
    alike: an earlier job that was given all the same may stand for it; if there is none, the last one of this name is
    what it is compared with. "" means that it has to run, and why_not says why, "" where nobody would ask.
    warnings: texts to be shown with the job.
    """

    body: Mapping[str, Any]
    name: str = ""
    step: str = ""
    parent: str = ""
    experiment: str = ""
    created_by: str = ""
    warnings: Sequence[str] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    alike: str = ""
    why_not: str = ""


@dataclass(frozen=True)
class Scene:
    """What a parent's body is checked with.

    check: raises BadRequest where a child's body cannot be right, `(body, names of its inputs that are not there yet)`.
    """

    connection: Connection
    home: Path
    workspace: WorkspaceId
    check: Callable[[Mapping[str, Any], Collection[str]], None]


@dataclass(frozen=True)
class Child:
    """One of a parent's children as it is now. read: returns the text that is in one of its outputs, by its name.

    points: what it has told of the metric that its parent's kind is told of, in order.
    """

    step: str
    job: Job
    read: Callable[[str], str]
    points: Sequence[float] = ()


@dataclass(frozen=True)
class Next:
    """What a parent does next, all of it in one transaction.

    start: new children. cancel: the steps of children to be ended. end: how the parent ends; children that still run
    are cancelled first, and it ends when they have. outputs: what its body's outputs become. look_again_s: when to be
    asked again although no child has changed, None for never. files: to be written before all, by a datastore's URI.
    properties, tags: of the parent's run.
    """

    start: Sequence[NewJob] = ()
    cancel: Sequence[str] = ()
    end: Change | None = None
    outputs: Mapping[str, Any] | None = None
    look_again_s: float | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def said(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Returns what the parent's run is to say of itself."""
        return self.properties, self.tags


@dataclass(frozen=True)
class Deadline:
    """When a parent's time is over."""

    at: datetime

    @classmethod
    def of(cls, job: Job, limit_s: float) -> "Deadline":
        """Counts from when the parent began."""
        return cls((job.run.started_at or job.run.created_at) + timedelta(seconds=limit_s))

    def is_over(self, now: datetime) -> bool:
        """Tells whether it is later than that."""
        return now >= self.at

    def look_again_s(self, now: datetime) -> float:
        """Returns after how many seconds to look at the clock again."""
        return min(max((self.at - now).total_seconds(), 0.0), _LONGEST_SLEEP_S)


class Course(Protocol):
    """How one parent goes on: a fold over what becomes of its children, which touches nothing.

    A platform that starts again makes a new one and tells it of all children at once: it must come to the same.
    """

    def take(self, children: Sequence[Child]) -> Next:
        """Hears of children that are new or have changed, of all in the first call, and says what is next.

        What it said to start, it is told of in the next call. The same child may be told of twice.
        """
