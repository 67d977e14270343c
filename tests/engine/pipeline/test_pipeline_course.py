"""Pipelines that really run: order, failures, cancelling, loops, and a platform that comes back."""

import json
import time
from dataclasses import replace

import pytest

from lazulite.engine import folders
from lazulite.engine.courses import Child
from lazulite.engine.pipeline import course
from lazulite.errors import InvalidName
from tests.engine.conftest import HERE
from tests.engine.pipeline.conftest import literal, made_by, node


def test_steps_run_in_their_order_and_pass_on_what_they_made(home):
    jobs = {
        "c": node("add", inputs={"d": made_by("b"), "n": literal("${{parent.inputs.n}}")}),
        "a": node("make", inputs={"n": literal(5)}),
        "b": node("add", inputs={"d": made_by("a")}),
    }
    job = home.run_pipeline(jobs, inputs={"n": {"jobInputType": "literal", "value": "10"}})
    assert job.state == "Completed"
    assert home.made(home.children(job.name)["c"]).joinpath("n").read_text() == "16\n"


def test_steps_that_need_nothing_of_one_another_run_at_the_same_time(home):
    home.put_cluster("three", high=3)
    home.component(
        "meet",
        "touch ${{inputs.p}}/$$; until [ $(ls ${{inputs.p}} | wc -l) = 3 ]; do sleep 0.01; done",
        {"p": "string"},
        {},
    )
    place = home.folder / "meeting"
    place.mkdir()
    jobs = {f"s{i}": node("meet", "three", inputs={"p": literal(place)}) for i in range(3)}
    assert home.run_pipeline(jobs).state == "Completed"


def test_an_output_of_the_pipeline_is_written_straight_into_its_place_and_registered(home):
    jobs = {"a": node("make", inputs={"n": literal(5)}, outputs={"o": literal("${{parent.outputs.all}}")})}
    outputs = {
        "all": {
            "jobOutputType": "uri_folder",
            "assetName": "kept",
            "uri": "azureml://datastores/workspaceblobstore/paths/mine/",
        }
    }
    job = home.run_pipeline(jobs, outputs=outputs)
    assert job.state == "Completed" and home.store("mine/n").read_text() == "5\n"
    assert job.body["outputs"]["all"]["assetVersion"] == "1"


@pytest.mark.parametrize(("outputs", "name"), [({}, "default"), ({"artifacts": "uri_folder"}, "artifacts")])
def test_what_a_step_logs_is_bound_to_as_its_artifacts_and_stays_so_when_the_step_is_reused(home, outputs, name):
    home.component("log", "echo hello > outputs/greeting.txt", {}, outputs)
    home.component("show", "cat ${{inputs.d}}/outputs/greeting.txt > ${{outputs.o}}/n", {"d": "uri_folder"})
    jobs = {"a": node("log"), "b": node("show", inputs={"d": made_by("a", name)})}
    for number in (1, 2):
        jobs["b"]["tags"] = {"time": str(number)}
        job = home.run_pipeline(jobs, settings={"default_datastore": "workspaceblobstore"})
        assert job.state == "Completed", job.run.error
        children = home.children(job.name)
        assert (home.made(children["b"]) / "n").read_text() == "hello\n"
        assert ("azureml.isreused" in home.said(children["a"])) == (number == 2)


def test_a_table_that_is_none_serves_where_a_folder_is_wanted(home):
    home.store("bare").mkdir(parents=True)
    home.store("bare/n").write_text("7\n")
    data = {"uri": "azureml://datastores/workspaceblobstore/paths/bare", "jobInputType": "mltable"}
    jobs = {"a": node("add", inputs={"d": literal("${{parent.inputs.t}}")})}
    job = home.run_pipeline(jobs, inputs={"t": data})
    assert job.state == "Completed", job.run.error
    assert (home.made(home.children(job.name)["a"]) / "n").read_text() == "8\n"


def test_a_text_that_its_component_does_not_list_is_taken_and_said(home):
    home.component("pick", "echo ${{inputs.c}} > ${{outputs.o}}/n", {"c": {"type": "string", "enum": ["a", "b"]}})
    job = home.run_pipeline({"p": node("pick", inputs={"c": literal("z")})})
    assert job.state == "Completed", job.run.error
    child = home.children(job.name)["p"]
    assert (home.made(child) / "n").read_text() == "z\n"
    said = "inputs.c is 'z', but component pick says that it is one of a, b."
    assert said in child.warnings and said in home.log(job.name)


