"""Tensors as the KServe V2 protocol carries them: in JSON, and as bytes behind it.

Source: kserve.github.io, Open Inference Protocol; triton-inference-server/server docs/protocol, its pages on the
extensions binary data and classification.
"""

from __future__ import annotations

import importlib
import struct
from typing import Any

# The protocol's names, numpy's, and those of config.pbtxt.
NUMPY = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BYTES": "object",
}
_BY_NUMPY = {name: kind for kind, name in NUMPY.items()}
_LENGTH = struct.Struct("<I")


class BadRequest(Exception):
    """The request is none that can be answered; the text goes to its sender."""


def numpy() -> Any:
    """Returns numpy, of the user's environment."""
    return importlib.import_module("numpy")


def kind_of(array: Any) -> str:
    """Returns the protocol's name for an array's type."""
    return _BY_NUMPY.get(array.dtype.name, "BYTES")


def read(tensor: dict[str, Any], binary: memoryview) -> tuple[Any, int]:
    """Reads one input; returns its array, and how many bytes of what follows the JSON were its own.

    tensor: `{"name", "shape", "datatype", "data": [...] | "parameters": {"binary_data_size": n}}`.
    """
    name, kind, shape = tensor.get("name"), tensor.get("datatype"), tensor.get("shape")
    if kind not in NUMPY:
        raise BadRequest("input %r has the unknown datatype %r" % (name, kind))
    if not isinstance(shape, list) or not all(isinstance(size, int) and size >= 0 for size in shape):
        raise BadRequest("input %r has the shape %r, but a list of whole numbers is needed" % (name, shape))
    size = (tensor.get("parameters") or {}).get("binary_data_size")
    if size is None:
        array = _from_json(name, kind, tensor.get("data"))
    elif not isinstance(size, int) or not 0 <= size <= len(binary):
        raise BadRequest("input %r is said to have %r bytes, but %d follow" % (name, size, len(binary)))
    else:
        array = _from_bytes(name, kind, binary[:size])
    try:
        return array.reshape(shape), size or 0
    except ValueError:
        raise BadRequest(
            "input %r has %d elements, which do not make the shape %s" % (name, array.size, shape)
        ) from None


def _from_json(name: Any, kind: str, data: Any) -> Any:
    if not isinstance(data, list):
        raise BadRequest("input %r has neither data nor binary_data_size" % name)
    try:
        array = numpy().array(data, dtype=NUMPY[kind])
    except (ValueError, TypeError, OverflowError) as error:
        raise BadRequest("input %r is not of type %s: %s" % (name, kind, error)) from None
    if kind == "BYTES":
        flat = [each.encode() if isinstance(each, str) else each for each in array.ravel()]
        if not all(isinstance(each, bytes) for each in flat):
            raise BadRequest("input %r is of type BYTES, but does not hold text" % name)
        return _objects(flat)
    return array.ravel()


def _objects(values: list[bytes]) -> Any:
    array = numpy().empty(len(values), dtype=object)
    array[:] = values
    return array


def _from_bytes(name: Any, kind: str, data: memoryview) -> Any:
    if kind != "BYTES":
        dtype = numpy().dtype(NUMPY[kind]).newbyteorder("<")
        if len(data) % dtype.itemsize:
            raise BadRequest("input %r has %d bytes, no multiple of %d" % (name, len(data), dtype.itemsize))
        return numpy().frombuffer(data, dtype=dtype)
    found, at = [], 0
    while at < len(data):
        end = at + _LENGTH.size
        size = _LENGTH.unpack(data[at:end])[0] if end <= len(data) else len(data)
        if end + size > len(data):
            raise BadRequest("input %r ends within an element" % name)
        found.append(bytes(data[end : end + size]))
        at = end + size
    return _objects(found)


def write(name: str, array: Any, is_binary: bool) -> tuple[dict[str, Any], bytes]:
    """Returns an output's part of the JSON, and the bytes that follow the JSON for it."""
    kind = kind_of(array)
    told: dict[str, Any] = {"name": name, "datatype": kind, "shape": list(array.shape)}
    if not is_binary:
        values = array.ravel().tolist()
        return {**told, "data": [_plain(value) for value in values] if kind == "BYTES" else values}, b""
    if kind == "BYTES":
        elements = [value if isinstance(value, bytes) else str(value).encode() for value in array.ravel()]
        data = b"".join(_LENGTH.pack(len(element)) + element for element in elements)
    else:
        data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return {**told, "parameters": {"binary_data_size": len(data)}}, data


def _plain(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def classes(array: Any, count: int, labels: list[str], is_batched: bool) -> Any:
    """Returns the `count` best of an output, of each of its batch: `score:index:label`."""
    rows = array.reshape(array.shape[0], -1) if is_batched else array.reshape(1, -1)
    best = numpy().argsort(-rows, axis=1, kind="stable")[:, :count]
    told = [_class(rows[row, at], at, labels) for row in range(len(rows)) for at in best[row]]
    shape = best.shape if is_batched else best.shape[1:]
    return _objects(told).reshape(shape)


def _class(value: Any, at: int, labels: list[str]) -> bytes:
    return ":".join(["%f" % value, str(at), *labels[at : at + 1]]).encode()
