"""`az storage`, `az identity`, `az role`, `az ad` and `az acr`, as scripts that set a workspace up use them."""

import json
import uuid

import pytest

from lazulite.identity.environment import TENANT
from tests.cli.conftest import Cli
from tests.conftest import SUBSCRIPTION

WHERE = ("-g", "storage-group", "--subscription", SUBSCRIPTION)


@pytest.fixture
def az(platform):
    return Cli(platform)


@pytest.fixture
def account(az):
    """A storage account of the test's own, opened by its key."""
    name = f"st{uuid.uuid4().hex[:12]}"
    made = az.json("az", "storage", "account", "create", "-n", name, *WHERE, "--sku", "Standard_LRS", "-l", "westus")
    assert (made["name"], made["location"], made["resourceGroup"]) == (name, "westus", "storage-group")
    key = az.text("az", "storage", "account", "keys", "list", "-n", name, *WHERE, "--query", "[0].value", "-o", "tsv")
    return ("--account-name", name, "--account-key", key.strip())


def test_accounts_are_made_listed_opened_and_deleted(az, account):
    name = account[1]
    listed = az.json("az", "storage", "account", "list", *WHERE, "--query", "[].name")
    assert name in listed
    found = az.json("az", "storage", "account", "show", "--name", name, *WHERE)
    assert found["primaryEndpoints"]["blob"] == f"https://{name}.blob.core.windows.net/"
    assert az.json("az", "storage", "account", "check-name", "-n", name, *WHERE)["nameAvailable"] is False
    text = az.json("az", "storage", "account", "show-connection-string", "-n", name, *WHERE)["connectionString"]
    made = az.json("az", "storage", "container", "create", "--name", "data", "--connection-string", text)
    assert made == {"created": True}
    assert az.json("az", "storage", "container", "exists", "-n", "data", *account)["exists"] is True
    az.text("az", "storage", "account", "delete", "-n", name, *WHERE, "--yes")
    assert f'no storage account "{name}"' in az.refused("az", "storage", "account", "show", "-n", name, *WHERE, code=3)


def test_the_account_of_a_workspace_is_there_with_its_key(az, cli):
    cli.json("model", "list")
    workspace = az.json("workspace", "show", "-n", cli.scope[-1], *cli.scope[:-2])
    name, group = workspace["storage_account"].rpartition("/")[2], workspace["resource_group"]
    keys = az.json("az", "storage", "account", "keys", "list", "-n", name, "-g", group, "--subscription", SUBSCRIPTION)
    assert keys[0]["value"] == az.json("workspace", "list-keys", "-n", cli.scope[-1], *cli.scope[:-2])["userStorageKey"]


def test_folders_are_uploaded_listed_downloaded_and_deleted(az, account, tmp_path):
    (tmp_path / "in" / "b").mkdir(parents=True)
    (tmp_path / "in" / "a.csv").write_text("1,2\n")
    (tmp_path / "in" / "b" / "c.json").write_text("{}")
    az.text("az", "storage", "container", "create", "-n", "data", *account)
    into = ("-d", "data", "--destination-path", "raw", "-s", str(tmp_path / "in"))
    done = az.json("az", "storage", "blob", "upload-batch", *into, *account)
    assert [one["Blob"].partition("/data/")[2] for one in done] == ["raw/a.csv", "raw/b/c.json"]
    names = ("az", "storage", "blob", "list", "-c", "data", "--query", "[].name", "-o", "tsv")
    assert az.text(*names, *account).split() == ["raw/a.csv", "raw/b/c.json"]
    assert az.text(*names, "--prefix", "raw/b", *account).split() == ["raw/b/c.json"]
    (tmp_path / "out").mkdir()
    got = az.json("az", "storage", "blob", "download-batch", "-s", "data", "-d", str(tmp_path / "out"), *account)
    assert got == ["raw/a.csv", "raw/b/c.json"]
    assert (tmp_path / "out" / "raw" / "a.csv").read_text() == "1,2\n"
    az.text("az", "storage", "blob", "delete-batch", "-s", "data", "--pattern", "raw/*.csv", *account)
    assert az.text(*names, *account).split() == ["raw/b/c.json"]


