"""The line in front of one deployment: who is being answered, who waits, and for how long either may."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from lazulite import clock
from lazulite.errors import LazuliteError, RequestTimeout, TooManyRequests, Unavailable
from lazulite.serving import routing
from lazulite.serving.gateway.counts import CLIENT_GONE, Counts
from lazulite.serving.gateway.exchange import NOBODY, Exchange

_GREETING_GRACE_S = 5.0

FULL = 1 << 30
"""The load of a worker that can take nothing now."""


class Worker(Protocol):
    """Whoever answers, as the line sees it."""

    spec: routing.Worker

    @property
    def is_ready(self) -> bool:
        """Tells whether requests can be sent, now or when it has answered another."""

    @property
    def is_idle(self) -> bool: ...

    def load(self, exchange: Exchange) -> int:
        """Returns how many requests the worker has, or FULL if it cannot take this one too."""

    def send(self, exchange: Exchange) -> None: ...

    def sweep(self, now: float) -> None:
        """Does what is due: connects again, ends what took too long."""

    def close(self) -> None: ...

    def wire(self) -> dict[str, Any]: ...


class Deployment:
    """A deployment in force. Lives on while the routing file changes around it.

    wakes: asks for a worker where there is none, by names of endpoint and deployment; at once, and as often as needed.
    """

    def __init__(self, endpoint: str, name: str, wakes: Callable[[str, str], None]) -> None:
        self.endpoint = endpoint
        self.name = name
        self.spec = routing.Deployment(workers=())
        self.workers: list[Worker] = []
        self._leaving: list[Worker] = []
        self.counts = Counts()
        self._waiting: deque[Exchange] = deque()
        self._present = 0
        self._busy_s = 0.0
        self._passed_at = clock.monotonic()
        self._limit = 0
        self._wakes = wakes
        self._patient_until = 0.0  # the line may wait for a worker that is being woken, and a moment longer

    def apply(self, spec: routing.Deployment, workers: list[Worker]) -> None:
        """Puts a new description in force. Workers that it no longer names answer what they have and are let go."""
        self._leaving += [worker for worker in self.workers if worker not in workers]
        if self.spec.is_asleep and not spec.is_asleep:
            self._patient_until = clock.monotonic() + _GREETING_GRACE_S
        self.spec, self.workers = spec, workers
        self._limit = spec.queue + sum(worker.slots for worker in spec.workers)
        self.feed()

    def submit(self, exchange: Exchange) -> None:
        """Sends the exchange to the worker with least to do, or lets it wait.

        Raises TooManyRequests (429) when as many wait as may, Unavailable (503) when there is no worker to wait for.
        Source: learn.microsoft.com, Troubleshoot online endpoints: 2 * max_concurrent_requests_per_instance *
        instance_count requests at a time, additional ones are rejected.
        """
        if not self.spec.workers and not self.spec.is_asleep:
            raise self.not_ready()
        if self._present >= self._limit:
            raise TooManyRequests(
                f'Deployment "{self.name}" of endpoint "{self.endpoint}" has {self._present} pending requests, as many '
                "as it may have.",
                hint="Ask again later, or raise max_concurrent_requests_per_instance or instance_count.",
            )
        self._pass(clock.monotonic(), 1)
        exchange.is_present = True
        worker = None if self._waiting else self._best(exchange)
        if worker is None:
            self._waiting.append(exchange)
            if self.spec.is_asleep:
                self._wakes(self.endpoint, self.name)
        else:
            worker.send(exchange)

    def feed(self) -> None:
        """Sends on those that wait, as far as workers have room."""
        while self._waiting:
            worker = self._best(self._waiting[0])
            if worker is None:
                break
            worker.send(self._waiting.popleft())

    def done(self, exchange: Exchange, status: int) -> None:
        """Counts the exchange as answered; once."""
        if not exchange.is_present:
            return
        exchange.is_present = False
        now = clock.monotonic()
        self._pass(now, -1)
        self.counts.note(status, now - exchange.arrived_at)

    def drop(self, exchange: Exchange, status: int = CLIENT_GONE) -> None:
        """Takes the exchange out of the line, if it stands in it, and counts it: nobody waits for its answer."""
        if not exchange.is_present:
            return
        exchange.asker = NOBODY
        if exchange.link:
            exchange.link.call_off(exchange)
        elif exchange in self._waiting:
            self._waiting.remove(exchange)
        self.done(exchange, status)

    def fail(self, exchange: Exchange, error: LazuliteError) -> None:
        """Ends the exchange with an error in place of the answer."""
        self.done(exchange, error.status)
        exchange.asker.fail(exchange, error)

    def give_back(self, exchanges: Iterable[Exchange]) -> None:
        """Puts exchanges that a worker was sent but has not begun first in line again, in their order."""
        again = [exchange for exchange in exchanges if exchange.is_present]
        for exchange in again:
            exchange.link = None
        self._waiting.extendleft(reversed(again))

    def sweep(self, now: float) -> None:
        """Ends what waited or ran for too long, lets go of workers that have left, and looks after the others."""
        for worker in (*self.workers, *self._leaving):
            worker.sweep(now)
        self.feed()
        is_patient = self.spec.is_asleep or now < self._patient_until
        latest = now - max(self.spec.max_wait_ms, self.spec.wake_ms if is_patient else 0) / 1000
        if self._waiting and self.spec.is_asleep:
            self._wakes(self.endpoint, self.name)
        while self._waiting and self._waiting[0].arrived_at < latest:
            self.fail(self._waiting.popleft(), self._waited_too_long())
        self._let_go()

    @property
    def room(self) -> int:
        """Returns how many more may stand in the line."""
        return self._limit - self._present

    @property
    def is_idle(self) -> bool:
        """Tells whether nothing is being answered or waits."""
        return not self._present

    def has_ended(self) -> bool:
        """Tells whether a deployment that is no longer in the routing file has answered everything."""
        return not self.workers and not self._leaving and not self._waiting

    def wire(self) -> dict[str, Any]:
        """Returns what the control socket says: the counts, `busy_s` (seconds times requests that were there),
        `in_flight`, `waiting`, `workers` and `leaving` by id.
        """
        self._pass(clock.monotonic(), 0)
        return {
            **self.counts.wire(),
            "busy_s": self._busy_s,
            "asleep": self.spec.is_asleep,
            "in_flight": self._present - len(self._waiting),
            "waiting": len(self._waiting),
            "workers": {worker.spec.id: worker.wire() for worker in self.workers},
            "leaving": {worker.spec.id: worker.wire() for worker in self._leaving},
        }

    def _pass(self, now: float, change: int) -> None:
        """Counts one in or out, and for how long how many have been there."""
        self._busy_s += self._present * (now - self._passed_at)
        self._passed_at = now
        self._present += change

    def _best(self, exchange: Exchange) -> Worker | None:
        best, least = None, FULL
        for worker in self.workers:
            load = worker.load(exchange)
            if load < least:
                best, least = worker, load
                if not load:
                    return best
        if best is None and self._leaving and not any(worker.is_ready for worker in self.workers):
            # Nobody has come in their place yet, or nobody will: they answer those who are still waiting.
            return next((worker for worker in self._leaving if worker.load(exchange) < FULL), None)
        return best

    def _let_go(self) -> None:
        has_others = any(worker.is_ready for worker in self.workers)
        for worker in [worker for worker in self._leaving if worker.is_idle]:
            if has_others or not self._waiting:
                worker.close()
                self._leaving.remove(worker)

    def _waited_too_long(self) -> LazuliteError:
        if not any(worker.is_ready for worker in self.workers):
            return self.not_ready()
        # It was refused before anybody worked on it, so that 429 invites the client to repeat it. Source: guess.
        return TooManyRequests(
            f'The request waited longer than {self.spec.max_wait_ms} ms for a worker of deployment "{self.name}" of '
            f'endpoint "{self.endpoint}".',
            hint="Raise max_queue_wait_ms, max_concurrent_requests_per_instance or instance_count.",
        )

    def took_too_long(self) -> RequestTimeout:
        """Returns the error of a request that a worker has not answered in time."""
        return RequestTimeout(
            f'Deployment "{self.name}" of endpoint "{self.endpoint}" did not answer within its request_timeout_ms of '
            f"{self.spec.timeout_ms}: upstream request timeout.",
            hint="Raise request_timeout_ms in its request_settings.",
        )

    def not_ready(self) -> Unavailable:
        """Returns the error for a request that no worker can take, now or soon."""
        return Unavailable(
            f'Deployment "{self.name}" of endpoint "{self.endpoint}" has no worker that is ready: no healthy upstream.',
            hint="It may be starting or have crashed; its logs tell: "
            f"lazulite online-deployment get-logs -n {self.name} -e {self.endpoint}.",
        )
