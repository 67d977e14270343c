"""A worker's life: how it comes up, fails, answers one after the other, is called off, and ends."""

import os
import signal
import time

import pytest

from tests.guest.deployed import wait_until

ECHO = """
    def init():
        print("hello from init")

    def run(raw_data):
        return raw_data
"""

SLOW = """
    import time

    def init():
        pass

    def run(raw_data):
        try:
            print("begun", raw_data) or time.sleep(30 if raw_data == "slow" else 0)
        except Exception:
            return "swallowed"
        print("ended", raw_data)
        return raw_data
"""


def test_every_python_serves(deploy, any_python):
    worker = deploy(ECHO, any_python).start()
    assert worker.score(b"caf\xc3\xa9").body == b'"caf\\u00e9"'
    assert "hello from init" in worker.log


def test_every_python_hands_out_requests(deploy, any_python):
    script = """
        from azureml.contrib.services.aml_request import rawhttp
        from azureml.contrib.services.aml_response import AMLResponse

        def init():
            pass

        @rawhttp
        def run(request):
            image = request.files["image"]
            return AMLResponse(image.read(), 200, {"Content-Type": image.mimetype})
    """
    disposition = b'Content-Disposition: form-data; name="image"; filename="a"'
    form = b"--x\r\n" + disposition + b"\r\nContent-Type: image/y\r\n\r\n\0\1\r\n--x--"
    answer = deploy(script, any_python).start().score(form, "multipart/form-data; boundary=x")
    assert (answer.body, answer.headers["content-type"]) == (b"\0\1", "image/y")


def test_modules_beside_the_script_and_in_app_root_are_importable_and_ours_are_not(deploy):
    script = """
        import helper, top

        def init():
            pass

        def run(data):
            found = []
            for name in ("frames", "score_", "outputs", "standins"):
                try:
                    __import__(name)
                    found.append(name)
                except ImportError:
                    pass
            return [helper.NAME, top.NAME, found, __name__]
    """
    files = {"code/helper.py": "NAME = 'helper'", "top.py": "NAME = 'top'"}
    worker = deploy(script, name="code/score.py", files=files, AZUREML_SOURCE_DIRECTORY="code").start()
    assert worker.score().body == b'["helper", "top", [], "score"]'


def test_working_directory_is_app_root(deploy):
    script = "import os\ndef init(): pass\ndef run(data): return os.getcwd()"
    worker = deploy(script, name="code/score.py").start()
    assert worker.score().body.decode().strip('"') == str(worker.spec.app)


def test_script_under_a_name_that_is_taken_is_served_all_the_same(deploy):
    worker = deploy("def init(): pass\ndef run(data): return __name__", name="json.py").start()
    assert worker.score().body == b'"entry_module"'


BROKEN = [
    (
        "def init():\n    import pathlib\n    pathlib.Path('/nowhere/x').open()\ndef run(data): pass",
        "FileNotFoundError",
        "[Errno 2] No such file or directory: '/nowhere/x'",
        3,
    ),
    ("def init(): pass\ndef run(data) return 1", "SyntaxError", None, 2),
    ("import nothing_like_it\ndef init(): pass", "ModuleNotFoundError", "No module named 'nothing_like_it'", 1),
    ("def init():\n    raise KeyError('k')\ndef run(data): pass", "KeyError", "'k'", 2),
    ("import sys\ndef init():\n    sys.exit('no model')\ndef run(data): pass", "SystemExit", "no model", 3),
    (
        "class Own(Exception):\n    def __str__(self): return 1 / 0\ndef init(): raise Own\ndef run(d): pass",
        "Own",
        None,
        3,
    ),
]


