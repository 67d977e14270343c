"""The process that compares mirrored answers: `python -m lazulite.serving.gateway.compare HOME`, told on its input.

It writes `mirror.jsonl` in the folder of the deployment that got the copies: a line for each pair that differs, and one
for each time that it is told of pairs, which counts them all. It ends with its gateway, when it has compared the rest.
"""

import contextlib
import json
import logging
import marshal
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lazulite import clock
from lazulite.serving.gateway.exchange import Body

log = logging.getLogger("lazulite.gateway")

_KEPT_BYTES = 64 << 10
_SHOWN_CHARACTERS = 2000
_DIFFERENCES = 10
_FILE_LIMIT_BYTES = 16 << 20
_NICE = 10
_END_OF_PAIRS = marshal.dumps(None)

Pair = tuple["Said", "Said", str]
"""What the live deployment said, what the other one, and the id of the request."""


class Said:
    """One side's answer: its status, how long it took, its length and checksum, and its beginning."""

    __slots__ = ("body", "checksum", "deployment", "ms", "size_bytes", "status")

    def __init__(self, deployment: str) -> None:
        self.deployment = deployment
        self.status = 0
        self.ms = 0.0
        self.body = b""
        self.size_bytes = 0
        self.checksum = 0

    def add(self, piece: Body) -> None:
        """Notes a piece of the body."""
        if self.size_bytes < _KEPT_BYTES:
            self.body += bytes(piece[: _KEPT_BYTES - self.size_bytes])
        self.size_bytes += len(piece)
        self.checksum = zlib.crc32(piece, self.checksum)

    def wire(self) -> dict[str, Any]:
        """Returns what is written of it."""
        text = self.body.decode("utf-8", "replace")[:_SHOWN_CHARACTERS]
        shown = {"deployment": self.deployment, "status": self.status, "ms": round(self.ms, 3)}
        return {**shown, "bytes": self.size_bytes, "body": text}

    def packed(self) -> tuple[str | int | float | bytes, ...]:
        """Returns all of it, for `unpacked`."""
        return tuple(getattr(self, name) for name in self.__slots__)

    @classmethod
    def unpacked(cls, values: tuple[object, ...]) -> "Said":
        """Returns what was packed."""
        said = cls("")
        for name, value in zip(cls.__slots__, values, strict=True):
            setattr(said, name, value)
        return said


def packed(endpoint: str, name: str, request_id: str, live: Said, copy: Said) -> bytes:
    """Returns a pair of answers as the process is told of it; of two that are the same nobody needs the bodies."""
    if (live.status, live.size_bytes, live.checksum) == (copy.status, copy.size_bytes, copy.checksum):
        live.body = copy.body = b""
    return marshal.dumps((endpoint, name, request_id, live.packed(), copy.packed()))


class Comparison:
    """The process, as its gateway sees it; it is started when it is first told something."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None

    def tell(self, pairs: Sequence[bytes]) -> None:
        """Hands on pairs, and waits until the process has taken them. What cannot be handed on is not compared."""
        if not pairs:
            return
        try:
            if self._process is None or self._process.poll() is not None:
                command = [sys.executable, "-m", __name__, str(self._home)]
                self._process = subprocess.Popen(command, stdin=subprocess.PIPE)
            assert self._process.stdin
            self._process.stdin.writelines((*pairs, _END_OF_PAIRS))
            self._process.stdin.flush()
        except OSError as error:
            log.error("Mirrored answers are not compared: %s", error)


def differences(live: Said, copy: Said) -> list[str]:
    """Returns what a mirrored answer says otherwise, in words, the first ten; nothing when it is the same.

    Bodies of JSON are compared value by value, others byte by byte. `$.a[0]: 1 is 2` reads: the live one said 1.
    """
    found = [] if live.status == copy.status else [f"status: {live.status} is {copy.status}"]
    if (live.size_bytes, live.checksum) == (copy.size_bytes, copy.checksum):
        return found
    if max(live.size_bytes, copy.size_bytes) <= _KEPT_BYTES:
        try:
            told = _walk("$", json.loads(live.body), json.loads(copy.body))
            return [*found, *(line for line, _ in zip(told, range(_DIFFERENCES), strict=False))]
        except (ValueError, RecursionError):
            pass
    shared = zip(live.body, copy.body, strict=False)
    at = next((at for at, (one, other) in enumerate(shared) if one != other), min(len(live.body), len(copy.body)))
    return [*found, f"body: differs at byte {at}; {live.size_bytes} bytes are {copy.size_bytes}"]


def _walk(path: str, live: Any, copy: Any) -> Iterator[str]:
    if isinstance(live, dict) and isinstance(copy, dict):
        for name in {**live, **copy}:
            yield from _walk(f"{path}.{name}", live.get(name, _ABSENT), copy.get(name, _ABSENT))
    elif isinstance(live, list) and isinstance(copy, list) and len(live) == len(copy):
        for at, (one, other) in enumerate(zip(live, copy, strict=True)):
            yield from _walk(f"{path}[{at}]", one, other)
    elif live != copy:
        yield f"{path}: {_short(live)} is {_short(copy)}"


_ABSENT = object()


def _short(value: Any) -> str:
    if value is _ABSENT:
        return "absent"
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def main(home: Path) -> None:
    """Compares what it is told until there is no more to come."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
    pairs: dict[tuple[str, str], list[Pair]] = {}
    with contextlib.suppress(EOFError, ValueError, TypeError):  # a gateway that was killed may have said half a pair
        while True:
            told = marshal.load(sys.stdin.buffer)
            if told is None:
                _write(home, pairs)
                pairs = {}
            else:
                endpoint, name, request_id, live, copy = told
                pair = (Said.unpacked(live), Said.unpacked(copy), request_id)
                pairs.setdefault((endpoint, name), []).append(pair)
    _write(home, pairs)


def _write(home: Path, found: dict[tuple[str, str], list[Pair]]) -> None:
    for (endpoint, name), pairs in found.items():
        folder = home / "endpoints" / endpoint / name
        try:
            if folder.is_dir():  # else it was deleted meanwhile
                _append(folder / "mirror.jsonl", list(_lines(pairs)))
        except OSError as error:
            log.error("What %s/%s answers otherwise cannot be written down: %s", endpoint, name, error)


def _lines(pairs: list[Pair]) -> Iterator[dict[str, Any]]:
    """Yields a line for each pair that differs, then one that counts."""
    now, same = clock.iso(clock.now()), 0
    for live, copy, request_id in pairs:
        found = differences(live, copy)
        same += not found
        if found:
            sides = {"live": live.wire(), "mirror": copy.wire()}
            yield {"time": now, "requestId": request_id, "differences": found, **sides}
    times = {"liveMs": sum(live.ms for live, _, _ in pairs), "mirrorMs": sum(copy.ms for _, copy, _ in pairs)}
    yield {"time": now, "compared": len(pairs), "same": same, **times}


def _append(path: Path, lines: list[dict[str, Any]]) -> None:
    if path.exists() and path.stat().st_size > _FILE_LIMIT_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    main(Path(sys.argv[1]))
