"""The user's own mistake, found in what a real interpreter printed."""

import subprocess
import sys

import pytest

from lazulite.engine import blame


@pytest.fixture
def run(tmp_path):
    """Runs a script as a job's command would, and returns who is to blame."""
    code = tmp_path / "code"
    code.mkdir()

    def go(script, **more_files):
        for name, text in {"train": script, **more_files}.items():
            (code / f"{name}.py").write_text(text)
        with (tmp_path / "log.txt").open("wb") as log:
            subprocess.run([sys.executable, "train.py"], cwd=code, stdout=log, stderr=log, check=False)
        return blame.find(tmp_path / "log.txt", code)

    return go


def test_an_exception_is_found_with_file_and_line(run):
    found = run("def f(x):\n    raise ValueError('bad lr')\n\nprint('hello')\nf(1)\n")
    assert str(found) == "ValueError: bad lr (train.py, line 2)"


def test_of_frames_in_libraries_the_users_own_is_blamed(run):
    found = run("import json\n\njson.loads('{')\n")
    assert (found.kind, found.file, found.line) == ("json.decoder.JSONDecodeError", "train.py", 3)


def test_a_syntax_error_has_no_traceback_and_is_found(run):
    found = run("x = (1,\n")
    assert (found.kind, found.file, found.line) == ("SyntaxError", "train.py", 1)


def test_a_syntax_error_in_an_imported_file_is_blamed_on_that_file(run):
    found = run("import helper\n", helper="def broken(:\n    pass\n")
    assert (found.kind, found.file, found.line) == ("SyntaxError", "helper.py", 1)


def test_a_missing_import_is_blamed_on_the_line_that_imports(run):
    assert str(run("import os\nimport not_there\n")) == (
        "ModuleNotFoundError: No module named 'not_there' (train.py, line 2)"
    )


def test_of_chained_exceptions_the_last_is_the_error(run):
    found = run("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise RuntimeError('gave up') from e\n")
    assert str(found) == "RuntimeError: gave up (train.py, line 4)"


def test_an_exception_of_any_name_and_without_words_is_found(run):
    assert str(run("class Boom(Exception): pass\nraise Boom\n")) == "Boom (train.py, line 2)"
    assert str(run("assert False\n")) == "AssertionError (train.py, line 1)"


def test_of_a_long_message_the_first_line_is_taken(run):
    assert run("raise ValueError('first\\nsecond')\n").text == "first"


def test_lines_of_a_distributed_rank_are_read_through_their_prefix(run):
    script = (
        "import sys, traceback\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n"
        "    print(''.join('[rank0]: ' + l for l in traceback.format_exc().splitlines(True)))\n"
    )
    assert str(run(script)) == "ZeroDivisionError: division by zero (train.py, line 3)"


@pytest.mark.parametrize("words", ["print('Error: not really')", "print('  File \"x\", line 1')", "pass"])
def test_words_that_only_look_like_errors_are_none(run, words):
    assert run(words + "\n") is None


def test_no_log_is_no_blame(tmp_path):
    assert blame.find(tmp_path / "none.txt", tmp_path) is None
