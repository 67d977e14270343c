"""Which workspace a command means."""

import uuid

import pytest

from tests.cli.conftest import Cli
from tests.conftest import GROUP


@pytest.fixture
def alone(own_cli):
    """A platform with no workspace at all."""
    own_cli.platform.start()
    return own_cli


def names(cli, *words):
    return [row["name"] for row in cli.json("workspace", "list", *words)]


def test_the_only_one_there_is_need_not_be_named(alone):
    alone.refused("model", "list", code=3)
    alone.text("model", "list", "--subscription", "s", "-g", "team", "-w", "dev")
    assert alone.json("datastore", "list")[0]["id"].startswith("/subscriptions/s/resourceGroups/team/")
    assert alone.json("workspace", "show")["name"] == "dev"
    alone.text("model", "list", "-g", "team", "-w", "test")
    said = alone.refused("model", "list", code=1)
    assert "team/dev" in said and "team/test" in said
    assert alone.json("model", "list", "-w", "DEV") == []
    assert sorted(names(alone)) == ["dev", "test"]
    usual = alone.json("az", "account", "show")["id"]
    alone.text("model", "list", "--subscription", usual, "-g", "team", "-w", "dev")
    assert f"/subscriptions/{usual}/" in alone.json("workspace", "show", "-g", "team", "-n", "dev")["id"]


def test_a_workspace_is_found_without_its_subscription(cli):
    cli.text("model", "list", *cli.scope)
    workspace = cli.scope[-1]
    shown = Cli(cli.platform).json("workspace", "show", "-g", GROUP, "-n", workspace)
    assert shown["id"].startswith("/subscriptions/10000000-")


def test_variables_name_it_as_az_reads_them(cli):
    cli.text("model", "list", *cli.scope)
    named = Cli(cli.platform, (), {"AZURE_DEFAULTS_GROUP": GROUP, "AZURE_DEFAULTS_WORKSPACE": cli.scope[-1]})
    assert named.json("workspace", "show")["name"] == cli.scope[-1]


def test_configured_defaults_name_it_and_flags_win(cli):
    configured, other = f"ws-{uuid.uuid4().hex[:8]}", f"ws-{uuid.uuid4().hex[:8]}"
    bare = Cli(cli.platform)
    bare.text("az", "configure", "--defaults", "group=team", f"workspace={configured}")
    try:
        bare.text("model", "list")
        bare.text("model", "list", "-w", other)
        assert {configured, other} <= set(names(bare, "-g", "team"))
        assert bare.json("workspace", "show")["name"] == configured
    finally:
        bare.text("az", "configure", "--defaults", "group=", "workspace=")
