"""Models: versioned, pointing at a file or a folder in a datastore."""

from lazulite import fields
from lazulite.arm import made
from lazulite.arm.families import Asset, Context
from lazulite.errors import BadRequest, NotImplementedHere
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route

_TYPES = {"custom_model": "custom_model", "mlflow_model": "mlflow_model", "triton_model": "triton_model"}


def accept(given: JsonObject, context: Context) -> JsonObject:
    """Checks the uri and the type; what a job made is found. `flavors` is an object: the SDK calls `.items()` on it."""
    uri, job = made.place(fields.text(given, "properties.modelUri", required=True), context)
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


def package(call: Call, parts: Parts) -> Reply:
    """Refuses to package a model: there are no images here to make of it."""
    raise NotImplementedHere(
        f'Lazulite makes no packages of models: "{call.ids["name"]}" was not packaged, for there are no images here.',
        hint="Deploy the model itself, with an environment; its packages are installed when it is deployed.",
    )


MODEL = Asset("models", accept, fixed=("modelUri", "modelType"))

ROUTES = (
    *MODEL.routes(),
    Route("POST", f"{scopes.WORKSPACE}/models/{{name}}/versions/{{version}}/package", package, partial="answers 501"),
)
