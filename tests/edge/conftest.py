"""One port for each test that asks for it."""

import pytest

from lazulite import settings
from lazulite.identity.environment import client_environment
from tests.front import running


@pytest.fixture(autouse=True)
def clients_of_their_own(monkeypatch):
    """Clients do as the test says, not as the shell does in which it was started."""
    for name in client_environment(settings.read({})):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def front(tmp_path):
    with running(tmp_path / "home") as front:
        yield front
