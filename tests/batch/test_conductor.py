"""What a batch job does with scripts, good and bad: rows, files, failures, limits, logs."""

import os
import signal
import time
from pathlib import Path

import pytest

from lazulite.batch import deaths

SQUARES = """
    import json, os

    def init():
        print("init of", os.getpid())

    def run(mini_batch):
        return ["%s: %d" % (os.path.basename(path), json.load(open(path)) ** 2) for path in mini_batch]
"""


def squares(numbers):
    return [f"{number:03d}.json: {number**2}" for number in numbers]


def test_rows_come_in_the_order_of_the_input_whichever_worker_is_faster(batch):
    job = batch(
        SQUARES.replace("return", "import time; time.sleep('000' in mini_batch[0] and 0.5 or 0)\n        return"), 50
    )
    assert job.run() == 0
    assert job.rows == squares(range(50))
    order = [one["k"] for one in job.journal]
    assert sorted(order) == list(range(13)) and order[0] != 0  # the first was the slow one
    assert job.progress | {"state": "completed", "done": 13, "failed": 0, "items": 50, "items_done": 50} == job.progress
    assert job.log.count("init of") == 2  # each worker once


@pytest.mark.parametrize(
    ("returned", "rows"),
    [
        ("tuple(range(len(mini_batch)))", ["0", "1", "2", "3"]),
        ("[{'a': 1}, ['x', 2], None, 'é\\ud800']", ["{'a': 1}", "['x', 2]", "None", "é\\ud800"]),
        ("__import__('numpy').array([[1, 2], [3, 4], [5, 6], [7, 8]])", ["[1 2]", "[3 4]", "[5 6]", "[7 8]"]),
        ("[1, 2, 3, 4, 5, 6]", ["1", "2", "3", "4", "5", "6"]),
    ],
)
def test_what_run_returns_is_written_as_azure_writes_it(batch, returned, rows):
    job = batch(f"def run(mini_batch):\n    return {returned}", 4)
    assert job.run() == 0
    assert job.rows == rows


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ("None", "run() returned None, but must return a list, a tuple or a pandas DataFrame or Series"),
        ("'abcd'", "run() returned str 'abcd', but must return"),
        ("{'a': 1}", "run() returned dict {'a': 1}, but must return"),
        ("mini_batch[:1]", "run() returned 1 results for 4 items; it must return one for each that succeeded"),
        ("int(mini_batch)", "TypeError: int() argument must be"),
    ],
)
def test_a_wrong_return_is_told_with_what_was_returned_and_the_others_go_on(batch, returned, words):
    job = batch(f"def run(mini_batch):\n    return {returned} if '004' in mini_batch[0] else mini_batch", 12)
    assert job.run() == 0
    assert len(job.rows) == (9 if "[:1]" in returned else 8)
    assert words in str(job.failed[0]["error"])
    assert job.failed[0]["mini_batch"] == 1 and job.failed[0]["files"] == [f"{one:03d}.json" for one in range(4, 8)]
    assert "Mini-batch 1 (004.json, 005.json, 006.json, 007.json) failed: " in job.result["warnings"][0]


def test_a_mini_batch_that_raises_is_tried_again_and_then_named_with_the_users_line(batch):
    script = """
        import os

        def run(mini_batch):
            if "008" in mini_batch[0]:
                raise ValueError("bad pixel")
            if "000" in mini_batch[0] and not os.path.exists("tried"):
                open("tried", "w").close()
                raise OSError("once")
            return mini_batch
    """
    job = batch(script, 12, tries=3)
    assert job.run() == 0
    assert len(job.rows) == 8
    told = job.failed[0]
    assert (told["mini_batch"], told["tries"], told["items"], told["ok"]) == (2, 3, 4, 0)
    assert told["error"]["summary"] == "ValueError: bad pixel (score.py, line 6)"
    assert 'raise ValueError("bad pixel")' in told["error"]["traceback"]
    assert "try 1 of 3: OSError: once (score.py, line 9)" in job.log
    assert job.progress["retried"] == 3
    assert "bad pixel" in (job.root / "logs" / "user" / "error.txt").read_text()


