"""What stands before a docker daemon, so that it finds the images of a workspace's registry.

The daemon knows neither our proxy nor our authority, and would ask the real `{acr}.azurecr.io`. `lazulite run` leads
Docker's clients here: signing in there, pushing, pulling, and building FROM there are answered by this home; all else,
and what of these is of other registries, is handed on as it is.
Source: docs.docker.com/reference/api/engine/version/v1.41.
"""

import asyncio
import contextlib
import json
import re
import tarfile
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

from lazulite.environments import dockerfile, engines
from lazulite.environments.engines import Engine
from lazulite.errors import LazuliteError, NotFound, NotImplementedHere, UserCodeError
from lazulite.serving import engine_images, sealed
from lazulite.settings import Settings

_PIECE_BYTES = 256 << 10
_PATH = re.compile(r"(?P<version>/v[\d.]+)?/(?:(?P<act>build|auth|images/create)|images/(?P<name>.+)/push)")
_WHO = "docker"


@dataclass(frozen=True)
class _Request:
    """The head of a request. query: a name may come several times; headers: (name, value), names in lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]

    def asked(self, name: str) -> str:
        """Returns a parameter of the query, "" without it."""
        return next((value for one, value in self.query if one == name), "")

    def header(self, name: str) -> str:
        return next((value for one, value in self.headers if one == name), "")

    def head(self, length: int | None = None) -> bytes:
        """Prints the head, for one request of a connection. length: of the body, None for what the headers say."""
        dropped = {"transfer-encoding", "content-length", "expect"} if length is not None else set()
        kept = [(name, value) for name, value in self.headers if name not in dropped]
        if not self.header("upgrade"):
            kept = [*((name, value) for name, value in kept if name != "connection"), ("connection", "close")]
        kept += [("content-length", str(length))] if length is not None else []
        target = self.path + (f"?{urlencode(self.query)}" if self.query else "")
        lines = [f"{self.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in kept)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Front:
    """A socket before one daemon."""

    def __init__(self, settings: Settings, engine: Engine, daemon: Path) -> None:
        self._settings, self._engine, self._daemon = settings, engine, daemon
        self._server: asyncio.AbstractServer | None = None

    async def start(self) -> None:
        """Begins to listen. Source of where: engines.front."""
        path = engines.front(self._settings.sockets, self._daemon)
        path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, path)

    def close(self) -> None:
        """Ends listening."""
        if self._server:
            self._server.close()
        engines.front(self._settings.sockets, self._daemon).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
                try:
                    await self._answer(_read(await reader.readuntil(b"\r\n\r\n")), reader, writer)
                except LazuliteError as error:
                    await _reply(writer, error.status, {"message": error.wire()["message"]})
        finally:
            writer.close()

    async def _answer(self, request: _Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found = _PATH.fullmatch(request.path) if request.method == "POST" else None
        name = unquote(found["name"] or "") if found else ""
        if found and engine_images.is_ours(name):
            await self._push(request, f"{found['version'] or ''}", name, reader, writer)
        elif found and found["act"] == "images/create" and engine_images.is_ours(request.asked("fromImage")):
            await self._pull(request, writer)
        elif found and found["act"] == "auth":
            await self._sign_in(request, reader, writer)
        elif found and found["act"] == "build" and not request.asked("remote") and request.asked("version") != "2":
            await self._build(request, reader, writer)
        else:
            await self._hand_on(request.head(), None, reader, writer)

    async def _push(
        self, request: _Request, version: str, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        tag = request.asked("tag")
        if not tag:
            raise NotImplementedHere(f"All tags of {name} cannot be pushed at once.", hint="Name one.")
        here = engine_images.name_here(self._settings, name)
        with contextlib.ExitStack() as held:
            await asyncio.to_thread(held.enter_context, engine_images.alone(self._settings, f"{here}:{tag}"))
            await asyncio.to_thread(engine_images.name, self._engine, f"{name}:{tag}", f"{here}:{tag}")
            try:
                query = (*request.query, ("tlsVerify", "false"))  # podman's word; docker takes 127.0.0.1 as it is
                told = replace(request, path=f"{version}/images/{quote(here)}/push", query=query)
                await self._hand_on(told.head(), None, reader, writer)
            finally:
                await asyncio.to_thread(engine_images.unname, self._engine, f"{here}:{tag}")

    async def _pull(self, request: _Request, writer: asyncio.StreamWriter) -> None:
        image, tag = request.asked("fromImage"), request.asked("tag")
        image = image if not tag else f"{image}@{tag}" if ":" in tag else f"{image}:{tag}"
        said: list[str] = []
        try:
            await asyncio.to_thread(engine_images.fetch, self._settings, self._engine, image, _WHO, said.append)
        except UserCodeError as error:
            raise NotFound(error.message, hint=error.hint) from error
        await _reply(writer, 200, *({"status": line} for line in (*said, f"Status: {image} is here")))

    async def _sign_in(self, request: _Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with tempfile.TemporaryFile() as body:
            await _keep_body(request, reader, writer, body)
            content = body.read()
            asked = json.loads(content or b"{}")
            host = str(asked.get("serveraddress", "")).rpartition("://")[2].partition("/")[0]
            if engine_images.is_ours(f"{host}/"):
                await _reply(writer, 200, {"Status": "Login Succeeded", "IdentityToken": ""})
                return
            await self._hand_on(request.head(len(content)), content, reader, writer)

    async def _build(self, request: _Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with tempfile.TemporaryFile() as body:
            await _keep_body(request, reader, writer, body)
            ours = await asyncio.to_thread(self._bases, body, request.asked("dockerfile") or "Dockerfile")
            for image in ours:
                await asyncio.to_thread(self._have, image)
            if ours:  # the daemon would ask the real registry
                request = replace(request, query=tuple(one for one in request.query if one[0] != "pull"))
            length = body.seek(0, 2)
            body.seek(0)
            await self._hand_on(request.head(length), body, reader, writer)

    def _bases(self, body: IO[bytes], name: str) -> list[str]:
        """Returns the images of a workspace's registry that a build's Dockerfile starts from."""
        with tempfile.TemporaryDirectory() as folder:
            try:
                with tarfile.open(fileobj=body) as tar:
                    member = next(one for one in tar if one.isfile() and one.name.lstrip("./") == name.lstrip("./"))
                    content = tar.extractfile(member)
                    (Path(folder) / "Dockerfile").write_bytes(content.read() if content else b"")
                return [one for one in dockerfile.bases("Dockerfile", Path(folder)) if engine_images.is_ours(one)]
            except (tarfile.TarError, StopIteration, LazuliteError):
                return []  # the daemon says what is wrong with it

    def _have(self, image: str) -> None:
        """Has the daemon have an image; one that is in no registry may have been built there."""
        try:
            engine_images.fetch(self._settings, self._engine, image, _WHO, lambda line: None)
        except LazuliteError:
            if not sealed.has(self._engine, image):
                raise

    async def _hand_on(
        self,
        head: bytes,
        body: IO[bytes] | bytes | None,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Carries a request on to the daemon, and its answer back. body: None for what the client sends still."""
        back, on = await asyncio.open_unix_connection(self._daemon)
        on.write(head)
        async for piece in _pieces(body):
            on.write(piece)
            await on.drain()
        sending = asyncio.ensure_future(_carry(reader, on))
        try:
            await _carry(back, writer)
        finally:
            sending.cancel()
            on.close()


