"""From a deployment to its model and its code, and from a model to the job that made it."""

from collections.abc import Iterator

from lazulite.errors import LazuliteError
from lazulite.http.call import JsonObject
from lazulite.ids import parse_asset
from lazulite.studio import places
from lazulite.studio.inside import segment
from lazulite.studio.visit import Visit


def asset(visit: Visit, kind: str, reference: object) -> JsonObject:
    """Returns the properties of an asset's version by any way to name it, {} of one that this workspace has not."""
    assert visit.workspace
    try:
        named = parse_asset(str(reference or ""), kind, visit.workspace)
        found = visit.api.get(f"{kind}/{segment(named.name)}/versions/{segment(named.version or '')}")
    except LazuliteError:
        return {}
    properties: JsonObject = found["properties"]
    return properties


def job(visit: Visit, model: JsonObject) -> JsonObject:
    """Returns the properties of the job that made a model, {} of a model that was uploaded, or whose job is gone."""
    try:
        found = visit.api.get(f"jobs/{segment(model['jobName'])}") if model.get("jobName") else {"properties": {}}
    except LazuliteError:
        return {}
    properties: JsonObject = found["properties"]
    return properties


def folders(visit: Visit, model: JsonObject) -> Iterator[str]:
    """Yields the URIs of a model's files and of the code of the job that made it."""
    if model.get("modelUri"):
        yield str(model["modelUri"])
    code = asset(visit, "codes", job(visit, model).get("codeId"))
    if code:
        yield str(code["codeUri"])


def folders_of_deployment(visit: Visit, deployment: JsonObject) -> Iterator[str]:
    """Yields the URIs of a deployment's code, that of its scoring script's own folder first, and of its model."""
    configuration = deployment.get("codeConfiguration") or {}
    code = asset(visit, "codes", configuration.get("codeId"))
    if code:
        folder = str(configuration.get("scoringScript") or "").rpartition("/")[0]
        yield from dict.fromkeys((places.below(str(code["codeUri"]), folder), str(code["codeUri"])))
    yield from folders(visit, asset(visit, "models", deployment.get("model")))
