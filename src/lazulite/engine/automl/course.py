"""How AutoML goes on: which model is tried next, when it is enough, which ensembles follow, which was the best."""

import json
import math
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from lazulite import clock, fields
from lazulite.engine import processes, references
from lazulite.engine.automl import search
from lazulite.engine.automl.search import Attempt, Outcome
from lazulite.engine.automl.spec import AutoMLSpec, spec_of
from lazulite.engine.courses import Child, Deadline, NewJob, Next, Scene
from lazulite.engine.states import ENDED, Change, Job
from lazulite.environments import registered
from lazulite.errors import UserCodeError
from lazulite.ids import WorkspaceId

RUN_TYPE = "automl"  # Source: azureml-core, runs of AutoML
# What has scikit-learn, LightGBM, pandas and MLflow in it.
_ENVIRONMENT = "azureml://registries/azureml/environments/lightgbm-3.3/labels/latest"
_OF_THE_JOB = ("computeId", "identity", "queueSettings", "resources")
_HOPELESS = 3
_MODEL = "outputs/mlflow-model"


def metric_of(body: Mapping[str, Any]) -> str:
    """Returns which metric of its trials an AutoML job is to be told of."""
    return spec_of(body).metric


def accept(scene: Scene, name: str, body: Mapping[str, Any], pending: Collection[str]) -> dict[str, Any]:
    """Checks an AutoML job by its first trial, and returns its body with its environment resolved.

    Raises BadRequest naming the field that cannot be right, NotImplementedHere for what Lazulite does not do.
    """
    asked = spec_of(body)
    reference = str(body.get("environmentId") or _ENVIRONMENT)
    found = registered.find(scene.connection, scene.home, scene.workspace, reference)
    kept = {**body, "environmentId": found.id, "outputs": references.placed(name, body, "mlflow_model")}
    scene.check(_trial_of(kept, asked, search.next_attempt(asked, name, ())), pending)
    return kept


def _trial_of(body: Mapping[str, Any], asked: AutoMLSpec, attempt: Attempt) -> dict[str, Any]:
    """Returns the body of a trial, a command job that runs guest/automl.py in the environment."""
    plan = {**asked.told, "attempt": attempt.wire()}
    given = fields.texts(body, "properties.environmentVariables")
    return {
        **{key: body[key] for key in _OF_THE_JOB if body.get(key) is not None},
        "jobType": "Command",
        "command": f"python {shlex.quote(str(processes.GUEST))} automl",
        "environmentId": body["environmentId"],
        "environmentVariables": {**given, "LAZULITE_AUTOML": json.dumps(plan)},
        "inputs": {name: {"mode": "ReadOnlyMount", **one} for name, one in asked.data.items()},
        "limits": {"jobLimitsType": "Command", "timeout": asked.trial_timeout},
        "parameters": attempt.wire(),
        "tags": {"run_algorithm": attempt.algorithm},
        "properties": {"run_algorithm": attempt.algorithm},
    }


def begin(connection: Connection, workspace: WorkspaceId, job: Job) -> "AutoML":
    """Begins an AutoML job, or goes on with one."""
    return AutoML(job, clock.now)


@dataclass(frozen=True)
class _Trial:
    number: int
    job: Job
    outcome: Outcome

    @property
    def is_over(self) -> bool:
        return self.job.state in ENDED


class AutoML:
    """The course of one AutoML job; see Course in engine/courses.py."""

    def __init__(self, job: Job, now: Callable[[], datetime]) -> None:
        self._job = job
        self._now = now
        self._asked = spec_of(job.body)
        self._deadline = Deadline.of(job, self._asked.timeout_s)
        self._trials: dict[int, _Trial] = {}

    def take(self, children: Sequence[Child]) -> Next:
        """Hears of trials and says which are next, and when it ends."""
        for child in children:
            self._hear(child)
        alive = [one for one in self._trials.values() if not one.is_over]
        is_late = self._deadline.is_over(self._now())
        start = [] if is_late or self._is_hopeless() else list(self._new(len(alive)))
        if is_late and alive:
            return Next(cancel=[str(one.number) for one in alive])
        if start or alive:
            again_s = self._deadline.look_again_s(self._now())
            return Next(start, look_again_s=again_s, properties=self._properties(), tags=self._tags())
        outputs = dict(self._job.body.get("outputs") or {})
        best = self._best()
        if best:
            model = f"azureml://datastores/{references.ARTIFACT_STORE}/paths/{best.job.run.folder}/{_MODEL}"
            outputs = {name: {**one, "uri": model} for name, one in outputs.items()}
        return Next(end=self._end(), outputs=outputs, properties=self._properties(), tags=self._tags())

    def _hear(self, child: Child) -> None:
        told = child.job.body["parameters"]
        attempt = Attempt(told["algorithm"], told["parameters"], told["members"])
        points = [value for value in child.points if not math.isnan(value)]
        is_done = child.job.state == "Completed" and bool(points)
        score = (points[-1] if self._asked.maximizes else -points[-1]) if is_done else None
        self._trials[int(child.step)] = _Trial(int(child.step), child.job, Outcome(attempt, score))

    def _is_hopeless(self) -> bool:
        """Tells whether every trial fails, as with data that cannot be read. Source: guess."""
        failed = sum(one.job.state == "Failed" for one in self._trials.values())
        return failed >= max(_HOPELESS, self._asked.at_once) and not self._best()

    def _new(self, alive: int) -> Iterator[NewJob]:
        """Yields the trials that are started now: ensembles once all others have ended."""
        before = [one.outcome for _, one in sorted(self._trials.items())]
        plain = [one for one in before if not one.attempt.members]
        room = self._asked.at_once - alive
        if len(plain) == len(before):
            while room > 0 and not search.is_enough(self._asked, plain):
                attempt = search.next_attempt(self._asked, self._job.name, plain)
                yield self._job_of(len(plain), attempt)
                plain.append(Outcome(attempt, None))
                room -= 1
            if alive or len(plain) > len(before):
                return
        for number, attempt in enumerate(search.ensembles(self._asked, plain), len(plain)):
            if number not in self._trials and room > 0:
                yield self._job_of(number, attempt)
                room -= 1

    def _job_of(self, number: int, attempt: Attempt) -> NewJob:
        name = f"{self._job.name}_{number}"  # Source: azureml-core, names of AutoML's children
        body = {**_trial_of(self._job.body, self._asked, attempt), "displayName": f"{name} {attempt.algorithm}"}
        return NewJob(body, name=name, step=str(number), parent=self._job.name, created_by=self._job.run.created_by)

    def _best(self) -> _Trial | None:
        done = [one for one in self._trials.values() if one.outcome.score is not None]
        return max(done, key=lambda one: (one.outcome.score or 0, -one.number), default=None)

    def _properties(self) -> Mapping[str, str]:
        best = self._best()
        if not best:
            return {}
        score = best.outcome.score or 0.0
        return {"best_child_run_id": best.job.name, "score": repr(score if self._asked.maximizes else -score)}

    def _tags(self) -> Mapping[str, str]:
        """Names the best trial. Source: azureml-examples sdk/python/jobs/automl-standalone-jobs."""
        best = self._best()
        return {"automl_best_child_run_id": best.job.name} if best else {}

    def _end(self) -> Change:
        if self._best():
            return Change("Completed")
        first = next((one for _, one in sorted(self._trials.items()) if one.job.state == "Failed"), None)
        why = f"Trial {first.job.name}: {first.job.run.error['message']}" if first and first.job.run.error else ""
        return Change("Failed", error=UserCodeError(f"No model was trained. {why}".strip(), code="UserError").wire())
