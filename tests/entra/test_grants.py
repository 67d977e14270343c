"""The token endpoint: grants, and Entra's own errors for what is wrong."""

import pytest
import requests

TOKEN = "https://login.microsoftonline.com/common/oauth2/v2.0/token"
GOOD = {"grant_type": "client_credentials", "client_id": "c", "client_secret": "s", "scope": "https://a.b/.default"}


def post(form, url=TOKEN):
    return requests.post(url, data=form)


@pytest.mark.usefixtures("led_here")
def test_a_v2_answer_has_whole_numbers():
    answer = post(GOOD)
    body = answer.json()
    assert (body["token_type"], body["expires_in"], body["ext_expires_in"]) == ("Bearer", 86_399, 86_399)
    assert answer.headers["Cache-Control"].startswith("no-store")
    assert "refresh_token" not in body


@pytest.mark.usefixtures("led_here")
def test_a_v1_resource_is_as_good_as_a_scope():
    form = {**GOOD, "scope": "", "resource": "https://management.core.windows.net/"}
    body = post(form, "https://login.windows.net/some-tenant/oauth2/token").json()
    assert body["resource"] == "https://management.core.windows.net"


@pytest.mark.parametrize(
    ("change", "status", "error", "number"),
    [
        ({"grant_type": ""}, 400, "invalid_request", 900144),
        ({"grant_type": "authorization_code"}, 400, "unsupported_grant_type", 70003),
        ({"client_id": ""}, 400, "invalid_request", 900144),
        ({"client_secret": ""}, 401, "invalid_client", 7000218),
        ({"scope": ""}, 400, "invalid_request", 900144),
        ({"grant_type": "refresh_token", "refresh_token": "x.y.z"}, 400, "invalid_grant", 70008),
        ({"grant_type": "refresh_token"}, 400, "invalid_request", 900144),
    ],
)
@pytest.mark.usefixtures("led_here")
def test_errors_are_entras(change, status, error, number):
    answer = post({**GOOD, **change})
    body = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (status, error, [number])
    assert body["error_description"].startswith(f"AADSTS{number}: ")


@pytest.mark.usefixtures("led_here")
def test_an_access_token_is_no_refresh_token():
    access = post(GOOD).json()["access_token"]
    body = post({"grant_type": "refresh_token", "refresh_token": access, "client_id": "c"}).json()
    assert (body["error"], body["error_codes"]) == ("invalid_grant", [9002313])


@pytest.mark.parametrize("body", [b"\xff\xfe", b"&" * 1000, b'{"grant_type": "client_credentials"}', b"=" * 200])
@pytest.mark.usefixtures("led_here")
def test_a_body_that_is_no_form_is_a_bad_request(body):
    assert post(body).status_code == 400


def test_an_assertion_does_not_open_an_exposed_port(exposed):
    form = {**GOOD, "client_secret": "", "client_assertion": "anything"}
    answer = post(form, f"{exposed.url}/common/oauth2/v2.0/token")
    assert (answer.status_code, answer.json()["error_codes"]) == (401, [7000215])


def test_an_exposed_ports_device_flow_needs_its_secret(exposed):
    url = f"{exposed.url}/common/oauth2/v2.0/devicecode"
    assert requests.post(url, data=GOOD).status_code == 401
    assert requests.post(url, data=GOOD, auth=("me", "open sesame/1")).json()["user_code"] == "LAZULITE"