def test_a_failing_step_ends_the_pipeline_with_its_own_error_and_ends_what_runs(home):
    home.put_cluster("two", high=2)
    home.component("fail", "python3 -c 'raise ValueError(\"no such column\")'", outputs={})
    home.component("wait", "sleep 60", outputs={})
    jobs = {
        "bad": node("fail", "two"),
        "long": node("wait", "two"),
        "after": node("add", "two", inputs={"d": made_by("first")}),
        "first": node("make", "two", inputs={"n": literal(1)}, environment_variables={"X": "1"}),
    }
    job = home.run_pipeline(jobs)
    children = home.children(job.name)
    assert job.state == "Failed" and "Step bad (job" in job.run.error["message"]
    assert "ValueError: no such column" in job.run.error["message"]
    assert children["bad"].state == "Failed" and children["long"].state == "Canceled"


def test_what_does_not_need_the_failed_step_goes_on_where_that_is_wished(home):
    home.component("fail", "exit 3")
    jobs = {
        "bad": node("fail"),
        "never": node("add", inputs={"d": made_by("bad")}),
        "a": node("make", inputs={"n": literal(1)}),
        "b": node("add", inputs={"d": made_by("a")}),
    }
    job = home.run_pipeline(jobs, settings={"continue_on_step_failure": True})
    assert job.state == "Failed" and "exited with status 3" in job.run.error["message"]
    assert {step: one.state for step, one in home.children(job.name).items()} == {
        "bad": "Failed",
        "a": "Completed",
        "b": "Completed",
    }


def test_a_pipeline_is_cancelled_with_all_that_runs_below_it(home):
    home.component("wait", "echo ready; sleep 60", outputs={})
    home.component("inner", type="pipeline", outputs={}, jobs={"w": node("wait")})
    name = home.submit_pipeline({"i": {"type": "pipeline", "componentId": "inner:1"}, "w": node("wait")})
    deadline = time.monotonic() + 30
    while not (
        (below := home.children(name))
        and below["i"].state == below["w"].state == "Running"
        and (inner := home.children(below["i"].name))
        and inner["w"].state == "Running"
    ):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    home.cancel(name)
    assert home.ended(name).state == "Canceled"
    assert {one.state for one in home.children(name).values()} == {"Canceled"}
    assert home.children(below["i"].name)["w"].state == "Canceled"


def test_a_step_that_is_the_same_as_before_is_not_run_again_and_one_that_is_not_says_why(home):
    code = home.store("snapshot/src")
    code.mkdir(parents=True)
    (code / "go.sh").write_text("date +1%N > $1/n")
    home.put_asset("codes", "c", "1", codeUri="azureml://datastores/workspaceblobstore/paths/snapshot/src")
    home.component("stamp", "sh go.sh ${{outputs.o}}", code="c:1")

    def run(n, **settings):
        jobs = {"s": node("stamp"), "a": node("add", inputs={"d": made_by("s"), "n": literal(n)})}
        done = home.run_pipeline(jobs, settings=settings)
        assert done.state == "Completed", done.run.error
        return home.children(done.name)

    first, second = run(1), run(1)
    for step in ("s", "a"):
        said = home.said(second[step])
        assert said.get("azureml.reusedrunid") == first[step].name, said["lazulite.why"]
        assert said["lazulite.why"] == f"reused from {first[step].name}"
        assert home.made(second[step]) == home.made(first[step])
    third = run(2)
    assert "azureml.isreused" in home.said(third["s"])
    assert home.said(third["a"])["lazulite.why"] == f"input n changed from 1 to 2 (compared with {first['a'].name})"
    (code / "go.sh").write_text("date +1%N%N > $1/n")
    fourth = run(2)
    assert home.said(fourth["s"])["lazulite.why"].startswith("file go.sh changed (compared with")
    assert home.said(fourth["a"])["lazulite.why"].startswith("input d changed")
    forced = run(2, force_rerun=True)
    assert "force_rerun" in home.said(forced["s"])["lazulite.why"]


def test_what_an_earlier_job_made_and_was_removed_is_made_again(home):
    jobs = {"a": node("make", inputs={"n": literal(7)})}
    before = home.children(home.run_pipeline(jobs).name)["a"]
    (home.made(before) / "n").unlink()
    home.made(before).rmdir()
    again = home.children(home.run_pipeline(jobs).name)["a"]
    assert "azureml.isreused" not in home.said(again) and (home.made(again) / "n").exists()


