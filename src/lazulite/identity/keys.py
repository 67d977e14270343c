"""Keys of endpoints: made, and compared without telling how much of a guess was right."""

import hmac
import secrets
import string

_ALPHABET = string.ascii_letters + string.digits
# Azure's own online endpoint keys have 84 letters and digits. Source: guess, from keys seen in public examples.
_KEY_LENGTH = 84


def new_key() -> str:
    """Makes an endpoint's key: 84 letters and digits, safe in a header, a URL and a shell."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_KEY_LENGTH))


def equal(one: str, other: str) -> bool:
    """Compares two secrets in time that depends on their lengths only."""
    return hmac.compare_digest(one.encode(errors="surrogatepass"), other.encode(errors="surrogatepass"))
