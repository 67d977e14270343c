"""`lazulite job`, from YAML files to what jobs leave, on a real platform."""

import json
import shutil
import subprocess
import sys
import uuid

import pytest

from tests.cli.conftest import in_own_workspace

TRAIN = """
import argparse, os, pathlib, time

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--data")
parser.add_argument("--report")
arguments = parser.parse_args()
rows = pathlib.Path(arguments.data).read_text().split()
print("learning from", len(rows), "rows at", arguments.lr)
while os.environ["MOOD"] == "waits" and not os.path.exists(os.environ["SIGN"]):
    time.sleep(0.01)
if os.environ["MOOD"] == "fails":
    raise ValueError("the loss is not a number")
pathlib.Path(arguments.report, "summary.txt").write_text("%d rows" % len(rows))
pathlib.Path("outputs/model.txt").write_text("lr %s" % arguments.lr)
print("done")
"""
RAISES_AT_LINE = 14
JOB = """
type: command
code: src
command: python train.py --lr ${{inputs.lr}} --data ${{inputs.data}} --report ${{outputs.report}}
inputs:
  lr: 0.1
  data:
    type: uri_file
    path: data.txt
outputs:
  report:
    type: uri_folder
environment:
  image: python:3.11-slim
environment_variables:
  MOOD: works
experiment_name: shapes
display_name: a first try
tags:
  team: vision
"""


