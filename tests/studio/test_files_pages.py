"""Folders and files in the browser: many, large, broken, in other encodings; and what comes of them as a whole."""

import io
import zipfile

import requests
from playwright.sync_api import Page, expect

from tests.studio.conftest import Place

MANY = 450


def test_a_folder_of_many_files_is_paged_narrowed_and_saved(place: Place, page: Page) -> None:
    folder = place.folder("many")
    for number in range(MANY):
        (folder / f"file-{number:04}.txt").write_text(str(number))
    uri = "azureml://datastores/workspaceblobstore/paths/many/"
    place.ask("PUT", "data/many/versions/1", {"properties": {"dataUri": uri, "dataType": "uri_folder"}})
    page.goto(place.address("/assets/data/many"))
    names = page.locator(".names li")
    expect(names).to_have_count(200)
    page.get_by_role("link", name="After", exact=True).click()
    expect(names.first).to_contain_text("file-0200.txt")
    expect(page.locator(".pager")).to_contain_text(f"201 to 400 of {MANY}")
    names.last.locator("a").click()
    expect(page.locator(".source")).to_contain_text("399")
    expect(page.locator(".names a[aria-current]")).to_contain_text("file-0399.txt")
    page.get_by_label("Find").fill("0007")
    expect(names).to_have_count(1)
    expect(page.locator("h1")).to_have_text("many")
    packed = requests.get(place.address(f"/_studio/zip?uri={uri}"), timeout=30)
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert len(archive.namelist()) == MANY and archive.read("file-0007.txt") == b"7"
    assert requests.get(place.address(f"/_studio/zip?uri={uri}file-0001.txt"), timeout=30).status_code == 400


def test_files_of_every_kind_are_shown_sanely(place: Place, page: Page) -> None:
    folder = place.folder("kinds")
    with (folder / "huge.txt").open("wb") as file:
        file.write(b"a line\n" * 1000)
        file.seek(1_000_000_000)  # a gigabyte that takes no space
        file.write(b"\nthe very last line\n")
    contents = {
        "latin.txt": "Grüße aus Köln\n".encode("cp1252"),
        "numbers.csv": b"name,score\nfirst,0.5\nsecond,12\n",
        "ragged.csv": b'a,b\n1\n"2,3,4\n',
        "broken.json": b'{"depth": ',
        "broken.parquet": b"PAR1 and no more",
        "text.png": b"no picture",
        "empty.csv": b"",
        "<b>&'.txt": b"a name",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    for name, seen in (
        ("latin.txt", "Grüße aus Köln"),
        ("ragged.csv", "2,3,4"),
        ("broken.json", '{"depth": '),
        ("broken.parquet", "pyarrow"),
        ("empty.csv", "No rows."),
        ("%3Cb%3E%26'.txt", "a name"),
        ("huge.txt", "the very last line"),
    ):
        answer = page.goto(place.address(f"/datastores/workspaceblobstore?path=kinds/{name}"))
        assert answer and answer.ok, name
        expect(page.locator("#main")).to_contain_text(seen)
    page.goto(place.address("/datastores/workspaceblobstore?path=kinds/numbers.csv"))
    expect(page.locator("td:has(.num)")).to_have_text(["0.5", "12"])
    (folder / "numbers.csv").unlink()
    page.reload()
    expect(page.locator("#main")).to_contain_text("Nothing is at")


def test_links_that_lead_out_of_storage_are_not_followed(place: Place) -> None:
    folder = place.folder("linked")
    (folder / "own.txt").write_text("mine")
    (folder / "near.txt").symlink_to("own.txt")
    (folder / "far.txt").symlink_to(place.platform.home / "lazulite.db")
    (folder / "out").symlink_to(place.platform.home)
    uri = "azureml://datastores/workspaceblobstore/paths/linked"
    near, *far = (
        requests.get(place.address(f"/_studio/raw?uri={uri}/{name}"), timeout=30)
        for name in ("near.txt", "far.txt", "out/lazulite.db")
    )
    assert near.text == "mine"
    assert [one.status_code for one in far] == [403, 403]