@pytest.mark.parametrize(("script", "kind", "message", "line"), BROKEN, ids=lambda value: str(value)[:20])
def test_users_error_is_the_error(deploy, script, kind, message, line):
    state = deploy(script).launch().settle()
    error = state.error
    assert (state.kind, error["type"], error["line"]) == ("failed", kind, line)
    assert error["file"].endswith("app/score.py")
    assert message is None or error["message"] == message
    assert error["traceback"].rstrip().splitlines()[-1].partition(":")[0].endswith(kind)
    assert "lazulite" not in error["traceback"] and "importlib" not in error["traceback"]
    assert f"{kind}:" in state.reason and f"line {line}" in state.reason


def test_error_deep_in_a_library_is_told_at_the_users_line(deploy):
    script = "import json\ndef init():\n    json.loads('{')\ndef run(data): pass"
    error = deploy(script).launch().settle().error
    assert (error["type"], error["line"]) == ("JSONDecodeError", 3)
    assert "json/decoder.py" in error["traceback"]


WRONG = [
    ("def run(data): pass", "does not have a init() function defined"),
    ("def init(): pass", "does not have a run() function defined"),
    ("def init(): pass\ndef run(): pass", "run() needs to accept an argument for input data."),
    ("def init(): pass\ndef run(*data): pass", "run() cannot accept positional-only arguments, *args, or **kwargs."),
    ("def init(): pass\ndef run(request_headers): pass", 'an argument other than "request_headers"'),
]


@pytest.mark.parametrize(("script", "message"), WRONG, ids=lambda value: value[-30:])
def test_script_that_is_none_is_told_in_words(deploy, script, message):
    state = deploy(script).launch().settle()
    assert state.kind == "failed" and message in state.error["message"]
    assert "Traceback" not in state.reason


def test_missing_script_says_what_is_there(deploy):
    worker = deploy(ECHO, files={"other.py": ""}, AZUREML_ENTRY_SCRIPT="scroe.py")
    state = worker.launch().settle()
    assert "There is no entry script 'scroe.py'" in state.reason and "other.py, score.py" in state.reason


def test_failing_init_shows_what_the_model_folder_holds(deploy, folder):
    (folder / "m" / "saved_model").mkdir(parents=True)
    (folder / "m" / "saved_model" / "weights.bin").write_bytes(b"")
    script = "import os\ndef init(): open(os.environ['AZUREML_MODEL_DIR'] + '/weights.bin')\ndef run(data): pass"
    worker = deploy(script, AZUREML_MODEL_DIR=str(folder / "m"))
    state = worker.launch().settle()
    for told in (state.reason, worker.log):
        assert "m/\n    saved_model/\n        weights.bin" in told


def test_missing_module_says_what_to_do(deploy):
    state = deploy("import flask\ndef init(): pass\ndef run(data): pass").launch().settle()
    assert "The deployment's environment has no module 'flask'" in state.reason


def test_exception_in_run_is_logged_whole_and_answered_short(deploy):
    worker = deploy("def init(): pass\ndef run(data):\n    return {}[data]").start()
    answer = worker.score(b"key")
    assert answer.status == 500 and b"KeyError: 'key' (score.py, line 3)" in answer.body
    assert "return {}[data]" in worker.log and "/guest/" not in worker.log
    assert worker.score(b"again").status == 500


def test_sys_exit_in_run_is_answered_and_ends_the_worker(deploy):
    worker = deploy("import sys\ndef init(): pass\ndef run(data): sys.exit(7)").start()
    assert worker.score().status == 500
    wait_until(lambda: worker.state.kind == "dead", "its end")
    assert "exit status 7" in worker.state.reason


def test_requests_sent_ahead_are_answered_in_order(deploy):
    client = deploy(ECHO).start().connect()
    for word in (b"one", b"two", b"three"):
        client.send("POST", "/score", (), word)
    assert [client.answer().body for _ in range(3)] == [b'"one"', b'"two"', b'"three"']


def test_next_connection_is_served_when_one_ends_badly(deploy):
    worker = deploy(ECHO).start()
    first = worker.connect()
    first.link.sendall(b"\xff" * 32)
    assert worker.score(b"x").body == b'"x"'


