"""What a deployment's log shows of what scripts print and log."""

import json
import re

import pytest

from tests.guest.deployed import wait_until

LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [DIWE] \[\d+\] (\S+) - (.*)$")


def lines(worker, name):
    return [match[2] for match in map(LINE.match, worker.log.splitlines()) if match and match[1] == name]


def test_prints_are_lines_with_time_and_process(deploy):
    script = """
        import contextlib, io, sys

        def init():
            print("one", 2, sep="-")
            print("three", end="")
            print("four", file=sys.stdout, flush=True)
            print("to stderr", file=sys.stderr)
            with contextlib.redirect_stdout(io.StringIO()) as caught:
                print("caught")
            print(repr(caught.getvalue()))
            print("\\ud800")
            sys.stdout.write("written\\n")

        def run(data):
            pass
    """
    worker = deploy(script).start()
    assert lines(worker, "azmlinfsrv.print") == ["one-2", "three", "four", "'caught\\n'", "\\ud800"]
    assert {"to stderr", "written"} <= set(worker.log.splitlines())


def test_logging_appears_without_any_configuration(deploy):
    script = """
        import logging
        log = logging.getLogger("mine")

        def init():
            log.info("told %d", 1)
            log.debug("not told")

        def run(data):
            pass
    """
    worker = deploy(script).start()
    assert lines(worker, "mine") == ["told 1"]


def test_log_level_is_the_variables(deploy):
    script = "import logging\ndef init(): logging.getLogger('mine').debug('deep')\ndef run(data): pass"
    assert lines(deploy(script, AZUREML_LOG_LEVEL="debug").start(), "mine") == ["deep"]
    assert lines(deploy(script, AZUREML_LOG_LEVEL="no such level").start(), "mine") == []


def test_scripts_own_basic_config_counts(deploy):
    script = """
        import logging
        logging.basicConfig(level=logging.DEBUG, format="OWN %(message)s")

        def init():
            logging.debug("deep")

        def run(data):
            pass
    """
    assert "OWN deep" in deploy(script).start().log.splitlines()


def test_logging_json_of_the_app_counts(deploy):
    formatter = {"()": "azureml_inference_server_http.log_config.AMLLogFormatter", "fmt": "JSON %(message)s"}
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"f": formatter},
        "handlers": {"h": {"class": "logging.StreamHandler", "formatter": "f", "stream": "ext://sys.stdout"}},
        "root": {"handlers": ["h"], "level": "DEBUG"},
    }
    script = "import logging\ndef init(): logging.debug('deep')\ndef run(data): pass"
    assert "JSON deep" in deploy(script, files={"logging.json": json.dumps(config)}).start().log.splitlines()


def test_logging_json_may_form_the_servers_own_lines(deploy):
    config = {
        "version": 1,
        "formatters": {
            "own": {
                "class": "azureml_inference_server_http.log_config.AMLLogFormatter",
                "format": "OWN %(name)s %(message)s",
            }
        },
        "handlers": {"own": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "own"}},
        "loggers": {"azmlinfsrv": {"level": "INFO", "handlers": ["own"], "propagate": False}},
    }
    script = "def init(): print('hello')\ndef run(data): 1 / 0"
    worker = deploy(script, files={"logging.json": json.dumps(config)}).start()
    worker.score(b"x")
    log = worker.log
    assert "OWN azmlinfsrv.print hello" in log and "OWN azmlinfsrv Encountered Exception: " in log
    assert "OWN azmlinfsrv POST /score 500" in wait_until(lambda: "POST" in worker.log and worker.log)


def test_every_request_is_a_line(deploy):
    worker = deploy("def init(): pass\ndef run(data): return data").start()
    client = worker.connect()
    client.ask("POST", "/score", (), b"abc")
    client.ask("GET", "/score?a=1")
    client.ask("GET", "/")
    found = lines(worker, "azmlinfsrv")[-2:]
    assert re.fullmatch(r"POST /score 200 \d+\.\d{3}ms 5", found[0])
    assert re.fullmatch(r"GET /score\?a=1 200 \d+\.\d{3}ms \d+", found[1])


def test_a_flood_of_requests_is_no_flood_of_lines(deploy):
    worker = deploy("def init(): pass\ndef run(data): return {'a': data}[data]").start()
    client = worker.connect()
    for _ in range(1500):
        client.ask("POST", "/score", (), b"a")
    assert worker.log.count("POST /score 200") < 1000
    for _ in range(120):
        client.ask("POST", "/score", (), b"b")
    wait_until(lambda: worker.log.count("POST /score 500") == 120, "a line for each")


@pytest.mark.parametrize("size", [10, 100_000])
def test_lines_survive_the_end_of_the_process(deploy, size):
    script = f"import os\ndef init():\n    print('x' * {size})\n    os.kill(os.getpid(), 9)\ndef run(data): pass"
    worker = deploy(script).launch()
    assert worker.settle().kind == "dead"
    assert lines(worker, "azmlinfsrv.print") == ["x" * size]


def test_a_crash_in_native_code_tells_the_line_of_the_script(deploy):
    script = "import ctypes\ndef init():\n    ctypes.string_at(0)\ndef run(data): pass"
    worker = deploy(script).launch()
    state = worker.settle()
    assert state.kind == "dead" and "SIGSEGV" in state.reason and "native code crashed" in state.reason
    assert 'score.py", line 3 in init' in state.reason
