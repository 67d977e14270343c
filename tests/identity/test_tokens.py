"""Tokens: issued, read, refused."""

import base64
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.errors import Unauthorized
from lazulite.identity import tokens

KEY = bytes(range(64))
NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
ML = "https://ml.azure.com"


def issued(audience=ML, now=NOW, key=KEY, **given):
    return tokens.issue(key, audience, tenant="a-tenant", oid="an-object", name="a-client", now=now, **given)


@pytest.mark.parametrize("asked", [ML, ML + "/", ML + "/.default", ML + "//.default"])
def test_the_audience_is_the_bare_resource(asked):
    claims = tokens.verify(KEY, issued(asked), [ML], NOW)
    assert (claims.audience, claims.oid, claims.tid, claims.name) == (ML, "an-object", "a-tenant", "a-client")
    assert claims.expires_at == NOW + timedelta(seconds=tokens.LIFETIME_S)


@pytest.mark.parametrize("taken", [[ML + "/"], ["https://x.y", ML + "/.default"], None])
def test_audiences_may_be_spelled_as_azure_does(taken):
    assert tokens.verify(KEY, issued(), taken, NOW)


def test_a_token_for_another_audience_is_refused():
    with pytest.raises(Unauthorized, match=r'is for "https://other.net", but') as refused:
        tokens.verify(KEY, issued("https://other.net/"), [ML], NOW)
    assert refused.value.code == "InvalidAuthenticationTokenAudience"


def test_a_token_ends_by_the_callers_clock():
    token = issued(lifetime_s=60)
    assert tokens.verify(KEY, token, None, NOW + timedelta(seconds=61))
    with pytest.raises(Unauthorized, match="expired at 2026-03-01T12:01:00") as refused:
        tokens.verify(KEY, token, None, NOW + timedelta(minutes=7))
    assert refused.value.code == "ExpiredAuthenticationToken"


def unsigned(header, claims):
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims))
    return ".".join(parts) + "."


CLAIMS = {"aud": ML, "oid": "o", "tid": "t", "appid": "a", "exp": 2_000_000_000}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "nonsense",
        "a.b.c",
        "x" * 100_000,
        "é.é.é",
        issued(key=b"another home's key, as long as this" * 2),
        issued()[:-2],
        unsigned({"alg": "none"}, CLAIMS),
        jwt.encode(CLAIMS, KEY, algorithm="HS512"),
        jwt.encode({**CLAIMS, "oid": None}, KEY, algorithm="HS256"),
        jwt.encode({"aud": ML}, KEY, algorithm="HS256"),
    ],
)
def test_what_was_not_issued_here_is_refused(token):
    with pytest.raises(Unauthorized, match="was not issued here") as refused:
        tokens.verify(KEY, token, [ML], NOW)
    assert refused.value.code == "InvalidAuthenticationToken"


@given(st.text(max_size=200))
def test_any_text_is_refused_in_the_same_way(text):
    with pytest.raises(Unauthorized):
        tokens.verify(KEY, text, None, NOW)


def test_the_signing_key_is_made_once_and_is_nobody_elses(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(tokens.signing_key, [tmp_path] * 32))
    (key,) = keys
    assert len(key) == 64
    kept = tmp_path / "secrets" / "signing.key"
    assert kept.read_bytes() == key
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert list(kept.parent.iterdir()) == [kept]
