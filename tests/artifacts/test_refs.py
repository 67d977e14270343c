"""Every name has one place inside its container, and every place one name."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.artifacts import refs
from lazulite.artifacts.refs import BlobRef
from lazulite.errors import BadRequest, InvalidName

HOME = Path("/home/me/.lazulite")
FOLDER = "/home/me/.lazulite/storage/acct/con"
ODD = "/home/me/.lazulite/storage/.odd/acct/con"
NAMES = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("./a%+"), min_size=1, max_size=300)


@pytest.mark.parametrize(
    "name", ["a", "a/b.txt", "über/日本.bin", "a b", "%2e%2e/x", "a\\b", ".hidden", "...", "a.", "~"]
)
def test_a_name_that_a_file_can_have_is_the_file(name: str) -> None:
    assert str(refs.blob_path(HOME, "acct", "con", name)) == f"{FOLDER}/{name}"


@pytest.mark.parametrize("name", ["/a", "a//b", ".", "..", "../x", "a/../../x", "a/.", "x" * 256, "a/" + "é" * 128])
def test_any_other_name_has_a_place_beside_the_container(name: str) -> None:
    assert str(refs.blob_path(HOME, "acct", "con", name)).startswith(ODD + "/")


def test_a_folder_may_be_named_with_its_final_slash() -> None:
    assert refs.blob_path(HOME, "acct", "con", "LocalUpload/1/model/") == Path(FOLDER, "LocalUpload/1/model")
    assert refs.blob_path(HOME, "acct", "con", "") == Path(FOLDER)


@given(NAMES)
def test_no_name_leaves_its_container(name: str) -> None:
    plain, odd = refs.plain_path(FOLDER, name), refs.odd_path(ODD, name)
    assert odd and odd.startswith(ODD + "/") and all(len(part) <= 255 for part in odd.split("/"))
    if plain:
        parts = plain.removeprefix(FOLDER + "/").split("/")
        assert "/".join(parts) == name
        assert not {"", ".", ".."} & set(parts) and all(len(part.encode()) <= 255 for part in parts)


@given(st.lists(NAMES, min_size=2, max_size=8))
def test_odd_files_sort_as_their_names_do_and_give_them_back(names: list[str]) -> None:
    paths = {refs.odd_path("o", name): name for name in names}
    in_order = [paths[path] for path in sorted(paths, key=str)]
    assert in_order == sorted(set(names), key=str.encode)
    assert all(refs.odd_name(str(path).removeprefix("o/")) == name for path, name in paths.items())


def test_an_odd_name_that_is_no_file_is_looked_for_where_its_bytes_are(tmp_path: Path) -> None:
    folder = refs.container_path(tmp_path, "acct", "con") / "a"
    folder.mkdir(parents=True)
    assert refs.blob_path(tmp_path, "acct", "con", "a") == folder
    odd = Path(str(refs.odd_path(refs.odd_folder(f"{tmp_path}/storage", "acct", "con"), "a")))
    odd.parent.mkdir(parents=True)
    odd.write_bytes(b"the blob a, beside the folder a")
    assert refs.blob_path(tmp_path, "acct", "con", "a") == odd


@pytest.mark.parametrize("name", ["", "a\0b", "a\nb", "\x7f", "a\x85", "x" * 1025])
def test_names_that_azure_refuses_are_refused(name: str) -> None:
    with pytest.raises(InvalidName, match="control character"):
        refs.check_blob_name(name)


def test_a_name_too_long_for_any_file_is_refused_with_a_way_out() -> None:
    with pytest.raises(InvalidName) as error:
        refs.blob_path(HOME, "acct", "con", "/" + "日" * 1000)
    assert error.value.hint and "shorter" in error.value.hint


@pytest.mark.parametrize("account", ["a", "Acct", "a.b", "..", "a/b", "x" * 25, ""])
def test_only_account_names_name_accounts(account: str) -> None:
    with pytest.raises(InvalidName, match="storage account"):
        refs.container_path(HOME, account, "con")


@pytest.mark.parametrize("container", ["co", "Con", "con--x", "-con", "con-", "..", "a/b", "con\n", "x" * 64])
def test_only_container_names_name_containers(container: str) -> None:
    with pytest.raises(InvalidName, match="container"):
        refs.container_path(HOME, "acct", container)


@pytest.mark.parametrize(
    "url",
    [
        "https://acct.blob.core.windows.net/con/a%20b/c?sv=1&sig=x",
        "https://acct.dfs.core.windows.net/con/a%20b/c",
        "https://localhost:8765/_blob/acct/con/a%20b/c",
        "http://127.0.0.1:8765/_blob/acct.blob.core.windows.net/con/a%20b/c?sig=x",
    ],
)
def test_urls_of_either_style_name_a_blob(url: str, tmp_path: Path) -> None:
    assert refs.read_url(tmp_path, url) == BlobRef("acct", "con", "a b/c")


def test_a_url_that_lost_its_account_means_the_only_one_with_that_container(tmp_path: Path) -> None:
    refs.container_path(tmp_path, "acct", "con").mkdir(parents=True)
    url = "https://localhost:8765/_blob/con/LocalUpload/1/context/"
    assert refs.read_url(tmp_path, url) == BlobRef("acct", "con", "LocalUpload/1/context/")
    refs.container_path(tmp_path, "other", "con").mkdir(parents=True)
    assert refs.read_url(tmp_path, url) == BlobRef("con", "LocalUpload", "1/context/")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "https://example.com/con/x", "con/x", "ftp://a1b.blob.x/con", ""]
)
def test_other_urls_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="not the URL of a blob"):
        refs.read_url(tmp_path, url)
