"""Reads config.pbtxt, Triton's description of a model: protocol buffers' text format, without its schema."""

from __future__ import annotations

import re
from typing import Any, Iterator

# Source: protobuf.dev/reference/protobuf/textformat-spec: comments, strings, numbers and names, punctuation.
_TOKEN = re.compile(r"""\#[^\n]*|\s+|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[-+.\w]+|[{}\[\]<>:,;]""")
_ENDS = {"{": "}", "<": ">", "[": "]"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class BadConfig(Exception):
    """The text is not a message in protocol buffers' text format."""


def parse(text: str) -> dict[str, Any]:
    """Returns a message's fields: text, numbers, booleans, names of enums as text, nested messages as dicts.

    A field that stands several times, or has a list, is a list; `each` reads either form. Raises BadConfig.
    """
    tokens = _Tokens(text)
    return _fields(tokens, "")


def each(message: dict[str, Any], name: str) -> list[Any]:
    """Returns the values of a repeated field."""
    value = message.get(name, [])
    return value if isinstance(value, list) else [value]


class _Tokens:
    def __init__(self, text: str) -> None:
        self._found = list(_tokens(text))
        self._at = 0

    def peek(self) -> str:
        return self._found[self._at] if self._at < len(self._found) else ""

    def take(self) -> str:
        token = self.peek()
        self._at += 1
        return token


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            line = text.count("\n", 0, at) + 1
            raise BadConfig("line %d: %r is not understood" % (line, text[at : at + 20]))
        at = match.end()
        if not match[0].isspace() and not match[0].startswith("#"):
            yield match[0]


def _fields(tokens: _Tokens, end: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while tokens.peek() != end:
        name = tokens.take()
        if not name:
            raise BadConfig("the text ends before a %r" % end)
        if tokens.peek() == ":":
            tokens.take()
        value = _value(tokens)
        _add(found, name, value)
        if tokens.peek() in (",", ";"):
            tokens.take()
    tokens.take()
    return found


def _add(found: dict[str, Any], name: str, value: Any) -> None:
    if name not in found:
        found[name] = value
    else:
        before = found[name] if isinstance(found[name], list) else [found[name]]
        found[name] = before + (value if isinstance(value, list) else [value])


def _value(tokens: _Tokens) -> Any:
    token = tokens.take()
    if token in ("{", "<"):
        return _fields(tokens, _ENDS[token])
    if token == "[":
        return _list(tokens)
    if token[:1] in ('"', "'"):
        text = _text(token)
        while tokens.peek()[:1] in ('"', "'") and tokens.peek():
            text += _text(tokens.take())  # strings that follow one another are one
        return text
    if not token or token in "}]>:,;":
        raise BadConfig("a value is missing before %r" % (token or "the end"))
    return _scalar(token)


def _list(tokens: _Tokens) -> list[Any]:
    found = []
    while tokens.peek() != "]":
        found.append(_value(tokens))
        if tokens.peek() == ",":
            tokens.take()
    tokens.take()
    return found


def _text(token: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), token[1:-1])


def _scalar(token: str) -> Any:
    if token in ("true", "false"):
        return token == "true"
    for kind in (int, float):
        try:
            return kind(token)
        except ValueError:
            continue
    return token
