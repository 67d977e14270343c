"""Sessions of browsers: a cookie's value that only who knew the platform's secret could have got. Keeps no state."""

import hashlib
import hmac
from datetime import datetime

from lazulite.identity import keys

COOKIE = "lazulite-session"
LIFETIME_S = 30 * 24 * 3600


def issue(secret: str, now: datetime) -> str:
    """Makes the value of a session's cookie, good for 30 days: when it ends, and a signature over that."""
    until = str(int(now.timestamp()) + LIFETIME_S)
    return f"{until}.{_signature(secret, until)}"


def is_valid(value: str, secret: str, now: datetime) -> bool:
    """Tells whether a cookie's value was issued with this secret and has not ended. A new secret ends all sessions."""
    until, _, signature = value.partition(".")
    if not until.isdecimal() or not keys.equal(signature, _signature(secret, until)):
        return False
    return int(until) > now.timestamp()


def _signature(secret: str, until: str) -> str:
    return hmac.new(secret.encode(), f"studio session until {until}".encode(), hashlib.sha256).hexdigest()
