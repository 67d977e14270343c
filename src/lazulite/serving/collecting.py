"""Model data collection: what a deployment asks to be kept of its inputs and outputs, and where that goes."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from lazulite import fields
from lazulite.artifacts.locate import path_of
from lazulite.errors import BadRequest
from lazulite.ids import WorkspaceId, parse_asset
from lazulite.store import assets, datastores

# Source: learn.microsoft.com/azure/machine-learning/how-to-collect-production-data, and azure-ai-ml 1.35.2
# constants/_deployment.py (DEFAULT_MDC_PATH), _schema/_deployment/online/data_collector_schema.py (rolling_rate).
_FOLDER = "azureml://datastores/workspaceblobstore/paths/modelDataCollector"
_ROLLING_RATES = ("year", "month", "day", "hour", "minute")
_PLAN = "collect.json"


@dataclass(frozen=True)
class Collection:
    """One collection that is kept. data: the reference of a data asset, "" for Azure's own place. percent: of all."""

    data: str
    percent: float


@dataclass(frozen=True)
class Collector:
    """What is kept. headers: those that are kept with requests, lower case."""

    collections: Mapping[str, Collection]
    rolling_rate: str
    headers: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where a collection goes. uri: as an asset would name it; folder: the same on this machine."""

    enabled: bool
    sampleRatePercentage: float  # noqa: N815 - read by azureml-ai-monitoring
    uri: str
    folder: str


def collector_of(properties: Mapping[str, Any]) -> Collector | None:
    """Reads `dataCollector: {collections: {name: {dataCollectionMode, samplingRate, dataId}}, rollingRate,
    requestLogging: {captureHeaders}}`; None when nothing is to be kept. Raises BadRequest naming the field.
    """
    given = fields.nested(properties, "properties.dataCollector")
    where = "properties.dataCollector.collections"
    found = {}
    for name, one in fields.nested(given, where).items():
        if not isinstance(one, dict):
            raise BadRequest(f"{where}.{name} must be an object.", target=f"{where}.{name}")
        mode = fields.text(one, f"{where}.{name}.dataCollectionMode").lower()
        if mode not in ("enabled", "disabled", ""):
            raise BadRequest(f'{where}.{name}.dataCollectionMode is "{mode}", but must be Enabled or Disabled.')
        if mode == "enabled":
            reference = fields.text(one, f"{where}.{name}.dataId")
            found[name.lower()] = Collection(reference, _percent(one.get("samplingRate"), f"{where}.{name}"))
    logging = fields.nested(given, "properties.dataCollector.requestLogging")
    headers = logging.get("captureHeaders") or []
    if not isinstance(headers, list) or not all(isinstance(header, str) for header in headers):
        raise BadRequest("properties.dataCollector.requestLogging.captureHeaders must be a list of names.")
    rate = fields.text(given, "properties.dataCollector.rollingRate").lower() or "hour"
    if rate not in _ROLLING_RATES:
        raise BadRequest(f'properties.dataCollector.rollingRate is "{rate}", but must be {", ".join(_ROLLING_RATES)}.')
    return Collector(found, rate, tuple(header.lower() for header in headers)) if found else None


def shown(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Returns dataCollector with its modes as Azure spells them: the SDK takes no other for enabled."""
    given = fields.nested(properties, "properties.dataCollector")
    collections = {
        name: {**one, "dataCollectionMode": str(one.get("dataCollectionMode") or "disabled").capitalize()}
        for name, one in fields.nested(given, "properties.dataCollector.collections").items()
    }
    return {**given, "collections": collections}


def places(
    connection: Connection, home: Path, workspace: WorkspaceId, path: str, collector: Collector | None
) -> dict[str, Place]:
    """Returns where each collection of a deployment goes. path: `endpoint/deployment`.

    Raises NotFound or BadRequest when a data asset is not there, or lies where nothing can be written.
    """
    found = {}
    for name, one in (collector.collections if collector else {}).items():
        uri = f"{_FOLDER}/{path}/{name}"
        if one.data:
            row = assets.resolve(connection, parse_asset(one.data, "data", workspace))
            uri = row.body["properties"]["dataUri"]
        folder = path_of(home, uri, datastores.reader(connection, workspace))
        found[name] = Place(True, one.percent, uri, str(folder))
    return found


def write(app: Path, collector: Collector, found: Mapping[str, Place], source: str) -> dict[str, str]:
    """Writes the plan that a worker collects by into its folder; returns the variables that lead there.

    The same file is what azureml-ai-monitoring 1.0 reads (config/config.py, AZUREML_MDC_CONFIG_PATH). ENABLE_MDC has
    MLflow models collected from. source: the deployment's ARM id.
    """
    plan = {
        "collections": {name: asdict(place) for name, place in found.items()},
        "rollingRate": collector.rolling_rate,
        "captureHeaders": list(collector.headers),
        "source": source,
    }
    path = app / _PLAN
    path.write_text(json.dumps(plan, indent=1), encoding="utf-8")
    return {"AZUREML_MDC_CONFIG_PATH": str(path), "ENABLE_MDC": "true"}


def _percent(rate: Any, where: str) -> float:
    if rate is None:
        return 100.0
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
        raise BadRequest(f"{where}.samplingRate is {rate!r}, but must be from 0 to 1.", target=f"{where}.samplingRate")
    return 100.0 * rate
