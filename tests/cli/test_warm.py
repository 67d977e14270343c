"""Commands that need azure-ai-ml: the first loads it and stays behind, those that follow are run by what stayed."""

import json
import signal
import subprocess
import sys
import time

import pytest

from lazulite.cli import late
from tests.cli.conftest import LIMIT_S, in_own_workspace

COMMAND = (sys.executable, "-m", "lazulite.cli.main")


def modules(done):
    """Returns what a command has imported, in its own process."""
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


@pytest.fixture
def warmed(platform, tmp_path):
    """The command line in a workspace of its own, with a process that has loaded azure-ai-ml for these variables."""
    cli = in_own_workspace(platform)
    cli.variables = {"PYTHONPROFILEIMPORTTIME": "1", "AZUREML_TEST": tmp_path.name}
    (tmp_path / "weights.txt").write_text("1")
    made = create(cli, tmp_path, "first")
    assert "azure.ai.ml" in modules(made)
    return cli


def create(cli, folder, name, *words, **options):
    given = ("model", "create", "-n", name, "-v", "1", "-p", "weights.txt", *words, *cli.scope)
    done = cli.run(*given, cwd=folder, **options)
    assert done.returncode == 0, done.stderr
    return done


def test_what_stayed_runs_the_next_with_its_own_folder_input_and_variables(warmed, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "weights.txt").write_text("22")
    made = create(warmed, other, "second", "--set", "description=a b", 'tags={"x": "y"}')
    assert not any(name.startswith("azure") for name in modules(made))
    shown = json.loads(made.stdout)
    assert (shown["name"], shown["description"], shown["tags"]) == ("second", "a b", {"x": "y"})
    warmed.variables["AZURE_CORE_OUTPUT"] = "tsv"
    assert "\t" in create(warmed, other, "third").stdout
    words = ("az", "ml", "model", "create", "-n", "fourth", "-p", "weights.txt", "--description", "@-", *warmed.scope)
    done = warmed.run(*words, "--query", "description", cwd=other, input="from a pipe\n")
    assert done.stdout == "from a pipe\n"


def test_several_at_once_each_have_their_own_result_and_exit_code(warmed, tmp_path):
    (tmp_path / "bad.yml").write_text("name: x\nnothing: here\n")
    lines = [("model", "create", "-n", f"m{n}", "-p", "weights.txt", "--query", "name") for n in range(3)]
    lines.append(("model", "create", "-f", "bad.yml"))
    running = [
        subprocess.Popen([*COMMAND, *line, *warmed.scope], cwd=tmp_path, env=warmed.environ, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for line in lines
    ]  # fmt: skip
    ended = [(one.communicate(timeout=LIMIT_S), one.returncode) for one in running]
    assert [(out, code) for (out, _), code in ended] == [('"m0"\n', 0), ('"m1"\n', 0), ('"m2"\n', 0), ("", 1)]
    assert "error: " in ended[3][0][1]


@pytest.mark.parametrize(
    ("number", "code", "said"), [(signal.SIGINT, 130, "The job goes on"), (signal.SIGTERM, 143, "")]
)
def test_a_signal_ends_what_runs_elsewhere(warmed, tmp_path, number, code, said):
    (tmp_path / "job.yml").write_text("command: sleep 60\nenvironment: {image: 'python:3.11'}\n")
    name = f"job-{tmp_path.name}"
    line = ("job", "create", "-f", "job.yml", "-n", name, "--stream", *warmed.scope)
    with subprocess.Popen([*COMMAND, *line], cwd=tmp_path, env=warmed.environ, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:  # fmt: skip
        assert running.stdout.readline().startswith("RunId: ")
        running.send_signal(number)
        _, told = running.communicate(timeout=LIMIT_S)
    assert running.returncode == code
    assert said in told
    warmed.run("job", "cancel", "-n", name, *warmed.scope)


STAY = """
import os, sys
from pathlib import Path
from lazulite import settings
from lazulite.cli import warm
def answer(words):
    if words == ["raise"]:
        raise RuntimeError("a mistake of ours")
    os.kill(os.getpid(), 9)
warm.stay(settings.read(home=Path(sys.argv[2])), Path(sys.argv[1]), answer)
"""
ASK = """
import sys
from pathlib import Path
from lazulite.cli import warm
sys.exit(warm.ask(Path(sys.argv[1]), sys.argv[2:]))
"""


@pytest.mark.parametrize(
    ("word", "said"),
    [("raise", "RuntimeError: a mistake of ours"), ("die", "The process that ran this command was killed")],
)
def test_whatever_goes_wrong_elsewhere_is_said(platform, tmp_path, word, said):
    address, python = tmp_path / "az", (sys.executable, "-c")
    subprocess.run([*python, STAY, address, platform.settings.home], check=True, timeout=LIMIT_S)
    deadline = time.monotonic() + LIMIT_S
    while not address.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    done = subprocess.run([*python, ASK, address, word], capture_output=True, text=True, timeout=LIMIT_S)
    address.unlink()  # and so it ends
    assert done.returncode == 1 and said in done.stderr


def test_it_goes_with_its_platform(own_platform, tmp_path):
    own_platform.start()
    cli = in_own_workspace(own_platform)
    (tmp_path / "weights.txt").write_text("1")
    create(cli, tmp_path, "first")
    folder = own_platform.settings.sockets
    assert [*folder.glob("az-*")]
    own_platform.stop()
    deadline = time.monotonic() + LIMIT_S
    while [*folder.glob("az-*")]:
        assert time.monotonic() < deadline, "it stays without a platform"
        time.sleep(0.1)


def test_who_needs_it_says_so_before_it_is_loaded():
    code = "from lazulite.cli import late\ntry:\n    late.sdk()\nexcept late.Wanted:\n    print('wanted')"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "wanted\n"
    assert not issubclass(late.Wanted, Exception)
