"""The detector example: an image in the workspace's registry, a deployment with settings, boxes on a drawing."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from PIL import Image

from lazulite.environments import engines
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


def exchange(folder: Path, url: str, key: str) -> dict[str, requests.Response]:
    """Sends the requests of the example's collection as an API client does; returns the answers by name."""
    found = json.loads((folder / "postman" / "collection.json").read_text())
    values = {one["key"]: one["value"] for one in found["variable"]} | {"url": url, "key": key}

    def filled(text: str) -> str:
        for name, value in values.items():
            text = text.replace("{{" + name + "}}", value)
        return text

    answers = {}
    for item in found["item"]:
        asked = item["request"]
        form = asked.get("body", {}).get("formdata", ())
        files = {part["key"]: (folder / part["src"]).open("rb") for part in form}
        bearer = {"Authorization": filled("Bearer " + found["auth"]["bearer"][0]["value"])}
        url = filled(asked["url"])
        answers[item["name"]] = requests.request(asked["method"], url, headers=bearer, files=files or None, timeout=60)
    return answers


def test_the_detector_is_deployed_with_its_settings_and_finds_every_symbol(platform: Platform, tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLES / "detector-private", tmp_path / "detector")
    image = platform.lazulite("run", "--", "bash", "build_image.sh", cwd=folder).strip()
    assert image.endswith(".azurecr.io/symbols:cpu") and "\n" not in image

    wanted = {
        "box_score_thresh": "0.4",
        "nms_iou_thresh": "0.45",
        "box_detections_per_img": "90",
        "tile_grid_size": "3x2",
        "tile_overlap_ratio": "0.3",
        "tile_predictions_nms_thresh": "0.2",
    }
    flags = [word for name, value in wanted.items() for word in (flag_of(name), value)]
    uri = deploy(platform, folder, image, *flags)
    where = ("-g", SCOPE["resource-group-name"], "-w", SCOPE["workspace-name"])
    key = json.loads(platform.lazulite("online-endpoint", "get-credentials", "-n", "symbol-detection", *where))
    headers = {"Authorization": f"Bearer {key['primaryKey']}"}
    assert counted(folder, uri, key["primaryKey"]) == ON_THE_SAMPLE
    drawn, plain = Image.open(folder / "boxes.png"), Image.open(folder / "samples" / "drawing.png").convert("RGB")
    assert drawn.size == plain.size and drawn.tobytes() != plain.tobytes()
    assert requests.get(uri.removesuffix("/score"), timeout=30).status_code == 200
    answers = exchange(folder, uri.removesuffix("/score"), key["primaryKey"])
    assert [one.status_code for one in answers.values()] == [200] * 4
    assert answers["Which path am I?"].text == "/score?said=back"
    assert len(answers["Which symbols are on this drawing?"].json()["boxes"]) == sum(ON_THE_SAMPLE.values())
    for files, reason in (({"picture": b"x"}, "no file called image"), ({"image": b"x"}, "no picture")):
        answer = requests.post(uri, headers=headers, files=files, timeout=30)
        assert answer.headers["ms-azureml-model-error-statuscode"] == "400" and reason in answer.text
    tags = json.loads(platform.lazulite("model", "show", "-n", "symbol-detector-set", "-v", "1", *where))["tags"]
    assert {name: tags[name] for name in wanted} == wanted

    if engines.has_docker_api(os.environ):
        return  # Docker's clients go to that engine, which would need Azure's base images
    local = deploy(platform, folder, image, "--is-local-deployment", "--tile-grid-size", "3x2")
    assert counted(folder, local, "") == ON_THE_SAMPLE | {"vessel": 7}, "with the threshold that the model has"
    assert requests.get(local.removesuffix("score"), timeout=30).status_code == 200
    assert requests.get(f"{local}?said=back", timeout=30).text == "/score?said=back"


def flag_of(setting: str) -> str:
    """Returns the program's flag for a setting."""
    return "--" + setting.replace("_", "-").replace("predictions-nms-thresh", "predictions-nms-threshold")
