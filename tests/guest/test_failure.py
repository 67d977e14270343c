"""How an exception of a user's is told."""

import pytest

from lazulite.guest import failure


def raised(function):
    with pytest.raises((ValueError, ZeroDivisionError, RecursionError)) as caught:
        function()
    return caught.value


def test_causes_are_told_too():
    def fail():
        try:
            {}["k"]
        except KeyError as error:
            raise ValueError("second") from error

    told = failure.trace(raised(fail))
    assert "KeyError: 'k'" in told and "direct cause" in told and told.rstrip().endswith("ValueError: second")


def test_place_is_the_users_last_line_not_a_librarys(tmp_path):
    library = tmp_path / "app" / "site-packages" / "library.py"
    library.parent.mkdir(parents=True)
    user = tmp_path / "app" / "score.py"
    library.write_text("def deep(): raise ValueError('deep')")
    user.write_text("\ndef run(): deep()")
    names = {}
    exec(compile(library.read_text(), str(library), "exec"), names)
    exec(compile(user.read_text(), str(user), "exec"), names)
    error = raised(names["run"])
    told = failure.describe(error, str(tmp_path / "app"))
    assert (told["file"], told["line"]) == (str(user), 2)
    assert failure.summary(error, str(tmp_path / "app")) == "ValueError: deep (score.py, line 2)"
    of_library = failure.summary(raised(names["deep"]), str(tmp_path / "elsewhere"))
    assert of_library == "ValueError: deep (library.py, line 1)"


def test_place_outside_the_app_is_told_when_there_is_no_other(tmp_path):
    told = failure.describe(raised(lambda: 1 / 0), str(tmp_path))
    assert told["file"] == __file__ and told["type"] == "ZeroDivisionError"


def test_recursion_without_end_is_told_in_short(tmp_path):
    def again():
        again()

    assert len(failure.trace(raised(again)).splitlines()) < 500


def test_message_of_many_lines_is_told_in_one(tmp_path):
    def fail():
        raise ValueError("first\nsecond")

    assert failure.summary(raised(fail), str(tmp_path)).startswith("ValueError: first (")


def test_tree_of_a_large_folder_is_cut(tmp_path):
    for number in range(300):
        (tmp_path / f"{number:03}").touch()
    lines = failure.tree(str(tmp_path)).splitlines()
    assert len(lines) == 201 and lines[1] == "    000" and "more" in lines[-1]


def test_tree_of_a_file_is_its_name(tmp_path):
    (tmp_path / "model.bin").touch()
    assert failure.tree(str(tmp_path / "model.bin")) == "model.bin"
