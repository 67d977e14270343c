"""Registers the requests in data/ as a data asset. Each time that this runs, its version counts up."""

import json
from pathlib import Path

from azure.ai.ml import MLClient
from azure.ai.ml.constants import AssetTypes
from azure.ai.ml.entities import Data
from azure.identity import ClientSecretCredential

CONFIG = Path("../flux-online/config.json")
DATA = "t2igendata"


def connect():
    """Opens the workspace that config.json names, as the application it names."""
    config = json.loads(CONFIG.read_text())
    credential = ClientSecretCredential(config["tenant_id"], config["client_id"], config["client_secret"])
    return MLClient(credential, config["subscription_id"], config["resource_group"], config["workspace_name"])


def main():
    ml_client = connect()
    data = ml_client.data.create_or_update(Data(name=DATA, path="./data", type=AssetTypes.URI_FOLDER))
    print(f"Data {data.name}, version {data.version}")


if __name__ == "__main__":
    main()
