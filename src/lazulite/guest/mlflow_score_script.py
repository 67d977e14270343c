"""The entry script of MLflow models that are deployed without one: Azure's requests in, the model's answers out.

It is copied into the deployment's folder, and reads what MLflow itself reads of the model: signature, example.
Source of what it takes and gives: github.com/Azure/azureml-assets, mlflow_score_script.py of the mlflow-*-inference
images. Three things are ours: bodies of `mlflow models serve` (dataframe_split, dataframe_records, instances, inputs)
are taken too; a body that does not fit the signature ends in 400 with MLflow's reason, there in 500; and what numpy and
pandas have no JSON for is written as MLflow's own server writes it.
"""

from __future__ import annotations

import inspect
import json
import os
from importlib import import_module
from typing import Any

_DATA_KEYS = ("input_data", "dataframe_split", "dataframe_records", "instances", "inputs")
_SPLIT_KEYS = {"columns", "index", "data"}
# What the JSON of a value looks like, by the names of MLflow's types and numpy's.
_JSON_TYPES = {"boolean": "boolean", "bool": "boolean", "string": "string", "str": "string", "object": "string"}
_EXAMPLES = {"boolean": True, "string": "sample string", "integer": 0, "number": 0.0}


class Refused(Exception):
    """The body is none that the model could be asked with."""


class Served:
    """The model that is served. load() makes it; nothing else changes it."""

    def load(self, folder: str) -> None:
        """Loads the model with MLflow. Raises whatever MLflow does when it cannot."""
        self._response = import_module("azureml.contrib.services.aml_response").AMLResponse
        self._json = import_module("mlflow.utils.proto_json_utils")
        self._failures = import_module("mlflow.exceptions").MlflowException
        self._model = import_module("mlflow.pyfunc").load_model(folder)
        self._takes_params = "params" in inspect.signature(self._model.predict).parameters
        self.signature = self._model.metadata.signature
        self.example = _example(self._model.metadata, folder)
        self._inputs, self._outputs = _collectors()

    def answer(self, body: str) -> Any:
        """Answers one request; 400 with the reason when it cannot be one for this model."""
        try:
            return self._response(self._predict(_read(body)), 200, {"Content-Type": "application/json"})
        except Refused as refused:
            return self._response({"message": str(refused)}, 400, json_str=True)

    def _predict(self, found: dict[str, Any]) -> str:
        try:
            data = self._data(found)
            context = _collect(self._inputs, data, None)
            params = found.get("params")
            result = self._model.predict(data, params=params) if self._takes_params else self._model.predict(data)
        except self._failures as failure:
            if failure.get_http_status_code() != 400:
                raise
            raise Refused(getattr(failure, "message", str(failure))) from failure
        _collect(self._outputs, result, context)
        return json.dumps(self._json._get_jsonable_obj(result, "records"), cls=self._json.NumpyEncoder)

    def _data(self, found: dict[str, Any]) -> Any:
        """Turns the body's data into what predict() takes: a DataFrame, an array, arrays by name, or text."""
        schema: Any = self.signature.inputs if self.signature else None
        if "dataframe_split" in found:
            return self._json.dataframe_from_parsed_json(found["dataframe_split"], "split", schema)
        if "dataframe_records" in found:
            return self._json.dataframe_from_parsed_json(found["dataframe_records"], "records", schema)
        if "input_data" not in found:
            return self._json.parse_tf_serving_input(found, schema)
        data = found["input_data"]
        if isinstance(data, dict) and "data" in data and set(data) <= _SPLIT_KEYS:
            return self._json.dataframe_from_parsed_json(data, "split", schema)
        if isinstance(data, list) and data and all(isinstance(row, dict) for row in data):
            return self._json.dataframe_from_parsed_json(data, "records", schema)
        if isinstance(data, str) or (isinstance(data, list) and all(isinstance(item, str) for item in data)):
            return data
        if not isinstance(data, (dict, list)):
            raise Refused('"input_data" must be an object, a list or text, but is %s.' % json.dumps(data))
        if isinstance(data, list) and _is_table(schema):
            names = schema.input_names() if schema.has_input_names() else None
            return self._json.dataframe_from_parsed_json(_split(data, names), "split", schema)
        return self._json.parse_tf_serving_input({"inputs": data}, schema)


SERVED = Served()


def init() -> None:
    """Loads the model that AZUREML_MODEL_DIR and MLFLOW_MODEL_FOLDER name."""
    SERVED.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], os.environ.get("MLFLOW_MODEL_FOLDER", "")))


def run(raw_data: str) -> Any:
    """Answers one request."""
    return SERVED.answer(raw_data)


