"""`lazulite doctor --ship`, and Studio's page: what of a workspace works here and would not on Azure."""

import json
import subprocess
import sys

from lazulite.ids import WorkspaceId
from tests.conftest import GROUP, SUBSCRIPTION

ENVIRONMENT = """
name: trained
version: 1
image: python:3.11-slim
conda_file: {dependencies: [pip, {pip: [mlflow==2.9.2]}]}
"""
DEPLOYMENT = """
name: blue
endpoint_name: shipped
code_configuration: {code: code, scoring_script: score.py}
environment: azureml:trained:1
model: azureml:weights:1
instance_type: Standard_NC6s_v3
instance_count: 1
"""
SCRIPT = "def init(): pass\ndef run(raw_data): return 1\n"
JOB = "command: 'true'\nenvironment: azureml:trained:1\ncode: code\n"
DATA = "name: rows\nversion: 1\ntype: uri_file\npath: http://localhost:9/rows.csv\n"


def troubled(cli, folder):
    """Fills a workspace with what Azure would not take."""
    (folder / "code").mkdir()
    (folder / "code" / "score.py").write_text(SCRIPT)
    (folder / "weights.bin").write_bytes(b"1")
    for name, text in (("env", ENVIRONMENT), ("blue", DEPLOYMENT), ("job", JOB), ("data", DATA)):
        (folder / f"{name}.yml").write_text(text)
    cli.json("environment", "create", "-f", str(folder / "env.yml"))
    cli.text("environment", "bind", "trained", "--python", sys.executable)
    cli.json("model", "create", "-n", "weights", "-v", "1", "--path", str(folder / "weights.bin"))
    cli.json("data", "create", "-f", str(folder / "data.yml"))
    cli.json("online-endpoint", "create", "-n", "shipped")
    cli.json("online-deployment", "create", "-f", str(folder / "blue.yml"))
    cli.json("job", "create", "-f", str(folder / "job.yml"))
    cli.json("compute", "create", "-n", "i" * 25, "--type", "ComputeInstance", "--size", "Standard_NC6s_v3")


def test_all_that_would_not_ship_is_told_by_the_command_and_by_studio(cli, tmp_path):
    assert cli.json("doctor", "--ship", "-o", "json") == []
    assert cli.run("doctor", "--ship", *cli.scope).returncode == 0
    troubled(cli, tmp_path)
    try:
        done = cli.run("doctor", "--ship", *cli.scope)
        told = cli.run("doctor", "--ship", "-o", "json", *cli.scope)
        page = subprocess.check_output(
            ["curl", "-sSf", f"{cli.platform.url}/know/shipping?wsid={workspace(cli)}"], text=True
        )
    finally:
        cli.text("environment", "unbind", "trained")
    assert (done.returncode, told.returncode) == (1, 1), done.stderr
    found = {(one["what"], one["where"], one["is_refused"]) for one in json.loads(told.stdout)}
    assert {
        ("deployment", "shipped/blue", True),  # no server in the environment
        ("environment", "trained:1", True),  # bound, conda without a conda, mlflow alone
        ("compute", "i" * 25, True),
        ("data", "rows:1", True),
        ("endpoint", "shipped", False),
        ("quota", "standardNCSv3Family", False),
    } <= found
    words = ("no server for scoring scripts", "mlflow without azureml-mlflow", "lazulite environment unbind trained")
    for said in (*words, "learn.microsoft.com/azure/machine-learning/how-to"):
        assert said in done.stdout
        assert said in page


def workspace(cli):
    return WorkspaceId(SUBSCRIPTION, GROUP, cli.scope[-1])
