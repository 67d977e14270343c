"""Blob containers by the management API: made, shown, listed, and found by blob storage where it looks."""

from lazulite.artifacts import refs
from tests.arm.conftest import WORKSPACE, Arm

GROUP = WORKSPACE.partition("/providers/")[0]
ALL = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/mine/blobServices/default/containers"


def test_a_container_is_made_once_and_shown(arm: Arm) -> None:
    assert arm.ask("GET", f"{ALL}/hello").status == 404
    assert arm.ask("GET", ALL).body["value"] == []
    made, again = arm.ask("PUT", f"{ALL}/hello", {}), arm.ask("PUT", f"{ALL}/hello", {})
    assert (made.status, again.status, made.body["id"]) == (201, 200, f"{ALL}/hello")
    assert refs.container_path(arm.parts.settings.home, "mine", "hello").is_dir()
    assert [one["name"] for one in arm.ask("GET", ALL).body["value"]] == ["hello"]
    assert arm.ask("PUT", f"{ALL}/No.Name", {}).status == 400