@pytest.mark.parametrize(
    ("limits", "state", "message"),
    [
        ({"error_threshold": 3}, "failed", "4 items failed; error_threshold is 3."),
        ({"mini_batch_error_threshold": 0}, "failed", "1 mini-batches failed; mini_batch_error_threshold is 0."),
        ({"allowed_failed_percent": 30.0}, "failed", "1 of 3 mini-batches failed; allowed_failed_percent is 30."),
        ({"error_threshold": 4, "mini_batch_error_threshold": 1}, "completed", ""),
    ],
)
def test_thresholds_say_how_much_is_borne(batch, limits, state, message):
    job = batch("def run(mini_batch):\n    assert '004' not in mini_batch[0]\n    return mini_batch", 12, **limits)
    assert job.run() == (state == "failed")
    assert job.result["state"] == state == job.progress["state"]
    assert job.result["message"].startswith(message)
    if message:
        assert "The first: Mini-batch 1 (004.json" in job.result["message"]


def test_a_job_of_which_nothing_succeeds_has_failed_whatever_is_borne(batch):
    job = batch("def run(mini_batch):\n    return []", 8)
    assert job.run() == 1
    assert job.result["code"] == "NothingSucceeded"
    assert job.result["message"].startswith("No succeeded mini batch item returned from run().")
    assert job.rows == []


def test_an_empty_input_is_a_failure_that_says_so(batch):
    job = batch(SQUARES, 0)
    assert job.run() == 1
    assert job.result["code"] == "EmptyInput" and "there is no file in" in job.result["message"]
    assert job.rows == []


def test_without_a_file_of_results_what_run_returns_is_only_counted(batch):
    job = batch("def run(mini_batch):\n    return mini_batch[:3]", 8, append_to="")
    assert job.run() == 0
    assert not (job.output / "predictions.csv").exists()
    assert job.progress["items_failed"] == 2


SAME_NAMES = """
    import os

    def init():
        global folder
        folder = os.environ["AZUREML_BI_OUTPUT_PATH"]
        os.makedirs(folder + "/all", exist_ok=True)

    def run(mini_batch):
        rows = []
        for index, path in enumerate(mini_batch):
            target = os.path.join(folder, "all", f"generated-{index}.txt")
            with open(target, "w") as file:
                file.write(open(path).read())
            rows.append(target)
        return rows
"""


@pytest.mark.parametrize("is_isolated", [True, False], ids=["isolated", "not isolated"])
def test_files_of_one_name_are_all_kept_and_each_row_names_its_own(batch, has_views, is_isolated):
    if is_isolated and not has_views:
        pytest.skip("the system permits no mount namespaces")
    job = batch(SAME_NAMES, 20, isolated=is_isolated)
    assert job.run() == 0
    assert sorted(job.files().values(), key=int) == [str(number) for number in range(20)]
    assert [Path(row).read_text() for row in job.rows] == [str(number) for number in range(20)]
    assert {"all/generated-0.txt", "all/generated-3.txt"} < set(job.files())
    assert len(job.collisions) == 16 == job.progress["collisions"]
    assert job.collisions[0]["kept_as"] == f"all/generated-0.mini-batch-{job.collisions[0]['mini_batch']}.txt"
    assert "mini_batch_context.minibatch_index" in job.log and "16 output files had a name" in job.log


def test_what_an_attempt_wrote_that_is_made_again_is_gone_and_older_files_are_replaced(batch):
    script = """
        import os, pathlib, uuid

        def run(mini_batch):
            out = pathlib.Path(os.environ["AZUREML_BI_OUTPUT_PATH"])
            (out / f"{uuid.uuid4()}.txt").write_text("x")
            (out / "old.txt").write_text("new")
            if not os.path.exists("tried"):
                open("tried", "w").close()
                raise OSError("once")
            return mini_batch
    """
    job = batch(script, 4, tries=2)
    job.output.mkdir()
    (job.output / "old.txt").write_text("of an earlier job")
    (job.output / "predictions.csv").write_text("of an earlier job\n")
    time.sleep(0.05)  # the file system's clock is coarse
    assert job.run() == 0
    assert sorted(job.files().values()) == ["new", "x"] and job.files()["old.txt"] == "new"
    assert len(job.rows) == 4 and job.collisions == []


