"""Requests signed with an account's key: `Authorization: SharedKey|SharedKeyLite account:signature`.

Source: learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key; azure-storage-blob 12.31.1
_shared/authentication.py.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from lazulite.artifacts import refs
from lazulite.blob import refusals
from lazulite.blob.call import BlobCall
from lazulite.identity import accounts, keys

_SIGNED_HEADERS = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)
_SIGNED_HEADERS_LITE = ("content-md5", "content-type", "date")
_SKEW = timedelta(minutes=15)
# In Azure's order dashes count for nothing, and an underscore comes before digits and letters.
_WEIGHTS = str.maketrans({"-": None, "_": "!"})


def verify(call: BlobCall, key: str, now: datetime) -> None:
    """Raises AuthenticationFailed (403) unless the request is signed with the account's key, within 15 minutes."""
    scheme, _, credential = call.headers["authorization"].partition(" ")
    account, _, signature = credential.strip().rpartition(":")
    if account_named(account) != call.ref.account:
        raise refusals.not_authentic(f'The key of account "{account}" does not open account "{call.ref.account}".')
    _check_date(call.headers, now)
    is_lite = scheme == "SharedKeyLite"
    orders = {_headers_text(call.headers, by_weight=by_weight) for by_weight in (False, True)}
    if not any(keys.equal(accounts.sign(key, _text(call, account, order, is_lite)), signature) for order in orders):
        raise refusals.not_authentic(f'The signature is not that of the key of account "{call.ref.account}".')


def account_named(spelling: str) -> str:
    """Returns the account that a client means: `acct`, `localhost:1/_blob/acct`, `_blob/acct.blob.core.windows.net`.

    Clients that reach this machine by its own name build the account's name from the address.
    """
    last = spelling.rpartition("/")[2]
    return refs.host_account(last) or last


def _check_date(headers: Mapping[str, str], now: datetime) -> None:
    text = headers.get("x-ms-date") or headers.get("date", "")
    try:
        skew = abs(parsedate_to_datetime(text) - now)
    except (ValueError, TypeError):
        raise refusals.not_authentic(f'The date header is "{text}", but must be an HTTP date.') from None
    if skew > _SKEW:
        raise refusals.not_authentic(f"The date header {text} is not within 15 minutes of the server's {now:%c}.")


def _text(call: BlobCall, account: str, headers_text: str, is_lite: bool) -> str:
    names = _SIGNED_HEADERS_LITE if is_lite else _SIGNED_HEADERS
    signed = {name: call.headers.get(name, "") for name in names}
    if "x-ms-date" in call.headers:
        signed["date"] = ""
    if signed.get("content-length") == "0":
        signed["content-length"] = ""
    resource = f"/{account}{call.raw_path}"
    if is_lite:
        resource += f"?comp={call.query['comp']}" if "comp" in call.query else ""
    else:
        resource += "".join(f"\n{name}:{value}" for name, value in sorted(call.query.items()))
    return "\n".join([call.method, *signed.values(), headers_text + resource])


def _headers_text(headers: Mapping[str, str], *, by_weight: bool) -> str:
    names = [name for name in headers if name.startswith("x-ms-")]
    names.sort(key=(lambda name: name.translate(_WEIGHTS)) if by_weight else None)
    return "".join(f"{name}:{headers[name].strip()}\n" for name in names)
