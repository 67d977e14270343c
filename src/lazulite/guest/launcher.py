"""The process that jobs are forked from: a Python that has started already, so that a job need not wait for one.

It reads requests from the socket that it was given, each with the descriptor of a lock that the job is to hold, and
answers each with the job's process id. It ends with the platform that started it; the jobs do not.
"""

from __future__ import annotations

import array
import gc
import json
import os
import signal
import socket

from . import job, views

_REQUEST_LIMIT_BYTES = 8192


def main(arguments: list[str]) -> int:
    """Serves the socket whose descriptor is the first argument, until its other end is closed.

    Says first `{"views": true}`, or false where jobs cannot be kept from changing their inputs. A request is a job's
    folder; the answer is a number. Both are lines.
    """
    channel = socket.socket(fileno=int(arguments[0]))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    channel.sendall(json.dumps({"views": views.are_possible()}).encode() + b"\n")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here waits for jobs: their folders tell how they ended
    gc.freeze()
    while True:
        folder, lock = _receive(channel)
        if not folder:
            return 0
        pid = os.fork()
        if pid == 0:
            channel.close()
            os._exit(_run(folder, lock))
        os.close(lock)
        channel.sendall(b"%d\n" % pid)


def _receive(channel: socket.socket) -> tuple[str, int]:
    """Reads a request; no folder means that there will be none any more."""
    descriptors = array.array("i")
    try:
        line, ancillary, _, _ = channel.recvmsg(_REQUEST_LIMIT_BYTES, socket.CMSG_SPACE(descriptors.itemsize))
    except ConnectionError:
        line, ancillary = b"", []
    for _, _, data in ancillary:
        descriptors.frombytes(data)
    return line.decode().rstrip("\n"), descriptors[0] if descriptors else -1


def _run(folder: str, lock: int) -> int:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.set_inheritable(lock, False)
    os.pwrite(lock, b"%d" % os.getpid(), 0)
    os.setsid()
    return job.main([folder])
