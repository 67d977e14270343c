"""Shared access signatures in a URL's query: of a service, an account, or by a user delegation key.

Source: learn.microsoft.com/rest/api/storageservices create-service-sas, create-account-sas and
create-user-delegation-sas; azure-storage-blob 12.31.1 _shared_access_signature.py.
"""

import base64
import hmac
import ipaddress
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone

from lazulite.artifacts import refs
from lazulite.blob import refusals
from lazulite.blob.call import BlobCall
from lazulite.errors import Forbidden
from lazulite.identity import accounts, keys

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(?:\.\d+)?)?Z?)?")
_OVERRIDES = {
    "rscc": "cache-control",
    "rscd": "content-disposition",
    "rsce": "content-encoding",
    "rscl": "content-language",
    "rsct": "content-type",
}
_DELEGATION = ("skoid", "sktid", "skt", "ske", "sks", "skv")


def verify(call: BlobCall, key: str, level: str, now: datetime) -> tuple[str, dict[str, str]]:
    """Returns the permissions that the request's signature grants, and the headers that it overrides in answers.

    level: what the operation is about: `s` service, `c` container, `o` object; `l` a list of blobs.
    Raises AuthenticationFailed, AuthorizationFailure and their like (403).
    """
    query = call.query
    if "srt" in query or "ss" in query:
        is_signed = _is_signed(key, _account_text(call), query)
        _check_account(query, level)
    elif level in "sc":
        raise Forbidden("This request is not authorized to perform this operation.", code="AuthorizationFailure")
    else:
        signer = _delegated_key(key, query, now) if "skoid" in query else key
        is_signed = any(_is_signed(signer, text, query) for text in _service_texts(call))
    if not is_signed:
        raise refusals.not_authentic("Signature did not match.")
    _check_times(query, now)
    _check_source(call)
    return query.get("sp", ""), {header: query[name] for name, header in _OVERRIDES.items() if name in query}


def user_delegation_key(account_key: str, oid: str, tid: str, start: str, expiry: str, version: str) -> str:
    """Returns the key that Get User Delegation Key hands out, derived from what it is for: nothing is stored."""
    purpose = "\n".join(["user delegation key", oid, tid, start, expiry, "b", version])
    return base64.b64encode(hmac.digest(base64.b64decode(account_key), purpose.encode(), "sha256")).decode()


def _delegated_key(account_key: str, query: Mapping[str, str], now: datetime) -> str:
    oid, tid, start, expiry, service, version = (query.get(name, "") for name in _DELEGATION)
    if service != "b" or not moment(start) <= now < moment(expiry):
        raise refusals.not_authentic(f"The user delegation key is not valid now: {start} to {expiry}.")
    return user_delegation_key(account_key, oid, tid, start, expiry, version)


def _is_signed(key: str, text: str, query: Mapping[str, str]) -> bool:
    return keys.equal(accounts.sign(key, text), query["sig"])


def _account_text(call: BlobCall) -> str:
    names = ["sp", "ss", "srt", "st", "se", "sip", "spr", "sv"]
    if call.query.get("sv", "") >= "2020-12-06":
        names.append("ses")
    return "\n".join([call.ref.account, *(call.query.get(name, "") for name in names), ""])


def _service_texts(call: BlobCall) -> Iterator[str]:
    """Yields the strings to sign, one for each way in which clients spell this account's name."""
    path = _signed_path(call)
    spellings = [call.ref.account]
    if call.raw_path.startswith(refs.PATH_PREFIX):
        segment = call.raw_path.split("/", 3)[2]
        local = [f"_blob/{call.ref.account}", f"_blob/{segment}"]
        spellings += [*local, *(f"{call.headers.get('host', '')}/{one}" for one in local)]
    for account in dict.fromkeys(spellings):
        yield _service_text(call.query, f"/blob/{account}/{path}")


