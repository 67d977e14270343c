"""What Studio costs: the first paint of its pages over a large store, a log of a gigabyte, ten open tabs.

    python bench/studio/run.py [--jobs 100000] [--models 10000] [--blobs 100000] [--log-mb 1000] [--scratch DIR]

The jobs, models and 400 deployments are written as rows, the blobs as files; then a real platform is looked at by the
machine's own Chromium.
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

import psutil
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import insert

from lazulite.artifacts.refs import container_path
from lazulite.environments import bind
from lazulite.identity import accounts
from lazulite.ids import WorkspaceId
from lazulite.store import tables
from lazulite.store.db import Database

sys.path.insert(0, str(Path(__file__).parent.parent))

from ports import free_ports

HERE = WorkspaceId("10000000-0000-0000-0000-000000000001", "bench", "large")
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
PAGES = (
    "/",
    "/jobs",
    "/jobs?q=run-77",
    "/jobs?state=failed",
    "/jobs?kind=Sweep",
    "/jobs?before=50000",
    "/runs/filled500",
    "/models",
    "/models/model-500",
    "/endpoints",
    "/endpoints/realtime/endpoint-7/detail",
    "/datastores/workspaceblobstore?path=many",
    "/datastores/workspaceblobstore?path=many&find=777",
    "/environments",
    "/know/coverage",
)
TABS, WATCHED_S, SETTLED_S = 10, 20, 10
SCROLLED_LETTERS = 200_000  # more than one part of a log
PARTS = ("logs", "metrics", "overview", "logs", "usage")  # what the tabs look at
# What the watched job does.
TRAIN = """
import itertools, json, math, os, time, urllib.request
uri, run, token = (os.environ[name] for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_TRACKING_TOKEN"))
headers = {"authorization": "Bearer " + token, "content-type": "application/json"}
for step in itertools.count():
    print("step", step, "loss", math.exp(-step / 300), flush=True)
    if step % 5 == 0:
        values = {"loss": math.exp(-step / 300), "accuracy": 1 - math.exp(-step / 200)}
        points = [{"key": k, "value": v, "timestamp": int(1000 * time.time()), "step": step} for k, v in values.items()]
        body = json.dumps({"run_id": run, "metrics": points}).encode()
        urllib.request.urlopen(urllib.request.Request(uri + "/api/2.0/mlflow/runs/log-batch", body, headers)).read()
    time.sleep(0.2)
"""
ENDPOINTS, EACH = 20, 20
_BATCH = 5000


def main() -> None:
    """Fills a home, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument("--blobs", type=int, default=100_000)
    parser.add_argument("--log-mb", type=int, default=1000)
    parser.add_argument("--scratch", type=Path, default=Path("/tmp/studio-bench"))
    options = parser.parse_args()
    home = options.scratch / "home"
    shutil.rmtree(home, ignore_errors=True)
    with platform(home) as (url, process):
        ask(url, "PUT", "", {"location": "eastus", "properties": {}})
        ask(url, "PUT", "environments/e/versions/1", {"properties": {"image": "python:3.11"}})
    fill(home, options.jobs, options.models)
    fill_endpoints(home)
    write_blobs(home, options.blobs)
    write_log(home, options.log_mb)
    with platform(home) as (url, process), sync_playwright() as driver:
        path = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))))
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        print(
            f"{options.jobs:,} jobs, {options.models:,} models, {ENDPOINTS * EACH} deployments, {options.blobs:,} blobs"
        )
        print(f"{'':52}{'server, ms':>12}{'paint, ms':>12}")
        for page in PAGES:
            times = statistics.median(served(url, page)), statistics.median(painted(browser, url + page))
            print(f"{page:52}{times[0]:12.0f}{times[1]:12.0f}")
        print(f"{f'a log of {options.log_mb} MB, its last line':52}{'':12}{log_opened(browser, url):12.0f}")
        print(f"{'the same log, from its top':36}{'':12}{log_scrolled(browser, url):12.0f}")
        idle = used(process, WATCHED_S)
        job = running(home, url)
        alone = used(process, WATCHED_S)
        tabs = [browser.new_page() for _ in range(TABS)]
        for tab, part in zip(tabs, PARTS * TABS, strict=False):
            tab.goto(f"{url}/runs/{job}?tab={part}")
        tabs[0].locator("lz-log .text").get_by_text("step").first.wait_for()
        time.sleep(SETTLED_S)
        watched = used(process, WATCHED_S)
        print(
            f"processor, percent of one: {idle:.1f} at rest, {alone:.1f} with a job that prints 5 lines and logs "
            f"2 metrics a second, {watched:.1f} with {TABS} tabs open on it: they add {watched - alone:.1f}"
        )
        print(f"memory: {process.memory_info().rss >> 20} MiB")
        ask(url, "POST", f"jobs/{job}/cancel", {})
    shutil.rmtree(options.scratch, ignore_errors=True)


