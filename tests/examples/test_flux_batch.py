"""The FLUX batch example. Its environment has torch in it: `make test-examples` runs this, `make test` does not."""

import importlib.util
import json
import shutil
import sys

import pytest
from PIL import Image

pytestmark = pytest.mark.torch

# As the story's own script had it: the same names in each mini-batch.
BY_STEM, BY_INDEX = 'f"{path.stem}.png"', 'f"generated-image-{len(rows)}.png"'


def test_flux_batch_draws_what_each_file_asks_for_and_loses_no_picture(platform, example):
    shapes = recogniser(example("flux-online") / "training" / "shapes.py")
    folder = example("flux-batch")
    prompts = {path.name: json.loads(path.read_text())["prompt"] for path in sorted((folder / "data").iterdir())}
    assert "Data t2igendata, version 1" in platform.run(folder, "prepare_data.py")
    assert "version 1, is deployed as flux-batch/blue" in platform.run(folder, "deploy.py")
    assert "draws version 1" in platform.run(folder, "draw.py")

    results = folder / "results" / "named-outputs" / "score"
    rows = [line.split(",") for line in (results / "predictions.csv").read_text().splitlines()]
    assert [name for name, _ in rows] == list(prompts)
    right = [shapes.recognise(Image.open(results / picture)) == asked(prompts[name]) for name, picture in rows]
    assert sum(right) >= len(right) - 1, rows

    script = folder / "scripts" / "batch_score.py"
    assert BY_STEM in script.read_text()
    script.write_text(script.read_text().replace(BY_STEM, BY_INDEX))
    shutil.rmtree(folder / "results")
    platform.run(folder, "prepare_data.py")
    platform.run(folder, "deploy.py")
    assert "draws version 2" in platform.run(folder, "draw.py")
    again = [Image.open(path).tobytes() for path in results.glob("generated-image-*.png")]
    assert len(set(again)) == len(prompts), sorted(path.name for path in results.iterdir())


def asked(prompt):
    """Returns colour and shape of a prompt."""
    words = prompt.partition(" on ")[0].split()
    return tuple(words[-2:])


def recogniser(path):
    """Loads the module that made the training pictures, which tells what a picture shows."""
    spec = importlib.util.spec_from_file_location("shapes", path)
    module = sys.modules["shapes"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
