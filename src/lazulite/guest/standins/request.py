"""A request with the surface of Flask's that scripts use, for environments without Flask."""

from __future__ import annotations

import io
import json
from typing import Any
from urllib.parse import parse_qsl

from .headers import Headers, MultiDict
from .multipart import parse


class Request:
    """An HTTP request, as a WSGI environ tells it. Source: flask.Request."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ
        self.method: str = environ["REQUEST_METHOD"]
        self.path: str = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace") or "/"
        self.query_string: bytes = environ["QUERY_STRING"].encode("latin-1")
        self.remote_addr: str = environ["REMOTE_ADDR"]
        self.scheme: str = environ["wsgi.url_scheme"]
        self.host: str = environ.get("HTTP_HOST") or environ["SERVER_NAME"]
        self.headers = _headers(environ)
        self.stream = environ["wsgi.input"]
        self._body: bytes | None = None
        self._form: tuple[MultiDict, MultiDict] | None = None

    def __repr__(self) -> str:
        return "<Request %r [%s]>" % (self.url, self.method)

    @property
    def full_path(self) -> str:
        """Returns path and query, the question mark always there, as in Flask."""
        return "%s?%s" % (self.path, self.query_string.decode("latin-1"))

    @property
    def base_url(self) -> str:
        """Returns scheme, host and path."""
        return "%s://%s%s" % (self.scheme, self.host, self.path)

    @property
    def url(self) -> str:
        """Returns the address that was asked for."""
        query = self.query_string.decode("latin-1")
        return self.base_url + ("?" + query if query else "")

    @property
    def args(self) -> MultiDict:
        """Returns the query's parameters."""
        return MultiDict(parse_qsl(self.query_string.decode("latin-1"), keep_blank_values=True))

    @property
    def content_type(self) -> str | None:
        """Returns the Content-Type line."""
        value: str | None = self.headers.get("Content-Type")
        return value

    @property
    def content_length(self) -> int:
        """Returns the size of the body in bytes."""
        return int(self.environ["CONTENT_LENGTH"])

    @property
    def mimetype(self) -> str:
        """Returns the Content-Type without parameters, lower case."""
        return (self.content_type or "").partition(";")[0].strip().lower()

    @property
    def is_json(self) -> bool:
        """Tells whether the body is said to be JSON."""
        return self.mimetype == "application/json" or (
            self.mimetype.startswith("application/") and self.mimetype.endswith("+json")
        )

    @property
    def data(self) -> bytes:
        """Returns the body; of a form nothing, since a form's body is in `form` and `files`."""
        return b"" if self._is_form else self._whole()

    @property
    def form(self) -> MultiDict:
        """Returns the fields of a form."""
        return self._parsed()[0]

    @property
    def files(self) -> MultiDict:
        """Returns the files of a form, as FileStorage."""
        return self._parsed()[1]

    @property
    def values(self) -> MultiDict:
        """Returns the query's parameters, then the fields of a form."""
        return MultiDict([*self.args.items(multi=True), *self.form.items(multi=True)])

    @property
    def json(self) -> Any:
        """Returns the body as JSON."""
        return self.get_json()

    def get_data(self, cache: bool = True, as_text: bool = False, parse_form_data: bool = False) -> Any:
        """Returns the body, whatever it is."""
        body = self.data if parse_form_data else self._whole()
        return body.decode("utf-8", "replace") if as_text else body

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """Returns the body as JSON. Raises ValueError when it is not, unless silent."""
        try:
            if not force and not self.is_json:
                raise ValueError("the Content-Type is %r, not application/json" % self.content_type)
            return json.loads(self._whole())
        except ValueError:
            if silent:
                return None
            raise

    @property
    def _is_form(self) -> bool:
        return self.mimetype in ("multipart/form-data", "application/x-www-form-urlencoded")

    def _whole(self) -> bytes:
        """Reads the body once and keeps it."""
        if self._body is None:
            self._body = self._take()
        return self._body

    def _parsed(self) -> tuple[MultiDict, MultiDict]:
        if self._form is None:
            # Flask takes the form from the stream; only a body that was asked for before is kept beside it.
            body = self._take() if self._body is None and self._is_form else self._whole()
            fields: Any = []
            files: Any = []
            if self.mimetype == "multipart/form-data":
                fields, files = parse(body, self.content_type or "")
            elif self._is_form:
                fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
            self._form = MultiDict(fields), MultiDict(files)
        return self._form

    def _take(self) -> bytes:
        """Reads what is left of the stream. What is read later finds nothing."""
        body: bytes = self.stream.read()
        self.stream = io.BytesIO()
        return body


def _headers(environ: dict[str, Any]) -> Headers:
    names = {name[5:]: value for name, value in environ.items() if name.startswith("HTTP_")}
    own = {name: environ[name] for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if name in environ}
    return Headers((name.replace("_", "-").title(), value) for name, value in {**names, **own}.items())
