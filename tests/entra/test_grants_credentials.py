"""The credentials of azure-identity and azure-ai-ml, unmodified, through the real port."""

import os
import stat
import subprocess
import sys
import time

import jwt
import pytest
import requests
from azure.ai.ml.identity import AzureMLOnBehalfOfCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    AzureCliCredential,
    ClientSecretCredential,
    DefaultAzureCredential,
    DeviceCodeCredential,
    EnvironmentCredential,
    ManagedIdentityCredential,
    OnBehalfOfCredential,
)

from lazulite import clock
from lazulite.identity import tokens
from lazulite.identity.environment import CLIENT, TENANT, client_environment
from tests.entra.conftest import SIGNING_KEY, lead_here

ML = "https://ml.azure.com/.default"
OTHER_TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"


def claims_of(credential, scope=ML):
    """Returns the claims of a fresh token, checked as the platform would and as job submission reads them."""
    token = credential.get_token(scope)
    assert token.expires_on > time.time() + 3600
    claims = jwt.decode(token.token, SIGNING_KEY, algorithms=["HS256"], options={"verify_aud": False})
    assert claims["exp"] - claims["iat"] == tokens.LIFETIME_S
    assert claims["oid"] and claims["sub"] == claims["oid"]
    return claims


@pytest.mark.parametrize(
    ("scope", "audience"),
    [
        (ML, "https://ml.azure.com"),
        ("https://management.azure.com/.default", "https://management.azure.com"),
        ("https://management.azure.com//.default", "https://management.azure.com"),
        ("https://storage.azure.com/.default", "https://storage.azure.com"),
        ("https://management.azure.com/user_impersonation", "https://management.azure.com"),
        ("2ff814a6-3304-4ab8-85cb-cd0e6f879c1d/.default", "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"),
    ],
)
@pytest.mark.usefixtures("led_here")
def test_the_default_credential_gets_a_token_for_any_scope(scope, audience):
    claims = claims_of(DefaultAzureCredential(), scope)
    assert (claims["aud"], claims["tid"], claims["appid"]) == (audience, TENANT, CLIENT)


@pytest.mark.usefixtures("led_here")
def test_environment():
    assert claims_of(EnvironmentCredential())["appid"] == CLIENT


@pytest.mark.usefixtures("led_here")
def test_a_client_secret_of_ones_own():
    claims = claims_of(ClientSecretCredential(OTHER_TENANT, "my-client", "my-secret"))
    assert (claims["tid"], claims["appid"]) == (OTHER_TENANT, "my-client")


@pytest.mark.usefixtures("led_here")
def test_the_same_client_has_the_same_object_id_always():
    one, two, other = (
        claims_of(ClientSecretCredential(OTHER_TENANT, client, "s"))["oid"] for client in ("a", "a", "b")
    )
    assert one == two != other


def test_managed_identity_of_app_service(led_here, monkeypatch):
    only(monkeypatch, led_here, "IDENTITY_ENDPOINT", "IDENTITY_HEADER")
    assert claims_of(ManagedIdentityCredential())["appid"] == CLIENT
    assert claims_of(ManagedIdentityCredential(client_id="one-of-several"))["appid"] == "one-of-several"
    assert claims_of(DefaultAzureCredential())["appid"] == CLIENT


def test_managed_identity_of_azure_ml_compute(led_here, monkeypatch):
    only(monkeypatch, led_here, "MSI_ENDPOINT", "MSI_SECRET")
    assert claims_of(ManagedIdentityCredential())["aud"] == "https://ml.azure.com"


def test_managed_identity_of_a_virtual_machine(led_here, monkeypatch):
    only(monkeypatch, led_here, "HTTP_PROXY", "http_proxy")
    assert claims_of(ManagedIdentityCredential())["aud"] == "https://ml.azure.com"
    assert claims_of(DefaultAzureCredential())["aud"] == "https://ml.azure.com"


def test_on_behalf_of_the_user_inside_a_job(led_here, monkeypatch):
    only(monkeypatch, led_here, "OBO_ENDPOINT")
    assert claims_of(AzureMLOnBehalfOfCredential())["aud"] == "https://ml.azure.com"


def only(monkeypatch, variables, *kept):
    for name in set(variables) - set(kept):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("led_here")
def test_on_behalf_of_a_user_by_assertion():
    credential = OnBehalfOfCredential(OTHER_TENANT, "app", client_secret="s", user_assertion="user's token")
    assert claims_of(credential)["appid"] == "app"


