"""Images that are built here by name: what starts from them, and what keeps them."""

import sys
from pathlib import Path

import pytest

from lazulite.environments import dockerfile, images
from lazulite.environments.spec import of_recipe
from lazulite.errors import BadRequest

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"


def build(home: Path, image: str, text: str) -> None:
    context = home / "context"
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text(text)
    images.build(home, image, context, context / "Dockerfile", print)


def test_an_image_keeps_what_it_was_built_of_whatever_becomes_of_its_base(tmp_path: Path) -> None:
    build(tmp_path, "mine.azurecr.io/app:1", f"FROM python:{MINOR}\nENV A=1\nRUN pip install six==1.17.0\n")
    build(tmp_path, "mine.azurecr.io/app:1", "FROM mine.azurecr.io/app:1\nENV B=2\n")  # the same name, over itself
    build(tmp_path, "mine.azurecr.io/app/1", "FROM mine.azurecr.io/app:1\nENV C=3\n")
    assert images.all_names(tmp_path) == ["mine.azurecr.io/app/1:latest", "mine.azurecr.io/app:1"]
    images.forget(tmp_path, "mine.azurecr.io/app:1")
    found = images.find(tmp_path, "mine.azurecr.io/app/1")
    assert found
    assert of_recipe(found).variables == {"A": "1", "B": "2", "C": "3"}
    assert of_recipe(found).requirements.lines == ("six==1.17.0",)
    assert images.names(tmp_path, "mine.azurecr.io") == ["app/1:latest"]


def test_build_arguments_are_kept_with_the_recipe(tmp_path: Path, capsys) -> None:
    context = tmp_path / "context"
    context.mkdir()
    text = f"ARG TAG={MINOR}\nFROM python:$TAG\nARG WHO\nENV A=$WHO\nRUN pip install six==1.17.0\n"
    (context / "Dockerfile").write_text(text)
    given = {"WHO": r"two \1 words", "NOBODY": "x"}
    images.build(tmp_path, "mine.azurecr.io/app:1", context, context / "Dockerfile", print, given)
    found = images.find(tmp_path, "mine.azurecr.io/app:1")
    assert found and of_recipe(found).variables == {"A": r"two \1 words"}
    assert "has no ARG NOBODY" in capsys.readouterr().out
    assert (context / "Dockerfile").read_text() == text


def test_an_image_of_no_host_is_this_engines_own(tmp_path: Path) -> None:
    build(tmp_path, images.full_name("base"), f"FROM python:{MINOR}\nENV A=1\nRUN pip install six==1.17.0\n")
    build(tmp_path, images.full_name("app:2"), "FROM base\n")
    assert images.all_names(tmp_path) == ["engine.local/app:2", "engine.local/base:latest"]
    assert images.find(tmp_path, "base") is None, "no workspace knows of it"


def test_what_cannot_be_built_leaves_what_the_name_meant(tmp_path: Path) -> None:
    build(tmp_path, "mine.azurecr.io/app:1", f"FROM python:{MINOR}\nENV A=1\nRUN pip install six==1.17.0\n")
    with pytest.raises(BadRequest, match="Dockerfile line 1"):
        build(tmp_path, "mine.azurecr.io/app:1", "FROM a b c d\n")
    found = images.find(tmp_path, "mine.azurecr.io/app:1")
    assert found and dockerfile.read(found.dockerfile, found.context, found.base_of).asked.variables == {"A": "1"}
    assert images.all_names(tmp_path) == ["mine.azurecr.io/app:1"]
