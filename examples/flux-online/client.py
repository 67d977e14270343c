"""Waits for the deployment and has it draw: python client.py "a purple star" star.png"""

import argparse
import sys
import time
from pathlib import Path

import requests

from deploy import DEPLOYMENT, ENDPOINT, connect


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", nargs="?", default="a purple star")
    parser.add_argument("file", nargs="?", default="picture.png", type=Path)
    arguments = parser.parse_args()

    ml_client = connect()
    wait_until_ready(ml_client)

    endpoint = ml_client.online_endpoints.get(ENDPOINT)
    key = ml_client.online_endpoints.get_keys(ENDPOINT).primary_key
    # No traffic is set: the request says which deployment it is for.
    headers = {"Authorization": f"Bearer {key}", "azureml-model-deployment": DEPLOYMENT}

    body = {"prompt": arguments.prompt, "seed": 7}
    answer = requests.post(endpoint.scoring_uri, headers=headers, json=body, timeout=120)
    if not answer.ok:
        sys.exit(f"{answer.status_code}: {answer.text}")
    arguments.file.write_bytes(answer.content)
    print(f"{arguments.file}: {answer.headers['Content-Type']}, {len(answer.content)} bytes")

    swagger = requests.get(endpoint.openapi_uri, headers=headers, timeout=30)
    swagger.raise_for_status()
    print("The endpoint answers", ", ".join(swagger.json()["paths"]))


def wait_until_ready(ml_client):
    """Asks for the deployment's state until it is a last one; leaves with its log unless that is Succeeded."""
    state = ""
    while state not in ("Succeeded", "Failed", "Canceled"):
        time.sleep(1 if state else 0)
        state = ml_client.online_deployments.get(DEPLOYMENT, ENDPOINT).provisioning_state
    if state != "Succeeded":
        sys.exit(ml_client.online_deployments.get_logs(DEPLOYMENT, ENDPOINT, lines=50))


if __name__ == "__main__":
    main()
