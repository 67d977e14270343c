"""ARM ids and references: every form that a client writes is read, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.errors import BadRequest, InvalidName
from lazulite.ids import (
    AssetId,
    RegistryId,
    WorkspaceId,
    check_name,
    child_name,
    parse_asset,
    parse_datastore,
    parse_workspace,
)

HERE = WorkspaceId("sub", "rg", "ws")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("azureml:m:1", AssetId(HERE, "models", "m", version="1")),
        ("azureml:m@latest", AssetId(HERE, "models", "m", label="latest")),
        ("m:1", AssetId(HERE, "models", "m", version="1")),
        ("m", AssetId(HERE, "models", "m")),
        (f"{HERE}/models/m/versions/1", AssetId(HERE, "models", "m", version="1")),
        (f"azureml:{HERE}/models/m/versions/1", AssetId(HERE, "models", "m", version="1")),
        (f"{HERE}/models/azureml:m/versions/1", AssetId(HERE, "models", "m", version="1")),
        (f"{HERE}/models/m/labels/latest", AssetId(HERE, "models", "m", label="latest")),
        (f"{HERE}/models/m", AssetId(HERE, "models", "m")),
        ("azureml://registries/r/models/m/versions/1", AssetId(RegistryId("r"), "models", "m", version="1")),
        ("azureml://registries/r/models/m/labels/latest", AssetId(RegistryId("r"), "models", "m", label="latest")),
    ],
)
def test_every_form_of_a_reference_is_read(text: str, expected: AssetId) -> None:
    assert parse_asset(text, "models", HERE) == expected


@pytest.mark.parametrize("text", ["", "a/b", "azureml://models/m", f"{HERE}/data/d/versions/1", f"{HERE}/models/m/x/1"])
def test_what_names_no_model_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        parse_asset(text, "models", HERE)


@given(st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True), st.from_regex(r"[0-9a-z.]{1,8}", fullmatch=True))
def test_a_printed_asset_id_is_read_back(name: str, version: str) -> None:
    asset = AssetId(HERE, "models", name, version=version)
    assert parse_asset(str(asset), "models", HERE) == asset


def test_ids_are_read_whatever_their_case_and_keep_their_own() -> None:
    owner, rest = parse_workspace(str(HERE).upper() + "/models/m")
    assert (owner.scope, rest) == (HERE.scope, "models/m")


@pytest.mark.parametrize(
    ("text", "store", "path"),
    [
        ("azureml://datastores/blob/paths/a/b.txt", "blob", "a/b.txt"),
        ("azureml://datastores/blob/paths/", "blob", ""),
        ("azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/blob/paths/a", "blob", "a"),
        (
            "azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.x",
            "workspaceartifactstore",
            "ExperimentRun/dcid.x",
        ),
    ],
)
def test_datastore_uris_are_read(text: str, store: str, path: str) -> None:
    found = parse_datastore(text)
    assert found
    assert (found.datastore, found.path) == (store, path)


def test_other_uris_are_no_datastore_paths() -> None:
    assert parse_datastore("https://example.com/a") is None


def test_a_child_is_named_by_id_by_prefix_or_plainly() -> None:
    assert {child_name(text, "computes") for text in (f"{HERE}/computes/cpu", "azureml:cpu", "cpu")} == {"cpu"}


@pytest.mark.parametrize("name", ["", "-a", "a/b", "a b", "a" * 256, "ä"])
def test_names_that_azure_would_not_take_are_refused(name: str) -> None:
    with pytest.raises(InvalidName, match="is not a valid model name"):
        check_name(name, "model")
