"""`lazulite workspace` and `lazulite datastore`, against a real platform."""

import uuid

from tests.cli.conftest import Cli


def test_a_workspace_is_made_changed_and_deleted(cli):
    cli, name = Cli(cli.platform), f"ws-{uuid.uuid4().hex[:8]}"
    scope = ("-g", f"{name}-group")
    made = cli.json("workspace", "create", "-n", name, *scope, "--display-name", "Mine", "--tags", "a=b")
    assert (made["name"], made["display_name"], made["tags"]) == (name, "Mine", {"a": "b"})
    assert cli.json("workspace", "list", *scope) == [made] == [cli.json("workspace", "show", "-n", name, *scope)]
    changed = cli.json("workspace", "update", "-n", name, *scope, "--set", "description=Better")
    assert changed["description"] == "Better"
    assert "userStorageKey" in cli.json("workspace", "list-keys", "-n", name, *scope)
    assert cli.json("workspace", "delete", "-n", name, *scope, "-y") is None
    assert cli.json("workspace", "list", *scope) == []


def test_a_file_names_the_workspace(cli, tmp_path):
    cli, name = Cli(cli.platform), f"ws-{uuid.uuid4().hex[:8]}"
    file = tmp_path / "workspace.yml"
    file.write_text(f"name: {name}\nlocation: westeurope\n")
    made = cli.json("workspace", "create", "-f", str(file), "-g", "files")
    assert (made["name"], made["location"]) == (name, "westeurope")
    file.write_text("a: [")
    assert "is not YAML" in cli.refused("workspace", "create", "-f", str(file), "-g", "files", code=2)


def test_datastores_are_listed_under_their_own_account_names(cli, tmp_path):
    born = cli.json("datastore", "list")
    assert [one["name"] for one in born if one.get("is_default")] == ["workspaceblobstore"]
    assert all("/" not in one["account_name"] for one in born)
    file = tmp_path / "store.yml"
    file.write_text("name: lake\ntype: azure_blob\naccount_name: lake\ncontainer_name: raw\n")
    made = cli.json("datastore", "create", "-f", str(file))
    assert (made["type"], made["container_name"]) == ("azure_blob", "raw")
    cli.json("datastore", "delete", "-n", "lake", "-y")
    assert len(cli.json("datastore", "list")) == len(born)
