"""Blob storage beside Azurite and beside a server that does nothing, in one run, through the official client.

    python bench/blob/run.py [--rounds 3] [--big-mb 2048] [--servers lazulite,azurite,nothing] [--scratch DIR]

Servers take turns within each round, so that what else the machine does falls on all. Printed are the medians, each
server's CPU time per operation (the steadiest figure; the client costs most of the wall time), and ratios to Azurite.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
from azure.storage.blob import BlobServiceClient, ContainerClient
from lazulite_server import SIGNING_KEY

from lazulite.identity import accounts

HERE = Path(__file__).parent
AZURITE_VERSION = "3.37.0"
SMALL_FILES, SMALL_BYTES, LISTED = 1000, 10 << 10, 10_000
# Azurite's published development account.
AZURITE_ACCOUNT = "devstoreaccount1"
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
ACCOUNT = "benchmark"


@dataclass
class Point:
    """One measurement: seconds of wall time, of the server's CPU and of the client's, server memory in MiB."""

    wall_s: float
    server_cpu_s: float
    client_cpu_s: float
    rss_mib: float


@dataclass
class Served:
    """A running server and how to reach it."""

    process: subprocess.Popen[bytes]
    url: str
    account: str
    key: str

    def container(self) -> ContainerClient:
        credential = {"account_name": self.account, "account_key": self.key}
        client = BlobServiceClient(self.url, credential=credential, api_version="2024-11-04", retry_total=0)
        return client.get_container_client("bench")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--big-mb", type=int, default=2048)
    parser.add_argument("--servers", default="lazulite,azurite,nothing")
    parser.add_argument("--scratch", type=Path, default=Path("/tmp/blob-bench"))
    parser.add_argument("--cases", default="", help="only cases whose name has this in it")
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    servers = options.servers.split(",")
    if "azurite" in servers:
        install_azurite(options.scratch)
    big = big_file(options.scratch, options.big_mb)
    points: dict[tuple[str, str], list[Point]] = defaultdict(list)
    for _ in range(options.rounds):
        for name in servers:
            with serve(name, options) as served:
                for case, point in measure(served, big, options):
                    points[name, case].append(point)
                    print(f"  {name:9} {case:34} {point.wall_s:7.2f} s", flush=True)
        servers.append(servers.pop(0))
    report(points, options)


def install_azurite(scratch: Path) -> None:
    """Installs Azurite with npm, once."""
    if not (scratch / "node_modules" / ".bin" / "azurite-blob").exists():
        command = ["npm", "install", "--silent", "--no-fund", "--no-audit", f"azurite@{AZURITE_VERSION}"]
        subprocess.run(command, cwd=scratch, check=True)


def big_file(scratch: Path, size_mb: int) -> Path:
    """Makes the large file, once."""
    path = scratch / f"big-{size_mb}"
    if not path.exists():
        block = os.urandom(64 << 20)
        with path.open("wb") as file:
            for _ in range(size_mb // 64):
                file.write(block)
    return path


@contextmanager
def serve(name: str, options: argparse.Namespace) -> Iterator[Served]:
    """Runs one server with an empty store."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = options.scratch / "store"
    shutil.rmtree(home, ignore_errors=True)
    account, key, path, command = ACCOUNT, accounts.account_key(SIGNING_KEY, ACCOUNT), f"_blob/{ACCOUNT}", []
    if name == "lazulite":
        command = [sys.executable, str(HERE / "lazulite_server.py"), str(port), str(home)]
    elif name == "nothing":
        sizes = map(str, (SMALL_BYTES, options.big_mb << 20, LISTED))
        command = [sys.executable, str(HERE / "nothing.py"), str(port), *sizes]
    else:
        account, key, path = AZURITE_ACCOUNT, AZURITE_KEY, AZURITE_ACCOUNT
        binary = options.scratch / "node_modules" / ".bin" / "azurite-blob"
        command = [str(binary), "--silent", "--disableTelemetry", "--skipApiVersionCheck"]
        command += ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(home)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=options.scratch)
    try:
        wait_for(port, process)
        yield Served(process, f"http://127.0.0.1:{port}/{path}", account, key)
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(home, ignore_errors=True)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Waits until a port answers."""
    for _ in range(1200):
        if process.poll() is not None:
            raise SystemExit(f"the server ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("the server did not start within a minute")


def measure(served: Served, big: Path, options: argparse.Namespace) -> Iterator[tuple[str, Point]]:
    """Runs all cases against one server."""
    client = served.container()
    client.create_container()
    body, names = os.urandom(SMALL_BYTES), [f"s/{number:04d}" for number in range(SMALL_FILES)]
    target = options.scratch / "download"

    def upload(name: str) -> None:
        client.upload_blob(name, body, overwrite=True)

    def download(name: str) -> None:
        assert len(client.download_blob(name).readall()) == SMALL_BYTES

    def upload_big() -> None:
        with big.open("rb") as file:
            client.upload_blob("big", file, overwrite=True, max_concurrency=4)

    def download_big() -> None:
        with target.open("wb") as file:
            client.download_blob("big", max_concurrency=4).readinto(file)
        assert target.stat().st_size == big.stat().st_size

    def list_all() -> None:
        assert sum(1 for _ in client.list_blobs(name_starts_with="l/")) == LISTED

    big_case = f"{options.big_mb} MB, 4 connections"
    cases: dict[str, Callable[[], object]] = {
        f"upload {SMALL_FILES} x 10 kB, 1 thread": lambda: [upload(name) for name in names],
        f"upload {SMALL_FILES} x 10 kB, 8 threads": partial(threaded, upload, names),
        f"download {SMALL_FILES} x 10 kB, 1 thread": lambda: [download(name) for name in names],
        f"download {SMALL_FILES} x 10 kB, 8 threads": partial(threaded, download, names),
        f"upload {big_case}": upload_big,
        f"download {big_case}": download_big,
        f"list {LISTED}": list_all,
    }
    for case, work in cases.items():
        if options.cases not in case:
            continue
        if case.startswith("list"):
            threaded(lambda name: client.upload_blob(name, b"x" * 100), [f"l/{n:05d}" for n in range(LISTED)])
        yield case, timed(work, served.process.pid)
    target.unlink(missing_ok=True)


def threaded(work: Callable[[str], object], names: list[str]) -> None:
    """Does the work for all names with eight threads."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, names))


