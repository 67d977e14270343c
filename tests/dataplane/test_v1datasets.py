"""SDK v1's datasets: data assets as ARM has them, with the steps by which v1 reads them."""

import json

import pytest
import yaml

from lazulite.artifacts.locate import locate
from lazulite.errors import BadRequest, Conflict, NotFound
from lazulite.ids import AssetId
from lazulite.store import assets, datastores
from tests.dataplane.conftest import HERE, NOON, Plane

ROOT = "/dataset/v1.0{W}"
DATA = "azureml://subscriptions/sub/resourcegroups/rg/workspaces/ws/datastores/workspaceblobstore/paths/data"


@pytest.fixture(autouse=True)
def stored(plane: Plane) -> None:
    plane.ask("GET", "/datastore/v1.0{W}/default")  # the workspace comes into being with its datastores
    with plane.parts.db.read() as connection:
        store = locate(plane.parts.settings.home, DATA.removesuffix("data"), datastores.reader(connection, HERE))
    (store / "data").mkdir()
    (store / "data" / "t.csv").write_text("x,y\n1,2\n")


@pytest.mark.parametrize(
    ("path", "kind", "uri"),
    [
        ({"pattern": f"{DATA}/**"}, "uri_folder", f"{DATA}/"),
        ({"folder": DATA}, "uri_folder", DATA),
        ({"file": f"{DATA}/t.csv"}, "uri_file", f"{DATA}/t.csv"),
        ({"pattern": f"{DATA}/t.csv"}, "uri_file", f"{DATA}/t.csv"),
    ],
)
def test_files_become_the_data_asset_that_they_are(plane: Plane, path, kind: str, uri: str) -> None:
    made = _register(plane, "mine", {"type": "mltable", "paths": [path]})
    assert (made["latest"]["versionId"], made["datasetType"]) == ("1", "file")
    with plane.parts.db.read() as connection:
        properties = assets.resolve(connection, AssetId(HERE, "data", "mine")).body["properties"]
    assert (properties["dataType"], properties["dataUri"]) == (kind, uri)


@pytest.mark.parametrize(
    "steps",
    [
        {"paths": [{"pattern": f"{DATA}/*.csv"}]},
        {"paths": [{"file": f"{DATA}/t.csv"}, {"file": f"{DATA}/u.csv"}]},
        {"paths": [{"file": f"{DATA}/t.csv"}], "transformations": [{"read_delimited": {"delimiter": ","}}]},
    ],
)
def test_all_else_becomes_an_mltable_that_says_the_same(plane: Plane, steps: dict[str, object]) -> None:
    _register(plane, "table", steps)
    with plane.parts.db.read() as connection:
        properties = assets.resolve(connection, AssetId(HERE, "data", "table")).body["properties"]
        folder = locate(plane.parts.settings.home, properties["dataUri"], datastores.reader(connection, HERE))
    assert properties["dataType"] == "mltable"
    assert yaml.safe_load((folder / "MLTable").read_text()) == steps


def test_a_name_that_is_taken_is_refused_or_gets_a_version(plane: Plane) -> None:
    steps = {"paths": [{"folder": DATA}]}
    _register(plane, "mine", steps)
    with pytest.raises(Conflict, match='"mine" exists already'):
        _register(plane, "mine", steps)
    assert _register(plane, "mine", steps, "?ifExistsOk=true")["latest"]["versionId"] == "2"
    found = plane.ask("GET", f"{ROOT}/datasets/query/name=mine")
    assert found["latest"]["versionId"] == "2"
    assert plane.ask("GET", f"{ROOT}/datasets/query/name=mine?versionId=1")["latest"]["versionId"] == "1"
    assert [one["latest"]["versionId"] for one in plane.ask("GET", f"{ROOT}/datasets")["value"]] == ["2"]


def test_a_dataset_is_found_by_its_id_with_its_steps(plane: Plane) -> None:
    saved_id = _register(plane, "mine", {"paths": [{"folder": DATA}]})["latest"]["savedDatasetId"]
    listed = plane.ask("GET", f"{ROOT}/datasets/query/savedDatasetId={saved_id}")
    assert [one["name"] for one in listed["value"]] == ["mine"]
    answer = plane.ask("GET", f"/data/v1.0{{W}}/dataversion/unregistered-{saved_id}/versions/1")
    assert yaml.safe_load(answer["legacyDataflow"]) == {"paths": [{"folder": DATA}]}


def test_a_dataset_without_a_name_is_kept(plane: Plane) -> None:
    sent = {"datasetType": "file", "dataflowJson": _dataflow({"paths": []}), "properties": {}}
    saved = plane.ask("POST", f"{ROOT}/saveddatasets", sent)
    assert plane.ask("GET", f"{ROOT}/saveddatasets/{saved['id']}") == saved


def test_data_of_v2_is_read_in_v1s_second_way(plane: Plane) -> None:
    with plane.parts.db.write() as connection:
        stored = {"dataUri": f"{DATA}/", "dataType": "uri_folder"}
        assets.register(connection, AssetId(HERE, "data", "two"), stored, now=NOON, who="tester")
    with pytest.raises(NotFound, match="not registered by SDK v1"):
        plane.ask("GET", f"{ROOT}/datasets/query/name=two")
    version = plane.ask("GET", "/data/v1.0{W}/dataversion/two/versions/None")["dataVersion"]
    assert (version["dataUri"], version["dataType"]) == (f"{DATA}/", "UriFolder")


@pytest.mark.parametrize(
    "dataflow", ["", "{}", "x", '{"meta": {"RsDataflow": "- ["}}', '{"meta": {"RsDataflow": "1"}}']
)
def test_a_definition_that_cannot_be_read_is_refused(plane: Plane, dataflow: str) -> None:
    with pytest.raises(BadRequest):
        plane.ask("POST", f"{ROOT}/datasets", {"name": "bad", "latest": {"dataflow": dataflow}})


def _register(plane: Plane, name: str, steps: dict[str, object], query: str = "") -> dict:
    sent = {"name": name, "datasetType": "file", "latest": {"dataflow": _dataflow(steps), "properties": {}}}
    return plane.ask("POST", f"{ROOT}/datasets{query}", sent)


def _dataflow(steps: dict[str, object]) -> str:
    return json.dumps({"blocks": [], "meta": {"RsDataflow": yaml.safe_dump(steps)}})
