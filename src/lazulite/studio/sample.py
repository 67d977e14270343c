"""A body to try a deployment with: what its swagger gives as an example, or a file that came with its code or model."""

from collections.abc import Iterator, Mapping
from typing import Any

from lazulite.errors import LazuliteError
from lazulite.http.call import JsonObject
from lazulite.studio import origins, places
from lazulite.studio.visit import Visit

# What such files are called in Azure's examples, and by MLflow within a model.
# Source: Azure/azureml-examples cli/endpoints/online; mlflow.models, Model.saved_input_example_info.
_NAMES = (
    "sample-request.json",
    "sample_request.json",
    "request.json",
    "sample-input.json",
    "sample_input.json",
    "sample.json",
    "serving_input_example.json",
    "input_example.json",
)
_MOST_BYTES = 64 << 10
_DEPTH = 12
_PLAIN: Mapping[str, Any] = {"integer": 0, "number": 0.0, "string": "", "boolean": False, "null": None}


def of_swagger(document: object) -> object | None:
    """Returns a body that a swagger document describes for its POST operation, None where it describes none."""
    if not isinstance(document, dict):
        return None
    for schema in _schemas(document):
        made: object = _made(schema, document, _DEPTH)
        if made not in (None, {}, []):
            return made
    return None


def _schemas(document: Mapping[str, Any]) -> Iterator[Any]:
    """Yields the schemas of what is posted: in Swagger 2 a parameter's, in OpenAPI 3 the request body's."""
    paths = document.get("paths")
    for path in paths.values() if isinstance(paths, dict) else ():
        operation = path.get("post") if isinstance(path, dict) else None
        if not isinstance(operation, dict):
            continue
        for one in operation.get("parameters") or ():
            if isinstance(one, dict) and one.get("in") == "body":
                yield one.get("schema")
        content = (operation.get("requestBody") or {}).get("content") or {}
        for kind in content.values():
            yield {"example": kind["example"]} if "example" in kind else kind.get("schema")


def _made(schema: object, document: Mapping[str, Any], depth: int) -> Any:
    """Returns a value that a JSON schema describes: its own example where it has one."""
    if not isinstance(schema, dict) or not depth:
        return None
    if "$ref" in schema:
        return _made(_referred(document, str(schema["$ref"])), document, depth - 1)
    for given in ("example", "default"):
        if given in schema:
            return schema[given]
    for several in ("enum", "examples"):
        if isinstance(schema.get(several), list) and schema[several]:
            return schema[several][0]
    if isinstance(schema.get("properties"), dict):
        return {name: _made(one, document, depth - 1) for name, one in schema["properties"].items()}
    if schema.get("type") == "array":
        return [_made(schema.get("items"), document, depth - 1)]
    return _PLAIN.get(str(schema.get("type")))


def _referred(document: Any, reference: str) -> Any:
    for part in reference.removeprefix("#/").split("/"):
        document = document.get(part) if isinstance(document, dict) else None
    return document


def beside(visit: Visit, deployment: JsonObject) -> str:
    """Returns the text of a file that shows what a deployment is asked, "" where none came with it."""
    for uri in origins.folders_of_deployment(visit, deployment["properties"]):
        for name in _NAMES:
            try:
                path = places.find(visit, places.below(uri, name))
                if path.stat().st_size <= _MOST_BYTES:
                    return path.read_text(encoding="utf-8")
            except (LazuliteError, OSError, UnicodeDecodeError):
                continue
    return ""
