"""The environment that leads clients here."""

from pathlib import Path

from lazulite import settings
from lazulite.identity import environment
from lazulite.identity.environment import client_environment

LOOPBACK = settings.read({}, home=Path("/home/me/.lazulite"), port=8765)
EXPOSED = settings.read({}, home=Path("/home/me/.lazulite"), port=8765, host="0.0.0.0", secret="a/b c")


def test_by_the_proxy():
    variables = client_environment(LOOPBACK)
    assert variables["HTTPS_PROXY"] == variables["https_proxy"] == "http://127.0.0.1:8765"
    assert variables["NO_PROXY"] == "localhost,127.0.0.1"
    assert variables["REQUESTS_CA_BUNDLE"] == "/home/me/.lazulite/ca/bundle.pem"
    assert variables["IDENTITY_ENDPOINT"] == "http://127.0.0.1:8765/_identity/token"
    assert variables["AZURE_TENANT_ID"] == environment.TENANT
    assert "ARM_CLOUD_METADATA_URL" not in variables
    assert "AZURE_AUTHORITY_HOST" not in variables


def test_without_a_proxy():
    variables = client_environment(LOOPBACK, no_proxy=True)
    assert not [name for name in variables if "PROXY" in name.upper()]
    assert variables["ARM_CLOUD_METADATA_URL"] == "https://localhost:8765/metadata/endpoints?api-version=2019-05-01"
    assert variables["AZURE_AUTHORITY_HOST"] == "https://localhost:8765"
    assert variables["AZURE_TENANT_ID"] == "adfs"


def test_an_exposed_port_puts_its_secret_where_clients_send_it_from():
    variables = client_environment(EXPOSED)
    assert variables["HTTPS_PROXY"] == "http://lazulite:a%2Fb%20c@127.0.0.1:8765"
    assert variables["IDENTITY_HEADER"] == variables["MSI_SECRET"] == variables["AZURE_CLIENT_SECRET"] == "a/b c"
    assert variables["OBO_ENDPOINT"] == "http://lazulite:a%2Fb%20c@127.0.0.1:8765/_identity/obo"


def test_an_address_in_the_network_is_used_where_localhost_would_not_reach():
    told = settings.read({}, home=Path("/h"), port=1, host="10.1.2.3", secret="s")
    assert client_environment(told)["NO_PROXY"] == "localhost,127.0.0.1,10.1.2.3"
    assert client_environment(told, no_proxy=True)["AZURE_AUTHORITY_HOST"] == "https://10.1.2.3:1"
    told = settings.read({}, home=Path("/h"), port=1, host="::1")
    assert client_environment(told)["HTTPS_PROXY"] == "http://[::1]:1"


def test_every_variable_has_a_meaning_and_one_value_in_each_recipe():
    for recipe in ("proxy", "direct"):
        names = [line.name for line in environment.VARIABLES if line.recipe in ("", recipe)]
        assert len(names) == len(set(names))
    assert all(line.meaning.endswith(".") for line in environment.VARIABLES)
