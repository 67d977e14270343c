"""Models: versioned, pointing at a file or a folder in a datastore."""

from lazulite import fields
from lazulite.arm.families import Asset, Context
from lazulite.engine import references
from lazulite.errors import BadRequest
from lazulite.http.call import JsonObject

_TYPES = {"custom_model": "custom_model", "mlflow_model": "mlflow_model", "triton_model": "triton_model"}


def accept(given: JsonObject, context: Context) -> JsonObject:
    """Checks the uri and the type; what a job made is found. `flavors` is an object: the SDK calls `.items()` on it."""
    home, uri = context.parts.settings.home, fields.text(given, "properties.modelUri", required=True)
    uri, job = references.of_made(context.connection, home, context.workspace, uri)
    kind = fields.text(given, "properties.modelType") or "custom_model"
    # Older clients write CustomModel, MLFlowModel, TritonModel.
    known = {name.replace("_", ""): name for name in _TYPES}
    if kind.replace("_", "").lower() not in known:
        raise BadRequest(
            f'properties.modelType is "{kind}", but must be one of {", ".join(_TYPES)}.', target="properties.modelType"
        )
    return {
        "isAnonymous": False,
        **given,
        "modelUri": uri,
        "jobName": fields.text(given, "properties.jobName") or job or None,
        "modelType": known[kind.replace("_", "").lower()],
        "flavors": fields.nested(given, "properties.flavors"),
        "tags": given.get("tags") or {},
        "properties": given.get("properties") or {},
    }


MODEL = Asset("models", accept, fixed=("modelUri", "modelType"))

ROUTES = MODEL.routes()
