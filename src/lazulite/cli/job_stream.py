"""Shows what a job prints while it prints it, in the words of `az ml job stream`; of a pipeline, its steps' too.

Only plain HTTP.
"""

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

# The log of the first rank, and those of pipelines and sweeps. Source: azure-ai-ml 1.35.2 constants/_jobs.py.
_PRINTED = re.compile(
    r"user_logs/std_log[\D]*[0]*(?:_ps)?\.txt|logs/azureml/executionlogs\.txt|azureml-logs/hyperdrive\.txt"
)
# The runs that have others below them, whose lines are shown as well.
_PARENTS = ("azureml.PipelineRun", "hyperdrive")
_STEP = "lazulite.step"
_PREPARATION = "system_logs/lazulite.log"
_ENDED = ("Completed", "Failed", "Canceled")
_POLL_S = 0.05
_POLL_LIMIT_S = 0.4
CHUNK_BYTES = 1 << 20
_NOTHING_NEW = 416  # the range asked for begins where the file ends


class JobFailed(LazuliteError):
    """A job ended, and not well; the message is the job's own error."""


class Tail:
    """A log, shown from where it was shown to.

    out: where to; title: what stands before its first line; prefix: what stands before each, which is then shown whole.
    """

    def __init__(self, out: TextIO, title: str = "", prefix: str = "") -> None:
        self._out, self._title, self._prefix = out, title, prefix
        self._rest = ""
        self._offset = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def show(self, address: str) -> bool:
        """Prints what has come since; tells whether anything has."""
        began_at = self._offset
        while new := self._read(address):
            self._out.write(("" if self._offset else self._title) + self._lines(self._decoder.decode(new)))
            self._offset += len(new)
            if len(new) < CHUNK_BYTES:
                break
        self._out.flush()
        return self._offset > began_at

    def _lines(self, text: str) -> str:
        """Puts the prefix before every whole line, and keeps a line that has not ended for the next time."""
        if not self._prefix:
            return text
        whole, newline, self._rest = (self._rest + text).rpartition("\n")
        return "".join(f"{self._prefix}{line}\n" for line in whole.split("\n")) if newline else ""

    def close(self) -> None:
        """Shows what is left of a line that never ended."""
        if self._rest:
            self._out.write(f"{self._prefix}{self._rest}\n")
            self._rest = ""

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


class _Watch:
    """A run that is looked at until it ends, with those below it. label: of a step, what its lines begin with."""

    def __init__(self, session: Session, name: str, kind: str = "", label: str = "") -> None:
        self._session, self._name, self._kind, self._label = session, name, kind, label
        self._tails: dict[str, Tail] = {}
        self._steps: dict[str, _Watch] = {}
        self._has_ended = False

    def look(self) -> tuple[Json, bool]:
        """Shows what is new; returns the run's details, and whether anything was."""
        path = f"/history/v1.0{self._session.path('runs', self._name, 'details')}"
        details = self._session.arm.data_plane("GET", path).json()  # before its logs: all of them are shown at the end
        news = [self._show_logs(details["logFiles"])]
        if self._kind in _PARENTS:
            news.append(self._look_below())
        self._has_ended = details["status"] in _ENDED
        if self._has_ended:
            for tail in self._tails.values():
                tail.close()
        return details, any(news)

    def _look_below(self) -> bool:
        path = f"/history/v1.0{self._session.path('runs', self._name, 'children')}"
        for run in self._session.arm.data_plane("GET", path).json()["value"]:
            if run["runId"] not in self._steps:
                step = (run.get("properties") or {}).get(_STEP) or run.get("displayName") or run["runId"]
                label = f"{self._label.rstrip('] ')}.{step}] " if self._label else f"[{step}] "
                self._steps[run["runId"]] = _Watch(self._session, run["runId"], run.get("runType") or "", label)
        alive = [step for step in self._steps.values() if not step._has_ended]
        return sum(step.look()[1] for step in alive) > 0

    def _show_logs(self, logs: Mapping[str, str]) -> bool:
        for name in logs:
            if name == _PREPARATION:
                self._tails.setdefault(name, Tail(sys.stderr, prefix=self._label))
            elif _PRINTED.fullmatch(name):
                underline = "=" * len(f"Streaming {name}")
                title = "" if self._label else f"\nStreaming {name}\n{underline}\n\n"
                self._tails.setdefault(name, Tail(sys.stdout, title, self._label))
        news = [self._tails[name].show(logs[name]) for name in sorted(self._tails)]  # system_logs before user_logs
        return any(news)


def _show_until_ended(session: Session, name: str) -> Json:
    run = session.arm.data_plane("GET", f"/history/v1.0{session.path('runs', name)}").json()
    watch, pause_s = _Watch(session, name, run.get("runType") or ""), _POLL_S
    while True:
        details, has_news = watch.look()
        if details["status"] in _ENDED:
            return details
        pause_s = _POLL_S if has_news else min(pause_s * 1.2, _POLL_LIMIT_S)
        clock.sleep(pause_s)
