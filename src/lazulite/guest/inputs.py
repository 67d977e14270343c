"""What a request becomes before `run` sees it: text, values by name, or the request itself.

Source of rules and wording: azureml-inference-server-http 1.5.1 server/input_parsers.py. One rule is ours: the text
is the body whatever its Content-Type says. There, a body that `curl -d` sends (as a form) reaches run() as "".
"""

from __future__ import annotations

import inspect
import json
from typing import Any, Callable
from urllib.parse import parse_qsl

from .frames import Request
from .heads import Head, header_dict
from .script import HEADERS, Script

Reader = Callable[[Head, Request], "dict[str, Any]"]


class Refused(Exception):
    """The request cannot be given to this script."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def reader(script: Script) -> Reader:
    """Returns the function that makes run's arguments by name. It raises Refused (400, 405, 415)."""
    name = script.parameters[0].name
    if script.kind == "typed":
        read = _typed(script.parameters)
    else:
        read = _text(name)
    return _with_headers(read) if script.wants_headers else read


def _text(name: str) -> Reader:
    def read(head: Head, request: Request) -> dict[str, Any]:
        if head.method == "POST":
            try:
                return {name: request.body.decode()}
            except UnicodeDecodeError as error:
                raise Refused(400, "Input cannot be decoded as UTF-8: %s" % error) from None
        _check_method(head)
        return {name: json.dumps(_query(head))}

    return read


def _typed(parameters: tuple[inspect.Parameter, ...]) -> Reader:
    def read(head: Head, request: Request) -> dict[str, Any]:
        if head.method == "POST":
            values = _json_object(head, request.body)
        else:
            _check_method(head)
            values = _query(head)
        return {parameter.name: _value(values, parameter) for parameter in parameters}

    return read


def _with_headers(read: Reader) -> Reader:
    def read_all(head: Head, request: Request) -> dict[str, Any]:
        return {**read(head, request), HEADERS: header_dict(head, request.body, request.id)}

    return read_all


def _check_method(head: Head) -> None:
    if head.method != "GET":
        raise Refused(405, "Method not allowed")


def _query(head: Head) -> dict[str, Any]:
    """Reads `a=1&b=[1,2]&c=x&a=2` as `{"a": [1, 2], "b": [1, 2], "c": "x"}`: each value is JSON if it can be."""
    found: dict[str, list[Any]] = {}
    for name, value in parse_qsl(head.query, keep_blank_values=True):
        found.setdefault(name, []).append(_json_or_text(value))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _json_object(head: Head, body: bytes) -> dict[str, Any]:
    if not head.is_json:
        raise Refused(415, "Expects Content-Type to be application/json")
    try:
        found = json.loads(body)
    except ValueError as error:
        if not body:
            raise Refused(400, "POST body is empty. Expecting a JSON dictionary.") from None
        raise Refused(400, "POST body could not be decoded as JSON: %s" % error) from None
    if not isinstance(found, dict):
        raise Refused(400, "POST body should be a JSON dictionary.")
    return found


def _value(values: dict[str, Any], parameter: inspect.Parameter) -> Any:
    value = values.get(parameter.name, parameter.default)
    if value is inspect.Parameter.empty:
        raise Refused(400, "A value is not provided for the %r parameter." % parameter.name)
    return value
