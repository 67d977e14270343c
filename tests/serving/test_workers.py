"""Worker processes as the platform sees them: launched, looked at, stopped, found again after a restart."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from lazulite import clock
from lazulite.errors import BadRequest, Conflict
from lazulite.serving import workers
from lazulite.serving.workers import Worker, WorkerSpec

READY = "def init(): pass\ndef run(data): return data"
SLEEPS = "import time\ndef init(): time.sleep(60)\ndef run(data): return data"
WITHIN_S = 20


@pytest.fixture
def folder():
    """A folder whose path is short enough for a socket's."""
    path = Path(tempfile.mkdtemp(prefix="lz-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def spec(folder):
    """A worker that could be launched, with a script that is ready at once."""
    (folder / "app").mkdir()
    (folder / "app" / "score.py").write_text(READY)
    return WorkerSpec(
        id="blue-0",
        folder=folder / "workers" / "0",
        socket=folder / "s" / "0.sock",
        console=folder / "console.log",
        python=Path(sys.executable),
        app=folder / "app",
        variables={"AZUREML_ENTRY_SCRIPT": "score.py"},
    )


@pytest.fixture
def launch(spec):
    """Launches workers that are ended with the test."""
    launched = []

    def run(script=READY, spec=spec, **more):
        (spec.app / "score.py").write_text(script)
        launched.append(workers.launch(spec, **more))
        return launched[-1]

    yield run
    for worker in launched:
        workers.stop(worker, grace_s=0)


def settled(worker):
    deadline = time.monotonic() + WITHIN_S
    while (state := workers.probe(worker, clock.now())).kind == "starting":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return state


def wait_for(kind, worker):
    deadline = time.monotonic() + WITHIN_S
    while (state := workers.probe(worker, clock.now())).kind != kind:
        assert time.monotonic() < deadline, state
        time.sleep(0.01)
    return state


def test_worker_becomes_ready_in_a_session_of_its_own(launch, spec):
    worker = launch()
    now = clock.now()
    state = settled(worker)
    assert (state.kind, state.reason) == ("ready", "") and state.at >= now
    assert os.getsid(worker.pid) == worker.pid != os.getsid(0)
    assert spec.socket.stat().st_mode & 0o777 == 0o600
    assert psutil.Process(worker.pid).cwd() == str(spec.app)
    assert json.loads((spec.folder / "status.json").read_text())["pid"] == worker.pid


def test_worker_is_starting_while_init_runs(launch):
    worker = launch(SLEEPS)
    time.sleep(0.2)
    assert workers.probe(worker, clock.now()).kind == "starting"


def test_failed_worker_tells_the_users_error(launch):
    state = settled(launch("def init():\n    raise ValueError('no weights')\ndef run(data): pass"))
    assert state.kind == "failed"
    assert state.reason.startswith("ValueError: no weights (") and "score.py, line 2)\nTraceback" in state.reason
    assert state.error["line"] == 2


ENDINGS = [
    ("import os\ndef init():\n    os._exit(9)\ndef run(data): pass", "exit status 9: the script"),
    ("import os\ndef init():\n    os.kill(os.getpid(), 9)\ndef run(data): pass", "signal 9 (SIGKILL)"),
    ("import os\ndef init():\n    os.abort()\ndef run(data): pass", "native code crashed"),
]


@pytest.mark.parametrize(("script", "told"), ENDINGS, ids=[told for _, told in ENDINGS])
def test_endings_are_told_apart_with_the_workers_own_last_words(launch, spec, script, told):
    spec.console.write_text("ValueError: of the revision before\n")
    state = settled(launch(script.replace("init():", "init():\n    print('last words')")))
    assert state.kind == "dead" and told in state.reason and "before its init() had returned" in state.reason
    assert "last words" in state.reason and "the revision before" not in state.reason


def test_death_while_serving_is_told(launch):
    worker = launch()
    settled(worker)
    os.kill(worker.pid, signal.SIGKILL)
    state = wait_for("dead", worker)
    assert "while it was serving, most likely because memory ran out" in state.reason


def test_stop_ends_the_worker_and_what_it_started(launch, spec):
    script = (
        "import subprocess\ndef init():\n    print('child', subprocess.Popen(['sleep', '60']).pid)\ndef run(data): pass"
    )
    worker = launch(script)
    settled(worker)
    child = int(spec.console.read_text().partition("child ")[2].split()[0])
    workers.stop(worker, grace_s=5)
    assert workers.probe(worker, clock.now()).kind == "dead"
    deadline = time.monotonic() + WITHIN_S
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not spec.socket.exists()


def test_stop_waits_no_longer_than_the_grace(launch):
    script = """if True:
        import signal
        def init():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            print("deaf")
            import time
            time.sleep(60)
        def run(data): pass
    """
    worker = launch(script)
    deadline = time.monotonic() + WITHIN_S
    while "deaf" not in worker.spec.console.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    began = time.monotonic()
    workers.stop(worker, grace_s=0.2)
    assert 0.2 <= time.monotonic() - began < 5
    assert workers.probe(worker, clock.now()).kind == "dead"


def test_stop_of_a_dead_worker_does_nothing(launch):
    worker = launch("def init(): raise ValueError\ndef run(data): pass")
    settled(worker)
    workers.stop(worker, grace_s=1)
    workers.stop(worker, grace_s=1)


def test_second_worker_of_a_living_ones_folder_is_refused(launch):
    settled(launch())
    with pytest.raises(Conflict):
        launch()


def test_folder_is_launched_again_after_a_stop(launch):
    first = launch()
    settled(first)
    workers.stop(first, grace_s=2)
    second = launch()
    assert settled(second).kind == "ready" and second.pid != first.pid


def test_worker_outlives_its_launcher_and_is_adopted(launch, spec):
    """The launcher is a process of its own that dies like a platform does."""
    program = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom lazulite.serving import workers\n"
        f"spec = workers.WorkerSpec('blue-0', *map(Path, {[str(path) for path in paths(spec)]!r}), "
        "{'AZUREML_ENTRY_SCRIPT': 'score.py'})\n"
        "workers.launch(spec)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=False, timeout=WITHIN_S)
    worker = workers.adopt(spec.folder)
    try:
        assert worker.spec == spec and worker.child is None
        assert settled(worker).kind == "ready"
        os.kill(worker.pid, signal.SIGKILL)
        state = wait_for("dead", worker)
        assert "nobody saw how" in state.reason
    finally:
        workers.stop(worker, grace_s=0)


def paths(spec):
    return spec.folder, spec.socket, spec.console, spec.python, spec.app


def test_adopted_worker_is_stopped_as_any(launch, spec):
    launched = launch()
    settled(launched)
    adopted = workers.adopt(spec.folder)
    assert adopted == launched
    workers.stop(adopted, grace_s=5)
    wait_for("dead", launched)


def test_process_that_got_the_number_of_a_dead_worker_is_no_worker(launch, spec):
    worker = launch()
    settled(worker)
    workers.stop(worker, grace_s=0)
    other = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        taken_for_it = Worker(spec, other.pid)
        assert workers.probe(taken_for_it, clock.now()).kind == "dead"
        workers.stop(taken_for_it, grace_s=1)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_folder_without_a_worker_has_none_to_adopt(folder):
    assert workers.adopt(folder) is None


def test_environment_holds_little_of_ours_the_defaults_and_what_the_deployment_says(spec):
    ours = {"PATH": "/bin", "HOME": "/h", "LAZULITE_SECRET": "s", "PYTHONPATH": "p", "LC_ALL": "C", "TOKEN": "t"}
    found = workers.environment(replace(spec, cores=3.7), ours)
    assert found["PATH"] == f"{spec.python.parent}:/bin"
    assert {name: found[name] for name in ("HOME", "LC_ALL", "AML_APP_ROOT", "OMP_NUM_THREADS")} == {
        "HOME": "/h",
        "LC_ALL": "C",
        "AML_APP_ROOT": str(spec.app),
        "OMP_NUM_THREADS": "3",
    }
    assert found["MALLOC_MMAP_MAX_"] == "0" and found["OMP_WAIT_POLICY"] == "PASSIVE"
    assert not {"LAZULITE_SECRET", "PYTHONPATH", "TOKEN"} & set(found)
    own = {"OMP_NUM_THREADS": "9", "MALLOC_MMAP_MAX_": "7"}
    assert own.items() <= workers.environment(replace(spec, variables=own, cores=0.2), ours).items()
    assert workers.environment(replace(spec, cores=0.2), {})["OMP_NUM_THREADS"] == "1"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"python": Path("/nowhere/python")}, "is not a Python interpreter"),
        ({"app": Path("/nowhere/app")}, "is not a folder"),
        ({"socket": Path("/tmp") / ("x" * 110)}, "longer than"),
    ],
)
def test_what_cannot_be_launched_is_refused(launch, spec, change, told):
    with pytest.raises(BadRequest, match=told):
        workers.launch(replace(spec, **change))
    assert workers.adopt(spec.folder) is None


def test_what_was_launched_is_readable_by_its_owner_alone(launch, spec):
    launch()
    assert (spec.folder / "worker.json").stat().st_mode & 0o777 == 0o600
