"""The description of the scoring API that `/swagger.json` gives: the user's own, or one made from `run`."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from .script import Script

# Version -> the names by which it can be asked for. Source: azureml-inference-server-http 1.5.1 server/swagger.py.
_VERSIONS = {"2": ("2", "2.0"), "3": ("3", "3.0"), "3.1": ("3.1",)}
_FILES = {"2": ("swagger.json", "swagger2.json"), "3": ("swagger3.json",), "3.1": ("swagger3.1.json",)}
_DESCRIBE = "service_schemas"
"""A script's function of this name gives the schemas: ServiceInput and ServiceOutput. That of MLflow models has one."""
_NOTHING_KNOWN = {"type": "object", "example": {}}


class NoSwagger(Exception):
    """There is no description of the version asked for."""


class Swagger:
    """The descriptions of one script, by version."""

    def __init__(self, script: Script, app_root: str, title: str, version: str, prefix: str) -> None:
        """Reads or makes them. A file `swagger{version}.json` in app_root or beside the script is taken as it is.

        Raises ValueError when such a file is not JSON.
        """
        folders = (app_root, os.path.dirname(script.path))
        self._found: dict[str, Any] = {}
        for name in _VERSIONS:
            found = _read(folders, _FILES[name]) or _make(name, script, title, version, prefix)
            if found:
                self._found[name] = found

    def get(self, version: str) -> Any:
        """Returns a description. Raises NoSwagger (404) naming those that there are. Source of wording: as above."""
        supported = ", ".join(sorted(self._found))
        name = next((name for name, aliases in _VERSIONS.items() if version in aliases), None)
        if name is None:
            raise NoSwagger("Swagger version [%s] is not valid. Supported versions: [%s]." % (version, supported))
        if name not in self._found:
            raise NoSwagger(
                "Swagger version [%s] is not supported for the scoring script. Supported swagger versions: [%s]."
                % (version, supported)
            )
        return self._found[name]


def _read(folders: tuple[str, ...], names: tuple[str, ...]) -> Any:
    for path in (os.path.join(folder, name) for folder in folders for name in names):
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                return json.load(file)
    return None


def _make(name: str, script: Script, title: str, version: str, prefix: str) -> Any:
    schemas = _schemas(name, script)
    if schemas is None:
        return None
    info = {"title": title, "description": "Scores with the model of %s." % title, "version": version}
    prefix = "/" + prefix.strip("/") if prefix.strip("/") else ""
    schemas = {**schemas, "ErrorResponse": {"type": "object", "properties": {"message": {"type": "string"}}}}
    if name == "2":
        return _swagger_2(info, prefix, schemas)
    return _openapi_3("3.0.3" if name == "3" else "3.1.0", info, prefix, schemas)


def _schemas(name: str, script: Script) -> dict[str, Any] | None:
    """Returns the schemas of input and output, None when the script's types cannot be told in this version."""
    describe = getattr(script.module, _DESCRIBE, None)
    if callable(describe):
        described: dict[str, Any] = describe()
        return described
    util = sys.modules.get("inference_schema.schema_util")
    if util is None or script.kind != "typed":
        return {"ServiceInput": _NOTHING_KNOWN, "ServiceOutput": _NOTHING_KNOWN}
    if not set(_VERSIONS[name]) & set(util.get_supported_versions(script.run)):
        return None
    return {"ServiceInput": util.get_input_schema(script.run), "ServiceOutput": util.get_output_schema(script.run)}


# (path, method, operationId, what it does, what a good answer is). Source: as above, by the names of the operations.
_OPERATIONS = (
    ("/", "get", "ServiceHealthCheck", "Tells that the service is up.", "Healthy"),
    ("/score", "post", "RunMLService", "Runs the model.", "What the model makes of the input."),
    ("/swagger.json", "get", "GetSwaggerSpec", "Describes this service.", "This document."),
)
_VERSION_PARAMETER = {"name": "version", "in": "query", "required": False}
_WHOLE_VERSIONS = {"type": "integer", "enum": [2, 3]}


def _swagger_2(info: dict[str, str], prefix: str, schemas: dict[str, Any]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for path, method, operation_id, description, good in _OPERATIONS:
        ok: dict[str, Any] = {"type": "string"}
        operation: dict[str, Any] = {"operationId": operation_id, "description": description}
        if path == "/score":
            ok = {"$ref": "#/definitions/ServiceOutput"}
            schema = {"$ref": "#/definitions/ServiceInput"}
            operation["security"] = [{"Bearer": []}]
            operation["parameters"] = [{"name": "serviceInputPayload", "in": "body", "schema": schema}]
        elif path == "/swagger.json":
            operation["parameters"] = [{**_VERSION_PARAMETER, **_WHOLE_VERSIONS}]
        error = {"description": "An error occurred.", "schema": {"$ref": "#/definitions/ErrorResponse"}}
        operation["responses"] = {"200": {"description": good, "schema": ok}, "default": error}
        paths[prefix + path] = {method: operation}
    return {
        "swagger": "2.0",
        "info": info,
        "schemes": ["https"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {"Bearer": _bearer()},
        "paths": paths,
        "definitions": schemas,
    }


def _openapi_3(openapi: str, info: dict[str, str], prefix: str, schemas: dict[str, Any]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for path, method, operation_id, description, good in _OPERATIONS:
        content: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
        operation: dict[str, Any] = {"operationId": operation_id, "description": description}
        if path == "/score":
            content = _json_content("ServiceOutput")
            operation["security"] = [{"Bearer": []}]
            operation["requestBody"] = {"content": _json_content("ServiceInput")}
        elif path == "/swagger.json":
            operation["parameters"] = [{**_VERSION_PARAMETER, "schema": _WHOLE_VERSIONS}]
        error = {"description": "An error occurred.", "content": _json_content("ErrorResponse")}
        operation["responses"] = {"200": {"description": good, "content": content}, "default": error}
        paths[prefix + path] = {method: operation}
    return {
        "openapi": openapi,
        "info": info,
        "security": [{"Bearer": []}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"Bearer": _bearer()}},
    }


def _json_content(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": "#/components/schemas/" + schema}}}


def _bearer() -> dict[str, str]:
    return {"type": "apiKey", "name": "Authorization", "in": "header", "description": "For example: Bearer abc123"}
