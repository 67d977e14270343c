"""Mirrored traffic: a copy is sent when the client has its answer; what its answer says otherwise is written down.

Copies wait here, up to a limit, and go out with the gateway's sweep, each as soon as the line in front of its
deployment is short: a deployment that is slow or dead costs the live one nothing but that memory. Pairs of answers go
to another process, compare.py: taking JSON apart here would hold up the answers of that moment.
"""

import asyncio
from collections import deque
from pathlib import Path

from lazulite import clock
from lazulite.errors import LazuliteError
from lazulite.serving.gateway.compare import Comparison, Said, packed
from lazulite.serving.gateway.exchange import Asker, Body, Exchange, Line
from lazulite.serving.gateway.lend import Lender, Loan

# What may wait to be mirrored, or be mirrored, at once. A body that is lent keeps a quarter of what there is to lend.
_COPIES = 4096
_COPIES_BYTES = 64 << 20
_PAIRS_A_FLUSH = 500


class Mirrors:
    """The copies that are still to be sent, and the pairs of answers that are not yet compared."""

    def __init__(self, home: Path, lender: Lender) -> None:
        self._lender = lender
        self._due: dict[Line, deque[Copy]] = {}
        self._held = 0  # copies that wait or are being answered, and their bodies' bytes
        self._held_bytes = 0
        self._pairs: list[bytes] = []
        self._comparison = Comparison(home)
        self._told: asyncio.Future[None] | None = None

    def owe(self, copy: "Copy") -> None:
        """Takes a copy to be sent with the next sweep; one too many is dropped, and counted."""
        if self._held >= _COPIES or self._held_bytes + copy.size_bytes > _COPIES_BYTES:
            self._drop(copy)
            return
        self._held += 1
        self._held_bytes += copy.size_bytes
        self._due.setdefault(copy.line, deque()).append(copy)

    def send(self) -> None:
        """Sends what is due, as far as there is room."""
        for line in [*self._due]:
            self._feed(line)

    def ended(self, copy: "Copy", is_answered: bool) -> None:
        """Takes note of a copy's end; its loan is free if it was answered, since nobody has hands on it any more."""
        self._held -= 1
        self._held_bytes -= copy.size_bytes
        self._return_loan(copy, is_answered)
        self._feed(copy.line)

    def _feed(self, line: Line) -> None:
        """Sends copies while the line has room for another one and for somebody who asks the deployment by its name."""
        due = self._due.get(line)
        while due and line.room > 1:
            copy = due.popleft()
            try:
                line.submit(copy.exchange())
                copy.live_line.counts.mirrored += 1
            except LazuliteError:
                self._held -= 1
                self._held_bytes -= copy.size_bytes
                self._drop(copy)
        if not due:
            self._due.pop(line, None)

    def _drop(self, copy: "Copy") -> None:
        copy.live_line.counts.not_mirrored += 1
        self._return_loan(copy, True)

    def _return_loan(self, copy: "Copy", is_free: bool) -> None:
        loan, copy.loan = copy.loan, None
        if loan and is_free:
            self._lender.take_back(loan)
        elif loan:
            self._lender.write_off(loan)

    def note(self, line: Line, request_id: str, live: Said, copy: Said) -> None:
        """Takes a pair that is complete; of a flood, a part."""
        if len(self._pairs) < _PAIRS_A_FLUSH:
            self._pairs.append(packed(line.endpoint, line.name, request_id, live, copy))

    def flush(self) -> None:
        """Hands on what was taken, unless that is going on already."""
        if self._pairs and (self._told is None or self._told.done()):
            pairs, self._pairs = self._pairs, []
            self._told = asyncio.get_running_loop().run_in_executor(None, self._comparison.tell, pairs)