def timed(work: Callable[[], object], server: int) -> Point:
    """Runs work and measures client and server."""
    time.sleep(0.5)
    server_before, client_before, began = cpu_s(server), time.process_time(), time.perf_counter()
    work()
    wall_s, client_cpu_s = time.perf_counter() - began, time.process_time() - client_before
    rss = sum(process.memory_info().rss for process in family(server))
    return Point(wall_s, cpu_s(server) - server_before, client_cpu_s, rss / 2**20)


def family(server: int) -> list[psutil.Process]:
    """Returns a process and its children."""
    process = psutil.Process(server)
    return [process, *process.children(recursive=True)]


def cpu_s(server: int) -> float:
    """Returns the CPU time of a process and its children."""
    times = [process.cpu_times() for process in family(server)]
    return sum(one.user + one.system for one in times)


def report(points: dict[tuple[str, str], list[Point]], options: argparse.Namespace) -> None:
    """Prints a table."""
    heads = f"{'wall s':>8}{'rate':>12}{'x Azurite':>10}{'server CPU':>14}{'client CPU s':>13}{'MiB':>6}"
    print(f"\n{'case':38}{'server':10}{heads}")
    for case in dict.fromkeys(case for _, case in points):
        azurite = points.get(("azurite", case))
        for name in ("lazulite", "azurite", "nothing"):
            if (name, case) not in points:
                continue
            some = points[name, case]
            wall_s = statistics.median(point.wall_s for point in some)
            ratio = f"{statistics.median(one.wall_s for one in azurite) / wall_s:.2f}" if azurite else "-"
            rate, cpu = rates(case, wall_s, statistics.median(point.server_cpu_s for point in some), options)
            client = statistics.median(point.client_cpu_s for point in some)
            rss = max(point.rss_mib for point in some)
            print(f"{case:38}{name:10}{wall_s:8.2f}{rate:>12}{ratio:>10}{cpu:>14}{client:13.2f}{rss:6.0f}")


def rates(case: str, wall_s: float, server_cpu_s: float, options: argparse.Namespace) -> tuple[str, str]:
    """Returns the rate and the server's CPU time per operation or per GB, as text."""
    if "MB," in case:
        return f"{options.big_mb / wall_s:.0f} MB/s", f"{server_cpu_s / options.big_mb * 1024:.2f} s/GB"
    count = LISTED if case.startswith("list") else SMALL_FILES
    return f"{count / wall_s:.0f}/s", f"{server_cpu_s / count * 1e6:.0f} us/op"


if __name__ == "__main__":
    main()
