"""Blob storage behind a real HTTP server on loopback, in a thread of the test or in a process of its own."""

import asyncio
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import requests
import uvicorn
from azure.storage.blob import BlobServiceClient
from azure.storage.filedatalake import DataLakeServiceClient

from lazulite.blob import service
from lazulite.blob.service import BlobStorage
from lazulite.identity import accounts
from lazulite.settings import Settings

SIGNING_KEY = b"a secret of these tests"


@dataclass
class Account:
    """A storage account as a client sees it."""

    name: str
    port: int
    home: Path

    @property
    def key(self) -> str:
        return accounts.account_key(SIGNING_KEY, self.name)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/_blob/{self.name}"

    @property
    def folder(self) -> Path:
        return self.home / "storage" / self.name

    def blobs(self, **options: Any) -> BlobServiceClient:
        credential = {"account_name": self.name, "account_key": self.key}
        options.setdefault("retry_total", 0)
        return BlobServiceClient(self.url, credential=options.pop("credential", credential), **options)

    def lake(self) -> DataLakeServiceClient:
        credential = {"account_name": self.name, "account_key": self.key}
        url = f"http://127.0.0.1:{self.port}/_blob/{self.name}.dfs.core.windows.net"
        return DataLakeServiceClient(url, credential=credential, retry_total=0)

    def sas(self, container: str, blob: str | None, permissions: str, minutes: int = 10) -> str:
        expires_at = datetime.now(timezone.utc) + timedelta(minutes=minutes)
        return accounts.sign_sas(self.name, self.key, container, blob, permissions, expires_at)

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """Sends a request whose path goes out as it is given, signed for everything in the container."""
        container = path.partition("?")[0].partition("/")[0]
        separator = "&" if "?" in path else "?"
        url = f"{self.url}/{path}{separator}{self.sas(container, None, 'racwdl')}"
        with requests.Session() as session:
            request = session.prepare_request(requests.Request(method, url, **options))
            request.url = url
            return session.send(request, timeout=20)


def new_account(port: int, home: Path) -> Account:
    return Account("t" + uuid.uuid4().hex[:20], port, home)


@contextmanager
def in_thread(home: Path) -> Iterator[int]:
    """Serves a home from a thread; gives the port."""
    app: BlobStorage = service.app(Settings(home=home), SIGNING_KEY)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", lifespan="off", loop="uvloop", http="httptools")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        app.close()


class Process:
    """Blob storage in a process that can be killed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.blob.served", str(home)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """Ends the process as `kill -9` does."""
        self._process.kill()
        self._process.wait()


def main(home: str) -> None:
    app = service.app(Settings(home=Path(home)), SIGNING_KEY)
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)  # who connects from now on waits until the server is up
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(app, log_level="warning", lifespan="off", loop="uvloop", http="httptools")
    uvicorn.Server(config).run([listening])


if __name__ == "__main__":
    main(sys.argv[1])
