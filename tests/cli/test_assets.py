"""Models, data and environments by the command line: files here become versions there, and come back."""

import pytest


@pytest.fixture
def model(cli, tmp_path):
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(b"1234")
    words = ("--path", str(folder), "--type", "custom_model", "--tags", "a=b", "c=d e", "--stage", "Dev")
    return cli.json("model", "create", "-n", "churn", *words)


def test_a_folder_becomes_a_version_and_comes_back(cli, model, tmp_path):
    assert (model["name"], model["version"], model["tags"]) == ("churn", "1", {"a": "b", "c": "d e"})
    assert model["path"].endswith("/saved")
    assert model["stage"] == "Dev"
    assert cli.json("model", "download", "-n", "churn", "-p", str(tmp_path / "got")) is None
    assert (tmp_path / "got" / "churn" / "saved" / "weights.bin").read_bytes() == b"1234"


def test_versions_and_labels_are_found(cli, model, tmp_path):
    (tmp_path / "file.txt").write_text("2")
    cli.json("model", "create", "-n", "churn", "-v", "7", "-p", str(tmp_path / "file.txt"))
    assert [one["version"] for one in cli.json("model", "list", "-n", "churn")] == ["7", "1"]
    assert [(one["name"], one["latest_version"]) for one in cli.json("model", "list")] == [("churn", "7")]
    assert cli.json("model", "show", "-n", "churn", "-v", "1") == model
    for words in ((), ("--label", "latest")):
        assert cli.json("model", "show", "-n", "churn", *words)["version"] == "7"
    assert "has no version" in cli.refused("model", "show", "-n", "churn", "-v", "3", code=3)


def test_archived_ones_leave_the_list_and_come_back(cli, model):
    cli.json("model", "archive", "-n", "churn", "-v", "1")
    assert cli.json("model", "list", "-n", "churn") == []
    assert len(cli.json("model", "list", "-n", "churn", "--archived-only")) == 1
    cli.json("model", "restore", "-n", "churn", "-v", "1")
    assert cli.json("model", "show", "-n", "churn", "-v", "1")["tags"] == model["tags"]
    cli.json("model", "archive", "-n", "churn")
    assert cli.json("model", "list") == []
    assert len(cli.json("model", "list", "--include-archived")) == 1
    cli.json("model", "restore", "-n", "churn")
    assert len(cli.json("model", "list")) == 1


def test_fields_are_changed_by_set(cli, model):
    changed = cli.json("model", "update", "-n", "churn", "--set", "tags.owner=me", "description=Better", "tags.n=1")
    assert (changed["description"], changed["tags"]) == ("Better", {"a": "b", "c": "d e", "owner": "me", "n": "1"})
    said = cli.refused("model", "update", "-n", "churn", "--set", "flavour=x", code=1)
    assert 'There is no field "flavour"' in said


def test_data_by_a_file_with_a_path_beside_it(cli, tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n")
    file = tmp_path / "data.yml"
    file.write_text("name: rows\npath: ./rows.csv\ntype: uri_file\n")
    made = cli.json("data", "create", "-f", str(file))
    assert (made["name"], made["version"], made["type"]) == ("rows", "1", "uri_file")
    assert made["path"].startswith("azureml://") and made["path"].endswith("/rows.csv")
    assert cli.json("data", "create", "-f", str(file))["version"] == "2"
    assert cli.json("data", "list", "--query", "[].latest_version") == ["2"]


def test_an_environment_shows_its_conda_file_opened(cli, tmp_path):
    conda = tmp_path / "conda.yml"
    conda.write_text("dependencies:\n- python=3.11\n- pip:\n  - numpy\n")
    made = cli.json("environment", "create", "-n", "train", "-v", "1", "--image", "ubuntu", "-c", str(conda))
    assert made["conda_file"] == {"dependencies": ["python=3.11", {"pip": ["numpy"]}]}
    assert cli.json("environment", "show", "-n", "train", "-v", "1") == made


def test_curated_environments_are_listed(cli):
    names = cli.json("environment", "list", "--query", "[].name")
    assert any(name.startswith(("sklearn", "AzureML-")) for name in names)
    assert len(cli.json("environment", "list", "--max-results", "2")) == 2
