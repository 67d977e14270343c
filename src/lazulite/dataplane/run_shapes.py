"""How run history prints runs: the run itself, its details while it is watched, its experiment. Writes nothing."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from lazulite import clock
from lazulite.engine.states import Job
from lazulite.http.call import JsonObject
from lazulite.tracking import entries
from lazulite.tracking.experiments import Experiment
from lazulite.tracking.runs import ENDED, Run


def show_all(connection: Connection, runs: Sequence[Run]) -> list[JsonObject]:
    """Prints runs as run history's `Run`, in their order.

    Source of the fields: azureml-core 1.61 _restclient/models/run_dto.py; azure-ai-ml 1.35.2 _restclient/runhistory,
    models/_models.py, class Run.
    """
    said = entries.of_runs(connection, [run.number for run in runs])
    return [
        _show(run, said[run.number, "tag"], said[run.number, "property"], said[run.number, "param"]) for run in runs
    ]


def show(connection: Connection, run: Run) -> JsonObject:
    """Prints one run."""
    return show_all(connection, [run])[0]


def details(connection: Connection, run: Run, job: Job | None, log_files: Mapping[str, str]) -> JsonObject:
    """Prints what clients poll while a run goes on. log_files: URLs that need no token, by name.

    `services`, `properties` and `logFiles` are always objects: the SDK fails on null. Source: wire observations.
    """
    return {
        "runId": run.id,
        "runUuid": uuid_of(run.scope, run.id),
        "parentRunId": run.parent or None,
        "target": run.target,
        "status": run.status,
        "createdTimeUtc": clock.iso(run.created_at),
        "startTimeUtc": _moment(run.started_at),
        "endTimeUtc": _moment(run.ended_at),
        "error": _error(run),
        "warnings": [{"source": "Lazulite", "message": text} for text in (job.warnings if job else ())],
        "tags": entries.of_run(connection, run.number, "tag"),
        "properties": entries.of_run(connection, run.number, "property"),
        "parameters": entries.of_run(connection, run.number, "param"),
        "services": {},
        "inputDatasets": [],
        "outputDatasets": [],
        "runDefinition": None,
        "logFiles": dict(log_files),
    }


def show_experiment(experiment: Experiment) -> JsonObject:
    """Prints an experiment. Source: azureml-core 1.61 _restclient/models/experiment_dto.py."""
    return {
        "experimentId": experiment.id,
        "name": experiment.name,
        "description": None,
        "createdUtc": clock.iso(experiment.created_at),
        "tags": dict(experiment.tags),
        "archivedTime": clock.iso(experiment.modified_at) if experiment.is_archived else None,
        "artifactLocation": None,
    }


def page(values: Iterable[Any], token: str | None = None) -> JsonObject:
    """Prints a list; token leads SDK v1 to the next page."""
    return {"value": list(values), "continuationToken": token, "nextLink": None}


def uuid_of(scope: str, run_id: str) -> str:
    """Returns a run's `runUuid`, always the same for the same run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}/runs/{run_id.lower()}"))


def _show(run: Run, tags: Mapping[str, str], properties: Mapping[str, str], params: Mapping[str, str]) -> JsonObject:
    return {
        "runNumber": run.number,
        "runId": run.id,
        "rootRunId": run.root,
        "parentRunId": run.parent or None,
        "runUuid": uuid_of(run.scope, run.id),
        "rootRunUuid": uuid_of(run.scope, run.root),
        "parentRunUuid": uuid_of(run.scope, run.parent) if run.parent else None,
        "experimentId": run.experiment,
        "dataContainerId": f"dcid.{run.id}",
        "name": run.name,
        "displayName": run.name,
        "description": run.description or None,
        "status": run.status,
        "hidden": run.is_archived,
        "runType": run.kind,
        "runTypeV2": {"orchestrator": "Execution", "traits": [], "attribution": None, "computeType": None},
        "target": run.target or None,
        "compute": {"target": run.target} if run.target else None,
        "createdUtc": clock.iso(run.created_at),
        "createdBy": {"userName": run.created_by},
        "startTimeUtc": _moment(run.started_at),
        "endTimeUtc": _moment(run.ended_at),
        "lastModifiedUtc": clock.iso(run.modified_at),
        "duration": str(run.ended_at - run.started_at) if run.ended_at and run.started_at else None,
        "tags": dict(tags),
        "properties": dict(properties),
        "parameters": dict(params),
        "error": _error(run),
        "warnings": None,
        "services": {},
        "inputs": {},
        "outputs": {},
        "inputDatasets": [],
        "outputDatasets": [],
        "scriptName": None,
        "runDefinition": None,
        "cancelUri": None,
        "diagnosticsUri": None,
        "options": {"generateDataContainerIdIfNotSpecified": True},
    }


def _error(run: Run) -> JsonObject | None:
    return {"error": run.error} if run.error and (run.status in ENDED or not run.is_job) else None


def _moment(moment: datetime | None) -> str | None:
    return clock.iso(moment) if moment else None
