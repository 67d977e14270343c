"""The job example: with scikit-learn always, with PyTorch where `make test-examples` asks for it."""

import csv
import json
import re

import pytest
import requests

WORKSPACE = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/my-resource-group"
    "/providers/Microsoft.MachineLearningServices/workspaces/my-workspace"
)


@pytest.mark.slow
def test_the_light_variant_trains_registers_serves_and_cleans_up(platform, example):
    said = run(platform, example("fashion-mnist-job"), "--code", "light", "--epochs", "4")
    assert "Made a cluster gpu-cluster of" in said and "Iteration 4, loss = " in said
    metrics, params = tracked(platform, said)
    assert metrics["accuracy"] > 0.75 and metrics["training_score"] > 0.75
    assert (params["max_iter"], params["learning_rate_init"]) == ("4", "0.002")


@pytest.mark.torch
@pytest.mark.parametrize("script", ["train_mlflow.py", "train_v1.py"])
def test_the_network_trains_registers_serves_and_cleans_up(platform, example, script):
    said = run(platform, example("fashion-mnist-job"), "--script", script, "--epochs", "4")
    assert "epoch 4: loss " in said
    metrics, params = tracked(platform, said)
    assert metrics["accuracy"] > 0.8 and metrics["loss"] < 0.6
    assert {**metrics, **params}["lr"] in ("0.002", 0.002)


def run(platform, folder, *arguments):
    """Runs submit.py; holds what every variant must do; returns what was printed."""
    said = platform.run(folder, "submit.py", *arguments)
    assert "8000 pictures to learn from, 1500 to be tested with" in said
    assert "Registered fashion-mnist, version 1" in said
    assert json.loads(re.search(r"Answer: (.*)", said)[1]) == {"kinds": ["Ankle boot", "Bag", "Trouser"]}
    with (folder / "downloads" / "named-outputs" / "report" / "confusion.csv").open() as file:
        kinds, *rows = csv.reader(file)
    assert len(kinds) == 10 and sum(int(count) for row in rows for count in row) == 1500
    assert platform.lazulite("online-endpoint", "list", "--query", "length(@)", "-o", "tsv").strip() == "0"
    return said


def tracked(platform, said):
    """Returns the metrics and the params that MLflow shows of the run."""
    url = json.loads(platform.lazulite("status", "-o", "json"))["url"]
    address = f"{url}/mlflow/v2.0{WORKSPACE}/api/2.0/mlflow/runs/get"
    answer = requests.get(address, params={"run_id": re.search(r"RunId: (\S+)", said)[1]}, timeout=30)
    answer.raise_for_status()
    data = answer.json()["run"]["data"]
    return ({one["key"]: one["value"] for one in data[kind]} for kind in ("metrics", "params"))
