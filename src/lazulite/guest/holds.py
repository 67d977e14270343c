"""What every worker holds: the lock by which it is known to live, and the socket that it answers on."""

from __future__ import annotations

import contextlib
import os
import socket


def keep_lock(number: str) -> None:
    """Keeps the descriptor of this number open, and with it the lock, for as long as this process lives.

    No other process gets it: what the worker starts and what it forks must not be taken for the worker.
    """
    held = os.fdopen(int(number), "rb")
    os.set_inheritable(held.fileno(), False)
    os.register_at_fork(after_in_child=held.close)  # which keeps the file itself, too


def bound(address: str) -> socket.socket:
    """Returns a unix socket that is bound to this user alone; one left by an earlier worker is replaced.

    address: its path, or the number of the descriptor of one that is bound already.
    """
    if address.isdigit():
        inherited = socket.socket(fileno=int(address))
        os.set_inheritable(inherited.fileno(), False)
        return inherited
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(address)
    before = os.umask(0o177)
    try:
        listener.bind(address)
    finally:
        os.umask(before)
    return listener
