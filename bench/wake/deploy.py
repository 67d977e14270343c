"""Deploys a script that sleeps after a second without requests; writes down where it is called, and with which key."""

import json
import sys
from pathlib import Path

from azure.ai.ml import MLClient
from azure.ai.ml.entities import CodeConfiguration, Environment, ManagedOnlineDeployment, ManagedOnlineEndpoint
from azure.identity import DefaultAzureCredential

ml = MLClient(DefaultAzureCredential(), "00000000-0000-0000-0000-000000000000", "bench", "bench")
endpoint = ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="sleepy")).result()
deployment = ManagedOnlineDeployment(
    name="blue",
    endpoint_name="sleepy",
    environment=Environment(name="plain", version="1", image="python:3.11-slim"),
    code_configuration=CodeConfiguration(code=str(Path(__file__).parent / "code"), scoring_script="score.py"),
    environment_variables={"WORKER_COUNT": "1"},
    instance_type="Standard_DS3_v2",
    instance_count=1,
    properties={"lazulite.idleTimeout": "PT1S"},
)
ml.online_deployments.begin_create_or_update(deployment).result()
endpoint.traffic = {"blue": 100}
ml.online_endpoints.begin_create_or_update(endpoint).result()
key = ml.online_endpoints.get_keys("sleepy").primary_key
told = {"url": ml.online_endpoints.get("sleepy").scoring_uri, "key": key}
Path(sys.argv[1]).write_text(json.dumps(told))
