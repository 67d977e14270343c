"""Calling off a request: raises inside the user's `run`, never outside it, never in another request's."""

from __future__ import annotations

import os
import select
import signal
import socket
from typing import Any, Callable


class CalledOff(BaseException):
    """Nobody waits for the answer any more. A BaseException, so that a script's `except Exception` lets it pass."""


class Calls:
    """Runs user code so that SIGUSR1 can end it, if the connection that the request came by is gone by then.

    The gateway hangs up first and signals then. So a late signal finds either no user code, or that of a later request
    whose connection is open, and does nothing. Source: docs/guest-protocol.md, Calling off.
    """

    def __init__(self) -> None:
        self._is_running = False
        self._was_called = False
        self._connection: socket.socket | None = None
        self._poll = select.poll()

    def listen_for_signals(self) -> None:
        """Takes SIGUSR1 for this process, but not for processes that the user's code forks."""
        signal.signal(signal.SIGUSR1, self._hear)
        os.register_at_fork(after_in_child=self._forget)

    def belong_to(self, connection: socket.socket | None) -> None:
        """Tells whose requests run from now on."""
        self._poll = select.poll()
        if connection is not None:
            self._poll.register(connection, 0)  # POLLHUP is always told
        self._connection = connection

    def run(self, function: Callable[..., Any], /, *values: Any, **named: Any) -> Any:
        """Calls user code. Raises CalledOff when its request is called off, before or while it runs."""
        try:
            self._is_running = True
            if self._was_called:
                self._was_called = False
                self._end_if_gone()
            return function(*values, **named)
        finally:
            self._is_running = False

    def _hear(self, *_: Any) -> None:
        if self._is_running:
            self._end_if_gone()
        else:
            self._was_called = True

    def _end_if_gone(self) -> None:
        if self._connection is not None and self._poll.poll(0):
            self._is_running = False  # at most once per call, even if the signal comes again
            raise CalledOff

    def _forget(self) -> None:
        self._connection = None
        if signal.getsignal(signal.SIGUSR1) == self._hear:
            signal.signal(signal.SIGUSR1, signal.SIG_DFL)
