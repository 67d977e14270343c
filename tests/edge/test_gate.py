"""Who may speak to the port directly."""

import pytest
import requests

from tests.front import running

SECRET = "open sesame"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example"])
def test_a_page_whose_name_was_bent_to_this_machine_is_turned_away(front, host):
    answer = requests.get(front.url, headers={"Host": host})
    assert (answer.status_code, answer.json()["error"]["code"]) == (421, "MisdirectedRequest")
    assert front.url in answer.json()["error"]["message"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]:1", "management.azure.com", "x.localhost"])
def test_own_and_azures_names_are_let_in(front, host):
    assert requests.get(front.url, headers={"Host": host}).ok


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, 403),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "websocket"}, 403),
        ("POST", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ("POST", {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200),
        ("GET", {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, 200),
    ],
)
def test_another_sites_page_may_link_here_and_no_more(front, method, headers, status):
    assert requests.request(method, front.url, headers=headers).status_code == status


@pytest.fixture
def exposed(tmp_path):
    with running(tmp_path, host="0.0.0.0", secret=SECRET) as front:
        yield front


@pytest.mark.parametrize(
    "path",
    ["/", "/_identity/token", "/_identity/obo", "/metadata/identity/oauth2/token", "/common/oauth2/v2.0/devicecode"],
)
def test_an_exposed_port_wants_its_secret(exposed, path):
    refused = requests.get(exposed.url + path)
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, 'Basic realm="Lazulite"')
    assert requests.get(exposed.url + path, auth=("x", "guessed")).status_code == 401
    assert requests.get(exposed.url + path, headers={"Authorization": "Bearer x"}).status_code == 401
    assert requests.get(exposed.url + path, auth=("anybody", SECRET)).status_code == 200
    assert requests.get(exposed.url + path, headers={"X-IDENTITY-HEADER": SECRET}).status_code == 200
    assert requests.get(exposed.url + path, headers={"secret": SECRET}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/subscriptions/1",
        "/_blob/acct/c",
        "/mlflow/v2.0/x",
        "/metadata/endpoints",
        "/adfs/oauth2/v2.0/token",
        "/some-tenant/oauth2/token",
        "/adfs/.well-known/openid-configuration",
        "/common/v2.0/.well-known/openid-configuration",
        "/common/discovery/instance",
    ],
)
def test_what_checks_its_callers_itself_needs_no_second_check(exposed, path):
    assert requests.get(exposed.url + path).status_code == 200


def test_other_machines_may_call_an_exposed_port_by_any_name(exposed):
    assert requests.get(exposed.url, headers={"Host": "ml-box.lan"}, auth=("", SECRET)).ok


def test_what_came_through_the_proxy_has_shown_the_secret(exposed):
    proxies = dict.fromkeys(("http", "https"), f"http://me:{SECRET}@127.0.0.1:{exposed.port}")
    assert requests.get("https://ml.azure.com/", proxies=proxies, verify=exposed.bundle).ok
    assert requests.get("http://169.254.169.254/metadata/identity/oauth2/token", proxies=proxies).ok
