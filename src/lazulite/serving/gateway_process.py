"""Keeps the gateway's process running: starts it where none answers, finds again the one that outlived a platform."""

import contextlib
import logging
import subprocess
import sys
from datetime import datetime, timedelta
from typing import Any

from lazulite import clock
from lazulite.errors import Unavailable
from lazulite.serving.gateway import control
from lazulite.settings import Settings

log = logging.getLogger(__name__)

_STOPS_WITHIN_S = 5.0
_POLL_S = 0.02
_BACKOFF_FIRST = timedelta(seconds=1)
_BACKOFF_LAST = timedelta(seconds=30)


class GatewayProcess:
    """The gateway of one home, as the platform sees it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._child: subprocess.Popen[bytes] | None = None
        self._starts_again_at: datetime | None = None
        self._failures = 0

    def adopt(self) -> None:
        """Keeps the gateway that outlived another platform if it has the port that is wanted now; ends it if not."""
        try:
            port = control.ask(self._settings.sockets, "stats")["port"]
        except Unavailable:
            return
        if port != self._settings.scoring_port:
            self.stop()

    def ensure(self, now: datetime) -> None:
        """Starts the gateway unless one answers or is just starting. Its own log says why it ends, if it does.

        One that does not come up, since its port is taken say, is started again after longer and longer waits.
        """
        if self._child and self._child.poll() is None:
            return
        if self._starts_again_at and now < self._starts_again_at:
            return
        if self._answers():
            return
        if self._child:
            log.warning("The gateway ended with status %d; it is started again.", self._child.returncode)
        if self._starts_again_at and now > self._starts_again_at + _BACKOFF_LAST:
            self._failures = 0
        self._child = self._start()
        self._starts_again_at = now + min(_BACKOFF_FIRST * 2**self._failures, _BACKOFF_LAST)
        self._failures = min(self._failures + 1, 10)

    def reload(self) -> None:
        """Returns when the gateway has read the routing file; one that starts later reads it anyway."""
        with contextlib.suppress(Unavailable):
            control.ask(self._settings.sockets, "reload")

    def counts(self) -> dict[str, dict[str, Any]]:
        """Returns what it has counted of every deployment, by `endpoint/deployment`; nothing if it does not answer."""
        try:
            endpoints = control.ask(self._settings.sockets, "stats")["endpoints"]
        except Unavailable:
            return {}
        return {
            f"{endpoint}/{name}": deployment
            for endpoint, found in endpoints.items()
            for name, deployment in found["deployments"].items()
        }

    def stop(self) -> None:
        """Ends the gateway once it has answered what it has."""
        try:
            control.ask(self._settings.sockets, "stop")
        except Unavailable:
            if self._child:
                self._child.terminate()  # it was started a moment ago and has not opened its door yet
        deadline = clock.monotonic() + _STOPS_WITHIN_S
        while self._is_there() and clock.monotonic() < deadline:
            clock.sleep(_POLL_S)

    def _is_there(self) -> bool:
        return self._child.poll() is None if self._child else self._answers()

    def _answers(self) -> bool:
        try:
            control.ask(self._settings.sockets, "reload")
        except Unavailable:
            return False
        return True

    def _start(self) -> "subprocess.Popen[bytes]":
        """Starts it in a session of its own, so that nothing that ends the platform ends it."""
        settings = self._settings
        command = [sys.executable, "-m", "lazulite.serving.gateway", "--home", str(settings.home)]
        command += ["--host", settings.host, "--port", str(settings.scoring_port)]
        folder = settings.home / "logs"
        folder.mkdir(exist_ok=True)
        with (folder / "gateway.log").open("ab") as output:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
