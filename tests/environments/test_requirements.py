"""Requirement lines, files and arguments, as pip reads them."""

import pytest

from lazulite.environments import requirements
from lazulite.environments.requirements import PipOptions, Place
from lazulite.errors import BadRequest


def place(folder):
    return Place("requirements.txt", None, folder, folder)


def test_files_include_files_and_constraints(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "requirements.txt").write_text(
        "-r sub/more.txt  # more\n--constraint=limits.txt\nflask [async] >= 2 ; python_version >= '3.8'\n\n"
        "-f https://example.org/wheels\n--pre\n--only-binary numpy,scipy\nsix \\\n  >=1\n"
    )
    (tmp_path / "sub" / "more.txt").write_text("-c ../limits.txt\nrequests\n")
    (tmp_path / "limits.txt").write_text("urllib3<3\n")
    found = requirements.read_file("requirements.txt", place(tmp_path))
    assert found.lines == ("requests", "flask [async] >= 2 ; python_version >= '3.8'", "six   >=1")
    assert found.constraints == ("urllib3<3",)
    assert found.options == PipOptions(
        find_links=("https://example.org/wheels",), pre=True, only_binary=("numpy", "scipy")
    )


def test_a_local_package_is_known_by_its_content(tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "setup.py").write_text("one")
    first = requirements.read_lines([(1, "-e ./pkg[extra]")], place(tmp_path)).local[0]
    (tmp_path / "pkg" / "setup.py").write_text("two")
    second = requirements.read_lines([(1, "./pkg")], place(tmp_path)).local[0]
    assert (first.path, first.extras, second.extras) == ("pkg", "[extra]", "")
    assert first.digest != second.digest


@pytest.mark.parametrize(
    "line",
    [
        "name @ https://example.org/x-1-py3-none-any.whl",
        "https://example.org/x-1-py3-none-any.whl",
        "git+https://example.org/x.git@v1#egg=x",
        "-e git+https://example.org/x.git#egg=x",
        "six==1.16.0 --hash=sha256:abc",
    ],
)
def test_addresses_and_hashes_are_kept(tmp_path, line):
    assert requirements.read_lines([(1, line)], place(tmp_path)).lines == (line.removeprefix("-e "),)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("../outside", "leads out"),
        ("-r ../outside.txt", "leads out"),
        ("file:///etc/passwd", "leads out"),
        ("-r missing.txt", "is not a file"),
        ("./missing", "does not exist"),
        ("hg+https://example.org/x", "git\\+ addresses"),
        ("a b", "not a requirement"),
        ("--target /x", "not a pip option"),
        ("-r", "pip would say"),
        ("-r 'x", "open quotation mark"),
        ("-r loop.txt", "20 levels deep"),
    ],
)
def test_what_pip_would_not_take_is_refused_with_its_line(tmp_path, line, words):
    (tmp_path / "loop.txt").write_text("-r loop.txt\n")
    with pytest.raises(BadRequest, match=words) as caught:
        requirements.read_lines([(7, line)], place(tmp_path))
    assert "line 7" in caught.value.message or "loop.txt line 1" in caught.value.message


def test_a_file_lies_over_the_configuration():
    configured = PipOptions(index_url="https://a", extra_index_urls=("https://b",), no_index=True)
    merged = PipOptions(index_url="https://c", extra_index_urls=("https://d",)).over(configured)
    assert merged == PipOptions(index_url="https://c", extra_index_urls=("https://d", "https://b"), no_index=True)
