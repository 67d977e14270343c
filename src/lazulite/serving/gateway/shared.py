"""What every connection of the gateway shares."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from lazulite.serving.gateway.endpoints import Endpoints
from lazulite.serving.gateway.lend import Lender
from lazulite.serving.gateway.mirror import Mirrors


class Shared:
    """The state of one gateway process.

    clients: the open connections. refused: answers by status that no deployment is charged with. own_lines: header
    lines that every answer has, renewed each second. is_stopping: connections are not kept open any more.
    kept_bytes: of bodies that no worker has heard of.
    """

    def __init__(self, signing_key: bytes, lender: Lender, mirrors: Mirrors, wakes: Callable[[str, str], None]) -> None:
        self.signing_key = signing_key
        self.lender = lender
        self.mirrors = mirrors
        self.endpoints = Endpoints(wakes)
        self.clients: set[Any] = set()
        self.refused: Counter[int] = Counter()
        self.own_lines = b""
        self.is_stopping = False
        self.kept_bytes = 0

    def tell_time(self, now: datetime) -> None:
        """Renews the header lines that say when an answer was given."""
        self.own_lines = f"date: {format_datetime(now, usegmt=True)}\r\nserver: lazulite\r\n".encode()
