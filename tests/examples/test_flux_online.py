"""The FLUX example. Its environment has torch in it: `make test-examples` runs this, `make test` does not."""

import re
import subprocess

import pytest
from PIL import Image

pytestmark = pytest.mark.torch


def test_flux_online_deploys_and_draws_and_its_nf4_form_draws_as_well(platform, example):
    folder = example("flux-online")
    said = platform.run(folder, "deploy.py")
    assert "Model flux, version 1" in said and "flux-environment is at version 2" in said

    said = platform.run(folder, "client.py", "a red circle", "circle.png")
    assert "circle.png: image/png" in said and "The endpoint answers /" in said
    with Image.open(folder / "circle.png") as picture:
        assert picture.format == "PNG" and picture.size == (64, 64)
        middle, corner = picture.getpixel((32, 32)), picture.getpixel((0, 0))
    assert middle[0] > 150 > 100 > max(middle[1:]), f"the middle of a red circle is {middle}"
    assert min(corner) > 200, f"the paper around it is {corner}"

    assert_nf4_draws(folder, next(platform.home.glob("environments/*/bin/python")))


def assert_nf4_draws(folder, python):
    """Quantizes the model with the interpreter that the deployment was given, and has it judged."""
    subprocess.run([python, "quantize.py", "saved_model", "nf4/saved_model"], cwd=folder, check=True)
    judged = subprocess.run(
        [python, "judge.py", "nf4/saved_model"], cwd=folder, check=True, capture_output=True, text=True
    )
    right = [int(count) for count in re.findall(r"(\d+) of 36 right", judged.stdout)]
    assert len(right) == 2 and min(right) >= 30, judged.stdout
