"""`lazulite run` and `lazulite env`: the program's own exit code and signals, its environment, and az before others."""

import os
import signal
import subprocess
import sys

import pytest

from lazulite.cli import lock
from lazulite.cli.run import write_az
from lazulite.identity.environment import client_environment
from tests.cli.conftest import Cli
from tests.conftest import Platform

SDK = """
from azure.identity import {credential}
token = {credential}().get_token("https://ml.azure.com/.default")
print(token.token.count("."))
"""


@pytest.mark.parametrize("words", [("run", "--"), ("run",)])
def test_the_exit_code_is_the_programs_own(cli, words):
    assert cli.run(*words, "sh", "-c", "exit 7").returncode == 7
    assert cli.text(*words, "echo", "--query", "-o", "--", "x") == "--query -o -- x\n"


def test_a_program_that_is_not_there_or_may_not_run_has_the_shells_codes(cli, tmp_path):
    (tmp_path / "plain").write_text("")
    for program, code in (("no-such-program", 127), (str(tmp_path / "plain"), 126)):
        done = cli.run("run", "--", program)
        assert done.returncode == code
        assert done.stderr.startswith(f"error: {program} ")
    assert "lazulite run -- " in Cli(cli.platform).refused("run", code=2)


def test_what_writes_to_a_closed_pipe_ends(cli):
    assert cli.text("run", "--", "sh", "-c", "cat /dev/zero | tr '\\0' x | fold -w 5 | head -n 1") == "xxxxx\n"


def test_the_program_is_the_process_and_gets_its_signals(cli):
    script = (
        "import signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(42))\n"
        "print('on', flush=True)\n"
        "signal.pause()\n"
    )
    command = [sys.executable, "-m", "lazulite.cli.main", "run", "--", sys.executable, "-c", script]
    process = subprocess.Popen(command, env=cli.environ, stdout=subprocess.PIPE, text=True)
    with process.stdout:
        assert process.stdout.readline() == "on\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 42


def test_the_environment_leads_here_and_env_says_the_same(cli):
    wanted = {**client_environment(cli.platform.settings), "LAZULITE_HOME": str(cli.platform.home)}
    ran = dict(line.split("=", 1) for line in cli.text("run", "--", "env").splitlines() if "=" in line)
    assert wanted.items() <= ran.items()
    eval_env = f'eval "$({sys.executable} -m lazulite.cli.main env)"; env'
    done = subprocess.run(["sh", "-c", eval_env], env=cli.environ, capture_output=True, text=True, timeout=30)
    assert wanted.items() <= dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line).items()


def test_no_proxy_gives_the_other_recipe(cli):
    printed = cli.text("env", "--no-proxy")
    assert "ARM_CLOUD_METADATA_URL=" in printed and "HTTPS_PROXY=" not in printed


def test_env_needs_a_platform(own_cli):
    assert "lazulite up" in own_cli.refused("env", code=3)


def test_a_platform_is_started_if_none_is_up_and_stays(own_cli):
    assert own_cli.text("run", "--", "echo", "done") == "done\n"
    running = lock.find(own_cli.platform.home)
    assert own_cli.platform.status()["pid"] == running.pid
    own_cli.text("run", "--", "true")
    assert lock.find(own_cli.platform.home) == running
    own_cli.text("down")


def test_several_that_find_none_start_one(own_cli):
    command = [sys.executable, "-m", "lazulite.cli.main", "run", "--", "true"]
    all_of_them = [subprocess.Popen(command, env=own_cli.environ) for _ in range(3)]
    assert [process.wait(60) for process in all_of_them] == [0, 0, 0]
    own_cli.text("down")


def test_a_home_with_blanks_and_quotes_in_its_path_works(tmp_path):
    platform = Platform(tmp_path / "it's a home")
    cli = Cli(platform)
    try:
        assert cli.text("run", "--", "az", "account", "show", "--query", "state", "-o", "tsv") == "Enabled\n"
    finally:
        cli.text("down")


@pytest.mark.parametrize("credential", ["AzureCliCredential", "DefaultAzureCredential", "EnvironmentCredential"])
def test_credentials_get_their_tokens(cli, credential):
    assert cli.text("run", "--", sys.executable, "-c", SDK.format(credential=credential)) == "2\n"


def test_scripts_written_for_az_run_unchanged(cli, tmp_path):
    script = tmp_path / "deploy.sh"
    script.write_text(
        "set -e\n"
        "az extension add -n ml -y\n"
        "az login --service-principal -u id -p secret --tenant t >/dev/null\n"
        "SUBSCRIPTION=$(az account show --query id -o tsv)\n"
        f"IN='--resource-group script --workspace-name {cli.scope[-1]}'\n"
        "az ml compute create $IN -n cpu --type AmlCompute --size Standard_DS3_v2 >/dev/null\n"
        "az ml compute list $IN --query '[].name' -o tsv\n"
        "az ml compute show $IN --name none 2>/dev/null || echo 'none: '$?\n"
    )
    done = cli.run("run", "--", "bash", str(script))
    assert (done.returncode, done.stdout) == (0, "cpu\nnone: 3\n"), done.stderr


def test_what_az_does_not_know_goes_to_the_real_one_or_is_refused(cli, tmp_path):
    real = tmp_path / "bin" / "az"
    real.parent.mkdir()
    real.write_text('#!/bin/sh\necho "real $*"\nexit 5\n')
    real.chmod(0o755)
    path = os.pathsep.join([str(real.parent), "/usr/bin", "/bin"])
    done = cli.run("run", "--", "az", "vm", "list", "-o", "tsv", env={**cli.environ, "PATH": path})
    assert (done.returncode, done.stdout) == (5, "real vm list -o tsv\n")
    other = tmp_path / "other"
    other.mkdir()
    write_az(other / "az")
    done = cli.run("run", "--", "az", "vm", "list", env={**cli.environ, "PATH": f"{other}:/usr/bin:/bin"})
    assert done.returncode == 1
    assert "`az vm list` is not answered here" in done.stderr