def test_called_off_request_ends_in_the_script_and_tells_where(deploy):
    worker = deploy(SLOW).start()
    client = worker.connect()
    client.send("POST", "/score", (), b"slow", timeout_ms=1)
    wait_until(lambda: "begun slow" in worker.log, "run")
    worker.call_off(client)
    assert worker.score(b"next").body == b'"next"'
    assert "called off" in worker.log and "scoring timeout of 1 ms" in worker.log
    assert 'score.py", line 9, in run' in worker.log
    assert "ended slow" not in worker.log


def test_request_whose_client_is_gone_is_said_to_be(deploy):
    worker = deploy(SLOW).start()
    client = worker.connect()
    client.send("POST", "/score", (), b"slow", timeout_ms=0)
    wait_until(lambda: "begun slow" in worker.log, "run")
    worker.call_off(client)
    wait_until(lambda: "the client is gone" in worker.log, "the line")


def test_call_off_never_meets_another_request(deploy):
    """Signals while requests of an open connection run, and while nothing runs, do nothing."""
    worker = deploy("import time\ndef init(): pass\ndef run(data):\n    time.sleep(0.002)\n    return data").start()
    client = worker.connect()
    for _ in range(100):
        client.send("POST", "/score", (), b"x")
        os.kill(worker.worker.pid, signal.SIGUSR1)
        time.sleep(0.001)
        os.kill(worker.worker.pid, signal.SIGUSR1)
        assert client.answer().body == b'"x"'
    assert "called off" not in worker.log


def test_request_left_in_the_pipe_of_a_dead_connection_is_never_begun(deploy):
    worker = deploy(SLOW).start()
    client = worker.connect()
    client.send("POST", "/score", (), b"slow")
    client.send("POST", "/score", (), b"behind")
    wait_until(lambda: "begun slow" in worker.log, "run")
    worker.call_off(client)
    assert worker.score(b"next").body == b'"next"'
    assert "begun behind" not in worker.log


def test_streamed_answer_that_breaks_is_broken_off(deploy):
    script = """
        from azureml.contrib.services.aml_response import AMLResponse

        def init():
            pass

        def parts():
            yield b"half"
            raise ValueError("no more")

        def run(data):
            return AMLResponse(parts(), 200)
    """
    worker = deploy(script).start()
    with pytest.raises(ConnectionError):
        worker.score()
    assert "ValueError: no more" in worker.log
    with pytest.raises(ConnectionError):
        worker.score()


def test_sigterm_ends_an_idle_worker_at_once(deploy):
    worker = deploy(ECHO).start()
    client = worker.connect()
    assert client.ask("GET", "/").body == b"Healthy"
    os.kill(worker.worker.pid, signal.SIGTERM)
    assert worker.worker.child.wait(10) == 0


def test_sigterm_lets_the_request_be_answered(deploy):
    script = "import time\ndef init(): pass\ndef run(data):\n    print('begun')\n    time.sleep(0.3)\n    return data"
    worker = deploy(script).start()
    client = worker.connect()
    client.send("POST", "/score", (), b"last")
    wait_until(lambda: "begun" in worker.log, "run")
    os.kill(worker.worker.pid, signal.SIGTERM)
    assert client.answer().body == b'"last"'
    assert worker.worker.child.wait(10) == 0


def test_processes_that_a_script_forks_are_no_workers(deploy):
    """They get no signal of ours, keep no connection open, and hold no lock."""
    script = """
        import multiprocessing, os, signal, time

        def init():
            global child
            context = multiprocessing.get_context("fork")
            child = context.Process(target=time.sleep, args=(60,), daemon=True)

        def run(data):
            if data == "fork":
                child.start()
            if data == "end":
                child.terminate()
                child.join(5)
                return child.exitcode
            if data == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            return "ok"
    """
    worker = deploy(script).start()
    assert worker.score(b"fork").body == b'"ok"'
    assert worker.score(b"end").body == b"-15"
    worker.stop()
    worker.start()
    client = worker.connect()
    assert client.ask("POST", "/score", (), b"fork").body == b'"ok"'
    with pytest.raises(ConnectionError):
        client.ask("POST", "/score", (), b"die")


