"""`lazulite data` and `lazulite datastore`: what lies where, looked at and fetched, against a real platform."""

import pytest

from tests.cli.conftest import Cli


@pytest.fixture
def prompts(cli: Cli, tmp_path):
    """Uploads a folder as two versions of a data asset; returns it."""
    folder = tmp_path / "prompts"
    (folder / "deep").mkdir(parents=True)
    for number in range(3):
        (folder / f"{number}.json").write_text(f'{{"prompt": {number}}}\n')
    (folder / "deep" / "table, 1.csv").write_text("".join(f"{number},ä\n" for number in range(100)))
    for version in ("1", "2"):
        made = cli.json("data", "create", "-n", "prompts", "-p", str(folder), "-t", "uri_folder")
        assert made["version"] == version
        (folder / "picture.png").write_bytes(b"\x89PNG\x00\xff")
    return folder


def test_data_is_browsed_previewed_and_fetched(cli: Cli, prompts, tmp_path):
    names = [one["name"] for one in cli.json("data", "browse", "-n", "prompts", "-v", "1")]
    assert names == ["0.json", "1.json", "2.json", "deep/"]
    assert "picture.png" in [one["name"] for one in cli.json("data", "browse", "-n", "prompts")]
    (inner,) = cli.json("data", "browse", "-n", "prompts", "--path", "deep")
    assert inner["name"] == "table, 1.csv" and inner["size"] == (prompts / "deep" / "table, 1.csv").stat().st_size
    assert "2.json" in cli.text("data", "browse", "-n", "prompts", "-o", "table", *cli.scope)

    first = cli.text("data", "preview", "-n", "prompts", *cli.scope)
    assert first == '0.json, 14 bytes\n\n{"prompt": 0}\n'
    table = cli.text("data", "preview", "-n", "prompts", "--path", "deep", "--lines", "2", *cli.scope)
    assert table.endswith("bytes\n\n0,ä\n1,ä\n")
    assert "no lines of text" in cli.text("data", "preview", "-n", "prompts", "--path", "picture.png", *cli.scope)

    assert cli.json("data", "download", "-n", "prompts", "-v", "1", "-p", str(tmp_path / "got"))["files"] == 4
    got = tmp_path / "got" / "prompts"
    assert (got / "deep" / "table, 1.csv").read_bytes() == (prompts / "deep" / "table, 1.csv").read_bytes()
    assert not (got / "picture.png").exists()


def test_a_datastore_is_browsed_and_fetched_from(cli: Cli, prompts, tmp_path):
    assert "LocalUpload/" in [one["name"] for one in cli.json("datastore", "browse")]
    path = cli.json("data", "show", "-n", "prompts")["path"].partition("/paths/")[2]
    one = ("datastore", "download", "--path", f"{path.rstrip('/')}/1.json", "-p", str(tmp_path / "one"))
    assert cli.json(*one)["files"] == 1
    assert (tmp_path / "one" / "1.json").read_text() == '{"prompt": 1}\n'
    assert "There is nothing at" in cli.refused("datastore", "browse", "--path", "nowhere", code=3)


def test_what_lies_elsewhere_is_not_fetched(cli: Cli):
    cli.json("data", "create", "-n", "away", "-p", "https://example.org/x.csv", "-t", "uri_file")
    assert "does not lie in storage here" in cli.refused("data", "preview", "-n", "away", code=1)