@contextlib.contextmanager
def platform(home: Path):
    """Runs a platform on free ports."""
    ports = free_ports(2)
    names = ("LAZULITE_PORT", "LAZULITE_SCORING_PORT")
    environ = {**os.environ, "LAZULITE_HOME": str(home), **dict(zip(names, map(str, ports), strict=True))}
    command = [sys.executable, "-m", "lazulite.cli.main", "up"]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{ports[0]}"
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/_lazulite/status", timeout=5):
                break
            time.sleep(0.05)
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def ask(url: str, method: str, path: str, body: object = None) -> dict:
    """Asks ARM for something of the workspace."""
    form = b"grant_type=client_credentials&client_id=b&client_secret=x&scope=https://management.azure.com/.default"
    with urllib.request.urlopen(f"{url}/t/oauth2/v2.0/token", form) as answer:
        token = json.load(answer)["access_token"]
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    request = urllib.request.Request(
        f"{url}{HERE}/{path}".rstrip("/"), json.dumps(body).encode() if body else None, headers, method=method
    )
    return json.loads(urllib.request.urlopen(request).read() or b"{}")


def fill(home: Path, jobs: int, models: int) -> None:
    """Writes finished jobs and models as rows."""
    db = Database(f"sqlite:///{home / 'lazulite.db'}", tables.metadata, tables.MIGRATIONS)
    states = ("Completed",) * 8 + ("Failed", "Canceled")
    run = {"scope": HERE.scope, "experiment": "0", "kind": "azureml.scriptrun", "is_job": True, "parent": ""}
    run |= {"description": "", "target": "serverless", "error": None, "is_archived": False, "created_by": "bench"}
    run |= dict.fromkeys(("created_at", "started_at", "ended_at", "modified_at"), NOW)
    job = {
        "scope": HERE.scope,
        "kind": "Command",
        "token": "",
        "compute": "serverless",
        "nodes": 1,
        "attempts": 1,
        "warnings": [],
    }
    job["body"] = {
        "command": "python train.py",
        "environmentId": f"{HERE}/environments/e/versions/1",
        "inputs": {},
        "outputs": {},
    }
    asset = {
        "scope": HERE.scope,
        "kind": "models",
        "etag": "e",
        "is_archived": False,
        "created_by": "b",
        "modified_by": "b",
    }
    asset |= {"created_at": NOW, "modified_at": NOW}
    uri = "azureml://datastores/workspaceblobstore/paths/m"
    version = {
        "properties": {"modelUri": uri, "modelType": "custom_model", "jobName": "filled1", "flavors": {}, "tags": {}}
    }
    for start in range(0, jobs, _BATCH):
        numbers = range(start + 1, min(start + _BATCH, jobs) + 1)
        names = {
            n: {"number": n, "id": f"filled{n}", "key": f"filled{n}", "root": f"filled{n}", "name": f"run-{n}"}
            for n in numbers
        }
        with db.write() as connection:
            connection.execute(insert(tables.runs), [{**run, **names[n], "status": states[n % 10]} for n in numbers])
            connection.execute(insert(tables.jobs), [{**job, "number": n, "state": states[n % 10]} for n in numbers])
    for start in range(0, models, _BATCH):
        names = [f"model-{n}" for n in range(start, min(start + _BATCH, models))]
        with db.write() as connection:
            rows = [
                {**asset, "key": name, "name": name, "version": v, "body": b}
                for name in names
                for v, b in (("", {"properties": {}}), ("1", version))
            ]
            connection.execute(insert(tables.resources), rows)
    db.close()


def fill_endpoints(home: Path) -> None:
    """Writes endpoints with deployments as rows, such as have failed: none of them is started."""
    db = Database(f"sqlite:///{home / 'lazulite.db'}", tables.metadata, tables.MIGRATIONS)
    row = {"scope": HERE.scope, "version": "", "etag": "e", "is_archived": False, "created_by": "b", "modified_by": "b"}
    row |= {"created_at": NOW, "modified_at": NOW}
    endpoint = {"publicNetworkAccess": "Enabled", "authMode": "AMLToken", "traffic": {}, "mirrorTraffic": {}}
    deployment = {
        "endpointComputeType": "Managed",
        "instanceType": "Standard_DS3_v2",
        "model": f"{HERE}/models/model-500/versions/1",
        "properties": {},
        "requestSettings": {},
        "scaleSettings": {"scaleType": "Default"},
        "environmentVariables": {},
    }
    kind, kept, states = "onlineEndpoints", [], []
    for name in (f"endpoint-{number}" for number in range(ENDPOINTS)):
        body = {"location": "eastus", "properties": {**endpoint, "properties": {}}}
        kept.append({**row, "kind": kind, "key": name, "name": name, "body": body})
        for each in (f"blue-{number}" for number in range(EACH)):
            where = f"{name}/{each}"
            body = {"location": "eastus", "sku": {"name": "Default", "capacity": 1}, "properties": deployment}
            body["kind"] = "Managed"
            kept.append({**row, "kind": f"{kind}/deployments", "key": where, "name": where, "body": body})
            state = {"scope": HERE.scope, "endpoint": name, "name": each, "state": "Failed", "operation": where}
            states.append({**state, "generation": 1, "first_generation": 1, "live_generation": 0, "error": None})
    with db.write() as connection:
        connection.execute(insert(tables.resources), kept)
        connection.execute(insert(tables.deployments), states)
    db.close()


