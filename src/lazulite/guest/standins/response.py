"""A response with the surface of Flask's that scripts use, for environments without Flask."""

from __future__ import annotations

from http.client import responses
from typing import Any, Iterable

from .headers import Headers


class Response:
    """An HTTP response. response: str, bytes, or an iterable of either. Source: flask.Response."""

    default_mimetype = "text/html"

    def __init__(
        self,
        response: Any = None,
        status: Any = 200,
        headers: Any = None,
        mimetype: str | None = None,
        content_type: str | None = None,
    ) -> None:
        self.headers = Headers(headers or ())
        self.status_code = int(str(status).partition(" ")[0])
        if content_type is None and mimetype is None and "Content-Type" not in self.headers:
            mimetype = self.default_mimetype
        if content_type or mimetype:
            self.headers["Content-Type"] = content_type or _with_charset(mimetype or "")
        self.response: Iterable[Any] = [] if response is None else response
        if isinstance(response, (str, bytes, bytearray)):
            self.set_data(response)

    @property
    def status(self) -> str:
        """Returns the status with its phrase, `200 OK`."""
        return "%d %s" % (self.status_code, responses.get(self.status_code, "Unknown").upper())

    @property
    def is_streamed(self) -> bool:
        """Tells whether the length of the body is not known beforehand."""
        return not isinstance(self.response, (list, tuple))

    @property
    def content_type(self) -> str | None:
        """Returns the Content-Type line."""
        value: str | None = self.headers.get("Content-Type")
        return value

    @content_type.setter
    def content_type(self, value: str) -> None:
        self.headers["Content-Type"] = value

    @property
    def mimetype(self) -> str:
        """Returns the Content-Type without parameters."""
        return (self.content_type or "").partition(";")[0].strip()

    @property
    def data(self) -> bytes:
        """Returns the whole body."""
        return self.get_data()

    @data.setter
    def data(self, value: Any) -> None:
        self.set_data(value)

    def get_data(self) -> bytes:
        """Returns the whole body, collecting it first if it is streamed."""
        self.response = [_encoded(part) for part in self.response]
        return b"".join(self.response)

    def set_data(self, value: Any) -> None:
        """Puts another body in place."""
        self.response = [_encoded(value)]

    def close(self) -> None:
        """Does nothing; a response of Flask calls here what waits for its end."""

    def get_wsgi_response(self, environ: dict[str, Any]) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        """Returns what a WSGI server sends: parts of the body, status, header lines."""
        return (_encoded(part) for part in self.response), self.status, self.headers.items(multi=True)


def _encoded(part: Any) -> bytes:
    return part.encode() if isinstance(part, str) else bytes(part)


def _with_charset(mimetype: str) -> str:
    is_text = mimetype.startswith("text/") or mimetype in ("application/xml", "application/javascript")
    return mimetype + "; charset=utf-8" if is_text and "charset" not in mimetype else mimetype
