"""Who may pass: keys, tokens, sizes, and how many may wait."""

import json
import threading
from datetime import timedelta

import pytest

from lazulite import clock
from lazulite.identity import tokens
from lazulite.serving import routing
from tests.serving.rig import KEY, blue, endpoint, rig_in, wait_until

AUDIENCE = "lazulite:a/b/c/onlineendpoints/aml"
ENTRA = "https://ml.azure.com"


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    with rig_in(tmp_path_factory.mktemp("admission")) as rig:
        rig.route(
            e=endpoint(rig.worker("e")),
            aml=routing.Endpoint(
                {"blue": blue(rig.worker("aml"))}, auth="aml_token", audience=AUDIENCE, traffic={"blue": 100}
            ),
            aad=routing.Endpoint(
                {"blue": blue(rig.worker("aad"))}, auth="aad_token", audience=ENTRA, traffic={"blue": 100}
            ),
            open=routing.Endpoint({"blue": blue(rig.worker("open"))}, auth="none", traffic={"blue": 100}),
            small=endpoint(rig.worker("small"), max_body_bytes=1000),
            narrow=endpoint(rig.worker("narrow"), queue=1, timeout_ms=10_000),
            hasty=endpoint(rig.worker("hasty"), queue=5, max_wait_ms=100, timeout_ms=10_000),
        )
        rig.start()
        for name in rig.endpoints:
            rig.ready(name)
        yield rig


def token(rig, audience, key=None, now=None, **options):
    claims = {"tenant": "t", "oid": "o", "name": "n", "now": now or clock.now(), **options}
    return tokens.issue(key or tokens.signing_key(rig.home), audience, **claims)


def code(answer):
    return json.loads(answer.body)["error"]["code"]


@pytest.mark.parametrize("key", [KEY, "j" * 84])
def test_either_key_opens(rig, key):
    assert rig.call("/e/score", b"x", key=key).status == 200


@pytest.mark.parametrize("key", ["k", KEY[:-1], KEY + "k", "\xe9" * 84, "k" * 83 + "\xe9"])
def test_another_key_is_401(rig, key):
    answer = rig.call("/e/score", b"x", key=key)
    assert (answer.status, code(answer)) == (401, "key_auth_access_denied")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert KEY not in answer.body.decode()


@pytest.mark.parametrize("value", [KEY, f"Basic {KEY}", "Bearer", "Bearer ", f"Bearer{KEY}"])
def test_a_header_that_bears_no_key_is_401(rig, value):
    answer = rig.call("/e/score", b"x", key=None, Authorization=value)
    assert (answer.status, code(answer)) == (401, "key_auth_bad_header_forbidden")


def test_the_scheme_ignores_case(rig):
    assert rig.call("/e/score", b"x", key=None, Authorization=f"bearer {KEY}").status == 200


def test_an_endpoint_without_keys_opens_to_none(rig):
    rig.route(keyless=routing.Endpoint({"blue": blue()}, traffic={"blue": 100}))
    assert rig.call("/keyless/score", b"x", key="").status == 401
    assert rig.call("/keyless/score", b"x").status == 401


def test_an_open_endpoint_asks_for_nothing(rig):
    assert rig.call("/open/score", b"x", key=None).status == 200


@pytest.mark.parametrize(("name", "audience"), [("aml", AUDIENCE), ("aad", ENTRA)])
def test_a_token_of_the_right_audience_opens_again_and_again(rig, name, audience):
    bearer = token(rig, audience)
    assert [rig.call(f"/{name}/score", b"x", key=bearer).status for _ in range(3)] == [200] * 3


def test_a_foreign_stale_or_misled_token_is_401(rig):
    stale = token(rig, AUDIENCE, now=clock.now() - timedelta(hours=2), lifetime_s=3600)
    for bearer, expected in (
        (token(rig, AUDIENCE, key=b"x" * 64), "InvalidAuthenticationToken"),
        (stale, "ExpiredAuthenticationToken"),
        (token(rig, ENTRA), "InvalidAuthenticationTokenAudience"),
        (token(rig, AUDIENCE)[:-2], "InvalidAuthenticationToken"),
        ("not.a.token", "InvalidAuthenticationToken"),
        (KEY, "InvalidAuthenticationToken"),
    ):
        answer = rig.call("/aml/score", b"x", key=bearer)
        assert (answer.status, code(answer)) == (401, expected)


def test_a_body_that_is_said_to_be_too_long_is_413_before_it_comes(rig):
    with rig.link() as link:
        link.sendall(rig.head("/small/score", "Content-Length: 99999999999"))
        assert link.recv(1 << 16).startswith(b"HTTP/1.1 413 ")
    assert rig.call("/small/score", b"x" * 1000).status == 200


def test_a_body_that_turns_out_too_long_is_413(rig):
    with rig.link() as link:
        link.sendall(rig.head("/small/score", "Transfer-Encoding: chunked"))
        link.sendall(b"300\r\n" + b"x" * 0x300 + b"\r\n300\r\n" + b"x" * 0x300)
        assert link.recv(1 << 16).startswith(b"HTTP/1.1 413 ")


def call_at_once(rig, path, times):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(rig.call(path, b"x"))) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(answer.status for answer in answers), answers


def test_more_than_may_wait_are_429_at_once(rig):
    first = threading.Thread(target=rig.call, args=("/narrow/score?sleep_ms=1500", b"x"))
    first.start()
    wait_until(lambda: rig.deployment("narrow", "blue")["in_flight"] == 1)
    statuses, answers = call_at_once(rig, "/narrow/score", 4)
    first.join()
    assert statuses == [200, 429, 429, 429]
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.headers["retry-after"] == "1"
    assert code(refused) == "TooManyRequests"


def test_who_waits_longer_than_it_may_is_429(rig):
    first = threading.Thread(target=rig.call, args=("/hasty/score?sleep_ms=800", b"x"))
    first.start()
    wait_until(lambda: rig.deployment("hasty", "blue")["in_flight"] == 1)
    answer = rig.call("/hasty/score", b"x")
    assert answer.status == 429 and b"100 ms" in answer.body
    assert rig.deployment("hasty", "blue")["in_flight"] == 1
    first.join()
