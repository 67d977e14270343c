"""The middle of a large body: what of it is still to come is received straight into a loan."""

import asyncio
from collections.abc import Callable
from typing import Any

from lazulite.serving.gateway.exchange import Body
from lazulite.serving.gateway.lend import Loan


class Intake(asyncio.BufferedProtocol):
    """Stands in for a client's protocol until a body of known length is there."""

    def __init__(
        self, client: asyncio.Protocol, transport: Any, loan: Loan, body_bytes: int, came: Callable[[bool], None]
    ) -> None:
        self.left = body_bytes
        self._client = client
        self._transport = transport
        self._room = loan.memory[:body_bytes]
        self._came = came

    def start(self, first: Body) -> None:
        """Takes what came with the head, and all that comes from now on."""
        self._room[: len(first)] = first
        self._advance(len(first))
        self._hand_over(self)

    def stop(self) -> None:
        """Gives the transport back."""
        self._hand_over(self._client)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        self._advance(nbytes)
        if not self.left:
            self.stop()
        self._came(not self.left)

    def connection_lost(self, error: Exception | None) -> None:
        self._client.connection_lost(error)

    def pause_writing(self) -> None:
        self._client.pause_writing()

    def resume_writing(self) -> None:
        self._client.resume_writing()

    def _advance(self, count: int) -> None:
        self._room = self._room[count:]
        self.left -= count

    def _hand_over(self, protocol: asyncio.BaseProtocol) -> None:
        # How bytes are received is fixed when reading begins, so that it has to begin anew.
        if not self._transport.is_closing():
            self._transport.pause_reading()
            self._transport.set_protocol(protocol)
            self._transport.resume_reading()