@pytest.mark.parametrize(("condition", "ran"), [("true", "yes"), ("false", "no")])
def test_a_condition_decides_which_steps_run(home, condition, ran):
    home.component("decide", f"echo {condition} > ${{{{outputs.go}}}}", outputs={"go": "boolean"})
    jobs = {
        "d": node("decide"),
        "if": {
            "type": "if_else",
            "condition": "${{parent.jobs.d.outputs.go}}",
            "true_block": "${{parent.jobs.yes}}",
            "false_block": ["${{parent.jobs.no}}"],
        },
        "yes": node("make", inputs={"n": literal(1)}),
        "no": node("make", inputs={"n": literal(0)}),
        "after": node("add", inputs={"d": made_by("yes")}),
    }
    job = home.run_pipeline(jobs)
    steps = set(home.children(job.name))
    assert job.state == "Completed" and steps == ({"d", "yes", "after"} if ran == "yes" else {"d", "no"})


@pytest.mark.parametrize("command", ["mkdir ${{outputs.go}}", "printf '\\377' > ${{outputs.go}}", "true"])
def test_a_truth_that_cannot_be_read_fails_the_pipeline_and_says_whose(home, command):
    home.component("decide", command, outputs={"go": "boolean"})
    branch = {
        "type": "if_else",
        "condition": "${{parent.jobs.d.outputs.go}}",
        "true_block": "${{parent.jobs.yes}}",
    }
    job = home.run_pipeline({"d": node("decide"), "if": branch, "yes": node("make", inputs={"n": literal(1)})})
    decided = home.children(job.name)["d"]
    assert job.state == "Failed"
    assert f'Job {decided.name} made no text for its output "go"' in job.run.error["message"]


def test_a_job_that_names_a_pipeline_as_its_parent_is_none_of_its_steps(home):
    home.put_cluster("two", high=2)
    home.component("wait", "until [ -e ${{inputs.p}} ]; do sleep 0.02; done", {"p": "string"}, {})
    gate = home.folder / "gate"
    name = home.submit_pipeline({"w": node("wait", "two", inputs={"p": literal(gate)})})
    body = {"jobType": "Command", "command": "true", "environmentId": "plain:1", "computeId": "two"}
    said = {"parentJobName": name, "properties": {"lazulite.step": "w"}}
    other = home.ended(home.submit_body({**body, **said}))
    assert other.state == "Completed" and "lazulite.step" not in home.said(other)
    gate.touch()
    assert home.ended(name).state == "Completed"


def test_a_job_that_the_platform_cannot_see_through_fails_and_says_why(home):
    in_the_way = folders.artifacts(home.folder, HERE, "blocked")
    in_the_way.parent.mkdir(parents=True, exist_ok=True)
    in_the_way.touch()
    home.submit_body({"jobType": "Command", "command": "true", "environmentId": "plain:1"}, name="blocked")
    deadline = time.monotonic() + 30
    while home.job("blocked").state != "Failed":
        assert time.monotonic() < deadline
        home.engine.wake()
        time.sleep(0.02)
    assert "could not see the job through: NotADirectoryError" in home.job("blocked").run.error["message"]


@pytest.mark.parametrize(("kind", "most"), [("Command", 250), ("Pipeline", 245)])
def test_a_name_that_no_folder_can_have_is_refused_at_once(home, kind, most):
    body = {"jobType": kind, "command": "true", "environmentId": "plain:1", "jobs": {"a": node("make")}}
    with pytest.raises(InvalidName, match=f"{most} is the most"):
        home.submit_body(body, name="n" * (most + 1))


def test_why_a_step_runs_does_not_tell_what_its_variables_hold(home):
    def run(token):
        jobs = {"a": node("make", inputs={"n": literal(1)}, environment_variables={"TOKEN": token})}
        return home.children(home.run_pipeline(jobs).name)["a"]

    first = run("secret-1")
    assert home.said(run("secret-2"))["lazulite.why"] == f"variable TOKEN changed (compared with {first.name})"


def test_a_loop_goes_on_while_its_body_says_so(home):
    home.component(
        "more",
        "n=$(( $(cat ${{inputs.d}}/n) + 1 )); echo $n > ${{outputs.o}}/n; [ $n -lt 4 ] && echo True > ${{outputs.go}}"
        " || echo False > ${{outputs.go}}",
        {"d": "uri_folder"},
        {"o": "uri_folder", "go": "boolean"},
    )
    jobs = {
        "a": node("make", inputs={"n": literal(0)}),
        "b": node("more", inputs={"d": made_by("a")}),
        "loop": {
            "type": "do_while",
            "body": "${{parent.jobs.b}}",
            "condition": "go",
            "mapping": {"o": ["d"]},
            "limits": {"max_iteration_count": 10},
        },
        "z": node("add", inputs={"d": made_by("b"), "n": literal(100)}),
    }
    job = home.run_pipeline(jobs)
    children = home.children(job.name)
    assert job.state == "Completed" and set(children) == {"a", "b.0", "b.1", "b.2", "b.3", "z"}
    assert (home.made(children["z"]) / "n").read_text() == "104\n"


