"""Models, data and environments by the command line: files here become versions there, and come back."""

import pytest

from tests.cli.conftest import in_own_workspace


@pytest.fixture(scope="module")
def churn(platform, tmp_path_factory):
    """The command line in a workspace with a model `churn`: version 1 a folder, version 7 a file."""
    cli = in_own_workspace(platform)
    folder = tmp_path_factory.mktemp("models") / "saved"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(b"1234")
    words = ("--path", str(folder), "--type", "custom_model", "--tags", "a=b", "c=d e", "--stage", "Dev")
    first = cli.json("model", "create", "-n", "churn", *words)
    assert (first["name"], first["version"], first["tags"]) == ("churn", "1", {"a": "b", "c": "d e"})
    assert (first["path"].rpartition("/")[2], first["stage"]) == ("saved", "Dev")
    cli.json("model", "create", "-n", "churn", "-v", "7", "-p", str(folder / "weights.bin"))
    return cli


def test_what_was_uploaded_comes_back(churn, tmp_path):
    assert churn.json("model", "download", "-n", "churn", "-v", "1", "-p", str(tmp_path)) is None
    assert (tmp_path / "churn" / "saved" / "weights.bin").read_bytes() == b"1234"


def test_versions_and_labels_are_found(churn):
    assert [one["version"] for one in churn.json("model", "list", "-n", "churn")] == ["7", "1"]
    assert [(one["name"], one["latest_version"]) for one in churn.json("model", "list")] == [("churn", "7")]
    for words in ((), ("--label", "latest"), ("-v", "7")):
        assert churn.json("model", "show", "-n", "churn", *words)["version"] == "7"
    assert "has no version" in churn.refused("model", "show", "-n", "churn", "-v", "3", code=3)


def test_archived_ones_leave_the_list_and_come_back_as_they_were(churn):
    before = churn.json("model", "show", "-n", "churn", "-v", "1")
    churn.json("model", "archive", "-n", "churn", "-v", "1")
    assert [one["version"] for one in churn.json("model", "list", "-n", "churn")] == ["7"]
    assert [one["version"] for one in churn.json("model", "list", "-n", "churn", "--archived-only")] == ["1"]
    churn.json("model", "restore", "-n", "churn", "-v", "1")
    after = churn.json("model", "show", "-n", "churn", "-v", "1")
    assert (after["tags"], after["path"], after["stage"]) == (before["tags"], before["path"], before["stage"])
    churn.json("model", "archive", "-n", "churn")
    assert churn.json("model", "list") == []
    assert len(churn.json("model", "list", "--include-archived")) == 1
    churn.json("model", "restore", "-n", "churn")
    assert len(churn.json("model", "list")) == 1


def test_fields_are_changed_by_set(churn):
    words = ("-v", "7", "--set", "tags.owner=me", "description=Better", "tags.n=1")
    changed = churn.json("model", "update", "-n", "churn", *words)
    assert (changed["description"], changed["tags"]) == ("Better", {"owner": "me", "n": "1"})
    said = churn.refused("model", "update", "-n", "churn", "--set", "flavour=x", code=1)
    assert "flavour of a version of a model asset cannot be changed" in said
    churn.json("model", "update", "-n", "churn", "-v", "7", "--remove", "tags.n")
    assert churn.json("model", "show", "-n", "churn", "-v", "7")["tags"] == {"owner": "me"}


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
