"""`az` as Lazulite answers it."""

import shutil
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
    shutil.rmtree(platform.home / "azure", ignore_errors=True)


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


def test_a_subscription_may_be_set_by_any_name_and_keeps_its_id(az):
    az.text("az", "account", "set", "-s", "My Team's Subscription")
    shown = az.json("az", "account", "show")
    assert shown["name"] == "My Team's Subscription"
    az.text("az", "account", "clear")
    az.text("az", "account", "set", "--name", "My Team's Subscription")
    assert az.json("az", "account", "show")["id"] == shown["id"] != shown["name"]


def test_defaults_are_kept_and_taken_back(az):
    az.text("az", "configure", "--defaults", "group=team", "workspace=dev", "other=x")
    az.text("az", "config", "set", "defaults.workspace=test")
    stored = az.json("az", "configure", "--list-defaults", "--query", "[].[name, value]")
    assert stored == [["group", "team"], ["workspace", "test"], ["other", "x"]]
    assert az.text("az", "config", "get", "defaults.group", "--query", "value", "-o", "tsv") == "team\n"
    az.text("az", "configure", "-d", "group=", "workspace=")
    az.text("az", "config", "unset", "defaults.other")
    assert az.json("az", "configure", "-l") == []
    assert "is not set" in az.refused("az", "config", "get", "defaults.group", code=1)


def test_variables_win_over_what_is_stored(az):
    az.text("az", "configure", "--defaults", "group=stored")
    az.variables["AZURE_DEFAULTS_GROUP"] = "given"
    assert az.json("az", "configure", "-l", "--query", "[].value") == ["given"]


def test_the_configured_output_is_taken_where_none_is_given(az):
    az.text("az", "config", "set", "core.output=tsv")
    assert az.text("az", "account", "show", "--query", "state") == "Enabled\n"
    assert az.text("az", "account", "show", "--query", "state", "-o", "json") == '"Enabled"\n'
    az.variables["AZURE_CORE_OUTPUT"] = "json"
    assert az.text("az", "account", "show", "--query", "state") == '"Enabled"\n'


def test_programs_led_here_may_keep_defaults_in_a_folder_of_their_own(az, tmp_path):
    script = 'az configure -d group=mine; AZURE_CONFIG_DIR="$1" az configure -d group=other; az configure -l -o tsv'
    shown = az.text("run", "--", "sh", "-c", script, "sh", str(tmp_path))
    assert shown.split("\t") == ["group", str(az.platform.home / "azure" / "config"), "mine\n"]
    assert "other" in (tmp_path / "config").read_text()
    az.variables["AZURE_CONFIG_DIR"] = str(tmp_path)  # outside `lazulite run` this is the real az's
    assert az.json("az", "configure", "-l", "--query", "[].value") == ["mine"]


def test_a_broken_store_of_defaults_is_named(az):
    (az.platform.home / "azure").mkdir()
    (az.platform.home / "azure" / "config").write_text("no section = here")
    assert "config is not what `az configure` wrote" in az.refused("az", "ml", "model", "list", code=1)


def test_ml_is_the_only_extension(az):
    az.text("az", "extension", "add", "-n", "ml", "--yes")
    az.text("az", "extension", "remove", "--name", "azure-cli-ml", "-o", "none")
    assert [row["name"] for row in az.json("az", "extension", "list")] == ["ml"]
    assert 'no extension "storage-preview"' in az.refused("az", "extension", "add", "-n", "storage-preview", code=1)
    assert az.json("az", "version")["extensions"]["ml"].startswith("2.")


def test_a_word_may_be_a_file(az, tmp_path):
    (tmp_path / "group").write_text("team\n")
    az.text("az", "configure", "--defaults", f"group=@{tmp_path / 'group'}", "workspace=@nothing")
    assert az.json("az", "configure", "-l", "--query", "[].value") == ["team", "@nothing"]


def test_groups_are_made_listed_and_deleted(az):
    made = az.json("az", "group", "create", "--name", "mine", "--location", "westus", "--tags", "a=b")
    assert (made["location"], made["tags"], made["resourceGroup"]) == ("westus", {"a": "b"}, "mine")
    assert az.json("az", "group", "exists", "-n", "MINE") is True
    assert [one["name"] for one in az.json("az", "group", "list", "--tag", "a=b")] == ["mine"]
    az.text("az", "configure", "--defaults", "group=mine")
    assert az.json("az", "group", "show", "--query", "location") == "westus"
    changed = az.json("az", "group", "update", "-n", "mine", "--set", "tags.c=d")
    assert changed["tags"] == {"a": "b", "c": "d"}
    az.text("az", "group", "delete", "-n", "mine", "--yes", "--no-wait")
    assert az.text("az", "group", "exists", "-n", "mine") == "false\n"


def test_rest_asks_any_of_azures_hosts_with_a_token_of_its_own(az, tmp_path):
    (tmp_path / "body.json").write_text('{"location": "eastus", "tags": {"by": "rest"}}')
    url = "https://management.azure.com/subscriptions/{subscriptionId}/resourceGroups/byrest?api-version=2021-04-01"
    made = az.json("az", "rest", "--method", "PUT", "--uri", url, "--body", f"@{tmp_path / 'body.json'}")
    assert made["tags"] == {"by": "rest"}
    assert az.json("az", "rest", "-u", url.partition(".com")[2], "--query", "tags") == {"by": "rest"}
    assert "@odata.context" in az.json("az", "rest", "-m", "get", "-u", "https://graph.microsoft.com/v1.0/me")
    said = az.refused("az", "rest", "--url", "/subscriptions/x/nothing", code=1)
    assert said.startswith("ERROR: Not Implemented({")


def test_ml_has_the_nouns_and_nothing_else(az):
    assert "online-endpoint" in az.text("az", "ml")
    assert 'az ml has no command "up"' in az.refused("az", "ml", "up", code=2)
    assert "usage: az ml model show" in az.text("az", "ml", "model", "show", "-h")
