"""The registry example: its shell scripts, one after the other, and then a change under an old version."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.examples.conftest import Platform

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def folder(platform: Platform, example: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a copy of the example whose environment, cluster and components are published."""
    mine = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # the client's `python`
    for name, value in {"NUM_EPOCHS": "4", "ENDPOINT": "parts-under-test", "PATH": mine}.items():
        monkeypatch.setenv(name, value)
    return example("components-registry")


def bash(platform: Platform, folder: Path, script: str) -> str:
    return platform.lazulite("run", "--", "bash", f"scripts/{script}.sh", cwd=folder)


def test_a_team_publishes_runs_deploys_and_is_kept_from_silent_changes(platform: Platform, folder: Path) -> None:
    bash(platform, folder, "set_credentials")
    assert bash(platform, folder, "set_environment").split() == ["parts-detector", "1"]
    published = bash(platform, folder, "set_components").split()
    assert (len(published), published[-1]) == (9, "parts_detector:1")
    assert "parts-cluster Standard_DS3_v2" in bash(platform, folder, "set_compute_cluster")

    said = bash(platform, folder, "run_pipeline")
    report = json.loads(said[said.rindex("{") :])
    assert report["hidden_units"] == 8 and report["precision"] > 0.8 and report["recall"] > 0.8

    found = [json.loads(line) for line in bash(platform, folder, "deploy").splitlines() if line.startswith("{")]
    assert (
        len(found) == 8
        and {"kind": "nut", "box": [53, 8, 67, 22]}.items()
        <= max(found, key=lambda one: -abs(one["box"][0] - 53) - abs(one["box"][1] - 8)).items()
    )
    bash(platform, folder, "clean")

    # Again: nothing is run, all is reused. Then a changed script under its old version is refused, by its name.
    again = bash(platform, folder, "run_pipeline")
    job = re.search(r"Job (\S+)", again)
    assert job and "eused" in platform.lazulite("run", "--", "az", "ml", "job", "stream", "-n", job[1], cwd=folder)
    script = folder / "components" / "prune" / "src" / "prune.py"
    script.write_text(script.read_text().replace("Takes the hidden units", "Cuts the hidden units"))
    with pytest.raises(AssertionError, match=r"(?s)parts_prune.*prune\.py"):
        bash(platform, folder, "set_components")


def test_the_scripts_are_what_shells_take(folder: Path) -> None:
    for script in folder.rglob("*.sh"):
        subprocess.run(["bash", "-n", script], check=True)
