"""`lazulite serve` as a user has it: a terminal, an editor that saves, a client."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from lazulite.cli import ports
from lazulite.cli.serve import Crew
from tests.conftest import free_port

WITHIN_S = 30
GOOD = "def init(): pass\ndef run(data): return ['good', data]\n"


class Served:
    """One `lazulite serve` in a process of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.script = folder / "code" / "score.py"
        self.script.parent.mkdir()
        self.port = free_port()
        self.process = None

    def start(self, *flags, entry_script="code/score.py", environ=None):
        command = [sys.executable, "-m", "lazulite.cli.main", "serve"]
        command += ["--entry-script", entry_script] if entry_script else []
        command += ["--python", sys.executable, "--port", str(self.port), *flags]
        own = {"LAZULITE_HOME": str(self.folder / "home"), "XDG_RUNTIME_DIR": str(self.folder)}
        environ = {**os.environ, **own, **(environ or {})}
        with (self.folder / "terminal").open("ab") as terminal:
            self.process = subprocess.Popen(command, cwd=self.folder, env=environ, stdout=terminal, stderr=terminal)

    def start_and_listen(self, *flags):
        """Starts it and waits until it takes requests, which then wait for the script."""
        self.start(*flags)
        deadline = time.monotonic() + WITHIN_S
        while ports.is_free("127.0.0.1", self.port):
            assert self.process.poll() is None and time.monotonic() < deadline, self.terminal
            time.sleep(0.02)

    @property
    def terminal(self):
        return (self.folder / "terminal").read_text()

    def shows(self, text):
        deadline = time.monotonic() + WITHIN_S
        while text not in self.terminal:
            assert self.process.poll() is None and time.monotonic() < deadline, self.terminal
            time.sleep(0.02)

    def ask(self, path="/score", body=b"x", **headers):
        """Returns status, headers and body of an answer."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, names)
        try:
            with urllib.request.urlopen(request, timeout=WITHIN_S) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.process.wait(WITHIN_S)


@pytest.fixture
def served():
    folder = Path(tempfile.mkdtemp(prefix="lz-"))
    one = Served(folder)
    yield one
    if one.process and one.process.poll() is None:
        one.process.terminate()
        one.process.wait(WITHIN_S)
    shutil.rmtree(folder, ignore_errors=True)


def test_script_is_served_and_served_anew_after_each_save(served):
    served.script.write_text(GOOD)
    served.start()
    served.shows("Ready.")
    assert served.ask()[::2] == (200, b'["good", "x"]')
    served.script.write_text("def init(): pass\ndef run(data) return 1\n")
    served.shows("The script does not start: SyntaxError: ")
    status, _, body = served.ask()
    assert status == 503 and "score.py, line 2)" in json.loads(body)["message"]
    served.script.write_text(GOOD.replace("good", "better"))
    served.shows("Starting again")
    deadline = time.monotonic() + WITHIN_S
    while (answer := served.ask())[0] != 200 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert answer[2] == b'["better", "x"]'


def test_answers_are_those_of_azures_server(served):
    served.script.write_text(
        "import os\nfrom azureml.contrib.services.aml_response import AMLResponse\n"
        "def init(): print('model in', os.environ['AZUREML_MODEL_DIR'])\n"
        "def run(data):\n    if data == 'fail': raise ValueError\n"
        "    if data == 'stream': return AMLResponse((b'x' * 9 for _ in range(3)), 200)\n    return len(data)\n"
    )
    served.start("--model_dir", "m", "--worker_count", "2", "--access_control_allow_origins", "https://a.example")
    served.shows("model in m\n")
    status, headers, body = served.ask(body=b"x" * 300_000, Origin="https://a.example", x_ms_client_request_id="me")
    assert (status, body) == (200, b"300000")
    assert headers["x-ms-run-function-failed"] == "False" and float(headers["x-ms-run-fn-exec-ms"]) >= 0
    assert (headers["x-ms-client-request-id"], headers["x-ms-request-id"]) == ("me", "me")
    assert len(headers["x-request-id"]) == 36 and headers["access-control-allow-origin"] == "https://a.example"
    assert served.ask(body=b"fail")[0] == 500
    assert served.ask(body=b"stream")[2] == b"x" * 27
    assert served.ask("/", None)[::2] == (200, b"Healthy")
    assert json.loads(served.ask("/swagger.json?version=3", None)[2])["openapi"] == "3.0.3"
    assert served.ask("/nothing", None)[0] == 404
    for name, told in (
        ("x_request_id", "x-request-id"),
        ("x_ms_request_id", "x-ms-request-id and x-ms-client-request-id"),
    ):
        status, headers, body = served.ask(**{name: "x" * 101})
        assert (status, headers["x-ms-run-function-failed"]) == (431, "False")
        assert json.loads(body) == {"message": f"{told} must not exceed 100 characters"}


def test_a_script_hears_the_ids_that_its_client_gets(served):
    served.script.write_text(
        "def init(): pass\ndef run(data, request_headers): return request_headers['X-Request-Id']\n"
    )
    served.start_and_listen()
    for sent in ({}, {"x_request_id": "my own"}, {"x_request_id": "0f1c0c68-1617-4374-9486-60c2808199b8"}):
        _, headers, body = served.ask(**sent)
        assert json.loads(body) == headers["x-request-id"] == sent.get("x_request_id", headers["x-request-id"])


def test_a_script_that_takes_too_long_is_answered_for_and_left_or_replaced(served):
    served.script.write_text(
        "import os, time\ndef init(): pass\ndef run(data):\n"
        "    while data == 'deaf':\n        try: time.sleep(1)\n        except BaseException: pass\n"
        "    if data == 'slow': time.sleep(60)\n    return os.getpid()\n"
    )
    served.start("--no-reload", environ={"SCORING_TIMEOUT_MS": "300", "WORKER_TIMEOUT": "20"})
    served.shows("Worker Timeout (seconds): 20")
    served.shows("Ready.")
    before = served.ask()[2]
    assert served.ask(body=b"slow")[::2] == (500, b'{"message":"Scoring timeout after 300 ms"}')
    assert served.ask()[2] == before
    assert served.ask(body=b"deaf")[0] == 500
    assert served.ask()[2] not in (before, b"")


def test_a_worker_that_is_being_replaced_is_not_called_off():
    crew = Crew((), ())
    asyncio.run(crew.call_off(Path("gone.sock")))
    assert not crew.has_given_up


def test_what_flags_do_not_say_the_environment_does_and_then_a_config_file(served):
    served.script.write_text(
        "import os\nNAMES = 'AZUREML_MODEL_DIR', 'SERVICE_NAME', 'WORKER_COUNT', 'AML_APP_INSIGHTS_ENABLED'\n"
        "def init(): pass\ndef run(data): return [os.environ.get(name) for name in NAMES]\n"
    )
    told = {"AZUREML_ENTRY_SCRIPT": "code/score.py", "SERVICE_NAME": "file", "AML_CORS_ORIGINS": "*", "EXTRA": 1}
    (served.folder / "own.json").write_text(json.dumps(told | {"AZUREML_MODEL_DIR": "file"}))
    health = free_port()
    served.start(
        *("--config_file", "own.json", "--health_port", str(health), "--no-reload"),
        entry_script=None,
        environ={"AZUREML_MODEL_DIR": "environment", "WORKER_COUNT": "2", "SERVER_VERSION_LOG_RESPONSE_ENABLED": "no"},
    )
    served.shows("Ready.")
    for line in (f"Server Port: {served.port}", f"Health Port: {health}", "Worker Count: 2", "mean nothing: EXTRA."):
        assert line in served.terminal
    status, headers, body = served.ask(Origin="https://a.example")
    assert (status, json.loads(body)) == (200, ["environment", "file", "2", "false"])
    assert (headers["access-control-allow-origin"], headers["x-ms-server-version"]) == ("*", None)
    assert urllib.request.urlopen(f"http://127.0.0.1:{health}/", timeout=WITHIN_S).read() == b"Healthy"


@pytest.mark.parametrize("flags", [(), ("--no-reload",)])
def test_a_script_that_does_not_start_at_first_ends_it(served, flags):
    served.script.write_text("def init():\n    x\n  y\n")
    served.start(*flags)
    assert served.process.wait(WITHIN_S) == 3
    assert "IndentationError: unindent does not match any outer indentation level" in served.terminal


def test_what_cannot_be_served_is_refused_at_once(served):
    for flags, reason in (
        ([], "No scoring script is named"),
        (["--entry_script", "missing.py"], "There is no file missing.py"),
        (["--config_file", "missing.json"], "There is no file missing.json"),
        (["--entry_script", "code/score.py", "--port", "99999"], "--port"),
    ):
        served.start(*flags, entry_script=None)
        assert served.process.wait(WITHIN_S) == 2
        assert reason in served.terminal


def test_worker_that_dies_is_replaced(served):
    served.script.write_text(
        "import os\ndef init(): pass\ndef run(data):\n    if data == 'die': os._exit(3)\n    return 1\n"
    )
    served.start_and_listen()
    assert served.ask(body=b"die")[0] == 500
    served.shows("exit status 3")
    assert served.ask()[::2] == (200, b"1")


def test_no_worker_is_left_when_it_ends(served):
    served.script.write_text("import os\ndef init(): pass\ndef run(data): return os.getpid()\n")
    for number in (signal.SIGINT, signal.SIGTERM):
        served.start_and_listen()
        worker = int(served.ask()[2])
        served.stop(number)
        assert not psutil.pid_exists(worker)


def test_worker_left_by_a_kill_is_ended_by_the_next(served):
    served.script.write_text("import os\ndef init(): pass\ndef run(data): return os.getpid()\n")
    served.start()
    served.shows("Ready.")
    left = int(served.ask()[2])
    served.stop(signal.SIGKILL)
    assert psutil.pid_exists(left)
    served.start()
    deadline = time.monotonic() + WITHIN_S
    while psutil.pid_exists(left):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--entry-script", "nowhere.py"), "There is no file nowhere.py"),
        (("--python", "/nowhere/python"), "is not a Python interpreter"),
        (("--worker-count", "0"), "--worker-count"),
    ],
)
def test_what_cannot_be_served_is_said_at_once(served, flags, told):
    served.script.write_text(GOOD)
    served.start(*flags)
    assert served.process.wait(WITHIN_S) in (1, 2)
    assert f"error: {told}" in served.terminal or (told in served.terminal and "Traceback" not in served.terminal)
