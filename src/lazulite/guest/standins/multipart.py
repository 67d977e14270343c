"""Forms as browsers and `requests` send them: `multipart/form-data` taken apart, in memory."""

from __future__ import annotations

import io
import re
import shutil
from typing import Any, Iterator
from urllib.parse import unquote_to_bytes

from .headers import Headers

_PARAMETER = re.compile(r';\s*([A-Za-z0-9_-]+\*?)=(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))')


class FileStorage:
    """A file that came in a form. Reads like an open binary file. Source: werkzeug.datastructures.FileStorage."""

    def __init__(self, name: str, filename: str, headers: Headers, content: bytes) -> None:
        self.name = name
        self.filename = filename
        self.headers = headers
        self.stream = io.BytesIO(content)

    @property
    def content_type(self) -> str:
        """Returns the part's own Content-Type line."""
        value: str = self.headers.get("Content-Type", "")
        return value

    @property
    def mimetype(self) -> str:
        """Returns the Content-Type without parameters."""
        return self.content_type.partition(";")[0].strip().lower()

    @property
    def content_length(self) -> int:
        """Returns the size in bytes."""
        return len(self.stream.getbuffer())

    def save(self, target: Any) -> None:
        """Writes the rest of the file to a path or an open binary file."""
        if hasattr(target, "write"):
            shutil.copyfileobj(self.stream, target)
            return
        with open(target, "wb") as file:
            shutil.copyfileobj(self.stream, file)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.stream)

    def __getattr__(self, name: str) -> Any:
        if name == "stream":
            raise AttributeError(name)  # asked of an object that is not made yet, as copy and pickle do
        return getattr(self.stream, name)

    def __repr__(self) -> str:
        return "<FileStorage: %r (%r)>" % (self.filename, self.content_type)


def parse(body: bytes, content_type: str) -> tuple[list[tuple[str, str]], list[tuple[str, FileStorage]]]:
    """Returns fields and files of a form, by name, in order. What is no part with a name is passed over.

    Source: RFC 7578, RFC 2046 5.1.
    """
    fields, files = [], []
    for part in _parts(body, _parameters(content_type).get("boundary", "").encode("latin-1")):
        head, _, content = part.partition(b"\r\n\r\n")
        headers = _headers(head)
        disposition = _parameters(headers.get("Content-Disposition", ""))
        name, filename = disposition.get("name"), disposition.get("filename")
        if name is None:
            continue
        if filename is None:
            fields.append((name, content.decode("utf-8", "replace")))
        else:
            files.append((name, FileStorage(name, filename, headers, content)))
    return fields, files


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    """Returns what lies between lines that are the boundary and nothing more, up to the last of them."""
    if not boundary:
        return []
    line = re.compile(rb"\r\n--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r\n|\Z)")
    _, *found = line.split(b"\r\n" + body)
    marks, parts = found[::2], found[1::2]
    return parts[: marks.index(b"--")] if b"--" in marks else parts


def _headers(head: bytes) -> Headers:
    lines = (line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n"))
    return Headers((name.strip(), value.strip()) for name, colon, value in lines if colon)


def _parameters(value: str) -> dict[str, str]:
    """Reads `form-data; name="a"; filename="b"`; the form `filename*=UTF-8''b` wins."""
    found, extended = {}, {}
    for name, quoted, bare in _PARAMETER.findall(";" + value.partition(";")[2]):
        if name.endswith("*"):
            _, _, text = bare.partition("''")
            extended[name[:-1].lower()] = unquote_to_bytes(text).decode("utf-8", "replace")
        else:
            found[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) or bare
    return {**found, **extended}
