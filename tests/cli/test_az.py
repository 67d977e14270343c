"""`az` as Lazulite answers it."""

import time
from datetime import datetime

import jwt
import pytest

from lazulite.identity.environment import TENANT
from tests.cli.conftest import Cli
from tests.conftest import SUBSCRIPTION


@pytest.fixture
def az(platform):
    """`lazulite az` on the shared platform; what it stored as defaults is taken back."""
    yield Cli(platform)
    (platform.home / "azure.json").unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("words", "audience"),
    [
        ((), "https://management.azure.com"),
        (("--resource", "https://ml.azure.com"), "https://ml.azure.com"),
        (("--scope", "https://storage.azure.com/.default"), "https://storage.azure.com"),
        (("--resource-type", "ms-graph"), "https://graph.microsoft.com"),
    ],
)
def test_tokens_are_for_what_was_asked(az, words, audience):
    answer = az.json("az", "account", "get-access-token", *words)
    claims = jwt.decode(answer["accessToken"], options={"verify_signature": False})
    assert (claims["aud"], answer["tenant"], answer["tokenType"]) == (audience, TENANT, "Bearer")
    assert answer["expires_on"] == claims["exp"] > time.time()
    assert datetime.strptime(answer["expiresOn"], "%Y-%m-%d %H:%M:%S.%f").timestamp() == answer["expires_on"]


def test_the_subscription_that_is_set_is_the_one_shown_until_logout(az):
    az.text("az", "account", "set", "--subscription", SUBSCRIPTION)
    assert az.text("az", "account", "show", "--query", "id", "-o", "tsv") == f"{SUBSCRIPTION}\n"
    assert [row["id"] for row in az.json("az", "account", "list") if row["isDefault"]] == [SUBSCRIPTION]
    az.text("az", "logout")
    assert "subscription" not in (az.json("az", "configure", "--list-defaults") or [])


def test_login_lists_subscriptions_however_one_logs_in(az):
    for words in (
        (),
        ("--identity",),
        ("--service-principal", "-u", "a", "-p", "b", "-t", "c"),
        ("--use-device-code",),
    ):
        assert az.json("az", "login", *words)[0]["state"] == "Enabled"


def test_defaults_are_kept_and_taken_back(az):
    az.text("az", "configure", "--defaults", "group=team", "workspace=dev", "other=x")
    az.text("az", "config", "set", "defaults.workspace=test")
    wanted = [{"name": "group", "value": "team"}, {"name": "workspace", "value": "test"}]
    assert az.json("az", "configure", "--list-defaults") == wanted
    az.text("az", "configure", "-d", "group=", "workspace=")
    assert az.json("az", "configure", "-l") == []


def test_a_broken_store_of_defaults_is_named(az):
    (az.platform.home / "azure.json").write_text('{"unheard": 1}')
    assert "azure.json is not what `az configure` wrote" in az.refused("az", "ml", "model", "list", code=1)


def test_ml_is_the_only_extension(az):
    az.text("az", "extension", "add", "-n", "ml", "--yes")
    assert [row["name"] for row in az.json("az", "extension", "list")] == ["ml"]
    assert "invalid choice" in az.refused("az", "extension", "add", "-n", "storage-preview", code=2)


def test_ml_has_the_nouns_and_nothing_else(az):
    assert "online-endpoint" in az.text("az", "ml")
    assert 'az ml has no command "up"' in az.refused("az", "ml", "up", code=2)
    assert "usage: az ml model show" in az.text("az", "ml", "model", "show", "-h")
