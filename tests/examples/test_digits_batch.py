"""The digits in a batch: trained here, deployed with a script and without, invoked by the SDK and by curl."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lazulite.environments import built
from lazulite.environments.spec import spec_of
from lazulite.errors import UserCodeError
from tests.clients.test_mlflow import PACKAGES


@pytest.fixture
def python(request) -> Path:
    """An interpreter with what train.py imports, the one that the tests of MLflow have built, or build."""
    pip = "\n".join(f"    - {package}" for package in PACKAGES[3])
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    home = Path(request.config.cache.mkdir("mlflow-environments"))
    try:
        return built.ensure(
            home, spec_of({"condaFile": f"dependencies:\n- python={minor}\n- pip:\n{pip}\n"}), print
        ).python
    except UserCodeError as error:
        pytest.skip(f"MLflow cannot be installed here: {error.message}")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_digits_batch_reads_450_files_with_a_script_and_without_and_for_curl(platform, example, python):
    folder = example("digits-batch")
    trained = subprocess.run([python, "train.py"], cwd=folder, capture_output=True, text=True, check=True)
    assert float(trained.stdout.partition("%")[0]) > 97

    said = platform.run(folder, "deploy.py")
    assert "Data digits-unseen, version 1" in said and "Endpoint digits-batch, invoked at http://" in said
    said = platform.run(folder, "score.py")
    right = re.findall(r"(\w+): (\d+) of 450 right", said)
    assert [name for name, _ in right] == ["svm", "mlflow"] and right[0][1] == right[1][1]
    assert int(right[0][1]) > 440

    said = platform.lazulite("run", "--", "bash", "invoke.sh", "svm", cwd=folder)
    job = re.search(r"Job (\S+)", said)[1]
    assert "\nCompleted\n" in said and "\n000.json,2\n" in said
    by_curl = (folder / "results" / job / "digits.csv").read_text()
    by_sdk = (folder / "results" / "svm" / "named-outputs" / "score" / "predictions.csv").read_text()
    assert by_curl == by_sdk and by_curl.count("\n") == 450
