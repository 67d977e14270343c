"""Keys of endpoints and passwords: made, and compared without telling how much of a guess was right."""

import base64
import binascii
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


def presents(credentials: str, secret: str) -> bool:
    """Tells whether the value of an `Authorization` or `Proxy-Authorization` header is Basic with this password."""
    scheme, _, encoded = credentials.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        _, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    return equal(password, secret)