def service_schemas() -> dict[str, Any]:
    """Returns what /swagger.json says of input and output: JSON schemas by the names that it has for them."""
    signature = SERVED.signature
    properties = {"input_data": _schema(signature.inputs if signature else None, "split")}
    example = {"input_data": SERVED.example or _made_up(properties["input_data"])}
    params = getattr(signature, "params", None)
    if params:
        known = {param.name: param for param in params.params}
        properties["params"] = {
            "type": "object",
            "properties": {name: {"type": _json_type(param.dtype)} for name, param in known.items()},
        }
        example["params"] = {name: _plain(param.default) for name, param in known.items()}
    service_input = {"type": "object", "required": ["input_data"], "properties": properties, "example": example}
    return {
        "ServiceInput": service_input,
        "ServiceOutput": _schema(signature.outputs if signature else None, "records"),
    }


def _read(body: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise Refused("The body could not be decoded as JSON: %s" % error) from error
    if not isinstance(found, dict):
        raise Refused('The body must be a JSON object with "input_data".')
    given = [key for key in _DATA_KEYS if key in found]
    if len(given) != 1:
        has = ", ".join('"%s"' % key for key in found) or "nothing"
        raise Refused(
            "The body must have one of %s, but has %s." % (", ".join('"%s"' % key for key in _DATA_KEYS), has)
        )
    return found


def _is_table(schema: Any) -> bool:
    return schema is not None and not schema.is_tensor_spec()


def _split(rows: list[Any], names: Any) -> dict[str, Any]:
    """Writes a list as pandas would split it; a list of plain values is one column."""
    rows = [row if isinstance(row, list) else [row] for row in rows]
    return {"columns": names, "data": rows} if names else {"data": rows}


def _example(metadata: Any, folder: str) -> Any:
    """Returns the model's own example as `input_data` has it, None without one."""
    info = getattr(metadata, "saved_input_example_info", None) or {}
    try:
        with open(os.path.join(folder, info["artifact_path"]), encoding="utf-8") as file:
            found = json.load(file)
    except (KeyError, OSError, ValueError):
        return None
    if isinstance(found, dict) and set(found) == {"inputs"}:
        return found["inputs"]
    return found


def _schema(schema: Any, orient: str) -> dict[str, Any]:
    """Returns the JSON schema of a signature's half. Source of the form: inference-schema 1.8."""
    if schema is None:
        return {"type": "object", "example": {}}
    if schema.is_tensor_spec():
        if not schema.has_input_names():
            return _tensor(schema.inputs[0])
        return {"type": "object", "properties": {each.name: _tensor(each) for each in schema.inputs}}
    columns = [(each.name, _json_type(each.type)) for each in schema.inputs]
    if orient == "records" or not schema.has_input_names():
        row = {
            "type": "object",
            "properties": {str(name or at): {"type": kind} for at, (name, kind) in enumerate(columns)},
        }
        return {"type": "array", "items": row, "format": "pandas.DataFrame:records"}
    return {
        "type": "object",
        "required": ["columns", "index", "data"],
        "properties": {
            "columns": {"type": "array", "items": {"type": "string", "enum": [name for name, _ in columns]}},
            "index": {"type": "array", "items": {"type": "integer", "format": "int64"}},
            "data": {"type": "array", "items": {"type": "array", "items": {}}},
        },
        "example": {
            "columns": [name for name, _ in columns],
            "index": [0],
            "data": [[_EXAMPLES[kind] for _, kind in columns]],
        },
        "format": "pandas.DataFrame:split",
    }


def _tensor(spec: Any) -> dict[str, Any]:
    kind = _json_type(spec.type)
    found: dict[str, Any] = {"type": kind}
    example: Any = _EXAMPLES[kind]
    for size in reversed(spec.shape):
        found = {"type": "array", "items": found}
        example = [example] * (1 if size < 0 else min(size, 2))
    return {**found, "example": example, "format": "numpy.ndarray"}


def _made_up(schema: dict[str, Any]) -> Any:
    """Returns an example of what a schema describes."""
    if "example" in schema:
        return schema["example"]
    return {name: _made_up(each) for name, each in schema.get("properties", {}).items()}


def _json_type(dtype: Any) -> str:
    name = str(getattr(dtype, "name", dtype)).lower()
    if name in _JSON_TYPES:
        return _JSON_TYPES[name]
    if name in ("long", "integer") or name.startswith(("int", "uint")):
        return "integer"
    return "number" if name.startswith(("float", "double")) else "string"


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _collectors() -> tuple[Any, Any]:
    """Returns what model_inputs and model_outputs go to, where the deployment collects them."""
    if not os.environ.get("ENABLE_MDC"):
        return None, None
    collector = import_module("azureml.ai.monitoring").Collector
    return tuple(collector(name=name, on_error=print) for name in ("model_inputs", "model_outputs"))


def _collect(collector: Any, data: Any, context: Any) -> Any:
    if collector is None:
        return None
    frame = import_module("pandas").DataFrame
    try:
        return collector.collect(data if isinstance(data, frame) else frame(data), context)
    except Exception as error:  # what is predicted matters more than what is collected of it
        print("Not collected: %s: %s" % (type(error).__name__, error))
        return context