def write_blobs(home: Path, count: int) -> None:
    """Gives the workspace's blob store a folder of so many small files."""
    account = home / "storage" / accounts.account_name(HERE)
    store = next(path for path in account.iterdir() if path.name.startswith("azureml-blobstore"))
    (store / "many").mkdir()
    for number in range(count):
        (store / "many" / f"blob-{number:06}.txt").write_bytes(b"a blob")


def write_log(home: Path, megabytes: int) -> None:
    """Gives one of the jobs a log of that size."""
    folder = container_path(home, accounts.account_name(HERE), "azureml") / "ExperimentRun/dcid.filled500/user_logs"
    folder.mkdir(parents=True)
    block = b"".join(b"line %07d of a long log, with what lines say\n" % n for n in range(20_000))
    with (folder / "std_log.txt").open("wb") as file:
        for _ in range(megabytes * 1_000_000 // len(block)):
            file.write(block)
        file.write(b"the very last line\n")


def served(url: str, page: str) -> list[float]:
    """Asks for a page a few times; returns milliseconds."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        urllib.request.urlopen(url + page).read()
        times.append((time.perf_counter() - began) * 1000)
    return times


def painted(browser: Browser, address: str) -> list[float]:
    """Opens a page in new browsers; returns when its content was first painted, in milliseconds."""
    found = []
    for _ in range(3):
        tab = browser.new_page()
        tab.goto(address)
        while not tab.evaluate("performance.getEntriesByName('first-contentful-paint').length"):
            time.sleep(0.02)  # wait_for_function makes code of text, which the page's policy forbids
        found.append(tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
        tab.close()
    return found


def log_opened(browser: Browser, url: str) -> float:
    """Opens the long log; returns when its last line was there, in milliseconds."""
    tab = browser.new_page()
    began = time.perf_counter()
    tab.goto(f"{url}/runs/filled500?tab=logs")
    tab.get_by_text("the very last line").wait_for()
    took = (time.perf_counter() - began) * 1000
    tab.close()
    return took


def log_scrolled(browser: Browser, url: str) -> float:
    """Goes to the top of the long log, and on with the wheel; returns when another part was there, in milliseconds."""
    tab = browser.new_page()
    tab.goto(f"{url}/runs/filled500?tab=logs")
    tab.get_by_text("the very last line").wait_for()
    began = time.perf_counter()
    tab.get_by_role("button", name="Top").click()
    text = tab.locator("lz-log .text")
    text.get_by_text("line 0000000 ").first.wait_for()
    text.evaluate("element => element.scrollTop = element.scrollHeight")
    while text.evaluate("element => element.textContent.length") < SCROLLED_LETTERS:
        time.sleep(0.02)
    took = (time.perf_counter() - began) * 1000
    tab.close()
    return took


def used(process: psutil.Process, seconds: float) -> float:
    """Returns the percentage of one processor that the platform uses over some time."""
    before, began = process.cpu_times(), time.perf_counter()
    time.sleep(seconds)
    after = process.cpu_times()
    return 100 * (after.user + after.system - before.user - before.system) / (time.perf_counter() - began)


def running(home: Path, url: str) -> str:
    """Starts a job that goes on for as long as it may; returns its name when it runs."""
    bind.bind(home, "e", None, Path(sys.executable))
    folder = container_path(home, accounts.account_name(HERE), "code-bench") / "src"
    folder.mkdir(parents=True)
    (folder / "train.py").write_text(TRAIN)
    uri = f"https://{accounts.account_name(HERE)}.blob.core.windows.net/code-bench/src"
    ask(url, "PUT", "codes/c/versions/1", {"properties": {"codeUri": uri}})
    body = {"jobType": "Command", "command": "python train.py", "codeId": f"{HERE}/codes/c/versions/1"}
    body["environmentId"] = f"{HERE}/environments/e/versions/1"
    name = "watched"
    ask(url, "PUT", f"jobs/{name}", {"properties": body})
    while ask(url, "GET", f"jobs/{name}")["properties"]["status"] != "Running":
        time.sleep(0.2)
    return name


if __name__ == "__main__":
    main()
