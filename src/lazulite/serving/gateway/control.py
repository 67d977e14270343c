"""The gateway's own door, `gateway.sock`: one JSON object a line in, one out. `ask` is the client's side."""

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lazulite.errors import Unavailable

_LINE_LIMIT_BYTES = 64 << 10

Command = Callable[[], dict[str, Any]]


def path(sockets: Path) -> Path:
    """Returns where the gateway of a home listens; sockets: `settings.sockets`."""
    return sockets / "gateway.sock"


async def serve(at: Path, commands: dict[str, Command]) -> asyncio.AbstractServer:
    """Answers `{"do": name}` with what the command of that name returns, or `{"error": message}`."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(_obey(line, commands)).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError):
            pass  # it hung up, or sent a line without end
        finally:
            writer.close()

    at.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(answer, at, limit=_LINE_LIMIT_BYTES)
    at.chmod(0o600)
    return server


def _obey(line: bytes, commands: dict[str, Command]) -> dict[str, Any]:
    try:
        name = json.loads(line)["do"]
        command = commands[name]
    except (ValueError, LookupError, TypeError):
        return {"error": f'Say {{"do": NAME}} with one of {", ".join(commands)}.'}
    return command()


def ask(sockets: Path, do: str, timeout_s: float = 5.0) -> dict[str, Any]:
    """Gives the gateway a command and returns its answer.

    do: "reload" (reads the routing file, `{generation}`), "stats" (see docs/architecture/gateway.md), "stop".
    Raises Unavailable when no gateway answers.
    """
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(timeout_s)
            link.connect(str(path(sockets)))
            link.sendall(json.dumps({"do": do}).encode() + b"\n")
            with link.makefile("rb") as lines:
                answer: dict[str, Any] = json.loads(lines.readline())
                return answer
    except (OSError, ValueError) as error:
        raise Unavailable(
            f"The gateway does not answer at {path(sockets)}: {error or type(error).__name__}.",
            hint="`lazulite status` tells whether it runs.",
        ) from error
