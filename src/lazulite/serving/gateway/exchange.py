"""One request on its way through the gateway, and who may speak to it from either side."""

import random
from collections.abc import Sequence
from typing import Protocol

from lazulite import clock
from lazulite.errors import LazuliteError
from lazulite.serving import routing
from lazulite.serving.gateway.counts import CLIENT_GONE, Counts
from lazulite.serving.gateway.heads import RequestHead
from lazulite.serving.gateway.lend import Loan

Body = bytes | memoryview

NOT_RUN = 2**32 - 1
"""In place of the microseconds that `run()` took: it was not called, or nobody said."""

# The six bits that mark a random UUID. Source: RFC 9562 5.4.
_UUID_MASK = ~(0xF << 76 | 0x3 << 62)
_UUID_BITS = 0x4 << 76 | 0x2 << 62


class Asker(Protocol):
    """Who wants the answer: a client, or nobody. An answer is one `answer`, or `begin`, pieces, and `finish`."""

    def answer(self, exchange: "Exchange", status: int, lines: bytes, body: Body, run_us: int) -> None: ...

    def begin(self, exchange: "Exchange", status: int, lines: bytes, body_bytes: int | None, run_us: int) -> None: ...

    def piece(self, data: bytes) -> None: ...

    def finish(self) -> None: ...

    def fail(self, exchange: "Exchange", error: LazuliteError) -> None:
        """Takes an error in place of the answer, or of the rest of it."""

    def hold(self) -> None:
        """Asks for no more of the request's body until `release`."""

    def release(self) -> None: ...


class Link(Protocol):
    """A connection to a worker, as seen from an exchange that was sent down it."""

    def more(self, exchange: "Exchange", piece: Body) -> None:
        """Sends on a piece of a body that was not whole when the exchange was sent."""

    def no_more(self, exchange: "Exchange") -> None: ...

    def call_off(self, exchange: "Exchange") -> None:
        """Sees to it that no work is done for the exchange any more, as far as that is possible."""

    def hold(self) -> None:
        """Asks for no more of the answer until `release`."""

    def release(self) -> None: ...


class Line(Protocol):
    """The deployment that answers, as seen from an exchange that stands in its line."""

    endpoint: str
    name: str
    spec: routing.Deployment
    counts: Counts

    @property
    def room(self) -> int:
        """Returns how many more may stand in the line."""

    def submit(self, exchange: "Exchange") -> None:
        """Sends the exchange to a worker or lets it wait. Raises TooManyRequests or Unavailable."""

    def drop(self, exchange: "Exchange", status: int = CLIENT_GONE) -> None:
        """Takes the exchange out of the line, if it stands in it, and counts it: nobody waits for its answer."""


class Exchange:
    """A request and what has become of it.

    body: the pieces that have come; kept until the answer, so that another worker can be asked. body_bytes: its length
    or CHUNKED. is_whole: all of it has come. is_present: it stands in the deployment's line. has_begun: the head of the
    answer has been passed on. shadow: where a copy goes. loan: memory that holds the body, and may hold the answer's.
    warning: a header line for the answer, or b"".
    """

    __slots__ = (
        "arrived_at",
        "asker",
        "body",
        "body_bytes",
        "deadline",
        "deployment",
        "has_begun",
        "head",
        "is_present",
        "is_whole",
        "link",
        "loan",
        "request_id",
        "shadow",
        "warning",
    )

    def __init__(self, asker: Asker, head: RequestHead) -> None:
        self.asker = asker
        self.head = head
        self.request_id = (random.getrandbits(128) & _UUID_MASK | _UUID_BITS).to_bytes(16, "big")
        self.body: Sequence[Body] = ()
        self.body_bytes = head.body_bytes
        self.is_whole = False
        self.is_present = False
        self.has_begun = False
        self.deployment: Line | None = None
        self.shadow: Line | None = None
        self.link: Link | None = None
        self.loan: Loan | None = None
        self.warning = b""
        self.arrived_at = clock.monotonic()
        self.deadline = 0.0

    @property
    def request_id_text(self) -> bytes:
        """Returns the id as clients see it, `51d32cb5-d02c-4653-9a16-d9a7d2aec7ec`."""
        text = self.request_id.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}".encode()


class Nobody:
    """Takes the answer to a request whose client is gone, and throws it away."""

    def answer(self, exchange: Exchange, status: int, lines: bytes, body: Body, run_us: int) -> None:
        pass

    def begin(self, exchange: Exchange, status: int, lines: bytes, body_bytes: int | None, run_us: int) -> None:
        pass

    def piece(self, data: bytes) -> None:
        pass

    def finish(self) -> None:
        pass

    def fail(self, exchange: Exchange, error: LazuliteError) -> None:
        pass

    def hold(self) -> None:
        pass

    def release(self) -> None:
        pass


NOBODY = Nobody()
