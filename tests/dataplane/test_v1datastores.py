"""Datastores in SDK v1's words."""

import pytest

from lazulite.errors import NotFound
from lazulite.identity import accounts
from tests.dataplane.conftest import HERE, Plane

ROOT = "/datastore/v1.0{W}"


def test_the_default_one_comes_with_the_key_of_its_account(plane: Plane) -> None:
    default = plane.ask("GET", f"{ROOT}/default")
    section = default["azureStorageSection"]
    assert (default["name"], default["dataStoreType"]) == ("workspaceblobstore", "AzureBlob")
    assert section["accountKey"] == accounts.account_key(plane.parts.signing_key, accounts.account_name(HERE))


def test_another_can_be_made_the_default(plane: Plane) -> None:
    plane.ask("PUT", f"{ROOT}/default/workspaceartifactstore")
    assert plane.ask("GET", f"{ROOT}/default")["name"] == "workspaceartifactstore"


def test_all_are_listed_and_one_that_is_not_there_is_named(plane: Plane) -> None:
    assert len(plane.ask("GET", f"{ROOT}/datastores")["value"]) == 4
    with pytest.raises(NotFound, match="It has workspaceblobstore"):
        plane.ask("GET", f"{ROOT}/datastores/none")