def test_a_loop_without_a_condition_goes_on_for_as_long_as_its_limit_lets_it(home):
    jobs = {
        "b": node("make", inputs={"n": literal(1)}),
        "l": {"type": "do_while", "body": "${{parent.jobs.b}}", "limits": {"max_iteration_count": 3}},
    }
    job = home.run_pipeline(jobs)
    assert job.state == "Completed" and set(home.children(job.name)) == {"b.0", "b.1", "b.2"}


def test_a_step_is_run_for_each_item_and_what_they_made_is_one_table(home):
    home.component("count", "grep -c folder ${{inputs.t}}/MLTable > ${{outputs.o}}/n", {"t": "mltable"})
    jobs = {
        "b": node("make"),
        "each": {
            "type": "parallel_for",
            "body": "${{parent.jobs.b}}",
            "items": '[{"n": 1}, {"n": 2}, {"n": 3}]',
            "max_concurrency": 2,
        },
        "z": node("count", inputs={"t": made_by("each")}),
    }
    job = home.run_pipeline(jobs)
    children = home.children(job.name)
    assert job.state == "Completed", job.run.error
    assert [(home.made(children[f"b.{i}"]) / "n").read_text() for i in range(3)] == ["1\n", "2\n", "3\n"]
    assert (home.made(children["z"]) / "n").read_text() == "3\n"


def test_what_a_loop_makes_goes_where_the_pipelines_output_says(home):
    home.component("both", "echo ${{inputs.n}} | tee ${{outputs.s}} > ${{outputs.o}}/n", {"n": "integer"}, BOTH)
    outputs = {port: literal(f"${{{{parent.outputs.{name}}}}}") for port, name in (("o", "all"), ("s", "sums"))}
    jobs = {
        "b": node("both"),
        "l": {
            "type": "parallel_for",
            "body": "${{parent.jobs.b}}",
            "items": '[{"n": 4}, {"n": 5}]',
            "outputs": outputs,
        },
    }
    mine = "azureml://datastores/workspaceblobstore/paths/mine"
    job = home.run_pipeline(
        jobs,
        outputs={
            "all": {"jobOutputType": "mltable", "assetName": "table", "uri": f"{mine}/table"},
            "sums": {"jobOutputType": "uri_file", "uri": f"{mine}/sums.json"},
        },
    )
    assert job.state == "Completed", job.run.error
    made = [path["folder"] for path in json.loads(home.store("mine/table/MLTable").read_text())["paths"]]
    assert len(made) == 2 and job.body["outputs"]["all"]["assetVersion"] == "1"
    assert json.loads(home.store("mine/sums.json").read_text()) == ["4", "5"]


BOTH = {"o": "uri_folder", "s": "string"}


def test_the_last_step_runs_whatever_happened_before(home):
    home.component("fail", "exit 3", outputs={})
    home.component("note", "echo x >> ${{inputs.p}}", {"p": "string"}, {})
    notes = home.folder / "notes"
    jobs = {
        "first": node("note", inputs={"p": literal(notes)}),
        "bad": node("fail"),
        "last": node("note", inputs={"p": literal(notes)}),
    }
    job = home.run_pipeline(jobs, settings={"on_init": "first", "on_finalize": "last", "force_rerun": True})
    assert job.state == "Failed" and notes.read_text() == "x\nx\n"


def test_two_thousand_steps_are_checked_once_each_and_each_is_started_once(home):
    count = 2000
    home.component("hop", "true", {"d": {"type": "uri_folder", "optional": True}})
    jobs = {f"s{i}": node("hop", inputs={"d": made_by(f"s{i - 1}")} if i else {}) for i in range(count)}
    job = home.job(home.submit_pipeline(jobs, wake=False))
    with home.db.read() as connection:
        begun = course.begin(connection, HERE, job)
    then, asked, started = begun.take([]), 1, []
    while not then.end:
        started += [new.step for new in then.start]
        made = {"outputs": {"o": {"uri": "azureml://datastores/workspaceblobstore/paths/x/"}}}
        done = replace(job, state="Completed", body=made)
        then, asked = begun.take([Child(new.step, done, str) for new in then.start]), asked + 1
    assert started == [f"s{i}" for i in range(count)] and asked == count + 1
    assert then.end.state == "Completed"
