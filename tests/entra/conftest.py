"""Entra behind the real port: the mounts of login, graph and telemetry, as the platform has them."""

from types import SimpleNamespace

import pytest

from lazulite.edge import hosts
from lazulite.entra import grants, graph, managed_identity, metadata, openid, telemetry
from lazulite.http import stack
from lazulite.http.identify import anyone, bearer
from lazulite.http.routes import Router
from lazulite.identity.environment import client_environment
from tests.front import running

SIGNING_KEY = bytes(range(64))


def entra_app(given):
    parts = SimpleNamespace(settings=given, signing_key=SIGNING_KEY)
    login = (*openid.ROUTES, *grants.ROUTES, *managed_identity.ROUTES, *metadata.ROUTES)
    apps = {
        "login": stack.app(Router(login), parts, anyone),
        "graph": stack.app(Router(graph.ROUTES), parts, bearer(["https://graph.microsoft.com"])),
        "telemetry": stack.app(Router(telemetry.ROUTES), parts, anyone),
    }

    async def app(scope, receive, send):
        host = dict(scope["headers"]).get(b"host", b"").decode()
        await apps[hosts.mount_for(host, scope["path"])](scope, receive, send)

    return app


def lead_here(front, monkeypatch, no_proxy=False):
    """Gives this process the environment of `lazulite run`; returns it."""
    variables = client_environment(front.told, no_proxy)
    # The SDK leaves its choice of a cloud in the environment, where its next client in this process finds it.
    monkeypatch.setenv("AZUREML_CURRENT_CLOUD", "")  # so that what the SDK writes is taken back
    monkeypatch.delenv("AZUREML_CURRENT_CLOUD")
    for name in client_environment(front.told, not no_proxy):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def front(tmp_path):
    with running(tmp_path / "home", app_of=entra_app) as front:
        yield front


@pytest.fixture
def exposed(tmp_path):
    """The same, open to other machines."""
    with running(tmp_path / "home", app_of=entra_app, host="0.0.0.0", secret="open sesame/1") as front:
        yield front


@pytest.fixture
def led_here(front, monkeypatch):
    """Leads this process's Azure clients to the port, by the proxy."""
    return lead_here(front, monkeypatch)
