"""Finds out how a job ended, in the user's words where there are any, and registers what it made."""

import json
import signal
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from lazulite.artifacts import lines
from lazulite.engine import blame, computes, conductor, folders, kinds, processes, ranks, references, stage, states
from lazulite.engine.parallel import Parallel
from lazulite.engine.spec import MODELS, JobSpec, Output, outputs_of
from lazulite.engine.states import Change, Job
from lazulite.errors import BadRequest, Conflict, LazuliteError, UserCodeError
from lazulite.ids import AssetId, WorkspaceId
from lazulite.store import assets, resources, workspaces
from lazulite.store.resources import Place
from lazulite.store.workspaces import Workspace
from lazulite.tracking import runs

_LAST_WORDS_LINES = 20
_UNHEARD = "The script told of an error by Run.fail(), but exited with 0: it counts as completed, as on Azure."
_SHELLS_OWN = 128  # a shell tells of its child's signal by 128 and more


@dataclass(frozen=True)
class Exit:
    """What the guest wrote when the job had ended; docs/guest-protocol.md has the fields."""

    reason: str
    rank: int
    code: int
    out_of_memory: bool
    message: str
    began_at: float
    ended_at: float
    cpu_s: float
    peak_memory_bytes: int


def read(folder: Path) -> Exit | None:
    """Returns how a job ended, None when its guest did not live to say so."""
    try:
        return Exit(**json.loads((folder / "exit.json").read_bytes()))
    except FileNotFoundError:
        return None


@dataclass(frozen=True)
class Ending:
    """What else decides how a job ends. is_low_priority: of its compute. said: the error that its script told of."""

    workspace: Workspace
    is_low_priority: bool
    said: dict[str, Any] | None


def look_up(connection: Connection, job: Job) -> Ending:
    """Finds out what else decides how a job ends."""
    try:
        is_low_priority = computes.find(connection, job.scope, job.compute).is_low_priority
    except BadRequest:  # the compute was deleted meanwhile
        is_low_priority = False
    said = runs.find(connection, job.scope, job.name).error
    return Ending(workspaces.of_scope(connection, job.scope), is_low_priority, said)


def collect(home: Path, job: Job, ending: Ending) -> Change:
    """Returns a job's last change: Completed, or Failed with the truth, or Queued when its low-priority node was lost.

    Effect: what the job wrote into ./outputs and ./logs of its own making joins its artifacts.
    A script that calls SDK v1's Run.fail() says why it failed, but its exit code alone says whether: azureml-core 1.61
    core/run.py, _SubmittedRun.fail, "fail is not setting status for submitted runs".
    Source: learn.microsoft.com/azure/machine-learning/how-to-manage-optimize-cost: jobs on low-priority nodes are
    queued again when these are taken away.
    """
    folder = folders.of_job(home, job.scope, job.name)
    artifacts = folders.artifacts(home, ending.workspace.id, job.name)
    for name in stage.LIVE:
        if (folder / "code").is_dir():
            stage.keep(folder / "code" / name, artifacts / name)
    told, spec = read(folder), kinds.spec_of(job)
    if isinstance(spec, Parallel):
        return _parallel(told, spec, folder, artifacts)
    if told is None:
        return _lost(ending.is_low_priority)
    if told.reason == "exited" and told.code == 0:
        return Change("Completed", error=ending.said, warnings=[_UNHEARD] if ending.said else [])
    error = _failure(told, spec, folder / "code", artifacts).wire()
    if ending.said and ending.said.get("message"):
        error |= {"message": f"{ending.said['message']} {error['message']}"}
    return Change("Failed", error=error)


def _parallel(told: Exit | None, spec: Parallel, folder: Path, artifacts: Path) -> Change:
    """Returns a parallel job's last change. One that was killed goes on: its journal knows what is finished."""
    said = conductor.read(folder)
    if told is None or (told.reason == "exited" and told.code < 0 and not said):
        return Change("Queued", note="The job goes on: its process was killed, or the machine stopped.")
    if told.reason == "exited" and said and said.state == "completed":
        return Change("Completed", warnings=said.warnings)
    if told.reason == "exited" and said:
        return Change("Failed", error=UserCodeError(said.message, code=said.code).wire())
    return Change("Failed", error=_failure(told, spec, folder / "code", artifacts).wire())


