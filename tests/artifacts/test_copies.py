"""A copy of a folder holds what its links lead to, and comes to an end whatever they lead to."""

import os
from pathlib import Path

from lazulite.artifacts.copies import copy_folder


def test_what_links_lead_to_is_copied_and_links_without_an_end_stay_links(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "x.txt").write_text("x")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "y.txt").write_text("y")
    os.mkfifo(source / "pipe")
    links = {
        "file": "deep/x.txt",
        "folder": "deep",
        "outside": str(tmp_path / "elsewhere"),
        "gone": "nowhere",
        "itself": "itself",
        "deep/up": "..",
        "machine": "/",
        "deep/here": ".",
    }
    for name, goal in links.items():
        (source / name).symlink_to(goal)
    (tmp_path / "elsewhere" / "back").symlink_to(source)  # each holds the other
    (target / "deep").mkdir(parents=True)
    (target / "deep" / "old.txt").write_text("old")

    copy_folder(source, target)
    for name in ("deep/x.txt", "file", "folder/x.txt"):
        assert (target / name).read_text() == "x" and not (target / name).is_symlink()
    assert (target / "outside" / "y.txt").read_text() == "y" and (target / "deep" / "old.txt").read_text() == "old"
    kept = ("gone", "itself", "deep/up", "deep/here", "folder/up", "outside/back", "machine")
    assert all((target / name).is_symlink() for name in kept)
    assert not (target / "pipe").exists()

    copy_folder(source, target)  # again, over what is there
    assert (target / "gone").readlink() == Path("nowhere")