def _read(head: bytes) -> _Request:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    pairs = (line.partition(":")[::2] for line in lines)
    headers = tuple((name.strip().lower(), value.strip()) for name, value in pairs)
    return _Request(method, path, tuple(parse_qsl(query, keep_blank_values=True)), headers)


async def _keep_body(
    request: _Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, file: IO[bytes]
) -> None:
    """Puts a request's whole body into a file, from its beginning."""
    if request.header("expect"):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if request.header("transfer-encoding").lower() == "chunked":
        while size := int((await reader.readline()).partition(b";")[0], 16):
            await _copy(reader, file, size)
            await reader.readline()
        while (await reader.readline()).strip():
            pass
    else:
        await _copy(reader, file, int(request.header("content-length") or 0))
    file.seek(0)


async def _copy(reader: asyncio.StreamReader, file: IO[bytes], size: int) -> None:
    while size:
        piece = await reader.readexactly(min(size, _PIECE_BYTES))
        file.write(piece)
        size -= len(piece)


async def _pieces(body: IO[bytes] | bytes | None) -> AsyncIterator[bytes]:
    if isinstance(body, bytes):
        yield body
    elif body:
        while piece := body.read(_PIECE_BYTES):
            yield piece


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_PIECE_BYTES):
        writer.write(piece)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _reply(writer: asyncio.StreamWriter, status: int, *lines: Mapping[str, Any]) -> None:
    content = b"".join(json.dumps(line).encode() + b"\r\n" for line in lines)
    writer.write(
        f"HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n"
        "connection: close\r\napi-version: 1.41\r\n\r\n".encode()
    )
    writer.write(content)
    await writer.drain()
