"""The one door: which moves are let through, for whom, and what each leaves behind."""

import itertools

import pytest

from lazulite.engine import states
from lazulite.engine.states import ENDED, MOVES, Change
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
        return states.apply(connection, job, Change(state, **more), home.later(1), token)


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
        states.take_over(connection, mine, "theirs")
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


def test_a_removed_job_is_gone_with_its_events(home, job):
    with home.db.write() as connection:
        states.remove(connection, job)
        assert states.get(connection, job.number) is None and not states.events(connection, job)
