"""Crews: dead workers are replaced, with longer and longer waits."""

from datetime import datetime, timezone
from pathlib import Path

import pytest

from lazulite.errors import BadRequest
from lazulite.serving import crew
from lazulite.serving.crew import Crew, Member
from lazulite.serving.workers import Worker, WorkerSpec, WorkerState

NOW = datetime(2026, 1, 31, tzinfo=timezone.utc)


def test_a_dead_worker_is_started_again_at_once_then_with_longer_waits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    launched: list[WorkerSpec] = []

    def launch(spec: WorkerSpec) -> Worker:
        launched.append(spec)
        return Worker(spec, 0)

    monkeypatch.setattr(crew.workers, "launch", launch)
    monkeypatch.setattr(crew.workers, "probe", lambda worker, now: WorkerState("dead", now, "it was killed"))
    monkeypatch.setattr(crew.workers, "stop", lambda worker, grace_s: None)
    spec = WorkerSpec("w", tmp_path, tmp_path / "s", tmp_path / "c", tmp_path / "p", tmp_path, {})
    watched = Crew(1, [Member(spec, Worker(spec, 0), NOW, WorkerState("ready", NOW))])
    waits = []
    for _ in range(4):
        crew.watch(watched, NOW)
        member = watched.members[0]
        assert member.restart_at
        waits.append((member.restart_at - NOW).total_seconds())
        crew.watch(watched, member.restart_at)
    assert waits == [0.0, 1.0, 2.0, 4.0]
    assert len(launched) == 4
    assert "it was killed" in (tmp_path / "c").read_text()


def test_a_worker_that_cannot_be_launched_again_does_not_keep_others_from_being_watched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def launch(spec: WorkerSpec) -> Worker:
        if spec.id == "w0":
            raise BadRequest("its interpreter is gone")
        return Worker(spec, 0)

    monkeypatch.setattr(crew.workers, "launch", launch)
    monkeypatch.setattr(crew.workers, "probe", lambda worker, now: WorkerState("ready", now))
    watched = Crew(1, [])
    for number in range(2):
        spec = WorkerSpec(f"w{number}", tmp_path, tmp_path / "s", tmp_path / "c", tmp_path / "p", tmp_path, {})
        watched.members.append(Member(spec, Worker(spec, 0), NOW, WorkerState("dead", NOW), restart_at=NOW))
    assert crew.watch(watched, NOW)
    first, second = watched.members
    assert (first.state.kind, second.state.kind) == ("dead", "ready")
    assert first.restart_at is not None and second.restart_at is None
    assert "its interpreter is gone" in (tmp_path / "c").read_text()


def test_a_crew_that_cannot_be_launched_whole_leaves_no_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stopped: list[str] = []

    def launch(spec: WorkerSpec) -> Worker:
        if spec.id == "w1":
            raise BadRequest("no such folder")
        return Worker(spec, 0)

    monkeypatch.setattr(crew.workers, "launch", launch)
    monkeypatch.setattr(crew.workers, "stop", lambda worker, grace_s: stopped.append(worker.spec.id))
    specs = [
        WorkerSpec(f"w{number}", tmp_path, tmp_path / "s", tmp_path / "c", tmp_path / "p", tmp_path, {})
        for number in range(2)
    ]
    with pytest.raises(BadRequest):
        crew.start(1, specs, NOW)
    assert stopped == ["w0"]
