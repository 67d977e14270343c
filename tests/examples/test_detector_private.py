"""The detector example: an image in the workspace's registry, a deployment with settings, boxes on a drawing."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from PIL import Image

from tests.examples.conftest import EXAMPLES, Platform

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SCOPE = {
    "subscription-id": "00000000-0000-0000-0000-000000000000",
    "resource-group-name": "my-resource-group",
    "workspace-name": "my-workspace",
}
ON_THE_SAMPLE = {"check valve": 8, "exchanger": 7, "instrument": 3, "pump": 4, "valve": 6, "vessel": 6}


def deploy(platform: Platform, folder: Path, image: str, *flags: str) -> str:
    """Runs the deployment program; returns the scoring URI that it prints."""
    scope = [word for name, value in SCOPE.items() for word in (f"--{name}", value)]
    words = ("run", "--", sys.executable, "-m", "deployment", *scope, "--environment-image", image, *flags)
    said = platform.lazulite(*words, cwd=folder)
    assert "Scoring URI: " in said, said
    return said.rpartition("Scoring URI: ")[2].split()[0]


def counted(folder: Path, uri: str, key: str) -> dict[str, int]:
    """Returns what the example's client finds on the sample drawing, by label."""
    words = [sys.executable, "client/draw_boxes.py", "--url", uri, "--key", key, "--out", "boxes.png"]
    ended = subprocess.run([*words, "samples/drawing.png"], cwd=folder, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return {label: int(count) for label, _, count in (line.partition(": ") for line in ended.stdout.splitlines())}


def test_the_detector_is_deployed_with_its_settings_and_finds_every_symbol(platform: Platform, tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLES / "detector-private", tmp_path / "detector")
    image = platform.lazulite("run", "--", "bash", "build_image.sh", cwd=folder).split()[-1]
    assert image.endswith(".azurecr.io/symbols:cpu")

    uri = deploy(platform, folder, image, "--tile-grid-size", "3x2", "--box-score-thresh", "0.4")
    where = ("-g", SCOPE["resource-group-name"], "-w", SCOPE["workspace-name"])
    key = json.loads(platform.lazulite("online-endpoint", "get-credentials", "-n", "symbol-detection", *where))
    headers = {"Authorization": f"Bearer {key['primaryKey']}"}
    assert counted(folder, uri, key["primaryKey"]) == ON_THE_SAMPLE
    drawn, plain = Image.open(folder / "boxes.png"), Image.open(folder / "samples" / "drawing.png").convert("RGB")
    assert drawn.size == plain.size and drawn.tobytes() != plain.tobytes()
    assert requests.get(uri.removesuffix("/score"), timeout=30).status_code == 200
    assert requests.get(f"{uri}?said=back", headers=headers, timeout=30).text == "/score?said=back"
    for files, reason in (({"picture": b"x"}, "no file called image"), ({"image": b"x"}, "no picture")):
        answer = requests.post(uri, headers=headers, files=files, timeout=30)
        assert answer.headers["ms-azureml-model-error-statuscode"] == "400" and reason in answer.text
    tags = json.loads(platform.lazulite("model", "show", "-n", "symbol-detector-set", "-v", "1", *where))["tags"]
    assert (tags["tile_grid_size"], tags["box_score_thresh"]) == ("3x2", "0.4")