class Live:
    """Stands between an exchange and its client: passes all on at once, and notes the answer for the copy."""

    def __init__(self, client: Asker, live: Line, shadow: Line, mirrors: Mirrors) -> None:
        self._client = client
        self._shadow = shadow
        self._mirrors = mirrors
        self._line = live
        self._said = Said(live.name)
        self._exchange: Exchange | None = None

    def answer(self, exchange: Exchange, status: int, lines: bytes, body: Body, run_us: int) -> None:
        loan, exchange.loan = exchange.loan, None
        self._client.answer(exchange, status, lines, body, run_us)
        self._said.status = status
        self._end(exchange, loan, bytes(body))

    def begin(self, exchange: Exchange, status: int, lines: bytes, body_bytes: int | None, run_us: int) -> None:
        self._client.begin(exchange, status, lines, body_bytes, run_us)
        self._said.status, self._exchange = status, exchange

    def piece(self, data: bytes) -> None:
        self._client.piece(data)
        self._said.add(data)

    def finish(self) -> None:
        if self._exchange:
            loan, self._exchange.loan = self._exchange.loan, None
            self._client.finish()
            self._end(self._exchange, loan)

    def fail(self, exchange: Exchange, error: LazuliteError) -> None:
        self._client.fail(exchange, error)  # which gives up the loan: the worker may still be reading it
        self._said.status = error.status
        self._end(exchange, None)

    def hold(self) -> None:
        self._client.hold()

    def release(self) -> None:
        self._client.release()

    def _end(self, exchange: Exchange, loan: Loan | None, whole: bytes = b"") -> None:
        self._said.ms = 1000 * (clock.monotonic() - exchange.arrived_at)
        self._mirrors.owe(Copy(exchange, self._line, self._shadow, self._said, whole, loan, self._mirrors))


class Copy:
    """A mirrored request, and who takes its answer, which no client sees.

    line: where it is answered. live_line: where the request was. said: what was answered there, but for `whole`, since
    nothing that takes time is done before the client has it. loan: memory that holds the body, the copy's to give back.
    """

    def __init__(
        self,
        live: Exchange,
        live_line: Line,
        shadow: Line,
        said: Said,
        whole: bytes,
        loan: Loan | None,
        mirrors: Mirrors,
    ) -> None:
        self.live_line = live_line
        self.line = shadow
        self.loan = loan
        self.size_bytes = sum(map(len, live.body)) + len(whole)
        self._whole = whole
        self._head, self._request_id = live.head, live.request_id
        self._body, self._body_bytes = live.body, live.body_bytes
        self._mirrors = mirrors
        self._live = said
        self._said = Said(shadow.name)
        self._exchange: Exchange | None = None

    def exchange(self) -> Exchange:
        """Returns what is sent. Its time begins now."""
        self._live.add(self._whole)
        self._whole = b""
        copy = Exchange(self, self._head)
        copy.request_id = self._request_id
        copy.body, copy.body_bytes, copy.is_whole = self._body, self._body_bytes, True
        copy.deployment, copy.loan = self.line, self.loan
        return copy

    def answer(self, exchange: Exchange, status: int, lines: bytes, body: Body, run_us: int) -> None:
        self._said.status = status
        self._said.add(body)
        self._end(exchange, True)

    def begin(self, exchange: Exchange, status: int, lines: bytes, body_bytes: int | None, run_us: int) -> None:
        self._said.status, self._exchange = status, exchange

    def piece(self, data: bytes) -> None:
        self._said.add(data)

    def finish(self) -> None:
        if self._exchange:
            self._end(self._exchange, True)

    def fail(self, exchange: Exchange, error: LazuliteError) -> None:
        self._said.status = error.status
        self._end(exchange, False)

    def hold(self) -> None:
        pass

    def release(self) -> None:
        pass

    def _end(self, exchange: Exchange, is_answered: bool) -> None:
        self._said.ms = 1000 * (clock.monotonic() - exchange.arrived_at)
        self._mirrors.note(self.line, exchange.request_id_text.decode(), self._live, self._said)
        exchange.body = self._body = ()
        self._mirrors.ended(self, is_answered)
