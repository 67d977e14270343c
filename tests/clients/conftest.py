"""The official SDK's client, on a workspace that no other test uses, and a module's scoring script."""

import uuid
from pathlib import Path

import pytest
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential

from tests.conftest import GROUP, SUBSCRIPTION, Platform


@pytest.fixture
def ml(environ: Platform) -> MLClient:
    """Returns an MLClient, made as user programs make it."""
    return MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, f"ws-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def code(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Returns a folder with the module's SCORE as score.py."""
    folder = tmp_path / "scoring"
    folder.mkdir()
    (folder / "score.py").write_text(request.module.SCORE)
    return folder