@pytest.mark.usefixtures("led_here")
def test_a_device_code_is_granted_without_a_sign_in():
    told = []
    credential = DeviceCodeCredential(prompt_callback=lambda *args: told.append(args))
    assert claims_of(credential)["appid"] == "user@lazulite.local"
    assert len(told) == 1
    # The second token comes by the refresh token, silently.
    assert claims_of(credential, "https://management.azure.com/.default")["aud"] == "https://management.azure.com"
    assert len(told) == 1


@pytest.mark.usefixtures("led_here")
def test_azure_cli(tmp_path, monkeypatch):
    """A stand-in for `az` that asks the token endpoint as `lazulite run`'s does."""
    az = tmp_path / "bin" / "az"
    az.parent.mkdir()
    az.write_text(f"""#!{sys.executable}
import json, sys, time, requests
resource = sys.argv[sys.argv.index("--resource") + 1]
form = {{"grant_type": "client_credentials", "client_id": "az", "client_secret": "s", "resource": resource}}
token = requests.post("https://login.microsoftonline.com/common/oauth2/token", data=form).json()
print(json.dumps({{"accessToken": token["access_token"], "expires_on": int(token["expires_on"]),
                  "expiresOn": "2030-01-01 00:00:00.000000", "subscription": "s", "tenant": "t",
                  "tokenType": "Bearer"}}))
""")
    az.chmod(az.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{az.parent}{os.pathsep}{os.environ['PATH']}")
    assert claims_of(AzureCliCredential())["appid"] == "az"


def test_without_a_proxy(front, monkeypatch):
    lead_here(front, monkeypatch, no_proxy=True)
    scope = f"https://localhost:{front.port}/.default"
    assert claims_of(DefaultAzureCredential(), scope)["aud"] == f"https://localhost:{front.port}"
    assert claims_of(EnvironmentCredential(), scope)["tid"] == TENANT


def test_an_open_port_gives_tokens_for_its_secret_only(exposed, monkeypatch):
    lead_here(exposed, monkeypatch)
    assert claims_of(DefaultAzureCredential())["appid"] == CLIENT
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215: Invalid client secret provided"):
        ClientSecretCredential(OTHER_TENANT, "client", "guessed").get_token(ML)


@pytest.mark.parametrize("kept", [("IDENTITY_ENDPOINT", "IDENTITY_HEADER"), ("MSI_ENDPOINT", "MSI_SECRET")])
def test_an_open_port_wants_its_secret_from_managed_identity(exposed, monkeypatch, kept):
    only(monkeypatch, lead_here(exposed, monkeypatch), *kept)
    assert claims_of(ManagedIdentityCredential())["appid"] == CLIENT
    monkeypatch.setenv(kept[1], "guessed")
    with pytest.raises(ClientAuthenticationError):
        ManagedIdentityCredential().get_token(ML)


def test_an_open_port_wants_its_secret_from_jobs(exposed, monkeypatch):
    variables = lead_here(exposed, monkeypatch)
    only(monkeypatch, variables, "OBO_ENDPOINT")
    assert claims_of(AzureMLOnBehalfOfCredential())["appid"] == CLIENT
    assert requests.get(f"{exposed.url}/_identity/obo?resource=x").status_code == 401


def test_an_open_ports_metadata_service_is_reached_by_the_proxys_password_only(exposed, monkeypatch):
    only(monkeypatch, lead_here(exposed, monkeypatch), "HTTP_PROXY", "http_proxy")
    assert claims_of(ManagedIdentityCredential())["appid"] == CLIENT
    direct = requests.get(
        f"{exposed.url}/metadata/identity/oauth2/token?resource=x",
        headers={"Metadata": "true", "Host": "169.254.169.254"},
    )
    assert direct.status_code == 401
    assert direct.headers["WWW-Authenticate"] == 'Basic realm="Lazulite"'


def test_a_program_started_with_this_environment_alone(front):
    """The child has nothing but the variables: what `lazulite run` gives."""
    script = f"from azure.identity import DefaultAzureCredential as C; print(C().get_token({ML!r}).token)"
    run = subprocess.run(
        [sys.executable, "-c", script], env=client_environment(front.told), capture_output=True, text=True, timeout=60
    )
    assert tokens.verify(SIGNING_KEY, run.stdout.strip(), [ML], clock.now()).audience == "https://ml.azure.com"
