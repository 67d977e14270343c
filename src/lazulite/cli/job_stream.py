"""Shows what a job prints while it prints it, in the words of `az ml job stream`. Only plain HTTP."""

import codecs
import re
import sys
from collections.abc import Mapping
from typing import TextIO

from lazulite import clock
from lazulite.cli import rest
from lazulite.cli.grammar import Json
from lazulite.cli.session import Session
from lazulite.errors import LazuliteError

# The log of the first rank. Source: azure-ai-ml 1.35.2 constants/_jobs.py, COMMON_RUNTIME_STREAM_LOG_PATTERN.
_PRINTED = re.compile(r"user_logs/std_log[\D]*[0]*(?:_ps)?\.txt")
_PREPARATION = "system_logs/lazulite.log"
_ENDED = ("Completed", "Failed", "Canceled")
_POLL_S = 0.05
_POLL_LIMIT_S = 0.4
CHUNK_BYTES = 1 << 20
_NOTHING_NEW = 416  # the range asked for begins where the file ends


class JobFailed(LazuliteError):
    """A job ended, and not well; the message is the job's own error."""


class Tail:
    """A log, shown from where it was shown to. out: where to; title: what stands before its first line."""

    def __init__(self, out: TextIO, title: str = "") -> None:
        self._out, self._title = out, title
        self._offset = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def show(self, address: str) -> bool:
        """Prints what has come since; tells whether anything has."""
        began_at = self._offset
        while new := self._read(address):
            self._out.write(("" if self._offset else self._title) + self._decoder.decode(new))
            self._offset += len(new)
            if len(new) < CHUNK_BYTES:
                break
        self._out.flush()
        return self._offset > began_at

    def _read(self, address: str) -> bytes:
        wanted = f"bytes={self._offset}-{self._offset + CHUNK_BYTES - 1}"
        try:
            return rest.send("GET", address, headers={"Range": wanted}).raw
        except rest.Refused as error:
            if error.status != _NOTHING_NEW:
                raise
            return b""


def follow(session: Session, name: str) -> None:
    """Prints a job's log until the job ends; how it is prepared goes to stderr.

    Raises JobFailed with the job's error when it failed, NotFound for a name that no job has.
    """
    services = session.arm.get(session.path("jobs", name))["properties"]["services"]
    heading = f"RunId: {name}\nWeb View: {services['Studio']['endpoint']}\n"
    sys.stdout.write(heading)
    try:
        details = _show_until_ended(session, name)
    except KeyboardInterrupt:
        print(f"\nThe job goes on. `lazulite job cancel -n {name}` ends it.", file=sys.stderr)
        raise
    sys.stdout.write(f"\nExecution Summary\n=================\n{heading}")
    if details["warnings"]:
        sys.stdout.write("\nWarnings:\n" + "".join(f"{one['message']}\n" for one in details["warnings"]))
    sys.stdout.write("\n")
    sys.stdout.flush()
    if details["status"] == "Failed":
        error = (details["error"] or {}).get("error") or {}
        raise JobFailed(
            error.get("message") or f'Job "{name}" failed.',
            code=error.get("code") or "",
            hint=f"`lazulite job debug -n {name}` opens its environment, code and inputs; --pdb stops where it raises.",
        )


def _show_until_ended(session: Session, name: str) -> Json:
    tails: dict[str, Tail] = {}
    path = f"/history/v1.0{session.path('runs', name, 'details')}"
    pause_s = _POLL_S
    while True:
        details = session.arm.data_plane(
            "GET", path
        ).json()  # before its logs: what was printed before the end is shown before it
        has_news = _show_logs(details["logFiles"], tails)
        if details["status"] in _ENDED:
            return details
        pause_s = _POLL_S if has_news else min(pause_s * 1.2, _POLL_LIMIT_S)
        clock.sleep(pause_s)


def _show_logs(logs: Mapping[str, str], tails: dict[str, Tail]) -> bool:
    for name in logs:
        if name == _PREPARATION:
            tails.setdefault(name, Tail(sys.stderr))
        elif _PRINTED.match(name):
            underline = "=" * len(f"Streaming {name}")
            tails.setdefault(name, Tail(sys.stdout, f"\nStreaming {name}\n{underline}\n\n"))
    news = [tails[name].show(logs[name]) for name in sorted(tails)]  # system_logs come before user_logs
    return any(news)
