"""Artifacts of MLflow: plain files of the workspace's artifact store, listed, carried, kept in their place."""

import dataclasses

import pytest

from lazulite.engine import folders
from lazulite.errors import BadRequest, NotFound
from tests.dataplane.conftest import HERE, Plane

CARRIED = "/mlflow/v2.0{W}/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def run_id(tracking):
    return tracking.ask("POST", "runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]


@pytest.fixture
def folder(tracking, run_id):
    """The run's folder on disk, with three files."""
    root = folders.artifacts(tracking.parts.settings.home, HERE, run_id)
    for name in ("a.txt", "net/MLmodel", "net/deep/w.bin"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"12345")
    return root


def names(told):
    return [(one["path"], one["is_dir"], one.get("file_size")) for one in told["files"]]


def test_a_folder_of_a_run_is_listed_by_paths_from_its_root(tracking, run_id, folder):
    top = tracking.ask("GET", f"artifacts/list?run_id={run_id}")
    assert names(top) == [("a.txt", False, 5), ("net", True, None)]
    assert top["root_uri"] == f"mlflow-artifacts:/workspaceartifactstore/ExperimentRun/dcid.{run_id}"
    below = tracking.ask("GET", f"artifacts/list?run_id={run_id}&path=net/")
    assert names(below) == [("net/MLmodel", False, 5), ("net/deep", True, None)]
    assert names(tracking.ask("GET", f"artifacts/list?run_id={run_id}&path=a.txt")) == []
    assert names(tracking.ask("GET", f"artifacts/list?run_id={run_id}&path=nothing")) == []


def test_carried_folders_are_listed_by_names(tracking, run_id, folder):
    path = f"workspaceartifactstore/ExperimentRun/dcid.{run_id}/net"
    assert names(Plane.ask(tracking, "GET", f"{CARRIED}?path={path}")) == [("MLmodel", False, 5), ("deep", True, None)]


def upload(tracking, path, data=b"new"):
    """Puts a file as http/stack.py would: the body is a draft already."""
    draft = tracking.parts.uploads.draft()
    draft.write([data])
    route, ids = tracking.router.find("PUT", f"{CARRIED.replace('{W}', str(HERE))}/{path}")
    assert route.takes_file
    try:
        call = dataclasses.replace(tracking.call("PUT", "", ids), file=draft)
        return route.handler(call, tracking.parts)
    finally:
        draft.discard()


def test_an_upload_is_a_plain_file_in_the_runs_folder(tracking, run_id, folder):
    upload(tracking, f"workspaceartifactstore/ExperimentRun/dcid.{run_id}/new/b%20c.txt", b"abc")
    assert (folder / "new" / "b c.txt").read_bytes() == b"abc"
    upload(tracking, f"workspaceartifactstore/ExperimentRun/dcid.{run_id}/a.txt", b"again")
    assert (folder / "a.txt").read_bytes() == b"again"


@pytest.mark.parametrize("path", ["a.txt/below", "net/MLmodel/x/y"])
def test_a_file_does_not_become_a_folder(tracking, run_id, folder, path):
    with pytest.raises(BadRequest, match="file and a folder at once"):
        upload(tracking, f"workspaceartifactstore/ExperimentRun/dcid.{run_id}/{path}")
    assert (folder / "a.txt").read_bytes() == b"12345"


@pytest.mark.parametrize(
    "path",
    [
        "workspaceartifactstore",
        "workspaceartifactstore/..%2Fx",
        "workspaceartifactstore/a//b",
        "workspaceartifactstore/%00",
    ],
)
def test_a_path_that_leads_away_is_refused(tracking, run_id, path):
    with pytest.raises(BadRequest):
        upload(tracking, f"workspaceartifactstore{path}")
    with pytest.raises(BadRequest):
        Plane.ask(tracking, "GET", f"{CARRIED}/workspaceartifactstore{path}")


def test_an_unknown_datastore_is_named(tracking, run_id):
    with pytest.raises(NotFound, match='"elsewhere" was not found'):
        upload(tracking, "elsewhere/x")
    with pytest.raises(BadRequest, match="no blob storage"):
        upload(tracking, "workspacefilestore/x")


def test_a_download_is_an_attachment_that_no_browser_runs(tracking, run_id, folder):
    path = f"{CARRIED}/workspaceartifactstore/ExperimentRun/dcid.{run_id}"
    route, ids = tracking.router.find("GET", f"{path}/a.txt".replace("{W}", str(HERE)))
    reply = route.handler(tracking.call("GET", "", ids), tracking.parts)
    assert reply.body == folder / "a.txt"
    assert reply.headers["content-disposition"] == "attachment"
    assert reply.headers["content-type"] == "application/octet-stream"
    with pytest.raises(NotFound):
        Plane.ask(tracking, "GET", f"{path}/net")


def test_a_folder_is_removed_with_all_that_is_in_it(tracking, run_id, folder):
    path = f"{CARRIED}/workspaceartifactstore/ExperimentRun/dcid.{run_id}/net"
    Plane.ask(tracking, "DELETE", path)
    assert not (folder / "net").exists() and (folder / "a.txt").exists()
    with pytest.raises(NotFound):
        Plane.ask(tracking, "DELETE", path)
