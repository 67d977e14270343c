"""What lists and looks at jobs cost with many finished ones in the store, and what the platform's memory does.

    python bench/jobs/store.py [--jobs 100000] [--asks 200] [--scratch DIR]

The jobs are written as rows, as finished ones are left; then a real platform is asked over its port.
"""

import argparse
import shutil
import statistics
import time
from pathlib import Path
from urllib.parse import quote

from platform_client import WORKSPACE, Platform
from sqlalchemy import insert

from lazulite.engine import states
from lazulite.ids import parse_workspace
from lazulite.store import tables
from lazulite.store.db import Database

_BATCH = 5000
_SCOPE = parse_workspace(WORKSPACE)[0].scope


def main() -> None:
    """Fills a store, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--asks", type=int, default=200)
    parser.add_argument("--scratch", type=Path, default=Path("/tmp/jobs-bench"))
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    home = options.scratch / "store-home"
    with Platform(home) as platform:
        few = {name: ask(platform, path, options.asks) for name, path in asked(1)}
    fill(home, options.jobs)
    print(f"{'':24}{'1 job, ms':>12}{f'{options.jobs:,}, ms':>14}{'slowest':>10}")
    with Platform(home, is_kept=True) as platform:
        before = platform.rss_mib()
        for name, path in asked(options.jobs):
            times = ask(platform, path, options.asks)
            print(f"{name:24}{statistics.median(few[name]):12.1f}{statistics.median(times):14.1f}{max(times):10.1f}")
        asks = len(asked(1)) * options.asks
        print(f"memory before and after {asks} requests: {before:.0f} and {platform.rss_mib():.0f} MiB")
    shutil.rmtree(home, ignore_errors=True)


def asked(jobs: int) -> list[tuple[str, str]]:
    """Returns what is asked for: (name, path)."""
    return [
        ("show", f"jobs/{'filled' + str(jobs // 2) if jobs > 1 else ''}"),
        ("list", "jobs"),
        ("list, in the middle", f"jobs?{quote('$skip')}={max(2, jobs // 2)}"),
        ("list by type", "jobs?jobType=Command"),
        ("list by a common tag", "jobs?tag=common"),
        ("list by a rare tag", "jobs?tag=rare"),
        ("list of archived ones", "jobs?listViewType=ArchivedOnly"),
    ]


def ask(platform: Platform, path: str, count: int) -> list[float]:
    """Asks so many times; returns milliseconds."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        platform.ask("GET", path)
        times.append((time.perf_counter() - began) * 1000)
    return times


def fill(home: Path, count: int) -> None:
    """Copies the one job that is there so many times, with its events and a few tags."""
    db = Database(f"sqlite:///{home / 'lazulite.db'}", tables.metadata, tables.MIGRATIONS)
    with db.read() as connection:
        (job,) = states.listed(connection, _SCOPE, limit=1)
        events = states.events(connection, job)
    first = job.number + 1
    for start in range(0, count, _BATCH):
        numbers = range(start, min(start + _BATCH, count))
        with db.write() as connection:
            named = {number: f"filled{number}" for number in numbers}
            run = vars(job.run)
            connection.execute(
                insert(tables.runs),
                [{**run, "number": first + n, "id": name, "key": name, "root": name} for n, name in named.items()],
            )
            row = {"scope": job.scope, "kind": job.kind, "body": job.body, "state": job.state, "token": ""}
            row |= {"compute": job.compute, "nodes": 1, "attempts": 1, "warnings": []}
            connection.execute(insert(tables.jobs), [{**row, "number": first + n} for n in numbers])
            happened = [{"state": state, "at": at, "note": note} for state, at, note in events]
            connection.execute(
                insert(tables.job_events), [{**one, "job": first + n} for n in numbers for one in happened]
            )
            tags = [{"run": first + n, "kind": "tag", "key": "common", "value": "1"} for n in numbers]
            tags += [{**tags[n - start], "key": "rare"} for n in numbers if n % 10_000 == 0]
            connection.execute(insert(tables.run_entries), tags)
    db.close()


if __name__ == "__main__":
    main()
