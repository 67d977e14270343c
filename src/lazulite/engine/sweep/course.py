"""How a sweep goes on: which trial is next, which ends early, which was the best. Touches nothing."""

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from lazulite import clock
from lazulite.engine import references
from lazulite.engine.courses import Child, Deadline, NewJob, Next, Scene
from lazulite.engine.states import ENDED, Change, Job
from lazulite.engine.sweep import spec
from lazulite.engine.sweep.sampling import Tried
from lazulite.engine.sweep.space import Values
from lazulite.environments import registered
from lazulite.errors import UserCodeError
from lazulite.ids import WorkspaceId

RUN_TYPE = "hyperdrive"  # Source: azureml-core, runs of HyperDrive
_LOOK_S = 1.0  # how often a policy looks at the trials that run
_AT_A_TIME = 20  # a transaction is not to hold others up
_HOPELESS = 3  # so many trials, and at least as many as run at once


def metric_of(body: Mapping[str, Any]) -> str:
    """Returns which metric of its trials a sweep is to be told of."""
    return str(body["objective"]["primaryMetric"])


def accept(scene: Scene, name: str, body: Mapping[str, Any], pending: Collection[str]) -> dict[str, Any]:
    """Checks a sweep by its first trial, and returns its body with the environment's label resolved.

    Raises BadRequest naming the field that cannot be right, NotImplementedHere for what Lazulite does not do.
    """
    found = spec.spec_of(name, body)
    values = found.sampler.propose(0, ())
    assert values
    spec.check_outputs(body)
    scene.check(spec.trial_of(body, found, 0, values), pending)
    trial = dict(body["trial"])
    trial["environmentId"] = registered.find(scene.connection, scene.home, scene.workspace, trial["environmentId"]).id
    if trial.get("codeId"):  # a component has "azureml:" before it, which azure-ai-ml takes for a folder of that name
        trial["codeId"] = re.sub("^azureml:(?=/)(?!//)", "", trial["codeId"])
    return {**body, "trial": trial, "outputs": references.placed(name, body, "uri_folder")}


def begin(connection: Connection, workspace: WorkspaceId, job: Job) -> "Sweep":
    """Begins a sweep, or goes on with one."""
    return Sweep(job, clock.now)


@dataclass(frozen=True)
class _Trial:
    """A trial as it is now. scores: what it told of the primary metric, in order, the higher the better."""

    number: int
    job: Job
    values: Values
    scores: Sequence[float]

    @property
    def is_over(self) -> bool:
        return self.job.state in ENDED


class Sweep:
    """The course of one sweep; see Course in engine/courses.py."""

    def __init__(self, job: Job, now: Callable[[], datetime]) -> None:
        self._job = job
        self._now = now
        self._spec = spec.spec_of(job.name, job.body)
        limit_s = self._spec.timeout_s
        self._deadline = Deadline.of(job, limit_s) if limit_s is not None else None
        self._trials: dict[int, _Trial] = {}
        self._is_exhausted = False

    def take(self, children: Sequence[Child]) -> Next:
        """Hears of trials and says which are next, which end early, and when the sweep ends."""
        for child in children:
            self._hear(child)
        alive = [one for one in self._trials.values() if not one.is_over]
        if self._is_late():
            return self._last(Change("Canceled", note=f"limits.timeout of {self._spec.timeout_s:g} s was over."))
        if self._is_hopeless():
            return self._last(Change("Failed", error=self._why().wire()))
        start = list(self._new(len(alive)))
        if not alive and not start:
            return self._last(self._end())
        return Next(
            start,
            cancel=self._worst(alive),
            properties=self._found(),
            look_again_s=self._look_again_s(),
        )

    def _hear(self, child: Child) -> None:
        number, sign = int(child.step), 1 if self._spec.maximizes else -1
        scores = [sign * value for value in child.points if not math.isnan(value)]
        self._trials[number] = _Trial(number, child.job, child.job.body["parameters"], scores)

    def _is_late(self) -> bool:
        return self._deadline is not None and self._deadline.is_over(self._now())

    def _look_again_s(self) -> float | None:
        if self._spec.policy:
            return _LOOK_S
        return self._deadline.look_again_s(self._now()) if self._deadline else None

    def _is_hopeless(self) -> bool:
        """Tells whether every trial fails without a word of the metric. Source: guess."""
        failed = sum(one.job.state == "Failed" for one in self._trials.values())
        has_hope = any(one.scores or one.job.state == "Completed" for one in self._trials.values())
        return failed >= max(_HOPELESS, min(self._spec.at_once, _AT_A_TIME)) and not has_hope

    def _new(self, alive: int) -> Iterator[NewJob]:
        """Yields the trials that are started now."""
        tried = [Tried(one.values, max(one.scores, default=None)) for _, one in sorted(self._trials.items())]
        for _ in range(min(self._spec.at_once - alive, _AT_A_TIME)):
            number = len(tried)
            if number >= self._spec.total or self._is_exhausted:
                return
            values = self._spec.sampler.propose(number, tried)
            if values is None:
                self._is_exhausted = True
                return
            tried.append(Tried(values))
            name = f"{self._job.name}_{number}"  # Source: azureml-core, names of HyperDrive's children
            yield NewJob(
                {**spec.trial_of(self._job.body, self._spec, number, values), "displayName": name},
                name=name,
                step=str(number),
                parent=self._job.name,
                created_by=self._job.run.created_by,
            )

    def _worst(self, alive: Sequence[_Trial]) -> list[str]:
        if not self._spec.policy:
            return []
        curves = {str(number): one.scores for number, one in self._trials.items() if one.scores}
        return self._spec.policy.ends(curves, [str(one.number) for one in alive])

    def _best(self) -> _Trial | None:
        """Returns the best of the trials that have completed, the first of those that are equal."""
        done = [one for one in self._trials.values() if one.job.state == "Completed" and one.scores]
        return max(done, key=lambda one: (max(one.scores), -one.number), default=None)

    def _found(self) -> Mapping[str, str]:
        """Returns what a sweep says of its best trial. Source: azure-ai-ml 1.35.2 operations/_job_operations.py for the
        first; the others of HyperDrive runs in public issues.
        """
        best = self._best()
        if not best:
            return {}
        score = max(best.scores) if self._spec.maximizes else -max(best.scores)
        return {"best_child_run_id": best.job.name, "score": repr(score), "best_metric_status": "Succeeded"}

    def _last(self, change: Change) -> Next:
        best = self._best()
        outputs = dict(self._job.body.get("outputs") or {})
        if best:
            made = references.outputs_of(best.job)
            outputs = {name: {**one, "uri": made.get(name, one["uri"])} for name, one in outputs.items()}
        return Next(end=change, outputs=outputs, properties=self._found())

    def _end(self) -> Change:
        if not any(one.job.state == "Completed" for one in self._trials.values()):
            return Change("Failed", error=self._why().wire())
        if self._best():
            return Change("Completed")
        told = f'No trial has logged the primary metric "{self._spec.metric}", so none is the best.'
        return Change("Completed", warnings=[f"{told} Log it by that very name: mlflow.log_metric or run.log."])

    def _why(self) -> UserCodeError:
        first = next((one for _, one in sorted(self._trials.items()) if one.job.state == "Failed"), None)
        error = first.job.run.error if first else None
        if not first or not error:
            return UserCodeError("No trial has completed: all were cancelled.", code="UserError")
        return UserCodeError(f"No trial has completed. Trial {first.job.name}: {error['message']}", code="UserError")
