"""`lazulite up`, `down`, `status` and `logs`, as processes."""

import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from lazulite.cli import lock
from lazulite.containers.boxes import Box, Boxes
from lazulite.engine import processes


def started(cli, *words, **variables):
    """Starts a foreground `lazulite up` and returns its process once it has said that it is up."""
    command = [sys.executable, "-m", "lazulite.cli.main", "up", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    process = subprocess.Popen(command, env={**cli.environ, **variables}, **pipes)
    assert "is up: pid " in process.stdout.readline()
    return process


def await_end(pid, within_s=10):
    """Waits for a process that is nobody's child here; a zombie has ended."""
    deadline = time.monotonic() + within_s
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"pid {pid} has not ended"
        time.sleep(0.02)


def ended(process, within_s=20):
    with process.stdout:
        return process.wait(within_s)


def test_detached_it_answers_when_the_command_returns_and_is_found_until_it_is_down(own_cli):
    printed = own_cli.text("up", "--detach")
    found = lock.find(own_cli.platform.home)
    assert f"is up: pid {found.pid}, home {own_cli.platform.home}" in printed
    assert own_cli.platform.status()["pid"] == found.pid
    assert os.getsid(found.pid) == found.pid
    assert f"pid {found.pid}" in own_cli.text("status")
    said = own_cli.json("status", "-o", "json")
    assert (said["pid"], said["home"]) == (found.pid, str(own_cli.platform.home))
    assert f"pid {found.pid}, is down" in own_cli.text("down")
    await_end(found.pid)
    assert "No platform is up" in own_cli.refused("status", code=3)
    assert not own_cli.platform.settings.sockets.exists(), "nothing is left where temporary files are"
    assert own_cli.text("down") == f"No platform is up on {own_cli.platform.home}.\n"


def test_down_names_the_local_containers_that_go_on(own_cli):
    own_cli.text("up", "--detach")
    boxes = Boxes(own_cli.platform.settings)
    box = boxes.create(Box("", "digits.blue", "digits:blue", sys.executable, {}, {}, (), "2026-01-01T00:00:00Z"))
    with processes.locked(boxes.folder(box)):
        assert "Local containers go on, as docker's do: digits.blue." in own_cli.text("down")


def test_a_second_one_on_the_home_says_who_holds_it(own_cli):
    own_cli.text("up", "--detach")
    pid = lock.find(own_cli.platform.home).pid
    for words in (("up",), ("up", "--detach"), ("up", "--port", "0")):
        said = own_cli.refused(*words, code=1)
        assert f"is held by pid {pid}, up since" in said and "lazulite down" in said
    assert own_cli.platform.status()["pid"] == pid
    own_cli.text("down")


def test_a_taken_port_is_said_with_who_has_it(own_cli):
    with socket.create_server(("127.0.0.1", own_cli.platform.port)):
        said = own_cli.refused("up", code=1)
    assert f"Port {own_cli.platform.port} is taken by pid {os.getpid()} (" in said
    assert "--port" in said
    assert lock.find(own_cli.platform.home) is None


def test_a_port_that_another_platform_has_is_said_to_be_its(own_cli, platform):
    said = own_cli.refused("up", "--port", str(platform.port), code=1)
    assert f"is taken by the platform of {platform.home}, pid {platform.status()['pid']}" in said


def test_port_0_takes_any_that_is_free(own_cli):
    own_cli.text("up", "--detach", "--port", "0", "--scoring-port", "0")
    said = own_cli.json("status", "-o", "json")
    assert not said["url"].endswith(":0") and not said["scoringUrl"].endswith(":0")
    own_cli.platform.port = lock.find(own_cli.platform.home).port
    assert own_cli.platform.status()["pid"] == said["pid"]
    own_cli.text("down")


def test_endpoints_may_be_kept_and_the_next_down_ends_them(own_cli):
    own_cli.text("up", "--detach")
    await_listener(own_cli.platform.scoring_port)
    assert "go on serving" in own_cli.text("down", "--keep-endpoints")
    assert own_cli.platform.status() is None
    await_listener(own_cli.platform.scoring_port)
    assert "is down" in own_cli.text("down")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", own_cli.platform.scoring_port)).close()
    assert "No platform is up" in own_cli.text("down")


def await_listener(port, within_s=10):
    deadline = time.monotonic() + within_s
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, f"nobody listens on {port}"
            time.sleep(0.02)


def test_after_a_kill_the_next_one_starts_on_the_same_home(own_cli):
    own_cli.text("up", "--detach")
    pid = lock.find(own_cli.platform.home).pid
    os.kill(pid, signal.SIGKILL)
    await_end(pid)
    assert "No platform is up" in own_cli.refused("status", code=3)
    own_cli.text("up", "--detach")
    assert lock.find(own_cli.platform.home).pid != pid
    own_cli.text("down")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_in_the_foreground_it_says_where_it_is_and_ends_at_a_signal(own_cli, number):
    process = started(own_cli)
    assert own_cli.platform.status()["pid"] == process.pid
    process.send_signal(number)
    assert ended(process) == 0
    assert lock.find(own_cli.platform.home) is None


def test_what_it_was_told_wins_over_the_variables(own_cli):
    process = started(own_cli, "--strict", LAZULITE_STRICT="no")
    assert own_cli.platform.status()["strict"] is True
    process.terminate()
    ended(process)


def test_a_wrong_setting_is_said_with_its_variable(own_cli):
    own_cli.variables["LAZULITE_PORT"] = "many"
    assert "LAZULITE_PORT is 'many', but must be a whole number" in own_cli.refused("up", code=1)


def test_a_platform_that_does_not_start_says_why(own_cli):
    own_cli.variables["LAZULITE_HOST"] = "192.0.2.1"
    said = own_cli.refused("up", "--detach", code=1)
    assert "192.0.2.1" in said and "Traceback" not in said


def test_logs_shows_the_last_lines_of_either_part(own_cli):
    own_cli.text("up", "--detach")
    own_cli.platform.status()
    assert "/_lazulite/status" in own_cli.text("logs")
    assert len(own_cli.text("logs", "platform", "-n", "1").splitlines()) == 1
    own_cli.text("down")
    assert "gateway" in own_cli.refused("logs", "gatewy", code=2)


def test_a_large_log_is_put_aside_at_the_next_start(own_cli):
    folder = own_cli.platform.home / "logs"
    folder.mkdir(parents=True)
    with (folder / "platform.log").open("wb") as log:
        log.truncate(33 << 20)
    own_cli.text("up", "--detach")
    own_cli.text("down")
    assert (folder / "platform.log.1").stat().st_size == 33 << 20
    assert (folder / "platform.log").stat().st_size < 1 << 20


def test_what_it_makes_is_for_its_user_alone(own_cli):
    own_cli.text("up", "--detach")
    own_cli.text("down")
    assert own_cli.platform.home.stat().st_mode & 0o777 == 0o700


def test_an_exposed_port_is_refused_without_a_secret_and_answers_those_who_know_it(own_cli):
    # The long spelling of ::1 is not recognised as loopback: exposed, and yet nobody else can reach it.
    own_cli.variables["LAZULITE_HOST"] = "0:0:0:0:0:0:0:1"
    assert "LAZULITE_SECRET" in own_cli.refused("up", "--detach", code=1)
    own_cli.variables["LAZULITE_SECRET"] = "open sesame"
    own_cli.text("up", "--detach")
    assert own_cli.json("model", "list", "-g", "g", "-w", "w") == []
    assert own_cli.json("run", "--", "az", "account", "show", "--query", "state") == "Enabled"
    own_cli.variables["LAZULITE_SECRET"] = "wrong"
    assert "secret" in own_cli.refused("model", "list", "-g", "g", "-w", "w", code=1)
    own_cli.variables["LAZULITE_SECRET"] = "open sesame"
    own_cli.text("down")


def test_logs_follows_what_is_added(own_cli):
    folder = own_cli.platform.home / "logs"
    folder.mkdir(parents=True)
    log = folder / "platform.log"
    log.write_text("before\n")
    command = [sys.executable, "-m", "lazulite.cli.main", "logs", "-f"]
    process = subprocess.Popen(command, env=own_cli.environ, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "before\n"
    with log.open("a") as file:
        file.write("after\n")
    assert process.stdout.readline() == "after\n"
    process.send_signal(signal.SIGINT)
    assert ended(process) == 130


def test_logs_of_nothing_says_so(own_cli):
    assert "nothing was logged yet" in own_cli.refused("logs", code=3)


def test_two_that_start_at_once_agree_on_one(own_cli):
    both = [started_any(own_cli) for _ in range(2)]
    codes = sorted(process.wait(30) for process in both)
    assert codes == [0, 1]
    said = "".join(process.stderr.read() for process in both)
    for process in both:
        process.stdout.close()
        process.stderr.close()
    assert "is held by" in said
    own_cli.text("down")


def started_any(cli):
    command = [sys.executable, "-m", "lazulite.cli.main", "up", "--detach"]
    return subprocess.Popen(command, env=cli.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
