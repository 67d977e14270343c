"""One client's connection: requests in, answers out, one at a time, in order."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from lazulite import clock
from lazulite.errors import BadRequest, HeadersTooLarge, LazuliteError, ModelFailed, RequestTimeout, TooManyRequests
from lazulite.serving.gateway.admit import Answer, admit, too_large
from lazulite.serving.gateway.chunks import ChunkReader
from lazulite.serving.gateway.exchange import NOT_RUN, Body, Exchange
from lazulite.serving.gateway.heads import CHUNKED, HEAD_LIMIT_BYTES, RequestHead, read_request_head
from lazulite.serving.gateway.intake import Intake
from lazulite.serving.gateway.lend import Loan
from lazulite.serving.gateway.mirror import Live
from lazulite.serving.gateway.shared import Shared
from lazulite.serving.gateway.writer import Writer

log = logging.getLogger(__name__)

# A body up to this size is taken in whole before a worker hears of it, so that slow clients do not occupy workers.
COLLECT_LIMIT_BYTES = 4 << 20
# All that is taken in and no worker has heard of; clients past it are told to come back.
_KEPT_LIMIT_BYTES = 1 << 30
_PENDING_LIMIT_BYTES = 64 << 10
# From here on it costs less to look at the bytes that follow a head than to copy them.
_UNCOPIED_FROM_BYTES = 32 << 10

_HEAD_LIMIT_S = 15.0
# Of a body so much, or the rest, must come in each so many seconds: who sends a byte now and then holds no worker.
_BODY_STEP_BYTES, _BODY_STEP_LIMIT_S = 256 << 10, 30.0
_IDLE_LIMIT_S = 300.0
_LINGER_S = 2.0

# Stands for the head of a request that could not be read: the answer to it is the last on its connection.
_UNREAD = read_request_head(b"GET / HTTP/1.0\r\n\r\n")


class Client(asyncio.Protocol):
    """Reads requests, has them admitted, hands them to a deployment and writes what comes back.

    A connection that is closing takes no more answers; `connection_lost`, which follows, ends its exchange.
    `_take` is what happens with the bytes that come next: they belong to a head, to a body, or to nobody.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._transport: Any = None
        self._take: Callable[[Any], None] = self._take_head
        self._exchange: Exchange | None = None
        self._outcome: Answer | LazuliteError | None = None
        self._pending = b""  # a head that is not whole, or a next request that came early
        self._pieces: list[Body] = []
        self._chunks = ChunkReader()
        self._left = 0  # bytes of the body still to come
        self._received = 0
        self._step_from = 0  # how much of the body had come when the client's time began anew
        self._kept_bytes = 0  # of a body that no worker has heard of
        self._since = clock.monotonic()
        self._is_held = False  # no more is read from the client for now
        self._intake: Intake | None = None
        self._loan: Loan | None = None  # of an exchange that is answered, but perhaps not wholly written
        self._is_slow = False  # the client does not read as fast as the answer comes

    # Connection

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._writer = Writer(self._shared, transport)
        self._shared.clients.add(self)

    def data_received(self, data: bytes) -> None:
        self._take(data)

    def connection_lost(self, _: Exception | None) -> None:
        self._shared.clients.discard(self)
        exchange, self._exchange = self._exchange, None
        self._take = self._take_nothing
        self._keep(0)
        if self._loan:
            self._shared.lender.take_back(self._loan)
        if exchange:
            self._write_off(exchange)
            if exchange.deployment:
                exchange.deployment.drop(exchange)

    def pause_writing(self) -> None:
        self._is_slow = True
        if self._exchange and self._exchange.link and self._exchange.has_begun:
            self._exchange.link.hold()

    def resume_writing(self) -> None:
        self._is_slow = False
        if self._exchange and self._exchange.link and self._exchange.has_begun:
            self._exchange.link.release()

    def sweep(self, now: float) -> None:
        """Hangs up on clients that are too slow to say what they want, or have said nothing for long."""
        silence_s = now - self._since
        self._return_loan()
        if self._take == self._take_nothing:
            if silence_s > _LINGER_S:
                self._transport.abort()
        elif self._take == self._take_head:
            if self._pending and silence_s > _HEAD_LIMIT_S:
                self._refuse_unread(RequestTimeout(f"The request's head took longer than {_HEAD_LIMIT_S:g} s."))
            elif silence_s > _IDLE_LIMIT_S:
                self._transport.close()
        elif self._take != self._take_next and silence_s > _BODY_STEP_LIMIT_S and not self._is_held:
            step = f"Less than {_BODY_STEP_BYTES >> 10} KiB of the body came in {_BODY_STEP_LIMIT_S:g} s."
            self._break_off(RequestTimeout(step))

    def stop(self) -> None:
        """Hangs up after the answer that is being given, or now if there is none."""
        if not self._exchange:
            self._transport.close()

    # Head

    def _take_head(self, data: bytes) -> None:
        if self._pending:
            data, self._pending = self._pending + data, b""
        if data.startswith(b"\r\n"):
            data = data.lstrip(b"\r\n")  # Source: RFC 9112 2.2, empty lines before a request are ignored
        end = data.find(b"\r\n\r\n") + 4
        if 4 <= end <= HEAD_LIMIT_BYTES:
            try:
                head = read_request_head(data[:end])
            except LazuliteError as error:
                self._refuse_unread(error)
            else:
                self._open(head, data[end:] if len(data) < _UNCOPIED_FROM_BYTES else memoryview(data)[end:])
        elif len(data) <= HEAD_LIMIT_BYTES:
            if not self._pending:
                self._since = clock.monotonic()
            self._pending = data
        else:
            self._refuse_unread(HeadersTooLarge(f"The request's head is longer than {HEAD_LIMIT_BYTES} bytes."))

    def _refuse_unread(self, error: LazuliteError) -> None:
        self._pending = b""
        self._exchange = Exchange(self, _UNREAD)
        self._shared.refused[error.status] += 1
        self.fail(self._exchange, error)

    def _open(self, head: RequestHead, rest: Body) -> None:
        """Begins an exchange; rest: what came after the head."""
        exchange = self._exchange = Exchange(self, head)
        try:
            place = admit(exchange, self._shared.endpoints, self._shared.signing_key)
        except LazuliteError as error:
            self._settle(error, rest)
            return
        if isinstance(place, Answer):
            self._settle(place, rest)
        elif head.body_bytes == len(rest):
            if rest:
                exchange.body = (rest,)
            exchange.is_whole = True
            self._take = self._take_next
            self._submit(exchange)
        else:
            self._open_body(exchange, rest)

    # Body

    def _open_body(self, exchange: Exchange, rest: Body) -> None:
        if exchange.head.expects_continue:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        exchange.body = self._pieces = []
        self._received = 0
        self._begin_step(0)
        if exchange.body_bytes == CHUNKED:
            self._chunks = ChunkReader()
            self._take = self._take_chunks
        else:
            self._left = exchange.body_bytes
            self._take = self._take_body
            if self._left <= COLLECT_LIMIT_BYTES and self._borrows(exchange, rest):
                return
        if rest:
            self._take(rest)

    def _borrows(self, exchange: Exchange, rest: Body) -> bool:
        """Receives the body into memory that the workers see too, if there is some and the body is worth it."""
        self._return_loan()
        readers = [line for line in (exchange.deployment, exchange.shadow) if line]
        is_for_guests = all(line.spec.protocol == "frames" for line in readers)
        if not is_for_guests or len(rest) >= exchange.body_bytes or self._loan:
            return False
        loan = exchange.loan = self._shared.lender.lend(exchange.body_bytes)
        if not loan:
            return False
        exchange.body = (loan.memory[: exchange.body_bytes],)
        self._intake = Intake(self, self._transport, loan, exchange.body_bytes, self._came)
        self._intake.start(rest)
        return True

    def _came(self, is_whole: bool) -> None:
        """Hears that some of the body, or the rest of it, is in the loan."""
        assert self._exchange and self._intake
        self._received = self._exchange.body_bytes - self._intake.left
        self._progress(self._received)
        if is_whole:
            self._intake = None
            self._close_body(self._exchange)

    def _progress(self, come_bytes: int) -> None:
        """Gives a client whose body comes fast enough more time for the rest."""
        if come_bytes - self._step_from >= _BODY_STEP_BYTES:
            self._begin_step(come_bytes)

    def _begin_step(self, come_bytes: int) -> None:
        self._step_from = come_bytes
        self._since = clock.monotonic()

    def _keep(self, size_bytes: int) -> None:
        """Counts what of a body is kept here, among all that the gateway keeps."""
        self._shared.kept_bytes += size_bytes - self._kept_bytes
        self._kept_bytes = size_bytes

    def _return_loan(self) -> None:
        """Gives back the loan of the exchange before, if the client has taken the answer that lies in it."""
        if self._loan and not self._transport.get_write_buffer_size():
            self._shared.lender.take_back(self._loan)
            self._loan = None

    def _take_body(self, data: Body) -> None:
        piece = data
        if len(data) > self._left:
            piece, self._pending = data[: self._left], bytes(data[self._left :])
        self._left -= len(piece)
        self._pass_on(piece, not self._left)

    def _take_chunks(self, data: Body) -> None:
        try:
            piece = self._chunks.feed(data)
        except BadRequest as error:
            self._break_off(error)
            return
        if self._chunks.is_complete:
            self._pending = self._chunks.rest
        self._pass_on(piece, self._chunks.is_complete)

    def _pass_on(self, piece: Body, is_last: bool) -> None:
        """Hands a piece of the body to the worker, if one has the exchange already, else keeps it."""
        exchange = self._exchange
        assert exchange
        self._received += len(piece)
        self._progress(self._received)
        deployment = exchange.deployment
        assert deployment
        if self._received > deployment.spec.max_body_bytes:
            self._break_off(too_large(deployment.name, deployment.spec.max_body_bytes))
            return
        if exchange.link and piece:
            exchange.link.more(exchange, piece)
        elif piece:
            self._pieces.append(piece)
        if not exchange.is_present:
            self._keep(self._received)
        if is_last:
            self._close_body(exchange)
        elif self._kept_bytes and self._shared.kept_bytes > _KEPT_LIMIT_BYTES:
            self._break_off(TooManyRequests("Too many bodies are coming at a time.", hint="Ask again later."))
        elif self._received > COLLECT_LIMIT_BYTES and not exchange.is_present:
            self._submit_unfinished(exchange)

    def _close_body(self, exchange: Exchange) -> None:
        exchange.is_whole = True
        self._take = self._take_next
        if exchange.link:
            exchange.link.no_more(exchange)
        elif not exchange.is_present:
            exchange.body_bytes = self._received
            self._submit(exchange)

    def _break_off(self, error: LazuliteError) -> None:
        """Ends an exchange whose body cannot be read to its end."""
        exchange = self._exchange
        assert exchange
        self._keep(0)
        if self._intake:
            self._intake.stop()
            self._intake = None
        if exchange.deployment and exchange.is_present:
            exchange.deployment.drop(exchange, error.status)
            self.fail(exchange, error)
        else:
            self._refuse(exchange, error)

    def _submit_unfinished(self, exchange: Exchange) -> None:
        exchange.shadow = None  # a body that is not kept cannot be sent twice
        self.hold()
        self._submit(exchange)

    def _submit(self, exchange: Exchange) -> None:
        deployment = exchange.deployment
        assert deployment
        self._keep(0)
        if exchange.shadow:
            exchange.asker = Live(self, deployment, exchange.shadow, self._shared.mirrors)
        try:
            deployment.submit(exchange)
        except LazuliteError as error:
            self._refuse(exchange, error)

    def _take_next(self, data: bytes) -> None:
        """Keeps a request that came before the last one was answered."""
        self._pending += data
        if len(self._pending) > _PENDING_LIMIT_BYTES:
            self.hold()

    def _take_nothing(self, data: bytes) -> None:
        pass

    # Answers that need no worker

    def _settle(self, outcome: Answer | LazuliteError, rest: Body) -> None:
        """Gives an answer when the body, which nobody needs, has come; at once if it is large or of unknown size."""
        exchange = self._exchange
        assert exchange
        self._outcome = outcome
        self._left = exchange.body_bytes
        if self._left > max(COLLECT_LIMIT_BYTES, len(rest)) or exchange.head.expects_continue:
            self._give(exchange)
        else:
            self._take = self._swallow
            self._begin_step(0)
            self._swallow(rest)

    def _swallow(self, data: Body) -> None:
        assert self._exchange
        if len(data) < self._left:
            self._left -= len(data)
            self._progress(self._exchange.body_bytes - self._left)
            return
        self._pending = bytes(data[self._left :])
        self._exchange.is_whole = True
        self._give(self._exchange)

    def _give(self, exchange: Exchange) -> None:
        outcome, self._outcome = self._outcome, None
        if isinstance(outcome, Answer):
            self.answer(exchange, outcome.status, outcome.lines, outcome.body, NOT_RUN)
        elif outcome:
            self._refuse(exchange, outcome)

    def _refuse(self, exchange: Exchange, error: LazuliteError) -> None:
        if exchange.deployment:
            exchange.deployment.counts.note(error.status, clock.monotonic() - exchange.arrived_at)
        else:
            self._shared.refused[error.status] += 1
        self.fail(exchange, error)

    # Asker: what comes back

    def answer(self, exchange: Exchange, status: int, lines: bytes, body: Body, run_us: int) -> None:
        if self._transport.is_closing():
            return
        try:
            self._writer.whole(exchange, status, lines, body, run_us)
        except ModelFailed as error:
            self.fail(exchange, error)
            return
        if status >= 400:
            self._log(exchange, status, bytes(body[:200]).decode("utf-8", "replace"))
        self._finished(exchange)

    def begin(self, exchange: Exchange, status: int, lines: bytes, body_bytes: int | None, run_us: int) -> None:
        if self._transport.is_closing():
            return
        try:
            self._writer.begin(exchange, status, lines, body_bytes, run_us)
        except ModelFailed as error:
            exchange.has_begun = False
            self._break_off(error)
            return
        if status >= 400:
            self._log(exchange, status, "")
        if self._is_slow and exchange.link:
            exchange.link.hold()

    def piece(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._writer.piece(data)

    def finish(self) -> None:
        if self._exchange and not self._transport.is_closing():
            self._writer.end()
            self._finished(self._exchange)

    def fail(self, exchange: Exchange, error: LazuliteError) -> None:
        self._log(exchange, error.status, error.message)
        self._write_off(exchange)
        if self._transport.is_closing():
            return
        if exchange.has_begun:
            self._transport.abort()  # half an answer must not look like a whole one
            return
        self._writer.error(exchange, error)
        self._finished(exchange)

    def hold(self) -> None:
        if not self._is_held and not self._transport.is_closing():
            self._is_held = True
            self._transport.pause_reading()

    def release(self) -> None:
        if self._is_held and not self._transport.is_closing():
            self._is_held = False
            self._since = clock.monotonic()
            self._transport.resume_reading()

    def _write_off(self, exchange: Exchange) -> None:
        """Gives up the loan of an exchange that was not answered: a worker may still have its hands on it."""
        if exchange.loan:
            self._shared.lender.write_off(exchange.loan)
            exchange.loan = None

    def _finished(self, exchange: Exchange) -> None:
        self._exchange = None
        if exchange.loan:
            self._loan = exchange.loan
        self._since = clock.monotonic()
        self.release()
        if not self._writer.closes:
            self._take = self._take_head
            if self._pending:
                asyncio.get_running_loop().call_soon(self._take_pending)
        elif exchange.is_whole:
            self._take = self._take_nothing
            self._transport.close()
        else:
            # Closing on a client that is still sending would reset the connection and lose it the answer.
            self._take = self._take_nothing
            if self._transport.can_write_eof():
                self._transport.write_eof()

    def _take_pending(self) -> None:
        if self._take == self._take_head and not self._transport.is_closing():
            self._take_head(b"")

    def _log(self, exchange: Exchange, status: int, message: str) -> None:
        head, deployment = exchange.head, exchange.deployment
        log.warning(
            "%d %s %s/%s %s %.0f ms %s: %s",
            status,
            head.method.decode("latin-1"),
            head.endpoint[:64],
            deployment.name if deployment else "-",
            head.path[:200],
            1000 * (clock.monotonic() - exchange.arrived_at),
            exchange.request_id_text.decode(),
            message,
        )
