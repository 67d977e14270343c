"""A Triton model repository, served by ONNX Runtime: NAME/config.pbtxt and NAME/VERSION/model.onnx.

Source: triton-inference-server/server docs/user_guide/model_repository.md, model_configuration.md.
"""

from __future__ import annotations

import importlib
import os
import time
from typing import Any

from . import triton_config, triton_tensors
from .triton_config import BadConfig
from .triton_tensors import BadRequest

PLATFORM = "onnxruntime_onnx"
_ONNX = ("", PLATFORM, "onnxruntime", "onnx")
# What ONNX Runtime calls its types, and config.pbtxt.
_ONNX_KINDS = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
}
_UNBATCHED = 0
# Source: Triton's auto-completed configuration of ONNX models whose first dimensions are open.
_DEFAULT_BATCH = 4


class NoModel(Exception):
    """There is no such model or version; the text goes to its asker."""


class Tensor:
    """An input or output: kind as the protocol names it, shape with -1 where any size goes, batch included."""

    def __init__(self, name: str, kind: str, shape: list[int]) -> None:
        self.name = name
        self.kind = kind
        self.shape = shape

    def wire(self) -> dict[str, Any]:
        """Returns it as model metadata tells it."""
        return {"name": self.name, "datatype": self.kind, "shape": self.shape}

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Tells whether an array of a shape fits."""
        return len(shape) == len(self.shape) and all(own in (-1, shape[at]) for at, own in enumerate(self.shape))


class Model:
    """One version of a model, loaded. config: as Triton completes it."""

    def __init__(self, name: str, version: str, path: str, config: dict[str, Any]) -> None:
        runtime = importlib.import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
        self._session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.name = name
        self.version = version
        self.inputs = [_tensor(one) for one in self._session.get_inputs()]
        self.outputs = [_tensor(one) for one in self._session.get_outputs()]
        self.max_batch = _max_batch(config, self.inputs + self.outputs)
        self.config = self._completed(config)
        self.labels = _labels(config, os.path.dirname(os.path.dirname(path)))
        self.count = 0
        self.spent_ns = 0

    def _completed(self, config: dict[str, Any]) -> dict[str, Any]:
        return {
            **{key: value for key, value in config.items() if key not in ("input", "output")},
            "name": self.name,
            "platform": PLATFORM,
            "backend": "onnxruntime",
            "max_batch_size": self.max_batch,
            "input": [self._in_config(one) for one in self.inputs],
            "output": [self._in_config(one) for one in self.outputs],
        }

    def _in_config(self, tensor: Tensor) -> dict[str, Any]:
        kind = "STRING" if tensor.kind == "BYTES" else tensor.kind
        dims = tensor.shape[1:] if self.max_batch else tensor.shape
        return {"name": tensor.name, "data_type": "TYPE_" + kind, "dims": dims}

    def infer(self, arrays: dict[str, Any], wanted: list[str]) -> dict[str, Any]:
        """Runs the model; returns the wanted outputs by name, all of them where none is. Raises BadRequest."""
        known = {tensor.name: tensor for tensor in self.inputs}
        for name in sorted(set(arrays) ^ set(known)):
            told = "unexpected inference input" if name in arrays else "expected an inference input named"
            raise BadRequest("%s '%s' for model '%s', which takes %s" % (told, name, self.name, ", ".join(known)))
        for name, array in arrays.items():
            self._check(known[name], array)
        outputs = [tensor.name for tensor in self.outputs]
        for name in wanted:
            if name not in outputs:
                raise BadRequest("unexpected inference output '%s' for model '%s'" % (name, self.name))
        began = time.perf_counter_ns()
        names = wanted or outputs
        found = self._session.run(names, {name: self._native(array) for name, array in arrays.items()})
        self.count += 1
        self.spent_ns += time.perf_counter_ns() - began
        return {name: found[at] for at, name in enumerate(names)}

    def _check(self, tensor: Tensor, array: Any) -> None:
        kind, shape = triton_tensors.kind_of(array), list(array.shape)
        if kind != tensor.kind:
            told = (tensor.name, kind, tensor.kind)
            raise BadRequest("inference input '%s' has the datatype %s, but the model takes %s" % told)
        if not tensor.takes(array.shape):
            where = "unexpected shape for input '%s' for model '%s'" % (tensor.name, self.name)
            raise BadRequest("%s. Expected %s, got %s" % (where, tensor.shape, shape))
        if self.max_batch and shape[0] > self.max_batch:
            most = "max_batch_size of model '%s', which is %d" % (self.name, self.max_batch)
            raise BadRequest("a batch of %d is larger than %s" % (shape[0], most))

    def _native(self, array: Any) -> Any:
        if array.dtype != object:
            return array
        text = [each.decode("utf-8", "replace") if isinstance(each, bytes) else each for each in array.ravel()]
        return triton_tensors.numpy().array(text, dtype=object).reshape(array.shape)

    def metadata(self, versions: list[str]) -> dict[str, Any]:
        """Returns what the protocol tells of a model."""
        return {
            "name": self.name,
            "versions": versions,
            "platform": PLATFORM,
            "inputs": [one.wire() for one in self.inputs],
            "outputs": [one.wire() for one in self.outputs],
        }


class Repository:
    """All models of a folder; states: (name, version) -> "" when ready, else why not."""

    def __init__(self, folder: str) -> None:
        self._loaded: dict[tuple[str, str], Model] = {}
        self.states: dict[tuple[str, str], str] = {}
        for name in sorted(os.listdir(folder)):
            if os.path.isdir(os.path.join(folder, name)):
                self._load(folder, name)

    def _load(self, folder: str, name: str) -> None:
        own = os.path.join(folder, name)
        try:
            config = _config(own)
            versions = _versions(own, config)
            if not versions:
                raise BadConfig("it has no folder named by a version number")
        except (BadConfig, OSError, UnicodeDecodeError) as error:
            self.states[name, ""] = str(error)
            return
        for version in versions:
            file = str(config.get("default_model_filename") or "model.onnx")
            try:
                self._loaded[name, version] = Model(name, version, os.path.join(own, version, file), config)
                self.states[name, version] = ""
            except Exception as error:  # ONNX Runtime's, of many kinds
                self.states[name, version] = str(error)

    def get(self, name: str, version: str = "") -> Model:
        """Returns a version of a model, the newest where none is named. Raises NoModel saying what there is."""
        versions = self.versions(name)
        found = self._loaded.get((name, version or (versions[-1] if versions else "")))
        if found:
            return found
        why = self.states.get((name, version)) or next((why for key, why in self.states.items() if key[0] == name), "")
        if why:
            raise NoModel("Request for model '%s' that is not ready: %s" % (name, why))
        known = ", ".join(sorted({key[0] for key in self._loaded})) or "none"
        told = "version %s of model '%s'" % (version, name) if versions else "unknown model: '%s'" % name
        raise NoModel("Request for %s is not found. There is %s." % (told, ", ".join(versions) or known))

    def versions(self, name: str) -> list[str]:
        """Lists the loaded versions of a model, the newest last."""
        return sorted((version for one, version in self._loaded if one == name), key=int)

    @property
    def models(self) -> list[Model]:
        """All that is loaded."""
        return list(self._loaded.values())


def _config(folder: str) -> dict[str, Any]:
    path = os.path.join(folder, "config.pbtxt")
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        config = triton_config.parse(file.read())
    for field in ("platform", "backend"):
        if config.get(field, "") not in _ONNX:
            raise BadConfig(
                "its %s is %r; ONNX models are served here, others need Triton's own server" % (field, config[field])
            )
    return config


def _versions(folder: str, config: dict[str, Any]) -> list[str]:
    """Lists the versions to load, by the version policy: the latest, some number of them, some by name, or all."""
    there = sorted((name for name in os.listdir(folder) if name.isdigit()), key=int)
    policy = config.get("version_policy") or {}
    if "all" in policy:
        return there
    if "specific" in policy:
        wanted = {str(version) for version in triton_config.each(policy["specific"], "versions")}
        return [version for version in there if version in wanted]
    return there[-int((policy.get("latest") or {}).get("num_versions", 1)) :]


def _tensor(told: Any) -> Tensor:
    kind = told.type[len("tensor(") : -1]
    if kind not in _ONNX_KINDS:
        raise BadConfig("'%s' is of type %s, which the protocol has no name for" % (told.name, told.type))
    return Tensor(told.name, _ONNX_KINDS[kind], [size if isinstance(size, int) else -1 for size in told.shape])


def _max_batch(config: dict[str, Any], tensors: list[Tensor]) -> int:
    is_open = all(tensor.shape[:1] == [-1] for tensor in tensors)
    wanted = int(config.get("max_batch_size", _DEFAULT_BATCH if is_open and not config else _UNBATCHED))
    if wanted and not is_open:
        raise BadConfig("max_batch_size is %d, but the model's first dimensions are not open" % wanted)
    return wanted


def _labels(config: dict[str, Any], folder: str) -> dict[str, list[str]]:
    found = {}
    for output in triton_config.each(config, "output"):
        name = output.get("label_filename")
        if name:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                found[output["name"]] = file.read().split("\n")
    return found