def test_a_file_and_a_folder_of_one_name_are_both_kept(batch):
    script = """
        import os

        def run(mini_batch):
            number, folder = os.path.basename(mini_batch[0])[:3], os.environ["AZUREML_BI_OUTPUT_PATH"]
            if number == "000":
                path = os.path.join(folder, "a")
            else:
                path = os.path.join(folder, "a", "b", "x")
                os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(number)
            return [path] * len(mini_batch)
    """
    job = batch(script, 12, workers=1)
    assert job.run() == 0
    kept = {"a": "000", "a.mini-batch-1/b/x": "004", "a.mini-batch-2/b/x": "008"}
    assert job.files() == kept
    assert [Path(row).read_text() for row in job.rows[::4]] == ["000", "004", "008"]
    assert {one["name"]: one["kept_as"] for one in job.collisions if one["mini_batch"] == 1} == {
        "a/b/x": "a.mini-batch-1/b/x"
    }


def test_run_is_told_its_mini_batch_where_it_asks_and_finds_arguments_logger_and_shutdown(batch):
    script = """
        import argparse, logging, os, sys
        from azureml_user.parallel_run import EntryScript

        def init():
            global args
            args = argparse.ArgumentParser()
            args.add_argument("--scale", type=int)
            args = args.parse_known_args()[0]
            EntryScript().logger.info("logged by %s", EntryScript().agent_name)
            logging.debug("too small to be shown")
            print("to stderr", file=sys.stderr)

        def run(mini_batch, mini_batch_context):
            return [f"{mini_batch_context.minibatch_index} {args.scale}" for _ in mini_batch]

        def shutdown():
            print("cleaned up")
            open(os.path.join(EntryScript().output_dir, "last.txt"), "w").write("last")
    """
    job = batch(script, 8, workers=1, arguments=("--scale", "3", "--error_threshold", "5"))
    assert job.run() == 0
    assert job.rows == ["0 3"] * 4 + ["1 3"] * 4
    assert "EntryScript - logged by process000" in job.log and "too small" not in job.log
    assert "[worker 0] to stderr" in job.log and "[worker 0] cleaned up" in job.log
    assert job.files() == {"last.txt": "last"}


def test_the_output_of_every_mini_batch_is_in_the_log_at_once_and_in_the_workers_own(batch):
    script = """
        import os, subprocess, time

        def run(mini_batch):
            print("before", os.path.basename(mini_batch[0]), end=" and ")
            print("no line's end", end="")
            subprocess.run(["sh", "-c", "echo; echo from a child"])
            while not os.path.exists("go"):
                time.sleep(0.01)
            return mini_batch
    """
    job = batch(script, 8)
    conductor = job.start()
    deadline = time.monotonic() + 20
    while not ("mini-batch 0] from a child" in job.log and "mini-batch 1] from a child" in job.log):
        assert time.monotonic() < deadline and conductor.poll() is None, job.log
        time.sleep(0.02)
    (job.root / "code" / "go").touch()
    assert conductor.wait(20) == 0
    own = (job.root / "logs" / "user" / "stdout" / "0" / "process000.stdout.txt").read_text()
    assert "no line's end" in own and "no line's end" in job.log and "mini-batch" not in own


def test_a_mini_batch_whose_time_is_up_is_told_with_the_line_it_was_at(batch):
    script = """
        import time

        def run(mini_batch):
            if "004" in mini_batch[0]:
                while True:
                    time.sleep(0.01)
            return mini_batch
    """
    job = batch(script, 12, timeout_s=1.0)
    assert job.run() == 0
    assert len(job.rows) == 8
    error = job.failed[0]["error"]
    assert error["kind"] == "timeout"
    assert error["summary"] == "run() took longer than 1 s. It was at score.py, line 7."


