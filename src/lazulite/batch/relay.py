"""Shows what all workers print in one place, as it is printed: each line headed by worker and mini-batch."""

import os

from lazulite import clock
from lazulite.batch.workers import Worker

_BLOCK_BYTES = 1 << 16


class Relay:
    """Copies from the workers' logs to the job's. Holds a block at most, and of each worker the last line begun."""

    def __init__(self, target: int) -> None:
        """target: the descriptor of the job's log."""
        self._target = target
        self._shown: dict[str, int] = {}
        self._begun: dict[str, bytes] = {}

    def say(self, text: str) -> None:
        """Writes a line of the conductor's own."""
        self._write(f"{clock.now():%Y-%m-%dT%H:%M:%S}Z {text}\n".encode("utf-8", "backslashreplace"))

    def show(self, worker: Worker, upto: int | None = None, is_last: bool = False) -> None:
        """Shows what a worker has printed since, up to some size of its log or all.

        is_last: a line that was not ended is shown too.
        """
        shown = self._shown.get(worker.process, 0)
        size = os.fstat(worker.log).st_size if upto is None else upto
        while shown < size:
            block = os.pread(worker.log, min(_BLOCK_BYTES, size - shown), shown)
            if not block:
                break
            shown += len(block)
            self._show(worker, block)
        self._shown[worker.process] = shown
        if is_last and self._begun.get(worker.process):
            self._show(worker, b"\n")

    def _show(self, worker: Worker, block: bytes) -> None:
        *lines, rest = (self._begun.pop(worker.process, b"") + block).split(b"\n")
        if len(rest) > _BLOCK_BYTES:
            lines.append(rest)
            rest = b""
        if rest:
            self._begun[worker.process] = rest
        number = worker.mini_batch.number if worker.mini_batch else None
        head = f"[worker {worker.slot}{'' if number is None else f', mini-batch {number}'}] ".encode()
        self._write(b"".join(head + line + b"\n" for line in lines))

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._target, data) :]
        except OSError:
            pass  # the disk is full: lines are lost here, and are in the worker's log
