"""Conda files: what they ask for in pip's words, and where they are wrong."""

import json

import pytest

from lazulite.environments import conda
from lazulite.environments.requirements import Place
from lazulite.errors import BadRequest

PLACE = Place("condaFile")


def read(text):
    return conda.read(text, PLACE)


def test_a_usual_file_becomes_pip_requirements():
    found = read(
        """
name: model-env
channels: [conda-forge]
dependencies:
  - python=3.10.4
  - numpy=1.23
  - conda-forge::scikit-learn>=1.2,<1.4
  - pytorch=2.1=py3.10_cuda11.8_0
  - pip
  - pip:
      - inference-schema[numpy-support]==1.5.1   # a remark
      - --extra-index-url https://example.org/index
      - git+https://example.org/x.git@main
variables:
  MODE: fast
  WORKERS: 4
"""
    )
    assert found.python == "==3.10.4.*"
    assert found.requirements.lines == (
        "numpy==1.23.*",
        "scikit-learn>=1.2,<1.4",
        "torch==2.1.*",
        "pip",
        "inference-schema[numpy-support]==1.5.1",
        "git+https://example.org/x.git@main",
    )
    assert found.requirements.options.extra_index_urls == ("https://example.org/index",)
    assert found.variables == {"MODE": "fast", "WORKERS": "4"}


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ("numpy", "numpy"),
        ("numpy=1.2.*", "numpy==1.2.*"),
        ("numpy==1.2.3", "numpy==1.2.3"),
        ("numpy==1.2.3=py39_0", "numpy==1.2.3"),
        ("numpy 1.2.3", "numpy==1.2.3"),
        ("numpy 1.2.3 py39_0", "numpy==1.2.3"),
        ("numpy >=1.2, <2", "numpy>=1.2,<2"),
        ("numpy>=1.2.*", "numpy>=1.2"),
        ("numpy=*", "numpy"),
        ("numpy = 1.2", "numpy==1.2.*"),
        ("numpy[version='>=1.2,<2']", "numpy>=1.2,<2"),
        ("numpy!=1.5", "numpy!=1.5"),
        ("numpy~=1.5.0", "numpy~=1.5.0"),
        ("ray-default=2.9", "ray[default]==2.9.*"),
    ],
)
def test_version_operators_are_translated(spec, line):
    assert read(json.dumps({"dependencies": [spec]})).requirements.lines == (line,)


def test_numpy_is_as_old_as_conda_has_built_for():
    found = read("dependencies: [numpy, scikit-learn=1.2.2]")
    assert "numpy<2" in found.requirements.lines
    assert any("scikit-learn 1.2.2 is built for NumPy 1" in note for note in found.notes)
    for other in ("[numpy=1.26, scikit-learn=1.2.2]", "[numpy, scikit-learn=1.5.1]", "[numpy, scikit-learn]"):
        assert "numpy<2" not in read(f"dependencies: {other}").requirements.lines
    assert "numpy<2" not in read("dependencies: [{pip: [scikit-learn==1.2.2]}]").requirements.lines, "as pip has it"


def test_what_is_not_python_is_listed_and_not_looked_for_on_pypi():
    found = read("dependencies: [cudatoolkit=11.3, pytorch-cuda=12.1, ffmpeg, numpy]")
    assert found.unavailable == ("cudatoolkit=11.3", "pytorch-cuda=12.1", "ffmpeg")
    assert found.requirements.lines == ("numpy",)


def test_a_choice_of_versions_is_loosened_and_said():
    found = read("dependencies: ['numpy=1.2|1.3']")
    assert found.requirements.lines == ("numpy",)
    assert "condaFile line 1" in found.notes[0] and "any version" in found.notes[0]


def test_strange_channels_are_said():
    found = read("channels: [acme]\ndependencies: ['other::numpy']")
    assert len(found.notes) == 2 and "PyPI" in found.notes[0]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("dependencies:\n  - numpy\n - broken", 3, "not YAML"),
        ("dependencies:\n  - numpy\n  - 3.5", 3, "holds a number"),
        ("dependencies: numpy", 1, "must be a list, but is text"),
        ("name: x\ndependencies:\n  - conda: [a]", 3, '"conda"'),
        ("- numpy", 1, "must hold names and values"),
        ("dependencies:\n  - pip:\n    - numpy=1.2", 3, '"numpy=1.2" is not a requirement'),
        ("dependencies:\n  - pip:\n    - -r requirements.txt", 3, "no files are sent"),
        ("dependencies:\n  - pip:\n    - ./local_package", 3, "no files are sent"),
        ("dependencies:\n  - pip:\n    - file:///etc/passwd", 3, "no files are sent"),
        ("dependencies:\n  - pip:\n    - --evil x", 3, '"--evil"'),
        ("dependencies:\n  - pip:\n    - 'svn+https://x/y'", 3, "git+"),
        ("variables:\n  A: [1]", 2, "variables.A must be text"),
        ("dependency:\n  - numpy", 2, '"dependency" is not a field'),
        ("dependencies:\n  - '=1.2'", 2, "not a conda package"),
        ("dependencies:\n  - numpy=>1..2", 2, "cannot express"),
        ("a: &a [*a]", 1, ""),
        ("", None, "empty"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, line, words):
    with pytest.raises(BadRequest) as caught:
        read(text)
    where = f"condaFile line {line}" if line else "condaFile"
    assert caught.value.message.startswith(where) and words in caught.value.message
    assert caught.value.target == "condaFile"


def test_a_bomb_of_anchors_is_refused_quickly():
    bomb = "a: &a [x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{'*' + chr(97 + i) + ','} ]\n" for i in range(20))
    with pytest.raises(BadRequest):
        read(bomb)
    with pytest.raises(BadRequest, match="1 MiB"):
        read("#" * (1 << 20) + "\n")
