"""How a pipeline goes on: which steps can begin, now that others have ended. Each end costs what depends on it."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from lazulite.engine.courses import Child, NewJob, Next
from lazulite.engine.pipeline import bodies, loops, values
from lazulite.engine.pipeline.accept import Read, read
from lazulite.engine.pipeline.graph import IF_ELSE, LOOPS, Step
from lazulite.engine.pipeline.loops import Loop
from lazulite.engine.pipeline.values import Value
from lazulite.engine.states import ENDED, Change, Job
from lazulite.ids import WorkspaceId

_TRUE = "true"


def begin(connection: Connection, workspace: WorkspaceId, job: Job) -> "Course":
    """Begins a pipeline's course, or one that was under way: it is then told of the steps that there are."""
    return Course(read(connection, workspace, job.body), job)


class Course:
    """One pipeline's course; see engine/courses.py for what it owes. found: its body, as read."""

    def __init__(self, found: Read, job: Job) -> None:
        self._found = found
        self._graph = found.graph
        self._frame = found.frame
        self._job = job
        self._world: dict[str, Value | None] = dict(found.inputs)
        self._steps = [name for name in self._graph.steps if name not in self._graph.bodies]
        self._last = str(found.frame.setting("on_finalize") or "")
        self._unmet = {name: len(self._graph.needs[name]) for name in self._steps}
        self._dependents: dict[str, list[str]] = {name: [] for name in self._steps}
        for name in self._steps:
            for needed in self._graph.needs[name]:
                self._dependents[needed].append(name)
        self._ready = deque(name for name in self._steps if not self._unmet[name] and name != self._last)
        self._settled: dict[str, str] = {}  # by step: Completed, Failed or Skipped
        self._begun: set[str] = set()
        self._is_true: dict[str, bool] = {}  # by if_else
        self._loops: dict[str, Loop] = {}
        self._failed: list[Child] = []
        self._outputs: dict[str, Mapping[str, Any]] = {}  # of the pipeline, where they turned out to be
        self._files: dict[str, str] = {}

    def take(self, children: Sequence[Child]) -> Next:
        """Hears of children and says which steps are next. See Course in engine/courses.py."""
        for child in children:
            self._hear(child)
        # That a pipeline which says nothing stops at the first failure. Source: guess.
        stops = bool(self._failed) and not self._frame.setting("continue_on_step_failure")
        start = [] if stops else list(self._begin())
        files, self._files = self._files, {}
        if start:
            return Next(start, files=files)
        alive = [name for name in self._begun if name not in self._settled]
        if alive and not stops:
            return Next(files=files)
        if self._last and self._last not in self._begun:
            return self._finalize(alive)
        if alive and self._last in alive:
            return Next()
        return Next(end=self._end(), outputs=self._shown(), files=files)

    def _finalize(self, alive: Sequence[str]) -> Next:
        """Starts the step that comes last, whatever came before it, once nothing else runs."""
        if alive:
            return Next(cancel=[step for name in alive for step in self._running(name)])
        self._begun.add(self._last)
        return Next([self._new(self._graph.steps[self._last])])

    def _running(self, name: str) -> Sequence[str]:
        return self._loops[name].running if name in self._loops else [name]

    def _hear(self, child: Child) -> None:
        name = child.step
        body = name if name in self._graph.bodies else name.rpartition(".")[0]
        if body in self._graph.bodies:
            self._hear_round(self._graph.steps[self._graph.bodies[body]], child)
            return
        self._begun.add(name)
        if child.job.state not in ENDED or name in self._settled:
            return
        step = self._graph.steps[name]
        if child.job.state == "Completed":
            for port, value in loops.outputs_of(step, child):
                self._put(step, port, value)
        self._settle_by(child, name)

    def _settle_by(self, child: Child, name: str) -> None:
        if child.job.state != "Completed":
            self._failed.append(child)
        self._settle(name, "Completed" if child.job.state == "Completed" else "Failed")

    def _hear_round(self, step: Step, child: Child) -> None:
        loop = self._loop(step)
        self._begun.add(step.name)
        loop.hear(child)
        if step.name in self._settled or child.job.state not in ENDED:
            return
        if child.job.state != "Completed":
            self._settle_by(child, step.name)
        elif loop.is_over:
            body = self._graph.steps[loop.body]
            for port, value in loop.outputs(body):
                self._put(step, port, value)
                self._put(body, port, value)
            self._files.update(loop.files)
            self._settle(step.name, "Completed")
        else:
            self._ready.append(step.name)

    def _put(self, step: Step, port: str, value: Value) -> None:
        """Notes what a step has made, for the steps and the pipeline's output that are bound to it."""
        self._world |= dict.fromkeys(values.names_of(step.name, port), value)
        given = (step.node.get("outputs") or {}).get(port)
        for name in values.bindings_of(given):
            output = name.removeprefix(values.OUTPUT)
            if name.startswith(values.OUTPUT) and not value.is_literal:
                self._outputs[output] = {"uri": value.text}

    def _settle(self, name: str, outcome: str) -> None:
        """Ends a step, and with it those that now can never begin."""
        waiting = [(name, outcome)]
        while waiting:
            one, how = waiting.pop()
            if one in self._settled:
                continue
            self._settled[one] = how
            for dependent in self._dependents[one]:
                if how == "Completed":
                    self._unmet[dependent] -= 1
                    if not self._unmet[dependent] and dependent != self._last:
                        self._ready.append(dependent)
                elif dependent != self._last:
                    waiting.append((dependent, "Skipped"))

    def _begin(self) -> Iterator[NewJob]:
        while self._ready:
            name = self._ready.popleft()
            step = self._graph.steps[name]
            if name in self._settled:
                continue
            owner, when = self._graph.branches.get(name, ("", True))
            if owner and self._is_true[owner] != when:
                self._settle(name, "Skipped")
            elif step.type == IF_ELSE:
                self._is_true[name] = self._decide(step)
                self._settle(name, "Completed")
            elif step.type in LOOPS:
                loop = self._loop(step)
                self._begun.add(name)
                for key, given in loop.next_rounds():
                    yield self._new(self._graph.steps[loop.body], key, given)
            elif name not in self._begun:
                self._begun.add(name)
                yield self._new(step)

    def _loop(self, step: Step) -> Loop:
        if step.name not in self._loops:
            self._loops[step.name] = loops.of(step, self._found, self._job, self._world)
        return self._loops[step.name]

    def _decide(self, step: Step) -> bool:
        condition = step.node.get("condition")
        value = values.value_of(str(condition), self._world, f"{step.field}.condition")
        return bool(value) and value is not None and value.text.strip().lower() == _TRUE

    def _new(self, step: Step, key: str = "", given: Mapping[str, Value] | None = None) -> NewJob:
        component = step.component
        drawn = bodies.body_of(self._frame, step, self._world, given)
        alike, why_not = f"{step.name}|{component.name if component else ''}", ""
        if step.type == "pipeline":
            alike = ""  # each of its own steps may be one that another stands for
        elif self._frame.setting("force_rerun"):
            alike, why_not = "", "the pipeline's settings.force_rerun is true"
        elif component and not component.is_deterministic:
            alike, why_not = "", f"component {component.name} says that it is not deterministic"
        return NewJob(
            drawn.body,
            step=key or step.name,
            parent=self._job.name,
            created_by=self._job.run.created_by,
            warnings=drawn.warnings,
            alike=alike,
            why_not=why_not,
        )

    def _end(self) -> Change:
        """Returns how the pipeline ends. The first step that failed of itself is to blame."""
        if not self._failed:
            return Change("Completed")
        blamed = min(self._failed, key=lambda child: (child.job.state != "Failed", child.job.run.number))
        who = f"Step {blamed.step} (job {blamed.job.name})"
        error = blamed.job.run.error or {"code": "UserError", "message": "", "details": []}
        said = f"{who} was canceled." if blamed.job.state == "Canceled" else f"{who}: {error['message']}"
        return Change("Failed", error={**error, "message": said})

    def _shown(self) -> dict[str, Any]:
        outputs = self._frame.body.get("outputs") or {}
        return {name: {**one, **self._outputs.get(name, {})} for name, one in outputs.items()}
