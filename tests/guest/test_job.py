"""A job's guest with real commands: how they are started, what is said of their end, and that nothing is left over."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from lazulite.engine import processes
from lazulite.engine.executors import process
from tests.guest.launched import WITHIN_S, Runs, log, relatives, until


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    made = Runs(tmp_path_factory.mktemp("runs"))
    yield made
    for folder in made.root.glob("job*"):
        process.end_leftovers(folder)
    made.launcher.close()


def test_a_command_runs_by_bash_in_its_folder_with_its_variables_and_no_others(runs):
    told, printed = runs.run('shopt -q login_shell; echo "$0 $PWD $RANK $HOME"; [[ 1 == 1 ]] && env | wc -l')
    where, count = printed.splitlines()
    assert where.split() == ["bash", str(runs.root / f"{Path(where.split()[1]).parent.name}" / "code"), "0"]
    assert int(count) <= 8
    assert (told["reason"], told["code"]) == ("exited", 0)


def test_output_and_errors_go_into_one_log_in_the_order_in_which_they_are_written(runs):
    _, printed = runs.run("for i in 1 2 3; do echo out$i; echo err$i >&2; done")
    assert printed.split() == ["out1", "err1", "out2", "err2", "out3", "err3"]


def test_the_log_is_live(runs):
    folder = runs.start("echo first; sleep 60")
    until(lambda: log(folder) == "first\n")
    process.stop(folder)
    processes.await_end(folder)


def test_standard_input_is_empty_and_a_broken_pipe_kills_as_anywhere(runs):
    told, printed = runs.run("cat; yes | head -n 1; echo ${PIPESTATUS[0]}")
    assert printed.split() == ["y", "141"] and told["code"] == 0


@pytest.mark.parametrize(
    ("command", "code"), [("exit 3", 3), ("kill -9 $$", -9), ("kill -SEGV $$", -11), ("no-such-program", 127)]
)
def test_exit_codes_and_signals_are_told_apart(runs, command, code):
    told, _ = runs.run(command)
    assert (told["reason"], told["code"], told["out_of_memory"]) == ("exited", code, False)


def test_each_rank_has_its_own_variables_and_log(runs):
    folder = runs.start("echo rank $RANK", ranks=3)
    processes.await_end(folder)
    assert [log(folder, rank) for rank in range(3)] == ["rank 0\n", "rank 1\n", "rank 2\n"]


def test_when_a_rank_fails_the_others_are_ended_and_it_is_the_one_to_blame(runs):
    began = time.monotonic()
    told, _ = runs.run('if [ "$RANK" = 1 ]; then exit 7; fi; sleep 60', ranks=3)
    assert (told["rank"], told["code"]) == (1, 7) and time.monotonic() - began < WITHIN_S


def test_a_cancelled_command_may_tidy_up(runs):
    folder = runs.start("trap 'echo tidied; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    until(lambda: "ready" in log(folder))
    process.stop(folder)
    processes.await_end(folder)
    assert json.loads((folder / "exit.json").read_text())["reason"] == "canceled"
    assert log(folder).endswith("tidied\n")


def test_a_command_that_is_cancelled_while_it_starts_ends_at_once(runs):
    for delay_ms in range(25):
        folder = runs.start("sleep 60", grace_s=60)
        time.sleep(delay_ms / 1000)
        process.stop(folder)
        until(lambda folder=folder: not processes.is_held(folder))


def test_a_command_that_will_not_end_is_killed_after_the_grace_with_all_that_it_started(runs):
    folder = runs.start("trap '' TERM; setsid sleep 61 & (sleep 62 &); echo ready; sleep 63", grace_s=0.2)
    until(lambda: "ready" in log(folder) and len(relatives(folder)) >= 3)
    process.stop(folder)
    processes.await_end(folder)
    assert relatives(folder) == []


def test_time_is_kept(runs):
    told, printed = runs.run("echo on; sleep 60", timeout_s=0.3)
    assert (told["reason"], printed) == ("timeout", "on\n")


def test_what_a_command_leaves_in_the_background_ends_with_it(runs):
    folder = runs.start("nohup sleep 64 >/dev/null 2>&1 & setsid sleep 65 & echo done")
    processes.await_end(folder)
    assert log(folder) == "done\n" and relatives(folder) == []


def test_a_killed_guest_takes_its_command_with_it_and_the_rest_can_be_found(runs):
    folder = runs.start("(trap '' HUP; sleep 66) & echo ready; sleep 67")
    until(lambda: "ready" in log(folder))
    os.kill(processes.pid_of(folder), signal.SIGKILL)
    processes.await_end(folder)
    process.end_leftovers(folder)
    until(lambda: relatives(folder) == [])
    assert not (folder / "exit.json").exists()


def test_a_guest_outlives_the_launcher_and_a_new_one_is_started(runs):
    folder = runs.start("echo ready; sleep 0.3; echo done")
    until(lambda: "ready" in log(folder))
    launcher = runs.launcher._process
    launcher.kill()
    launcher.wait()
    told, _ = runs.run("exit 5")
    assert told["code"] == 5
    processes.await_end(folder)
    assert log(folder) == "ready\ndone\n"


def test_usage_is_sampled_while_it_runs_and_summed_up_at_its_end(runs):
    folder = runs.start(f'{sys.executable} -c "import time; x = bytearray(50_000_000); time.sleep(1.2)" & wait')
    processes.await_end(folder)
    samples = [json.loads(line) for line in (folder / "usage.jsonl").read_text().splitlines()]
    told = json.loads((folder / "exit.json").read_text())
    assert samples[0]["processes"] == 2 and samples[0]["memory_bytes"] > 50_000_000
    assert told["peak_memory_bytes"] >= samples[0]["memory_bytes"] and told["cpu_s"] > 0
    assert 1 < told["ended_at"] - told["began_at"] < WITHIN_S


def test_a_plan_that_cannot_be_followed_is_told_as_such(runs):
    told, _ = runs.run("true", readonly=["/no/such/place"], isolated=True)
    assert told["reason"] == "unstarted" and "/no/such/place" in told["message"]


def test_a_folder_that_is_gone_is_told_in_the_log(runs):
    told, printed = runs.run("true", folder="/no/such/folder")
    assert told["code"] == 127 and "/no/such/folder" in printed