def test_a_blob_is_uploaded_replaced_shown_and_read(az, account, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("1,2\n")
    az.text("az", "storage", "container", "create", "-n", "data", *account)
    upload = ("az", "storage", "blob", "upload", "-c", "data", "-f", str(file), *account)
    assert az.json(*upload, "--metadata", "by=me")["etag"]
    assert "(BlobAlreadyExists)" in az.refused(*upload, code=1)
    file.write_text("3,4,5\n")
    az.json(*upload, "--overwrite")
    one = ("-c", "data", "--name", "rows.csv", *account)
    shown = az.json("az", "storage", "blob", "show", *one)
    assert (shown["properties"]["contentLength"], shown["properties"]["contentSettings"]["contentType"]) == (
        6,
        "text/csv",
    )
    assert az.text("az", "storage", "blob", "download", *one) == "3,4,5\n"
    sas = az.json("az", "storage", "blob", "generate-sas", *one, "--permissions", "r", "--expiry", "2099-01-01T00:00Z")
    url = f"https://{account[1]}.blob.core.windows.net/data/rows.csv?{sas}"
    read = az.run("run", "--", "curl", "-sf", url)
    assert read.stdout == "3,4,5\n", read.stderr
    az.text("az", "storage", "blob", "delete", *one)
    assert az.json("az", "storage", "blob", "exists", *one)["exists"] is False
    assert "(BlobNotFound)" in az.refused("az", "storage", "blob", "show", *one, code=3)


def test_a_token_opens_an_account_that_variables_name(az, account, tmp_path):
    az.variables["AZURE_STORAGE_ACCOUNT"] = account[1]
    made = az.json("az", "storage", "container", "create", "-n", "mine", "--auth-mode", "login")
    assert made == {"created": True}
    assert az.json("az", "storage", "container", "list", "--query", "[].name", "--auth-mode", "login") == ["mine"]
    az.variables.clear()
    assert "--account-name" in az.refused("az", "storage", "container", "list", code=2)


def test_identities_have_ids_that_stay(az):
    name = f"id-{uuid.uuid4().hex[:8]}"
    made = az.json("az", "identity", "create", "--name", name, *WHERE)
    assert made == az.json("az", "identity", "show", "-n", name, *WHERE)
    assert made["principalId"] != made["clientId"]
    assert az.json("az", "identity", "list", *WHERE, "--query", f"[?name=='{name}'].clientId") == [made["clientId"]]
    az.text("az", "identity", "delete", "-n", name, *WHERE)


def test_roles_are_noted_listed_and_taken_back(az):
    principal, scope = str(uuid.uuid4()), f"/subscriptions/{SUBSCRIPTION}/resourceGroups/storage-group"
    given = ("--assignee", principal, "--role", "AzureML Data Scientist", "--scope", scope)
    made = az.json("az", "role", "assignment", "create", *given)
    assert (made["principalId"], made["scope"], made["roleDefinitionName"]) == (
        principal,
        scope,
        "AzureML Data Scientist",
    )
    assert az.json("az", "role", "assignment", "create", *given)["name"] == made["name"]
    mine = ("az", "role", "assignment", "list", "--assignee", principal, "--subscription", SUBSCRIPTION)
    assert [one["id"] for one in az.json(*mine)] == [made["id"]]
    az.text("az", "role", "assignment", "delete", "--assignee", principal, "--scope", scope)
    assert az.json(*mine) == []


def test_a_principal_for_automation_can_log_in(az):
    name = f"ci-{uuid.uuid4().hex[:8]}"
    scope = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/storage-group"
    words = ("--name", name, "--role", "contributor", "--scopes", scope)
    made = az.json("az", "ad", "sp", "create-for-rbac", *words)
    assert (made["displayName"], made["tenant"]) == (name, TENANT)
    shown = json.loads(az.text("az", "ad", "sp", "create-for-rbac", *words, "--sdk-auth"))
    assert (shown["clientId"], shown["clientSecret"]) == (made["appId"], made["password"])
    login = ("--service-principal", "-u", made["appId"], "-p", made["password"], "--tenant", made["tenant"])
    assert az.json("az", "login", *login)[0]["state"] == "Enabled"


def test_an_image_that_is_built_is_what_an_environment_is_built_of(az, cli, tmp_path):
    name = f"acr{uuid.uuid4().hex[:8]}"
    made = az.json("az", "acr", "create", "-n", name, *WHERE, "--sku", "Basic")
    assert made["loginServer"] == f"{name}.azurecr.io"
    assert az.json("az", "acr", "show", "-n", name, *WHERE, "--query", "name") == name
    az.text("az", "acr", "login", "--name", name)
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "cpu.Dockerfile").write_text("FROM python:3.11\nENV BUILT_HERE=yes\n")
    build = ("az", "acr", "build", "--registry", name, "--file", str(tmp_path / "docker" / "cpu.Dockerfile"))
    assert az.json(*build, "--image", "team/tools:cpu", str(tmp_path / "docker"))["status"] == "Succeeded"
    assert az.json("az", "acr", "repository", "list", "-n", name) == ["team/tools"]
    assert az.json("az", "acr", "repository", "show-tags", "-n", name, "--repository", "team/tools") == ["cpu"]
    job = tmp_path / "job.yml"
    image = f"{name}.azurecr.io/team/tools:cpu"
    job.write_text(f"command: echo built $BUILT_HERE\nenvironment: {{image: '{image}'}}\n")
    said = cli.text("job", "create", "-f", str(job), "--stream", *cli.scope)
    assert "built yes" in said
    (tmp_path / "docker" / "cpu.Dockerfile").write_text("RUN nothing\n")
    assert "cpu.Dockerfile" in az.refused(*build, "-t", "team/tools:cpu", str(tmp_path / "docker"), code=1)
    assert "is no folder here" in az.refused(*build, "-t", "x:1", "https://github.com/x/y.git", code=2)