def test_a_worker_that_dies_costs_its_mini_batch_and_no_other(batch):
    script = """
        import os, signal

        def run(mini_batch):
            if "004" in mini_batch[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            if "012" in mini_batch[0]:
                os._exit(7)
            if "016" in mini_batch[0]:
                raise SystemExit("please")
            return mini_batch
    """
    job = batch(script, 20, tries=2)
    assert job.run() == 0
    assert len(job.rows) == 8
    told = {one["mini_batch"]: one["error"] for one in job.failed}
    assert "ended by signal 9" in told[1]["message"] and told[1]["kind"] == "died"
    assert "exited with status 7" in told[3]["message"]
    assert told[4]["summary"] == "SystemExit: please (score.py, line 10)"


def test_what_a_script_forks_does_not_hold_the_workers_channel(batch):
    script = """
        import os

        def init():
            child = os.fork()
            if child == 0:
                files = ["/proc/self/fd/" + name for name in os.listdir("/proc/self/fd")]
                with open("held-%d" % os.getpid(), "w") as file:
                    file.write(" ".join(os.readlink(one) for one in files if os.path.islink(one)))
                os._exit(0)
            os.waitpid(child, 0)

        def run(mini_batch):
            return mini_batch
    """
    job = batch(script, 8)
    assert job.run() == 0 and len(job.rows) == 8
    told = [path.read_text() for path in (job.root / "code").glob("held-*")]
    assert told and not any("socket:" in text for text in told)


def test_a_worker_killed_for_want_of_memory_is_told_so():
    assert "because memory ran out" in deaths.of_code(-signal.SIGKILL, was_out_of_memory=True)["message"]
    assert "memory" not in deaths.of_code(-signal.SIGTERM, was_out_of_memory=True)["message"]


def test_a_file_that_cannot_be_read_is_named_and_the_rest_go_on(batch):
    job = batch(SQUARES, 8)
    (job.root / "in" / "002.json").unlink()
    (job.root / "in" / "002.json").symlink_to("nowhere")
    assert job.run() == 0
    assert job.rows == squares(range(4, 8))
    assert "No such file or directory" in job.failed[0]["error"]["message"]
    assert "002.json" in job.failed[0]["error"]["message"]


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ("raise RuntimeError('no weights')", "init() failed: RuntimeError: no weights (score.py, line 4)."),
        ("os._exit(3)", "init() failed: The worker exited with status 3"),
        ("time.sleep(60)", "init() failed: init() took longer than 1 s. It was at score.py, line 4."),
    ],
    ids=["raises", "dies", "hangs"],
)
def test_an_init_that_fails_is_the_jobs_failure(batch, init, message):
    script = f"import os, time\n\ndef init():\n    {init}\n\ndef run(mini_batch):\n    return mini_batch\n"
    job = batch(script, 8, init_timeout_s=1.0 if "sleep" in init else 30.0)
    assert job.run() == 1
    assert job.result["code"] == "InitFailed" and message in job.result["message"]


def test_a_script_that_is_none_says_what_is_missing(batch):
    job = batch("def init():\n    pass\n", 4)
    assert job.run() == 1
    assert "does not define a function run(mini_batch)" in job.result["message"]


def test_a_worker_that_does_not_start_is_replaced_and_the_rest_go_on(batch):
    script = """
        import os

        def init():
            os.mkdir("first")  # only one can
            os.rmdir("first") if os.path.exists("second") else open("second", "w").close()

        def run(mini_batch):
            return mini_batch
    """
    job = batch(script, 40)
    assert job.run() == 0
    assert len(job.rows) == 40


def test_sigterm_ends_the_job_with_the_rows_that_are_finished(batch):
    script = """
        import os, time

        def run(mini_batch):
            while "008" in mini_batch[0]:
                time.sleep(0.01)
            return [os.path.basename(one) for one in mini_batch]
    """
    job = batch(script, 32)  # so few that nobody is sent one ahead, to wait behind the one that does not end
    conductor = job.start()
    deadline = time.monotonic() + 20
    while not (job.root / "batch" / "journal.jsonl").exists() or len(job.journal) < 7:
        assert time.monotonic() < deadline, job.log
        time.sleep(0.02)
    os.kill(conductor.pid, signal.SIGTERM)
    assert conductor.wait(20) == 1
    assert job.result["state"] == "canceled" == job.progress["state"]
    assert job.rows == [f"{number:03d}.json" for number in range(32) if number not in range(8, 12)]
