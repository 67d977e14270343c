"""Machines without a GPU: CPU builds wherever there are some, and a word where there are none."""

import json

import pytest

from lazulite.environments import built, cpu_builds, interpreters
from lazulite.environments.requirements import PipOptions, Requirements
from lazulite.environments.spec import spec_of

ON_ANY = [("torch", "2.13.0+cpu"), ("torch", "2.12.0+cpu"), ("other", "1.0")]


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(cpu_builds, "has_gpu", lambda: False)


@pytest.fixture
def house(offline, wheel, no_gpu):
    """The wheelhouse, with a newer torch for CUDA and an older one for the CPU."""
    wheel(offline, "nvidia-cublas", "13.0")
    wheel(offline, "torch", "2.15.0", requires=["nvidia-cublas"])
    for name, version in ON_ANY:
        wheel(offline, name, version)
    wheel(offline, "trainer", "1.0", requires=["torch>=2"])
    wheel(offline, "boosting", "1.0", requires=["nvidia-nccl-cu12", "greeting"])
    return offline


def ensure(home, *lines):
    conda_file = json.dumps({"dependencies": [{"pip": list(lines)}]})
    environment = built.ensure(home, spec_of({"condaFile": conda_file}), lambda line: None)
    pins = dict(line.split("==") for line in environment.lock.read_text().splitlines())
    return pins, " ".join(environment.notes)


@pytest.mark.parametrize("lines", [["torch"], ["torch==2.13.0"], ["trainer"], ["torch==2.13.0+cu118"]])
def test_a_cpu_build_in_find_links_goes_before_a_newer_cuda_build(tmp_path, house, lines):
    pins, notes = ensure(tmp_path, *lines)
    assert pins["torch"] == "2.13.0+cpu" and "nvidia-cublas" not in pins
    assert "No GPU here: torch==2.13.0+cpu is taken" in notes


def test_a_pin_picks_the_cpu_build_of_its_own_version(tmp_path, house):
    assert ensure(tmp_path, "torch<2.13")[0]["torch"] == "2.12.0+cpu"


def test_a_pin_that_no_cpu_build_meets_is_obeyed_and_said(tmp_path, house):
    pins, notes = ensure(tmp_path, "torch==2.15.0")
    assert pins["torch"] == "2.15.0" and "1 CUDA packages, several gigabytes" in notes


def test_a_package_that_wants_cuda_only_where_a_gpu_is_gets_none(tmp_path, house):
    pins, _ = ensure(tmp_path, "boosting")
    assert "greeting" in pins and "nvidia-nccl-cu12" not in pins


def test_with_a_gpu_nothing_is_changed(tmp_path, house, monkeypatch):
    monkeypatch.setattr(cpu_builds, "has_gpu", lambda: True)
    pins, notes = ensure(tmp_path, "torch")
    assert (pins["torch"], pins["nvidia-cublas"], notes) == ("2.15.0", "13.0", "")


def test_names_extras_and_indexes_of_cuda_give_way_and_it_is_said():
    asked = Requirements(
        (
            "torch==2.1.0+cu118",
            "tensorflow[and-cuda]==2.16.2",
            "onnxruntime-gpu~=1.9",
            "numpy>=1",
            "git+https://e/x.git",
        ),
        options=PipOptions(extra_index_urls=("https://download.pytorch.org/whl/cu118", "https://e/other")),
    )
    changed, notes = cpu_builds.without_cuda(asked)
    assert changed.lines == (
        "torch==2.1.0", "tensorflow==2.16.2", "onnxruntime~=1.9", "numpy>=1", "git+https://e/x.git",
    )  # fmt: skip
    assert changed.options.extra_index_urls == ("https://e/other",)
    assert len(notes) == 4


def test_only_wheels_that_fit_the_interpreter_count(tmp_path, wheel):
    mine = interpreters.choose("").interpreter
    wheel(tmp_path, "torch", "2.13.0+cpu", tag="cp27-none-any")
    wheel(tmp_path, "torch", "2.14.0+cu130")
    (tmp_path / "no wheel.whl").touch()
    assert cpu_builds.cpu_wheels([str(tmp_path), "https://e/x", "/nowhere"], mine, []) == []
    wheel(tmp_path, "torch", "2.1.0+cpu", tag=f"cp3{mine.minor}-none-any")
    found = cpu_builds.cpu_wheels([tmp_path.as_uri()], mine, ["torch>=2"])
    assert [wheel.pin for wheel in found] == ["torch==2.1.0+cpu"]


def test_companions_built_for_cuda_are_noticed():
    assert cpu_builds.unmatched("torch==2.13.0+cpu\ntorchvision==0.28.0\n") == ["torchvision==0.28.0"]
    assert cpu_builds.unmatched("torch==2.13.0+cpu\ntorchvision==0.28.0+cpu\n") == []
    assert cpu_builds.unmatched("torch==2.15.0\ntorchvision==0.30.0\n") == []