def _signed_path(call: BlobCall) -> str:
    """Returns the resource that the signature must be for, by its `sr`."""
    kind, ref = call.query.get("sr", ""), call.ref
    if kind == "c":
        return ref.container
    if kind == "b" and ref.name:
        return f"{ref.container}/{ref.name}"
    if kind == "d" and call.query.get("sdd", "").isdecimal():
        depth = int(call.query["sdd"])
        return "/".join([ref.container, *ref.name.split("/")[:depth]])
    raise refusals.not_authentic(f'The signed resource "{kind}" is not what the request is about.')


def _service_text(query: Mapping[str, str], resource: str) -> str:
    version = query.get("sv", "")
    if version < "2015-04-05":
        raise refusals.not_authentic(f'Signatures of version "{version}" are not accepted.')

    def values(*names: str) -> list[str]:
        return [query.get(name, "") for name in names]

    lines = [*values("sp", "st", "se"), resource]
    lines += _delegation_lines(query, version) if "skoid" in query else values("si")
    lines += values("sip", "spr", "sv")
    lines += [*values("sr"), ""] if version >= "2018-11-09" else []  # no snapshots here, so their time is never signed
    lines += values("ses") if version >= "2020-12-06" else []
    if "skoid" in query and version >= "2026-04-06":  # Source: guess, from the first SDK that signs srh and srq
        if query.get("srh") or query.get("srq"):
            raise refusals.not_implemented("signatures over request headers or query parameters")
        lines += ["", ""]
    return "\n".join([*lines, *values(*_OVERRIDES)])


def _delegation_lines(query: Mapping[str, str], version: str) -> list[str]:
    names = [*_DELEGATION]
    names += ["saoid", "suoid", "scid"] if version >= "2020-02-10" else []
    names += ["skdutid", "sduoid"] if version >= "2025-07-05" else []
    return [query.get(name, "") for name in names]


def _check_account(query: Mapping[str, str], level: str) -> None:
    if "b" not in query.get("ss", ""):
        raise Forbidden(
            "This request is not authorized to perform this operation using this service.",
            code="AuthorizationServiceMismatch",
        )
    if level.replace("l", "c") not in query.get("srt", ""):
        raise Forbidden(
            "This request is not authorized to perform this operation using this resource type.",
            code="AuthorizationResourceTypeMismatch",
        )


def _check_times(query: Mapping[str, str], now: datetime) -> None:
    start, expiry = query.get("st", ""), query.get("se", "")
    if (start and now < moment(start)) or now >= moment(expiry):
        raise refusals.not_authentic(
            f"Signature not valid in the specified time frame: Start [{start}] - Expiry [{expiry}] - "
            f"Current [{now:%Y-%m-%dT%H:%M:%SZ}]."
        )


def _check_source(call: BlobCall) -> None:
    protocols, source = call.query.get("spr"), call.query.get("sip")
    if protocols and call.scheme not in protocols.split(","):
        raise Forbidden(
            f"This request is not authorized to perform this operation using {call.scheme}.",
            code="AuthorizationProtocolMismatch",
        )
    if source and not _is_from(call.client, source):
        raise Forbidden(
            f"This request is not authorized to perform this operation using this source IP {call.client}.",
            code="AuthorizationSourceIPMismatch",
        )


def _is_from(client: str, source: str) -> bool:
    first, _, last = source.partition("-")
    try:
        low, here, high = (int(ipaddress.IPv4Address(one)) for one in (first, client, last or first))
    except ValueError:
        return False
    return low <= here <= high


def moment(text: str) -> datetime:
    """Reads a time as signatures bear it, a date or up to a fraction of a second. Raises AuthenticationFailed (403)."""
    match = _TIME.fullmatch(text)
    try:
        if not match:
            raise ValueError(text)
        day, minutes, seconds = match.groups()
        return datetime.fromisoformat(f"{day}T{minutes or '00:00'}:{seconds or '00'}").replace(tzinfo=timezone.utc)
    except ValueError:
        raise refusals.not_authentic(f'"{text}" is not a time that a signature can bear.') from None
