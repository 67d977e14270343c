"""What differs between two versions, in words that a person can act on."""

from pathlib import Path

import pytest

from lazulite.arm import differences


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": {"b": "0.1"}}, {"a": {"b": "0.2"}}, ['a.b was "0.1" and is "0.2"']),
        ({"a": 1, "b": 2}, {"b": 2, "c": {"x": 1, "y": 2}}, ["a (1) is missing", "c (x, y) is new"]),
        ({"a": None}, {"a": "x"}, ['a was None and is "x"']),
        ({"a": [1, 2]}, {"a": [2, 1]}, ["a was [1, 2] and is [2, 1]"]),
        ({"a": "pip:\n- six==1\n"}, {"a": "pip:\n- six==2\n"}, ['a: "- six==1" is missing, "- six==2" is new']),
        ({"a": "x\ny"}, {"a": "y\nx"}, ["a: its lines are ordered differently"]),
    ],
)
def test_fields_are_named_with_what_they_were_and_are(old: object, new: object, said: list[str]) -> None:
    assert differences.of_fields(old, new) == said


def test_of_two_long_texts_that_part_is_shown_which_differs() -> None:
    head = "python train.py --data ${{inputs.data}} --and --many --more --words "
    (said,) = differences.of_fields({"command": f"{head}--rate 1"}, {"command": f"{head}--rate 2"})
    assert '--rate 1" and is' in said
    assert said.endswith('--rate 2"')
    assert len(said) < 120


def test_files_are_named_one_by_one(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        (folder / "sub").mkdir(parents=True)
        (folder / "same.py").write_text("same")
        (folder / "sub" / "train.py").write_text(f"print('{folder.name}')")
    (old / "gone.py").write_text("")
    (new / "come.py").write_text("")
    assert differences.of_files(old, new) == ["gone.py is missing", "come.py is new", "sub/train.py changed"]
    assert differences.of_files(old / "same.py", new / "same.py") == []


def test_of_many_changes_the_first_are_told() -> None:
    assert differences.told(["a", "b"]) == "a; b"
    assert differences.told([str(number) for number in range(20)]).endswith("; 7; and 12 more")
