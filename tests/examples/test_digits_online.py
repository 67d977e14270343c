"""The digits example: trained here, deployed by its own script, asked over HTTP."""

import re
import subprocess
import sys

import pytest
import requests


@pytest.mark.slow
def test_digits_online_trains_deploys_and_reads_a_digit(platform, example):
    folder = example("digits-online")
    trained = subprocess.run([sys.executable, "train.py"], cwd=folder, capture_output=True, text=True, check=True)
    assert float(trained.stdout.partition("%")[0]) > 97

    said = platform.run(folder, "deploy.py")
    assert "Answer to plain HTTP: 200 {'digits': [3]}" in said
    assert re.search(r'Answer to the SDK: .*"digits": \[3\]', said)

    # The script is long gone: its endpoint is not, and still asks for the key.
    scoring_uri = re.search(r"Scoring URI: (\S+)", said)[1]
    key = re.search(r"Key: (\S+)", said)[1]
    blank = {"images": [[[0] * 8] * 8] * 2}
    answer = requests.post(scoring_uri, json=blank, headers={"Authorization": f"Bearer {key}"}, timeout=30)
    assert answer.status_code == 200 and len(answer.json()["digits"]) == 2
    assert requests.post(scoring_uri, json=blank, timeout=30).status_code == 401
