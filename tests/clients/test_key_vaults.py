"""Key vaults by azure-keyvault-secrets, as scoring scripts use it, and by `az keyvault`."""

import json
import subprocess
import sys
import uuid

import pytest
import requests
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient

from tests.conftest import GROUP, SUBSCRIPTION, Platform


@pytest.fixture
def vault(environ: Platform) -> str:
    return f"kv{uuid.uuid4().hex[:8]}"


def client(vault: str) -> SecretClient:
    return SecretClient(f"https://{vault}.vault.azure.net", DefaultAzureCredential())


def test_a_secret_has_versions_and_goes_for_good(vault: str) -> None:
    secrets = client(vault)
    first = secrets.set_secret("token", "one", tags={"of": "test"}, content_type="text/plain")
    second = secrets.set_secret("Token", "two")
    found = secrets.get_secret("token")
    assert (found.value, found.properties.version) == ("two", second.properties.version)
    old = secrets.get_secret("token", first.properties.version)
    assert (old.value, old.properties.tags, old.properties.content_type) == ("one", {"of": "test"}, "text/plain")
    assert [one.version for one in secrets.list_properties_of_secret_versions("token")] == [
        second.properties.version,
        first.properties.version,
    ]
    secrets.set_secret("other", "")
    assert sorted(one.name.lower() for one in secrets.list_properties_of_secrets()) == ["other", "token"]
    secrets.update_secret_properties("other", enabled=False, tags={"a": "b"})
    with pytest.raises(HttpResponseError, match="disabled") as refused:
        secrets.get_secret("other")
    assert refused.value.status_code == 403
    secrets.begin_delete_secret("token").result()
    with pytest.raises(ResourceNotFoundError, match="was not found in this key vault"):
        secrets.get_secret("token")
    assert not list(client(f"{vault}x").list_properties_of_secrets()), "another vault has its own"


def test_lists_come_page_by_page(vault: str) -> None:
    secrets = client(vault)
    for name in ("c", "a", "b", "a"):
        secrets.set_secret(name, "x")
    pages = [[one.name for one in page] for page in secrets.list_properties_of_secrets(max_page_size=2).by_page()]
    assert pages == [["a", "b"], ["c"]]
    versions = secrets.list_properties_of_secret_versions("a", max_page_size=1).by_page()
    assert [len(list(page)) for page in versions][:2] == [1, 1]
    with pytest.raises(HttpResponseError, match="from 1 to 25") as refused:
        list(secrets.list_properties_of_secrets(max_page_size=26))
    assert refused.value.status_code == 400


def test_who_has_no_token_is_told_where_to_get_it_and_nonsense_is_refused(vault: str) -> None:
    address = f"https://{vault}.vault.azure.net/secrets"
    answer = requests.get(address, timeout=30)
    assert (answer.status_code, "login.microsoftonline.com" in answer.headers["www-authenticate"]) == (401, True)
    token = DefaultAzureCredential().get_token("https://vault.azure.net/.default").token
    for name, body in (("a_b", {"value": "x"}), ("ab", {}), ("ab", {"value": 3}), ("ab", {"value": "x" * 26000})):
        headers = {"Authorization": f"Bearer {token}"}
        assert requests.put(f"{address}/{name}", json=body, headers=headers, timeout=30).status_code == 400
    wrong = DefaultAzureCredential().get_token("https://management.azure.com/.default").token
    assert requests.get(address, headers={"Authorization": f"Bearer {wrong}"}, timeout=30).status_code == 401


def test_az_names_a_vault_and_fills_it(vault: str, environ: Platform) -> None:
    def az(*words: str) -> object:
        command = [sys.executable, "-m", "lazulite.cli.main", "az", "keyvault", *words]
        command += ["--subscription", SUBSCRIPTION]
        done = subprocess.run(command, env=environ.environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    made = az("create", "-n", vault, "-g", GROUP, "-l", "eastus", "--enable-rbac-authorization", "false")
    assert made["vaultUri"] == f"https://{vault}.vault.azure.net/"
    az("set-policy", "-n", vault, "-g", GROUP, "--object-id", "1", "--secret-permissions", "get", "list")
    put = az("secret", "set", "--vault-name", vault, "-n", "multiplier", "--value", "7")
    assert client(vault).get_secret("multiplier").value == "7"
    assert az("secret", "show", "--id", put["id"])["value"] == "7"
    assert [one["name"] for one in az("secret", "list", "--vault-name", vault)] == ["multiplier"]
    az("secret", "delete", "--vault-name", vault, "-n", "multiplier")
    assert az("secret", "list", "--vault-name", vault) == []
    az("delete", "-n", vault, "--no-wait")
    assert vault not in [one["name"] for one in az("list", "-g", GROUP)]
