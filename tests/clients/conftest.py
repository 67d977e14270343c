"""The official SDK's client, on a workspace that no other test uses."""

import uuid

import pytest
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential

from tests.conftest import GROUP, SUBSCRIPTION, Platform


@pytest.fixture
def ml(environ: Platform) -> MLClient:
    """Returns an MLClient, made as user programs make it."""
    return MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, f"ws-{uuid.uuid4().hex[:8]}")
