"""What deployments did, slice by slice: counted, measured of real processes, kept on disk by the minute."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from lazulite.serving import measures
from lazulite.serving.measures import Looked, Measures

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=timezone.utc)
BUSY = "while True: sum(range(10000))"


@pytest.fixture
def busy() -> Iterator[int]:
    """A process whose child is busy."""
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{BUSY}'])"
    with subprocess.Popen([sys.executable, "-c", script], start_new_session=True) as process:
        yield process.pid
        os.killpg(process.pid, signal.SIGKILL)


def looked(folder: Path, requests: int = 0, busy_s: float = 0.0, pids: tuple[int, ...] = (), **more: dict) -> Looked:
    counts = {"requests": requests, "busy_s": busy_s, "statuses": {"200": requests}, "latency_ms": {"8": requests}}
    return Looked(folder, counts | more, max(len(pids), 1), [[pid] for pid in pids], cores=1.0, memory_bytes=2**30)


def test_minutes_are_kept_and_found_by_the_next_platform(tmp_path: Path) -> None:
    seen = Measures()
    for second in range(0, 150, 5):
        seen.note({"e/d": looked(tmp_path, requests=second, busy_s=second / 10)}, NOON + timedelta(seconds=second))
    assert not seen.note({"e/d": looked(tmp_path)}, NOON + timedelta(seconds=147)), "the slice is not over"
    start = NOON.timestamp()
    fine = seen.between("e/d", start + 130, start + 200)
    assert [(one.seconds, one.requests, one.latency_ms) for one in fine] == [(5, 5, Counter({"8": 5}))] * 3
    (first, second) = measures.kept(tmp_path, start, start + 200)
    assert (first.at, first.seconds, first.requests, first.statuses) == (start, 60, 60, Counter({"200": 60}))
    assert (second.requests, round(second.busy_s, 3), second.gauges["instances"].count) == (60, 6.0, 12)
    again = Measures()
    again.note({"e/d": looked(tmp_path)}, NOON + timedelta(seconds=150))
    assert [one.requests for one in again.between("e/d", start, start + 200)] == [60, 60]
    assert again.between("e/other", start, start + 200) == []
    measures.forget(tmp_path)
    assert measures.kept(tmp_path, start, start + 200) == []


def test_a_gateway_or_a_clock_that_begins_anew_is_no_load(tmp_path: Path) -> None:
    seen, start = Measures(), NOON.timestamp()
    for second, requests in ((0, 90), (5, 100), (10, 3), (15, 4)):
        seen.note({"e/d": looked(tmp_path, requests)}, NOON + timedelta(seconds=second))
    assert [one.requests for one in seen.between("e/d", start, start + 60)] == [10, 3, 1]
    seen.note({"e/d": looked(tmp_path, 50)}, NOON - timedelta(hours=1))
    seen.note({"e/d": looked(tmp_path, 52)}, NOON - timedelta(minutes=59))
    assert [one.requests for one in seen.between("e/d", start - 3600, start)] == [2]


def test_what_a_worker_has_started_counts_as_its_own(tmp_path: Path, busy: int) -> None:
    seen, begun = Measures(), datetime.now(timezone.utc)
    seen.note({"e/d": looked(tmp_path, pids=(busy,))}, begun)
    worked = subprocess.run([sys.executable, "-c", "sum(range(30_000_000))"], check=True)  # a while by any clock
    assert worked.returncode == 0
    seen.note({"e/d": looked(tmp_path, pids=(busy,))}, begun + timedelta(seconds=5))
    (one,) = seen.between("e/d", 0, begun.timestamp() + 9)
    assert one.gauges["cpu"].most > 0
    assert 0 < one.gauges["memory"].most < 100


def test_old_days_go_when_a_new_one_begins(tmp_path: Path) -> None:
    folder = tmp_path / "measures"
    folder.mkdir()
    for day in range(1, 32):
        (folder / f"2026-10-{day:02}.jsonl").touch()
    seen = Measures()
    for second in (0, 5, 65):
        seen.note({"e/d": looked(tmp_path)}, NOON + timedelta(seconds=second))
    seen.note({"e/d": looked(tmp_path)}, NOON + timedelta(seconds=130))
    left = sorted(path.name for path in folder.iterdir())
    assert (len(left), left[0], left[-1]) == (measures.KEPT_DAYS, "2026-10-03.jsonl", "2026-11-21.jsonl")


def test_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    seen, start = Measures(), NOON.timestamp()
    for second in range(0, 195, 5):
        seen.note({"e/d": looked(tmp_path, requests=second)}, NOON + timedelta(seconds=second))
    (file,) = (tmp_path / "measures").iterdir()
    first, second, third = file.read_text().splitlines()
    file.write_text(f"{first}\n{second[: second.index('}') + 1]}{third}\n{third}\n")
    assert [one.at - start for one in measures.kept(tmp_path, start, start + 300)] == [0, 120]
