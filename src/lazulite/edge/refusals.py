"""What the private network refused: which hosts, to whom, how often. Kept in memory, and logged once each."""

import logging
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime

log = logging.getLogger(__name__)

_KEPT = 1000


@dataclass(frozen=True)
class Refusal:
    """One host that somebody was refused. who: the name given to the proxy, or else the client's address."""

    host: str
    port: int
    who: str
    first_at: datetime
    last_at: datetime
    count: int


class Refusals:
    """The last thousand distinct refusals."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int, str], Refusal] = OrderedDict()

    def add(self, host: str, port: int, who: str, now: datetime) -> None:
        """Counts one refusal."""
        key = (host, port, who)
        known = self._kept.pop(key, None)
        if not known:
            log.warning("refused: %s:%d to %s", host, port, who)
        self._kept[key] = (
            replace(known, last_at=now, count=known.count + 1) if known else Refusal(host, port, who, now, now, 1)
        )
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def latest(self) -> list[Refusal]:
        """Returns them all, the latest first."""
        return list(reversed(self._kept.values()))
