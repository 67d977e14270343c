"""Data assets by the official SDK: files, folders and tables, whose versions count up."""

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.constants import AssetTypes
from azure.ai.ml.entities import Data
from azure.ai.ml.exceptions import MlException
from azure.core.exceptions import HttpResponseError

TABLE = "paths:\n  - file: ./rows.csv\ntransformations:\n  - read_delimited:\n      delimiter: ','\n"


@pytest.fixture
def folder(tmp_path):
    """Returns a folder with two files."""
    (tmp_path / "prompts").mkdir()
    for name in ("a.json", "b.json"):
        (tmp_path / "prompts" / name).write_text(f'{{"prompt": "{name}"}}')
    return tmp_path / "prompts"


def test_each_upload_of_a_folder_makes_a_version_and_latest_is_the_newest(ml: MLClient, folder, tmp_path):
    made = [ml.data.create_or_update(Data(path=str(folder), type="uri_folder", name="t2igendata")) for _ in range(2)]
    (folder / "c.json").write_text("{}")
    made.append(ml.data.create_or_update(Data(path=str(folder), type="uri_folder", name="t2igendata")))
    assert [one.version for one in made] == ["1", "2", "3"]
    latest = ml.data.get("t2igendata", label="latest")
    assert latest.version == "3" and latest.id.endswith("/data/t2igendata/versions/3")
    assert latest.path.rstrip("/").endswith("/prompts") and made[0].path != latest.path
    assert [one.version for one in ml.data.list("t2igendata")] == ["3", "2", "1"]
    ml.data.archive("t2igendata", version="3")
    assert ml.data.get("t2igendata", label="latest").version == "2"


def test_a_file_is_one_and_keeps_its_name(ml: MLClient, folder):
    made = ml.data.create_or_update(Data(path=str(folder / "a.json"), type=AssetTypes.URI_FILE, name="one"))
    assert made.type == "uri_file" and made.path.endswith("/a.json")
    again = ml.data.create_or_update(Data(path=made.path, type=AssetTypes.URI_FILE, name="same"))
    assert again.path == made.path
    away = ml.data.create_or_update(Data(path="https://example.org/x.csv", type=AssetTypes.URI_FILE, name="away"))
    assert away.path == "https://example.org/x.csv"


def test_a_table_is_checked_by_the_schema_before_it_is_uploaded(ml: MLClient, folder):
    (folder / "rows.csv").write_text("a,b\n1,2\n")
    (folder / "MLTable").write_text(TABLE)
    made = ml.data.create_or_update(Data(path=str(folder), type=AssetTypes.MLTABLE, name="table"))
    assert made.type == "mltable" and made.version == "1"
    (folder / "MLTable").write_text("paths: []\n")
    with pytest.raises(Exception, match="MLTable"):
        ml.data.create_or_update(Data(path=str(folder), type=AssetTypes.MLTABLE, name="table"))
    assert [one.version for one in ml.data.list("table")] == ["1"]


def test_what_is_not_there_says_so(ml: MLClient):
    with pytest.raises(MlException, match="nobody does not exist"):
        ml.data.get("nobody", label="latest")
    with pytest.raises(HttpResponseError, match="was not found"):
        ml.data.create_or_update(Data(path="azureml://jobs/nobody/outputs/score", type="uri_folder", name="made"))
