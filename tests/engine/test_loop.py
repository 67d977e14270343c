"""The engine with real processes: jobs from their submission to their end, cancelled, lost, and found again."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from lazulite.engine import folders, launch, processes, queue, states
from lazulite.engine.loop import Engine
from lazulite.ids import WorkspaceId
from lazulite.store import resources
from lazulite.store.resources import Place
from lazulite.tracking import entries, runs
from tests.engine.conftest import HERE, Home

WITHIN_S = 30
READY = "echo ready; sleep 60"


class Running(Home):
    """A home that an engine runs on."""

    def start(self):
        """Starts the engine, or another one once the first was stopped."""
        self.engine = Engine(self.settings, self.db, b"k" * 64)
        self.engine.start()

    def run(self, command, compute="cpu", **body):
        """Submits a job and returns its name."""
        with self.db.write() as connection:
            job = self.submit(connection, compute, command=command, **body)
        self.engine.wake()
        return job.name

    def ended(self, name):
        """Waits until a job is over."""
        return self.until(name, *states.ENDED)

    def until(self, name, *wanted):
        """Waits until a job is in one of the states."""
        deadline = time.monotonic() + WITHIN_S
        while (job := self.job(name)).state not in wanted:
            assert time.monotonic() < deadline and job.state not in states.ENDED, (job.state, job.run.error)
            time.sleep(0.01)
        return job

    def printed(self, name, log="std_log.txt"):
        """Returns what a job has printed until now."""
        path = folders.artifacts(self.folder, HERE, name) / "user_logs" / log
        return path.read_text() if path.exists() else ""

    def until_printed(self, name, text):
        """Waits until a job has printed something."""
        deadline = time.monotonic() + WITHIN_S
        while text not in self.printed(name):
            assert time.monotonic() < deadline, self.printed(name)
            time.sleep(0.01)

    def until_gone(self, path):
        """Waits until something is tidied away, which comes after a job's end."""
        deadline = time.monotonic() + WITHIN_S
        while path.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def cancel(self, name):
        """Cancels a job as ARM does."""
        with self.db.write() as connection:
            states.cancel(connection, states.find(connection, HERE.scope, name), self.now)
        self.engine.wake()

    def events(self, name):
        """Returns the states that a job went through."""
        with self.db.read() as connection:
            return [event[0] for event in states.events(connection, self.job(name))]

    def job_folder(self, name):
        """Returns a job's folder."""
        return folders.of_job(self.folder, HERE.scope, name)


@pytest.fixture
def home(tmp_path):
    made = Running(tmp_path / "home")
    made.start()
    yield made
    for job in jobs_left(made):
        made.cancel(job.name)
    for job in jobs_left(made):
        processes.await_end(made.job_folder(job.name))
    made.engine.stop()
    for thread in threading.enumerate():
        if thread.name.startswith("job "):
            thread.join(WITHIN_S)
    made.db.close()


def jobs_left(home):
    with home.db.read() as connection:
        found = [states.get(connection, number) for number, _, _ in states.active(connection)]
        waiting = [states.first_in_queue(connection, scope, name) for scope, name, _ in queue.waiting(connection)]
        return [job for job in (*waiting, *found) if job]


def words(error):
    return error["message"]


def test_a_job_goes_through_its_states_and_tells_what_it_used(home):
    name = home.run("echo hello; echo there >&2")
    job = home.ended(name)
    assert home.events(name) == ["NotStarted", "Queued", "Preparing", "Starting", "Running", "Finalizing", "Completed"]
    assert home.printed(name) == "hello\nthere\n"
    with home.db.read() as connection:
        used = entries.of_run(connection, job.number, "property")
    assert float(used["lazulite.seconds"]) < WITHIN_S and int(used["lazulite.peak_memory_bytes"]) > 0


def test_code_runs_where_it_was_uploaded_to_and_may_change_there_only(home):
    code = home.store("snapshot/src")
    code.mkdir(parents=True)
    (code / "run.sh").write_text("#!/bin/sh\necho from $0; rm run.sh; echo x > new\n")
    home.put_asset("codes", "c", "1", codeUri="azureml://datastores/workspaceblobstore/paths/snapshot/src")
    name = home.run("./run.sh", codeId="c:1")
    assert home.ended(name).state == "Completed" and home.printed(name) == "from ./run.sh\n"
    assert [path.name for path in code.iterdir()] == ["run.sh"]
    home.until_gone(home.job_folder(name) / "code")


