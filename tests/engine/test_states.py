"""The one door: which moves are let through, for whom, and what each leaves behind."""

import itertools

import pytest
from sqlalchemy import event

from lazulite.engine import states
from lazulite.engine.states import ENDED, MOVES, Change
from lazulite.tracking import entries, runs
from tests.engine.conftest import HERE

LIVES = [
    ("Preparing", "Starting", "Running", "Finalizing", "Completed"),
    ("Preparing", "Starting", "Running", "Finalizing", "Failed"),
    ("Preparing", "Failed"),
    ("Canceled",),
    ("Preparing", "CancelRequested", "Canceled"),
    ("Preparing", "Starting", "Running", "CancelRequested", "Canceled"),
    ("Preparing", "Starting", "Queued", "Preparing", "Starting", "Running", "Finalizing", "Completed"),
]


def move(home, job, state, token=None, **more):
    with home.db.write() as connection:
        return states.apply(connection, job, Change(state, **more), now=home.later(1), token=token)


@pytest.fixture
def job(home):
    with home.db.write() as connection:
        return home.submit(connection)


@pytest.mark.parametrize("life", LIVES, ids=" ".join)
def test_a_life_is_let_through_with_an_event_for_each_step_and_the_run_beside_it(home, job, life):
    for state in life:
        assert move(home, home.job(job.name), state)
        assert home.job(job.name).run.status == home.job(job.name).state == state
    with home.db.read() as connection:
        assert [event[0] for event in states.events(connection, job)] == ["NotStarted", "Queued", *life]
    run = home.job(job.name).run
    assert run.ended_at == home.now and (run.started_at is not None) == ("Running" in life)


@pytest.mark.parametrize(("before", "after"), list(itertools.product(list(MOVES)[1:], MOVES)))
def test_no_other_move_is_let_through(home, job, before, after):
    for state in next(life[: life.index(before) + 1] for life in [("Queued",), *LIVES] if before in life):
        move(home, home.job(job.name), state)
    assert home.job(job.name).state == before
    assert move(home, home.job(job.name), after) == (after in MOVES[before])


def test_whoever_lost_the_job_changes_nothing(home, job):
    assert move(home, job, "Preparing", token="mine")
    mine = home.job(job.name)
    with home.db.write() as connection:
        states.take_over(connection, mine.number, "theirs")
    assert not move(home, mine, "Starting")
    assert home.job(job.name).state == "Preparing"
    with home.db.read() as connection:
        assert states.events(connection, job)[-1][0] == "Preparing"


def test_a_change_found_out_too_late_is_dropped(home, job):
    move(home, job, "Preparing", token="mine")
    seen = home.job(job.name)
    move(home, seen, "CancelRequested")
    assert not move(home, seen, "Starting")
    assert home.job(job.name).state == "CancelRequested"


def test_an_ended_job_belongs_to_nobody_and_keeps_its_error(home, job):
    move(home, job, "Preparing", token="mine")
    assert move(home, home.job(job.name), "Failed", error={"code": "UserError", "message": "bad"})
    after = home.job(job.name)
    assert after.token == "" and after.run.error == {"code": "UserError", "message": "bad"}
    assert after.state in ENDED


def test_warnings_are_kept_once_each(home, job):
    move(home, job, "Preparing")
    move(home, home.job(job.name), "Starting", warnings=["no GPU"])
    move(home, home.job(job.name), "Running", warnings=["no GPU", "slow"])
    assert home.job(job.name).warnings == ["no GPU", "slow"]


def test_lists_are_newest_first_and_go_on_where_they_stopped(home):
    with home.db.write() as connection:
        names = [home.submit(connection).name for _ in range(5)]
        first = states.listed(connection, HERE.scope, limit=2)
        rest = states.listed(connection, HERE.scope, before=first[-1].number, limit=9)
    assert [job.name for job in (*first, *rest)] == names[::-1]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"archived": None},
        {"archived": True},
        {"before": 9},
        {"kind": "Command"},
        {"kind": "Command", "before": 9},
        {"said": [("tag", "a")]},
        {"said": [("tag", "a=b"), ("property", "c")], "kind": "Command", "before": 9},
    ],
    ids=str,
)
def test_a_page_takes_as_long_however_many_jobs_there_are(home, job, asked):
    """Holds each way of asking to an index that gives the rows in their order: nothing is scanned, nothing sorted."""
    seen = []
    event.listen(home.db.engine, "before_cursor_execute", lambda *given: seen.append(given[2:4]))
    with home.db.read() as connection:
        states.listed(connection, HERE.scope, limit=2, **asked)
        statement, given = seen[-1]
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)]
    assert plan and all(step.startswith("SEARCH") for step in plan), plan


def test_lists_are_narrowed_by_what_jobs_say(home):
    with home.db.write() as connection:
        first, second, third = (home.submit(connection) for _ in range(3))
        entries.put(connection, first.number, "tag", {"a": "1"})
        entries.put(connection, second.number, "tag", {"a": "2", "b": ""})
        entries.put(connection, second.number, "property", {"c": "3"})

        def listed(**asked):
            return [job.name for job in states.listed(connection, HERE.scope, limit=9, **asked)]

        assert listed(said=[("tag", "a")]) == [second.name, first.name]
        assert listed(said=[("tag", "a=1")]) == [first.name]
        assert listed(said=[("tag", "a"), ("property", "c=3")]) == [second.name]
        assert listed(said=[("property", "a")]) == []
        assert listed(kind="Pipeline") == [] and len(listed(kind="Command")) == 3
        runs.change(connection, third.run, home.now, is_archived=True)
        assert listed() == [second.name, first.name] and listed(archived=True) == [third.name]
        assert len(listed(archived=None)) == 3


def test_a_removed_job_is_gone_with_its_events(home, job):
    with home.db.write() as connection:
        states.remove(connection, job)
        assert states.get(connection, job.number) is None and not states.events(connection, job)