def test_what_the_script_defines_can_be_pickled_in_spawned_processes(deploy):
    script = """
        import multiprocessing

        def double(value):
            return 2 * value

        def init():
            pass

        def run(data):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                return pool.map(double, [1, 2])
    """
    assert deploy(script).start().score().body == b"[2, 4]"


def test_response_of_a_script_cannot_write_the_gateways_lines(deploy):
    script = """
        from azureml.contrib.services.aml_response import AMLResponse

        def init():
            pass

        def run(data):
            return AMLResponse("x", 200, {"Content-Length": "9", "x-request-id": "a", "Date": "now", "X-A": "b"})
    """
    answer = deploy(script).start().score()
    assert set(answer.headers) == {"content-type", "x-ms-run-function-failed", "x-a", "x-ms-server-version"}


def test_head_and_no_content_have_no_body(deploy):
    script = """
        from azureml.contrib.services.aml_request import rawhttp
        from azureml.contrib.services.aml_response import AMLResponse

        def init():
            pass

        @rawhttp
        def run(request):
            return AMLResponse("body", 204 if request.method == "GET" else 200)
    """
    client = deploy(script).start().connect()
    assert (client.ask("HEAD", "/score").body, client.ask("GET", "/score").body) == (b"", b"")
    assert client.ask("POST", "/score").body == b"body"


MISCHIEF = """
    import json, os, resource, signal, sys, threading, time

    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("no words")

    def throw(error):
        raise error

    def circular():
        found = []
        found.append(found)
        return found

    def fork():
        os.fork()
        return "forked"

    def move():
        os.chdir("/")
        os.umask(0o777)
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)

    def patch():
        json.dumps = json.loads = time.time = time.perf_counter = lambda *_: throw(RuntimeError("patched"))

    DEEDS = {
        "circular": circular,
        "generator": lambda: (part for part in "abc"),
        "without end": lambda: (lambda again: again(again))(lambda again: again(again)),
        "base": lambda: throw(BaseException("base")),
        "interrupt": lambda: throw(KeyboardInterrupt()),
        "mute": lambda: throw(Mute()),
        "stop": lambda: next(iter(())),
        "print": lambda: [print("x" * 10_000_000), print(*["y"] * 1000, sep="\\n")] and None,
        "threads": lambda: [threading.Thread(target=time.sleep, args=(600,), daemon=True).start() for _ in range(20)],
        "fork": fork,
        "move": move,
        "descriptors": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3)),
        "output": lambda: sys.stdout.close() or sys.stderr.close(),
        "close": lambda: [os.close(number) for number in (0, 1, 2)] and None,
        "patch": patch,
    }

    def init():
        pass

    def run(data):
        return DEEDS[data]() if data in DEEDS else data
"""
FAILS = ("circular", "generator", "without end", "base", "interrupt", "mute", "stop")
WORKS = ("print", "threads", "fork", "move", "descriptors", "output", "close")


def test_a_worker_goes_on_whatever_its_script_did(deploy):
    client = deploy(MISCHIEF).start().connect()
    for deed in (*FAILS, *WORKS):
        answer = client.ask("POST", "/score", (), deed.encode())
        assert answer.status == (500 if deed in FAILS else 200), (deed, answer.body)
        assert client.ask("POST", "/score", (), b"next").body == b'"next"', deed


def test_a_worker_that_its_script_has_broken_ends(deploy):
    worker = deploy(MISCHIEF).start()
    with pytest.raises(ConnectionError):
        worker.connect().ask("POST", "/score", (), b"patch")
    assert worker.worker.child.wait(10) != 0
