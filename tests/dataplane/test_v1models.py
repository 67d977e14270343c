"""SDK v1's models: registered from artifacts, the same rows as ARM's, found by name, tag and run."""

from pathlib import Path

import pytest

from lazulite.artifacts.locate import locate
from lazulite.engine import folders, references
from lazulite.errors import NotFound
from lazulite.ids import AssetId
from lazulite.store import assets, datastores
from tests.dataplane.conftest import HERE, NOON, Plane

ROOT = "/modelmanagement/v1.0{W}"


@pytest.fixture(autouse=True)
def logged(plane: Plane) -> Path:
    plane.ask("GET", "/datastore/v1.0{W}/default")  # the workspace comes into being with its datastores
    folder = folders.artifacts(plane.parts.settings.home, HERE, "r1") / "outputs" / "net"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "weights.bin").write_bytes(b"w")
    return folder


def test_a_model_registered_by_v1_is_one_of_arms(plane: Plane) -> None:
    made = _register(plane, "net", kvTags={"a": "b"}, runId="r1", framework="Onnx")
    assert (made["id"], made["version"], made["framework"], made["datasets"]) == ("net:1", 1, "Onnx", [])
    with plane.parts.db.read() as connection:
        row = assets.resolve(connection, AssetId(HERE, "models", "net"))
        properties = row.body["properties"]
        home, reader = plane.parts.settings.home, datastores.reader(connection, HERE)
        assert (locate(home, properties["modelUri"], reader) / "deep" / "weights.bin").read_bytes() == b"w"
    assert (properties["flavors"], properties["tags"], properties["jobName"]) == ({}, {"a": "b"}, "r1")


def test_a_model_registered_by_arm_is_one_of_v1s(plane: Plane) -> None:
    home = plane.parts.settings.home
    with plane.parts.db.write() as connection:
        reader = datastores.reader(connection, HERE)
        uri = "azureml://datastores/workspaceblobstore/paths/LocalUpload/abc/saved"
        folder = locate(home, uri.partition("/paths/")[0], reader) / "LocalUpload" / "abc" / "saved"
        folder.mkdir(parents=True)
        (folder / "a.txt").write_text("a")
        stored = {"modelUri": references.long_form(uri, HERE), "modelType": "custom_model"}
        assets.register(connection, AssetId(HERE, "models", "two"), stored, now=NOON, who="tester")
    model = plane.ask("GET", f"{ROOT}/models/two:1")
    asset = plane.ask("GET", f"{ROOT}/assets/{model['url'].removeprefix('aml://asset/')}")
    origin, container, path = asset["artifacts"][0]["prefix"].split("/", 2)
    listed = plane.ask("GET", f"/artifact/v2.0{{W}}/artifacts/prefix/contentinfo/{origin}/{container}/{path}")
    assert [one["path"] for one in listed["value"]] == ["LocalUpload/abc/saved/a.txt"]
    assert ".blob.core.windows.net/" in listed["value"][0]["contentUri"]


def test_versions_count_up_and_the_newest_comes_first(plane: Plane) -> None:
    for _ in range(3):
        _register(plane, "net")
    _register(plane, "other", kvTags={"stage": "prod"}, runId="r9")
    assert _ids(plane, "") == ["other:1", "net:3", "net:2", "net:1"]
    assert _ids(plane, "?latestVersionOnly=true") == ["other:1", "net:3"]
    assert _ids(plane, "?name=NET&count=1") == ["net:3"]
    assert _ids(plane, "?tags=stage=prod") == _ids(plane, "?tags=stage") == _ids(plane, "?runId=r9") == ["other:1"]
    assert _ids(plane, "?tags=stage=dev") == []


def test_a_list_goes_on_where_its_page_ended(plane: Plane) -> None:
    for _ in range(3):
        _register(plane, "net")
    first = plane.ask("GET", f"{ROOT}/models?count=2")
    rest = plane.ask("GET", f"{ROOT}/models?count=2&$skipToken={first['continuationToken']}")
    assert [one["id"] for page in (first, rest) for one in page["value"]] == ["net:3", "net:2", "net:1"]
    assert rest["continuationToken"] is None


def test_tags_properties_and_description_change_by_patch(plane: Plane) -> None:
    _register(plane, "net", kvTags={"a": "b"})
    operations = [
        {"op": "replace", "path": "/kvTags", "value": {"c": "d"}},
        {"op": "replace", "path": "/description", "value": "better"},
        {"op": "add", "path": "/properties", "value": {"p": "q"}},
    ]
    changed = plane.ask("PATCH", f"{ROOT}/models/net:1", operations)
    assert (changed["kvTags"], changed["description"], changed["properties"]) == ({"c": "d"}, "better", {"p": "q"})
    assert plane.ask("GET", f"{ROOT}/models/net:1")["kvTags"] == {"c": "d"}


def test_a_deleted_version_is_gone_and_its_files_stay(plane: Plane, logged: Path) -> None:
    _register(plane, "net")
    plane.ask("DELETE", f"{ROOT}/models/net:1")
    assert _ids(plane, "") == [] and (logged / "deep" / "weights.bin").exists()


def test_what_is_not_there_says_so_in_words_that_v1_reads(plane: Plane) -> None:
    answer = plane.ask("GET", f"{ROOT}/models/none:7")
    assert (answer["code"], answer["statusCode"]) == ("ModelNotFound", 404)


@pytest.mark.parametrize("prefix", ["ExperimentRun/dcid.r1/outputs/none", "ExperimentRun/dcid.r1/../../x", "net", ""])
def test_a_model_without_files_is_not_registered(plane: Plane, prefix: str) -> None:
    answer = plane.ask("POST", f"{ROOT}/assets", {"name": "net", "artifacts": [{"prefix": prefix}]})
    if "id" in answer:
        answer = plane.ask("POST", f"{ROOT}/models", {"name": "net", "url": f"aml://asset/{answer['id']}"})
    assert answer["statusCode"] in (400, 404) and _ids(plane, "") == []


def test_files_of_another_datastore_are_found_only_where_it_is(plane: Plane) -> None:
    with pytest.raises(NotFound, match='Datastore "none" was not found'):
        plane.ask("GET", "/artifact/v2.0{W}/artifacts/prefix/contentinfo/Datastore/none/x")


def _register(plane: Plane, name: str, **more: object) -> dict[str, object]:
    prefix = "ExperimentRun/dcid.r1/outputs/net"
    asset = plane.ask("POST", f"{ROOT}/assets", {"name": name, "artifacts": [{"prefix": prefix}]})
    return dict(plane.ask("POST", f"{ROOT}/models", {"name": name, "url": f"aml://asset/{asset['id']}", **more}))


def _ids(plane: Plane, query: str) -> list[str]:
    return [one["id"] for one in plane.ask("GET", f"{ROOT}/models{query}")["value"]]