def test_the_users_line_comes_first_in_the_error(home):
    code = home.store("snapshot/src")
    code.mkdir(parents=True)
    (code / "train.py").write_text("print('epoch 1')\n\nraise ValueError('bad lr')\n")
    home.put_asset("codes", "c", "1", codeUri="azureml://datastores/workspaceblobstore/paths/snapshot/src")
    job = home.ended(home.run("python train.py", codeId="c:1"))
    assert job.state == "Failed" and job.run.error["code"] == "UserError"
    assert words(job.run.error).startswith("ValueError: bad lr (train.py, line 3). The command exited with status 1.")
    assert "epoch 1" in words(job.run.error)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("exit 3", "exited with status 3. It printed nothing."),
        ("echo last; kill -9 $$", "signal 9 (SIGKILL)"),
        ("kill -SEGV $$", "native code crashed"),
        ("sh -c 'kill -9 $$'; exit $?", "signal 9 (SIGKILL)"),
        ("no-such-program", "no such program"),
    ],
)
def test_other_ends_are_told_apart(home, command, told):
    job = home.ended(home.run(command))
    assert job.state == "Failed" and told in words(job.run.error)


@pytest.fixture
def little_memory():
    """A control group whose processes have 60 MB together."""
    places = (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max"))
    for root, limit in places:
        group = Path(root) / f"lazulite-{os.getpid()}"
        try:
            group.mkdir()
            (group / limit).write_text("60000000")
        except OSError:
            continue
        yield group
        group.rmdir()
        return
    pytest.skip("no control groups can be made here")


def test_a_death_for_want_of_memory_is_told_as_such(home, little_memory):
    hungry = f'{sys.executable} -c "x = bytearray(200_000_000)"'
    job = home.ended(home.run(f"echo $$ > {little_memory}/cgroup.procs; {hungry}"))
    assert job.state == "Failed" and "because memory ran out" in words(job.run.error)


@pytest.mark.parametrize(("code", "state"), [(0, "Completed"), (3, "Failed")])
def test_what_a_script_says_of_its_failure_is_kept_and_its_exit_code_decides(home, tmp_path, code, state):
    name = home.run(f"echo on; until [ -e {tmp_path}/go ]; do sleep 0.02; done; exit {code}")
    home.until_printed(name, "on")
    with home.db.write() as connection:  # as an Error event does
        runs.change(connection, home.job(name).run, home.now, error={"code": "UserError", "message": "bad data."})
    (tmp_path / "go").touch()
    job = home.ended(name)
    assert job.state == state and words(job.run.error).startswith("bad data.")
    assert ("exited with status 3" in words(job.run.error)) == bool(code)
    assert any("Run.fail()" in warning for warning in job.warnings) == (not code)


def test_time_runs_out_with_words(home):
    job = home.ended(home.run("echo on; sleep 60", limits={"timeout": "PT0.3S"}))
    assert job.state == "Failed" and "ended after 0.3 s, its limits.timeout" in words(job.run.error)


def test_inputs_outputs_and_variables_are_where_the_command_is_told(home):
    data = home.store("data")
    data.mkdir(parents=True)
    (data / "x.csv").write_text("a,b\n")
    paths = "azureml://datastores/workspaceblobstore/paths"
    name = home.run(
        "cat ${{inputs.folder}}/x.csv ${{inputs.file}}; basename ${{inputs.file}}; echo m > ${{outputs.model}}/m.bin;"
        " echo $AZURE_ML_INPUT_lr $MY $AZUREML_RUN_ID; echo ${{inputs.direct}}; ls -d ${{outputs.model}};"
        " echo d > ${{inputs.copy}}/mine; echo r > ${{outputs.report}}; echo ok > outputs/o.txt; echo l > logs/l.txt",
        inputs={
            "lr": {"jobInputType": "literal", "value": "0.1"},
            "folder": {"jobInputType": "uri_folder", "uri": f"{paths}/data/"},
            "file": {"jobInputType": "uri_file", "uri": f"{paths}/data/x.csv"},
            "copy": {"jobInputType": "uri_folder", "uri": f"{paths}/data", "mode": "Download"},
            "direct": {"jobInputType": "uri_file", "uri": f"{paths}/data/x.csv", "mode": "Direct"},
        },
        outputs={
            "model": {"jobOutputType": "uri_folder", "uri": f"{paths}/azureml/${{{{name}}}}/model/"},
            "report": {"jobOutputType": "uri_file", "uri": f"{paths}/reports/r.txt"},
        },
        environmentVariables={"MY": "own"},
    )
    assert home.ended(name).state == "Completed", home.job(name).run.error
    told = home.printed(name).splitlines()
    assert told[:4] == ["a,b", "a,b", "x.csv", f"0.1 own {name}"]
    assert told[4:] == [f"{paths}/data/x.csv", str(home.store(f"azureml/{name}/model"))]
    assert home.store(f"azureml/{name}/model/m.bin").read_text() == "m\n"
    assert home.store("reports/r.txt").read_text() == "r\n" and [one.name for one in data.iterdir()] == ["x.csv"]
    kept = folders.artifacts(home.folder, HERE, name)
    assert (kept / "outputs" / "o.txt").read_text() == "ok\n" and (kept / "logs" / "l.txt").read_text() == "l\n"


def test_outputs_folder_that_the_job_made_anew_is_kept_too(home):
    name = home.run("rm -rf outputs; mkdir outputs; echo x > outputs/late.txt")
    assert home.ended(name).state == "Completed"
    assert (folders.artifacts(home.folder, HERE, name) / "outputs" / "late.txt").read_text() == "x\n"


def test_inputs_cannot_be_changed(home):
    data = home.store("data")
    data.mkdir(parents=True)
    (data / "x.csv").write_text("a,b\n")
    uri = "azureml://datastores/workspaceblobstore/paths/data"
    home.ended(
        home.run(
            f"echo c >> ${{{{inputs.d}}}}/x.csv; rm -rf ${{{{inputs.d}}}}/x.csv; rm -rf {data}",
            inputs={"d": {"jobInputType": "uri_folder", "uri": uri}},
        )
    )
    assert (data / "x.csv").read_text() == "a,b\n"


def test_an_evaluated_table_is_read_and_cannot_be_changed(home):
    data = home.store("table")
    data.mkdir(parents=True)
    (data / "a.csv").write_text("1\n")
    (data / "MLTable").write_text("paths: [{file: ./a.csv}]\n")
    uri = "azureml://datastores/workspaceblobstore/paths/table"
    given = {"t": {"jobInputType": "mltable", "uri": uri, "mode": "EvalMount"}}
    name = home.run("cat ${{inputs.t}}/*; echo 2 >> ${{inputs.t}}/a.csv", inputs=given)
    assert home.ended(name).state == "Failed" and home.printed(name).startswith("1\n")
    assert (data / "a.csv").read_text() == "1\n"


def test_named_outputs_are_registered_and_numbered_on(home):
    outputs = {
        "model": {
            "jobOutputType": "custom_model",
            "assetName": "m",
            "uri": "azureml://datastores/workspaceblobstore/paths/o/m/",
        },
        "data": {"assetName": "d", "assetVersion": "7", "uri": "azureml://datastores/workspaceblobstore/paths/o/d/"},
    }
    names = [
        home.run("echo x > ${{outputs.model}}/x", outputs={"model": outputs["model"]}),
        home.run("true", outputs=outputs),
    ]
    jobs = [home.ended(name) for name in names]
    assert [job.body["outputs"]["model"]["assetVersion"] for job in jobs] in (["1", "2"], ["2", "1"])
    with home.db.read() as connection:
        model = resources.get(connection, Place(HERE.scope, "models", "m", "2"))
        data = resources.get(connection, Place(HERE.scope, "data", "d", "7"))
    assert model.body["properties"]["jobName"] in names and model.body["properties"]["modelType"] == "custom_model"
    assert data.body["properties"]["dataUri"].startswith(
        "azureml://subscriptions/sub/resourcegroups/Group/workspaces/ws/"
    )


def test_a_failed_job_registers_nothing(home):
    home.ended(
        home.run("exit 1", outputs={"m": {"assetName": "d", "uri": "azureml://datastores/workspaceblobstore/paths/o/"}})
    )
    with home.db.read() as connection:
        assert resources.get(connection, Place(HERE.scope, "data", "d")) is None


def test_a_waiting_job_is_cancelled_at_once(home):
    home.put_cluster("one", high=1)
    first, second = home.run(READY, "one"), home.run("true", "one")
    home.until_printed(first, "ready")
    home.cancel(second)
    assert home.ended(second).state == "Canceled" and home.events(second)[-2:] == ["Queued", "Canceled"]
    home.cancel(first)
    assert home.ended(first).state == "Canceled"


def test_a_running_job_is_cancelled_with_all_that_it_started(home):
    name = home.run("sleep 71 & trap 'echo bye' TERM; echo ready; wait; sleep 0.1")
    home.until_printed(name, "ready")
    home.cancel(name)
    assert home.ended(name).state == "Canceled"
    assert home.events(name)[-2:] == ["CancelRequested", "Canceled"] and "bye" in home.printed(name)


def test_a_job_cancelled_while_its_environment_is_built_is_over_at_once(home, monkeypatch):
    entered, building = threading.Event(), threading.Event()
    real = launch.launch

    def slow(*given):
        entered.set()
        building.wait(WITHIN_S)
        return real(*given)

    monkeypatch.setattr(launch, "launch", slow)
    name = home.run("echo never")
    assert entered.wait(WITHIN_S)
    home.cancel(name)
    assert home.ended(name).state == "Canceled"
    building.set()
    after = home.run("true")
    assert home.ended(after).state == "Completed"
    assert not processes.is_held(home.job_folder(name))


def test_what_cannot_be_prepared_fails_with_the_reason(home):
    home.put_asset("environments", "odd", "1", image="ghcr.io/nobody/knows:1")
    job = home.ended(home.run("true", environmentId="odd:1"))
    assert job.state == "Failed" and job.run.error["code"] == "ImageBuildFailure"
    assert 'Environment "odd:1" could not be built' in words(job.run.error)


def test_a_killed_guest_is_told_and_leaves_nothing(home):
    name = home.run(READY)
    home.until_printed(name, "ready")
    os.kill(processes.pid_of(home.job_folder(name)), signal.SIGKILL)
    job = home.ended(name)
    assert job.state == "Failed" and job.run.error["code"] == "JobLost" and home.printed(name) == "ready\n"


def test_on_a_low_priority_cluster_a_killed_job_starts_again(home):
    home.put_cluster("cheap", vmPriority="LowPriority")
    name = home.run(
        "echo ready >> ${{outputs.o}}/tries; [ $(wc -l < ${{outputs.o}}/tries) = 2 ] || sleep 60",
        "cheap",
        outputs={"o": {"uri": "azureml://datastores/workspaceblobstore/paths/tries/"}},
    )
    tries = home.store("tries/tries")
    deadline = time.monotonic() + WITHIN_S
    while not tries.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(processes.pid_of(home.job_folder(name)), signal.SIGKILL)
    job = home.ended(name)
    assert (job.state, job.attempts) == ("Completed", 2)


def test_a_running_job_goes_on_without_the_engine_and_is_found_again(home):
    name = home.run(
        "echo ready; until [ -e ${{outputs.o}}/go ]; do sleep 0.02; done; echo done",
        outputs={"o": {"uri": "azureml://datastores/workspaceblobstore/paths/o/"}},
    )
    home.until_printed(name, "ready")
    home.engine.stop()
    pid = processes.pid_of(home.job_folder(name))
    home.start()
    home.store("o/go").touch()
    assert home.ended(name).state == "Completed" and home.printed(name) == "ready\ndone\n"
    assert home.job(name).attempts == 1 and pid


def test_two_nodes_run_two_jobs_at_a_time(home):
    home.put_cluster("two", high=2)
    names = [home.run("sleep 0.2", "two") for _ in range(5)]
    seen = set()
    while any(home.job(name).state not in states.ENDED for name in names):
        seen.add(sum(state in ("Preparing", "Starting", "Running") for state in home.states(names)))
    assert max(seen) == 2 and {home.job(name).state for name in names} == {"Completed"}


def test_ranks_know_their_places_and_a_failing_one_is_named(home):
    shape = {
        "distribution": {"distributionType": "PyTorch", "processCountPerInstance": 2},
        "resources": {"instanceCount": 2},
    }
    home.put_cluster("two", high=2)
    name = home.run('echo $RANK of $WORLD_SIZE on $NODE_RANK; [ "$RANK" != 3 ] || exit 4', "two", **shape)
    job = home.ended(name)
    assert "(rank 3 of 4) exited with status 4" in words(job.run.error)
    assert home.printed(name, "std_log_process_3.txt") == "3 of 4 on 1\n"


def test_a_gpu_size_without_a_gpu_is_said_once(home, monkeypatch):
    monkeypatch.setattr("lazulite.engine.computes.has_gpu", lambda: False)
    home.put_cluster("gpus", vmSize="Standard_NC4as_T4_v3")
    name = home.run("true", "gpus")
    job = home.ended(name)
    assert len(job.warnings) == 1 and "Standard_NC4as_T4_v3 has 1" in job.warnings[0]
    assert (folders.system_log(home.folder, HERE, name)).read_text().count("runs on the CPU") == 1


def test_jobs_of_other_workspaces_are_apart(home):
    assert folders.of_job(home.folder, HERE.scope, "same") != folders.of_job(
        home.folder, WorkspaceId("sub", "group", "other").scope, "same"
    )


def test_the_plan_is_readable_by_nobody_else_and_says_what_was_run(home):
    name = home.run("true")
    home.ended(name)
    path = home.job_folder(name) / "job.json"
    assert path.stat().st_mode & 0o077 == 0
    assert json.loads(path.read_text())["command"] == "true"