def _lost(is_low_priority: bool) -> Change:
    how = "its process was killed, or the machine stopped"
    if is_low_priority:
        return Change("Queued", note=f"The job starts again: {how}, and its compute is of low priority.")
    error = LazuliteError(
        f"The job ended and nobody saw how: {how}.",
        code="JobLost",
        hint="What it had printed and written until then is kept.",
    )
    return Change("Failed", error=error.wire())


def _failure(told: Exit, spec: JobSpec, code: Path, artifacts: Path) -> LazuliteError:
    if told.reason == "unstarted":
        return LazuliteError(f"The job could not be started: {told.message}", code="JobNotStarted")
    count = ranks.count(spec)
    log = artifacts / "user_logs" / ranks.ranks_of(spec, [0] * ranks.ports_needed(spec))[told.rank].log
    whose = f"The command (rank {told.rank} of {count})" if count > 1 else "The command"
    how = _how(told, spec, whose)
    mistake = blame.find(log, code) if told.reason == "exited" and told.code > 0 else None
    last_words = lines.tail(log, _LAST_WORDS_LINES)
    shown = f" user_logs/{log.name} ends with:\n{last_words}" if last_words.strip() else " It printed nothing."
    return UserCodeError(f"{mistake}. {how}{shown}" if mistake else f"{how}{shown}", code="UserError")


def _how(told: Exit, spec: JobSpec, whose: str) -> str:
    peak = f"{told.peak_memory_bytes / 2**20:,.0f} MiB"
    number = -told.code if told.code < 0 else told.code - _SHELLS_OWN
    if told.reason == "timeout":
        return f"{whose} was ended after {spec.timeout_s:g} s, its limits.timeout."
    if told.out_of_memory:
        return f"{whose} was killed by the system because memory ran out; it used up to {peak}."
    if told.code < 0 or number == signal.SIGKILL:
        return f"{whose} was ended by {processes.signal_words(number)}; it used up to {peak}."
    if told.code == _SHELLS_OWN - 1:
        return f"{whose} exited with status 127: there is no such program, or it could not be started."
    return f"{whose} exited with status {told.code}."


def properties_of(told: Exit) -> dict[str, str]:
    """Returns what a job used, as properties of its run."""
    return {
        "lazulite.cpu_seconds": f"{told.cpu_s:.2f}",
        "lazulite.peak_memory_bytes": str(told.peak_memory_bytes),
        "lazulite.seconds": f"{told.ended_at - told.began_at:.2f}",
    }


def register(connection: Connection, job: Job, here: WorkspaceId, now: datetime, *, but: Collection[str] = ()) -> None:
    """Registers the outputs of a job of any kind that have an asset's name, and notes the versions that they got.

    but: outputs that are registered already.

    Raises Conflict when a version was taken while the job ran.
    """
    outputs = dict(job.body.get("outputs") or {})
    named = [one for one in outputs_of(job.body) if one.asset and one.name not in but]
    for wanted in named:
        kind, properties = _asset(job, wanted, references.long_form(str(outputs[wanted.name]["uri"]), here))
        if resources.get(connection, Place(job.scope, kind, wanted.asset, wanted.asset_version or "-")):
            raise Conflict(f"Output {wanted.name}: {kind} {wanted.asset}:{wanted.asset_version} exists already.")
        asset = AssetId(here, kind, wanted.asset, wanted.asset_version or None)
        made = assets.register(connection, asset, properties, now=now, who=job.run.created_by)
        outputs[wanted.name] = {**outputs[wanted.name], "assetVersion": made.place.version}
    if named:
        states.set_outputs(connection, job, outputs)


def _asset(job: Job, wanted: Output, uri: str) -> tuple[str, dict[str, Any]]:
    """Returns an output's kind and its properties as ARM has them."""
    about = {"description": wanted.description, "isAnonymous": False, "tags": {}, "properties": {}}
    if wanted.kind in MODELS:
        model = {"modelUri": uri, "modelType": wanted.kind, "flavors": {}, "jobName": job.name}
        return "models", {**model, **about}
    return "data", {"dataUri": uri, "dataType": wanted.kind, **about}