class Jobs:
    """A workspace, and the files of a job that can be submitted to it."""

    def __init__(self, cli, folder):
        self.cli, self.folder, self.sign = cli, folder, folder / "sign"
        (folder / "src").mkdir()
        (folder / "src" / "train.py").write_text(TRAIN)
        (folder / "data.txt").write_text("1 2 3")
        (folder / "job.yml").write_text(JOB)

    def submission(self, mood, *words):
        """Returns the command line that submits a job which works, fails, or waits for the sign; and its name."""
        name = f"job-{uuid.uuid4().hex[:8]}"
        fields = (f"environment_variables.MOOD={mood}", f"environment_variables.SIGN={self.sign}")
        return name, ("job", "create", "-f", str(self.folder / "job.yml"), "-n", name, "--set", *fields, *words)

    def submit(self, mood):
        name, words = self.submission(mood)
        assert self.cli.json(*words)["name"] == name
        return name

    def show(self, name):
        return self.cli.json("job", "show", "-n", name)

    def started(self, *words):
        """Starts a command that goes on; its output can be read line by line."""
        command = [sys.executable, "-m", "lazulite.cli.main", *words, *self.cli.scope]
        return subprocess.Popen(command, env=self.cli.environ, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def jobs(platform, tmp_path_factory):
    return Jobs(in_own_workspace(platform), tmp_path_factory.mktemp("jobs"))


@pytest.fixture(scope="module")
def done(jobs):
    """The name of a job that has done its work, and what its submission with --stream has printed."""
    name, words = jobs.submission("works", "--stream")
    return name, jobs.cli.text(*words, *jobs.cli.scope)


@pytest.fixture(scope="module")
def failed(jobs):
    """The name of a job that has raised."""
    name, words = jobs.submission("fails", "--stream")
    said = jobs.cli.run(*words, *jobs.cli.scope)
    assert said.returncode == 1
    return name, said.stderr


def test_a_submission_streams_what_the_job_prints_then_shows_it(jobs, done):
    name, printed = done
    streamed, _, rest = printed.partition("Execution Summary\n=================\n")
    assert streamed.startswith(f"RunId: {name}\nWeb View: {jobs.cli.platform.url}/runs/{name}")
    heading = "Streaming user_logs/std_log.txt"
    assert f"\n{heading}\n{'=' * len(heading)}\n\nlearning from 3 rows at 0.1\ndone\n" in streamed
    assert json.loads(rest[rest.index("{") :])["status"] == "Completed"


def test_it_is_shown_as_az_shows_it(jobs, done):
    shown = jobs.show(done[0])
    assert (shown["type"], shown["experiment_name"], shown["display_name"]) == ("command", "shapes", "a first try")
    assert shown["inputs"]["lr"] == "0.1" and shown["inputs"]["data"]["type"] == "uri_file"
    assert shown["outputs"]["report"]["type"] == "uri_folder"
    assert shown["environment"].startswith("azureml:/subscriptions/")
    services = jobs.cli.json("job", "show-services", "-n", done[0])
    assert services["Studio"]["endpoint"].startswith(jobs.cli.platform.url)


def test_an_ended_job_can_be_streamed_again(jobs, done):
    again = jobs.cli.text("job", "stream", "-n", done[0], *jobs.cli.scope)
    assert "learning from 3 rows at 0.1\ndone\n" in again and "Execution Summary" in again


def test_a_job_that_fails_is_said_with_the_users_error_first(jobs, failed):
    name, said = failed
    error = said[said.index("error: ") :]
    assert error.startswith(
        f"error: (UserError) ValueError: the loss is not a number (train.py, line {RAISES_AT_LINE})."
    )
    assert f"lazulite job debug -n {name}" in error
    again = jobs.cli.run("job", "stream", "-n", name, *jobs.cli.scope)
    assert again.returncode == 1 and "ValueError" in again.stderr
    assert "learning from 3 rows" in again.stdout and "raise ValueError" in again.stdout
    assert jobs.show(name)["status"] == "Failed"


def test_lines_are_shown_while_the_job_still_runs(jobs):
    name = jobs.submit("waits")
    with jobs.started("job", "stream", "-n", name) as streaming:
        assert any("learning from 3 rows" in line for line in streaming.stdout)
        assert jobs.show(name)["status"] == "Running"
        jobs.sign.touch()
        assert streaming.stdout.readline() == "done\n"
        assert "Execution Summary" in streaming.stdout.read()
    jobs.sign.unlink()
    assert streaming.returncode == 0


def test_a_job_is_cancelled(jobs):
    name = jobs.submit("waits")
    with jobs.started("job", "stream", "-n", name) as streaming:
        assert any("learning from 3 rows" in line for line in streaming.stdout)
        jobs.cli.json("job", "cancel", "-n", name)
    assert jobs.show(name)["status"] == "Canceled"


def test_lists_have_the_newest_first_and_hide_what_is_archived(jobs, done, failed):
    def listed(*words):
        return [job["name"] for job in jobs.cli.json("job", "list", *words)]

    newest = listed("-r", "1")
    assert len(newest) == 1 and listed()[0] == newest[0]
    jobs.cli.json("job", "archive", "-n", done[0])
    assert done[0] not in listed() and done[0] in listed("--include-archived")
    assert listed("--archived-only") == [done[0]]
    jobs.cli.json("job", "restore", "-n", done[0])
    assert {done[0], failed[0]} <= set(listed("--all-results"))


def test_names_and_tags_change_and_nothing_else(jobs, done):
    changed = jobs.cli.json("job", "update", "-n", done[0], "--set", "display_name=the best", "tags.try=1")
    assert changed["display_name"] == "the best"
    assert changed["tags"] == {"team": "vision", "try": "1"}
    assert "cannot be changed" in jobs.cli.refused("job", "update", "-n", done[0], "--set", "command=ls", code=1)
    for field in ("tags=none", "display_name.x=y"):
        jobs.cli.refused("job", "update", "-n", done[0], "--set", field, code=2)
    assert jobs.cli.json("job", "update", "-n", done[0], "--remove", "tags.try")["tags"] == {"team": "vision"}
    assert jobs.cli.json("job", "update", "-n", done[0], "--set", "experiment_name=other")["name"] == done[0]


def test_what_it_left_is_downloaded(jobs, done, tmp_path):
    jobs.cli.json("job", "download", "-n", done[0], "--all", "-p", str(tmp_path))
    assert (tmp_path / "artifacts" / "outputs" / "model.txt").read_text() == "lr 0.1"
    assert (tmp_path / "artifacts" / "user_logs" / "std_log.txt").read_text().endswith("done\n")
    assert (tmp_path / "named-outputs" / "report" / "summary.txt").read_text() == "3 rows"
    unknown = jobs.cli.refused("job", "download", "-n", done[0], "--output-name", "model", code=3)
    assert 'has no output "model". It has ' in unknown and "report" in unknown


def test_what_is_not_there_is_said(jobs):
    for verb in ("show", "stream", "cancel", "archive", "download", "debug", "show-services"):
        assert "error: " in jobs.cli.refused("job", verb, "-n", "nothing", code=3)


def test_a_file_is_validated(jobs, tmp_path):
    assert jobs.cli.json("job", "validate", "-f", str(jobs.folder / "job.yml"))["result"] == "Succeeded"
    broken = jobs.folder / "broken.yml"
    broken.write_text(JOB.replace("environment:\n  image: python:3.11-slim\n", ""))
    assert "environment" in jobs.cli.refused("job", "validate", "-f", str(broken), code=1)


def debug(jobs, name, *words, **options):
    return jobs.cli.run("job", "debug", "-n", name, *words, *jobs.cli.scope, **options)


def test_debug_runs_a_command_where_the_job_ran(jobs, done):
    command = 'python train.py --lr 9 --data "$AZURE_ML_INPUT_data" --report "$AZURE_ML_OUTPUT_report"'
    said = debug(jobs, done[0], "--command", f"{command} && cat outputs/model.txt && echo $AZUREML_RUN_ID")
    assert said.stdout.splitlines() == ["learning from 3 rows at 9.0", "done", f"lr 9.0{done[0]}-debug-1"], said.stderr
    assert debug(jobs, done[0], "--command", "exit 7").returncode == 7


def test_debug_leaves_the_job_as_it_was(jobs, done):
    debug(jobs, done[0], "--command", 'echo no > outputs/model.txt; echo no > "$AZURE_ML_OUTPUT_report/summary.txt"')
    storage = jobs.cli.platform.home / "storage"
    assert [path.read_text() for path in storage.glob(f"*/azureml/*/dcid.{done[0]}/outputs/*")] == ["lr 0.1"]
    assert [path.read_text() for path in storage.glob(f"*/*/azureml/{done[0]}/report/*")] == ["3 rows"]
    assert debug(jobs, done[0], "--command", 'echo no >> "$AZURE_ML_INPUT_data"').returncode != 0
    assert not list(jobs.cli.platform.home.glob(f"jobs/*/{done[0]}-debug-*"))


def test_debug_keeps_code_that_was_changed(jobs, done):
    said = debug(jobs, done[0], "--command", "echo '# mine' >> train.py").stderr
    (copy,) = jobs.cli.platform.home.glob(f"jobs/*/{done[0]}-debug-*")
    assert (copy / "code" / "train.py").read_text().endswith("# mine\n") and str(copy / "code") in said.splitlines()[-1]
    shutil.rmtree(copy)


def test_debug_opens_a_shell(jobs, done):
    said = debug(jobs, done[0], input="ls *.py\nexit 3\n")
    assert (said.stdout, said.returncode) == ("train.py\n", 3)
    assert "The job's command is: python train.py --lr 0.1 --data /" in said.stderr


def test_debug_stops_in_pdb_where_the_job_raised(jobs, failed):
    said = debug(jobs, failed[0], "--pdb", input="p rows\nq\nq\n")
    assert "ValueError: the loss is not a number" in said.stderr
    assert "(Pdb) ['1', '2', '3']" in said.stdout, said.stderr
