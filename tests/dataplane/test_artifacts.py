"""The artifact service: addresses to write to and to read from, by artifact's id and by run."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from lazulite.engine import folders
from lazulite.errors import BadRequest, InvalidName, NotFound
from lazulite.identity import accounts
from tests.dataplane.conftest import HERE, Plane

ROOT = "/artifact/v2.0{W}/artifacts"
OF_RUN = "/history/v1.0{W}/experiments/trial/runs/r1/artifacts"


@pytest.fixture(autouse=True)
def logged(plane: Plane) -> Path:
    plane.ask("PATCH", "/history/v1.0{W}/experiments/trial/runs/r1", {})
    folder = folders.artifacts(plane.parts.settings.home, HERE, "r1")
    for name in ("outputs/a.bin", "outputs/deep/b.bin", "user_logs/std_log.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


@pytest.mark.parametrize("address", [f"{ROOT}/batch/metadata/ExperimentRun/dcid.r1", f"{OF_RUN}/batch/metadata"])
def test_a_new_file_gets_an_address_that_it_can_be_written_to(plane: Plane, address: str) -> None:
    answer = plane.ask("POST", address, {"paths": [{"path": "new/c d.bin"}]})
    assert answer["artifacts"]["new/c d.bin"]["artifactId"] == "ExperimentRun/dcid.r1/new/c d.bin"
    parts = urlsplit(answer["artifactContentInformation"]["new/c d.bin"]["contentUri"])
    assert parts.path == "/azureml/ExperimentRun/dcid.r1/new/c d.bin"  # as SDK v1 needs it, which escapes it itself
    given = {name: values[0] for name, values in parse_qs(parts.query).items()}
    account = accounts.account_name(HERE)
    key = accounts.account_key(plane.parts.signing_key, account)
    signed = accounts.sas_signature(key, account, "azureml/ExperimentRun/dcid.r1/new/c d.bin", given)
    assert (given["sp"], given["sig"]) == ("rcw", signed)


@pytest.mark.parametrize(
    ("address", "paths"),
    [
        (f"{ROOT}/ExperimentRun/dcid.r1", "outputs/a.bin outputs/deep/b.bin user_logs/std_log.txt"),
        (f"{ROOT}/ExperimentRun/dcid.r1/outputs/deep", "outputs/deep/b.bin"),
        (f"{ROOT}/prefix/contentinfo/ExperimentRun/dcid.r1/outputs/", "outputs/a.bin outputs/deep/b.bin"),
        (f"{ROOT}/prefix/contentinfo/ExperimentRun/dcid.r1/outputs/a.bin", "outputs/a.bin"),
        (f"{ROOT}/prefix/contentinfo/ExperimentRun/dcid.r1/none", ""),
        (OF_RUN, "outputs/a.bin outputs/deep/b.bin user_logs/std_log.txt"),
        (f"{OF_RUN}?path=outputs", "outputs/a.bin outputs/deep/b.bin"),
    ],
)
def test_files_are_listed_by_what_their_paths_begin_with(plane: Plane, address: str, paths: str) -> None:
    assert " ".join(sorted(one["path"] for one in plane.ask("GET", address)["value"])) == paths


@pytest.mark.parametrize(
    "address", [f"{ROOT}/contentinfo/ExperimentRun/dcid.r1/outputs/a.bin", f"{OF_RUN}/contentinfo?path=outputs/a.bin"]
)
def test_a_file_is_read_at_its_address(plane: Plane, address: str) -> None:
    place = plane.ask("GET", address)
    assert "/azureml/ExperimentRun/dcid.r1/outputs/a.bin?" in place["contentUri"] and "sp=r&" in place["contentUri"]
    assert (place["origin"], place["container"], place["path"]) == ("ExperimentRun", "dcid.r1", "outputs/a.bin")


@pytest.mark.parametrize("path", ["outputs/none.bin", "outputs", "outputs/../outputs/a.bin/x"])
def test_what_is_no_file_has_no_address(plane: Plane, path: str) -> None:
    with pytest.raises((NotFound, BadRequest)):
        plane.ask("GET", f"{ROOT}/contentinfo/ExperimentRun/dcid.r1/{path}")


@pytest.mark.parametrize("path", ["../../other/secret", "a/./b", "a//b", "x" * 2000, "a\x00b"])
def test_a_path_that_leads_elsewhere_is_refused_by_itself(plane: Plane, path: str) -> None:
    sent = {"paths": [{"path": path}, {"path": "good"}]}
    answer = plane.ask("POST", f"{ROOT}/batch/metadata/LocalUpload/abc", sent)
    assert list(answer["artifacts"]) == ["good"] and list(answer["errors"]) == [path]


def test_no_list_leaves_its_container(plane: Plane) -> None:
    with pytest.raises((InvalidName, BadRequest)):
        plane.ask("GET", f"{ROOT}/prefix/contentinfo/ExperimentRun/dcid.r1/../..")


def test_a_run_that_is_not_there_has_no_files(plane: Plane) -> None:
    with pytest.raises(NotFound, match='Run "r2" was not found'):
        plane.ask("GET", OF_RUN.replace("r1", "r2"))
