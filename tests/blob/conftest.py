"""One blob storage for all tests of this folder; each test has an account of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient

from tests.blob import served
from tests.blob.served import Account


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def port(home: Path) -> Iterator[int]:
    with served.in_thread(home) as port:
        yield port


@pytest.fixture
def account(port: int, home: Path) -> Account:
    return served.new_account(port, home)


@pytest.fixture
def container(account: Account) -> ContainerClient:
    return account.blobs().create_container("con")
