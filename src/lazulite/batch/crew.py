"""All workers of a job: as many as there are slots, each replaced when it is gone. Knows nothing of mini-batches."""

import selectors
from collections.abc import Iterator
from dataclasses import dataclass

from lazulite import clock
from lazulite.batch import workers
from lazulite.batch.order import Order
from lazulite.batch.outputs import Outputs
from lazulite.batch.workers import Message, Worker

_TICK_S = 0.1
_TRIES = 3  # of one slot to have a worker that starts


@dataclass(frozen=True)
class Event:
    """Something that a worker said; message None: it says nothing any more."""

    worker: Worker
    message: Message | None


class Crew:
    """The workers that live. was_ever_ready: whether any worker has got through its `init`."""

    def __init__(self, order: Order, outputs: Outputs) -> None:
        self._order = order
        self._outputs = outputs
        self._selector = selectors.DefaultSelector()
        self._by_slot: dict[int, Worker] = {}
        self._failures: dict[int, int] = {}
        self.was_ever_ready = False

    def __iter__(self) -> Iterator[Worker]:
        return iter(list(self._by_slot.values()))

    def __len__(self) -> int:
        return len(self._by_slot)

    @property
    def failures(self) -> int:
        """Returns how many workers did not start."""
        return sum(self._failures.values())

    def fill(self, wanted: int) -> None:
        """Starts workers until there are as many as wanted, or as there are slots that workers start in."""
        for slot in range(self._order.workers):
            if len(self._by_slot) >= wanted:
                return
            if slot not in self._by_slot and self._failures.get(slot, 0) < _TRIES:
                worker = workers.start(self._order, slot, self._outputs)
                worker.deadline = clock.monotonic() + self._order.init_timeout_s
                self._by_slot[slot] = worker
                self._selector.register(worker.channel, selectors.EVENT_READ, worker)

    def listen(self) -> Iterator[Event]:
        """Waits a moment for workers to say something, and yields it."""
        ready = self._selector.select(_TICK_S)
        for key, _ in ready:
            worker: Worker = key.data
            for message in worker.receive():
                yield Event(worker, message)
            if worker.state == "ended":
                yield Event(worker, None)
        for worker in self if not ready else ():
            if worker.popen.poll() is not None:  # and yet its channel is open: what it forked holds that
                worker.note_silence()
                yield Event(worker, None)

    def note_ready(self, worker: Worker) -> None:
        """Hears that a worker has started."""
        self.was_ever_ready = True
        self._failures.pop(worker.slot, None)

    def note_failure(self, worker: Worker) -> None:
        """Hears that a worker has not."""
        self._failures[worker.slot] = self._failures.get(worker.slot, 0) + 1

    def remove(self, worker: Worker) -> int:
        """Ends a worker that is gone, or is to go at once; returns its exit status, negative for a signal."""
        self._selector.unregister(worker.channel)
        if worker.state != "ended":
            worker.kill()
        code = worker.end()
        del self._by_slot[worker.slot]
        return code
