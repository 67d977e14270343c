"""HTTP for the commands: one request, the pages of a list, the end of a long-running operation. Only http.client."""

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from lazulite import clock
from lazulite.errors import LazuliteError
from lazulite.settings import Settings

Json = Any
Query = Mapping[str, str | int]

ARM = "management.azure.com"
_API_VERSION = "2025-12-01"
_JSON = "application/json"
_MANAGED_ELSEWHERE = "/mferp/"
_POLL_S = 0.1
_POLL_LIMIT_S = 1.0
_DONE = ("succeeded", "failed", "canceled")


class Refused(LazuliteError):
    """What the platform, or a deployment, answered instead of a result."""

    def __init__(self, status: int, message: str, code: str) -> None:
        super().__init__(message, code=code)
        self.status = status


class Unreachable(LazuliteError):
    """Nothing answers at an address."""


@dataclass(frozen=True)
class Answer:
    """One response, read whole. headers: lower-case names."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    def json(self) -> Json:
        """Returns the body as JSON, None when it is empty. Raises Refused when it is not JSON."""
        if not self.raw:
            return None
        try:
            return json.loads(self.raw)
        except ValueError as error:
            raise Refused(self.status, "The answer is not JSON: is this Lazulite's port?", "InvalidAnswer") from error


def send(
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    timeout_s: float = 60,
    bundle: str | None = None,
) -> Answer:
    """Sends one request straight to the address, without any proxy.

    bundle: the file of certificates that https is checked against. Raises Refused for anything but 2xx, with the error
    that the body holds, and Unreachable when nothing answers in time.
    """
    parts = urlsplit(url)
    connection = _connect(parts.scheme, parts.hostname or "", parts.port, timeout_s, bundle)
    try:
        connection.request(method, f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}", body, headers or {})
        response = connection.getresponse()
        lower = {name.lower(): value for name, value in response.getheaders()}
        answer = Answer(response.status, lower, response.read())
    except http.client.HTTPException as error:
        raise Refused(0, f"{url} does not speak HTTP: {error!r}.", "InvalidAnswer") from error
    except OSError as error:
        raise Unreachable(
            f"Nothing answers at {parts.scheme}://{parts.netloc}: {error.strerror or error}.",
            hint="`lazulite status` says whether the platform is up, `lazulite logs` what it does.",
        ) from error
    finally:
        connection.close()
    if answer.status >= 300:
        raise _refusal(answer)
    return answer


def _connect(
    scheme: str, host: str, port: int | None, timeout_s: float, bundle: str | None
) -> http.client.HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context(cafile=bundle)
        return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)
    return http.client.HTTPConnection(host, port, timeout=timeout_s)


def _refusal(answer: Answer) -> Refused:
    try:
        error = json.loads(answer.raw)["error"]
        return Refused(answer.status, str(error["message"]), str(error["code"]))
    except (ValueError, KeyError, TypeError):
        said = answer.raw.decode(errors="replace").strip()[:2000]
        return Refused(answer.status, f"HTTP {answer.status}: {said or 'no more was said'}", "")


@dataclass(frozen=True)
class Arm:
    """The platform's management API, spoken to over its plain port under Azure's own host name; its data plane too.

    token: a bearer token for `https://management.azure.com`.
    """

    settings: Settings
    token: str

    def get(self, path: str, query: Query | None = None) -> Json:
        """Returns the resource at an ARM path."""
        return self.call("GET", path, query=query).json()

    def all(self, path: str, query: Query | None = None, limit: int | None = None) -> list[Json]:
        """Returns every item of a list, of as many pages as it takes; at most `limit` of them."""
        page = self.get(path, query)
        values = list(page["value"])
        while page.get("nextLink") and (limit is None or len(values) < limit):
            page = self._get_link(page["nextLink"]).json()
            values += page["value"]
        return values[:limit]

    def call(self, method: str, path: str, body: Json = None, query: Query | None = None) -> Answer:
        """Sends one request; api-version is added."""
        encoded = urlencode({"api-version": _API_VERSION, **(query or {})})
        return self._send(method, f"{path}?{encoded}", body)

    def data_plane(self, method: str, path: str, body: Json = None) -> Answer:
        """Sends one request to run history and its like, by this machine's own name: what is linked to is here too."""
        return self._send(method, path, body, host="")

    def ask(self, method: str, host: str, target: str, token: str, body: Json = None) -> Answer:
        """Sends one request to another of Azure's hosts, with a token of its own."""
        headers = {"Authorization": f"Bearer {token}", "Host": host}
        raw = None if body is None else json.dumps(body).encode()
        return send(method, self.settings.url + target, raw, headers | ({"Content-Type": _JSON} if raw else {}))

    def finish(self, answer: Answer) -> None:
        """Waits for the operation that an answer has begun, if it has. Raises Refused with its error if it fails."""
        pause_s = _POLL_S
        while not self._has_ended(answer):
            clock.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _POLL_LIMIT_S)

    def _has_ended(self, answer: Answer) -> bool:
        """Asks where the answer says that one should: for the operation's status, or whether it is still under way."""
        if where := answer.headers.get("azure-asyncoperation"):
            state = self._get_link(where).json()
            if state["status"].lower() not in _DONE:
                return False
            _raise_failure(state)
        elif answer.status == http.HTTPStatus.ACCEPTED and (where := answer.headers.get("location")):
            return self._get_link(where).status != http.HTTPStatus.ACCEPTED
        return True

    def _get_link(self, where: str) -> Answer:
        link = urlsplit(where)
        return self._send("GET", f"{link.path}?{link.query}")

    def _send(self, method: str, target: str, body: Json = None, host: str | None = None) -> Answer:
        if host is None:  # registries are managed by the data plane, which goes by its path
            host = "" if target.startswith(_MANAGED_ELSEWHERE) else ARM
        headers = {"Authorization": f"Bearer {self.token}"} | ({"Host": host} if host else {})
        if body is not None:
            headers["Content-Type"] = _JSON
        raw = None if body is None else json.dumps(body).encode()
        return send(method, self.settings.url + target, raw, headers)


def _raise_failure(state: Json) -> None:
    if state["status"].lower() == "succeeded":
        return
    error = state.get("error") or {}
    raise Refused(0, error.get("message") or f"The operation is {state['status']}.", error.get("code") or "")
