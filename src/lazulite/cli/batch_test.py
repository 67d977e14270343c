"""`lazulite batch-test`: one batch script over a folder, by the runner that batch jobs have, without a platform."""

import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from lazulite import settings
from lazulite.batch import alone, conductor, plan
from lazulite.batch.order import Order
from lazulite.cli import environment_file
from lazulite.cli.grammar import Arguments, Command, Group, Misuse, flag
from lazulite.cli.verbs import readable

_FILE_NAME = "predictions.csv"
# Source: learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-batch, retry_settings.timeout.
_TIMEOUT_S = 30


def _batch_test(arguments: Arguments) -> None:
    """Runs the script over all mini-batches; leaves with 1 unless that is completed."""
    script = Path(arguments.entry_script).resolve() if arguments.entry_script else None
    source = Path(arguments.input).resolve()
    if script and not script.is_file():
        raise Misuse(f"There is no file {arguments.entry_script}.", hint="--entry-script names the batch script.")
    if not script and not arguments.model_dir:
        raise Misuse("There is nothing to run.", hint="Give --entry-script, or --model-dir with a model of MLflow.")
    if arguments.environment and arguments.python:
        raise Misuse("--environment and --python both say what the script is run with.", hint="Give one of them.")
    if not source.exists():
        raise Misuse(f"There is no file or folder {arguments.input}.", hint="--input names what is scored.")
    output = Path(arguments.output).resolve()
    python, own = _interpreter(arguments)
    with tempfile.TemporaryDirectory(prefix="lazulite-batch-") as folder:
        asked = Order(
            folder=f"{folder}/batch",
            logs=str(_fresh(output / "logs")),
            python=python,
            code=str(script.parent if script else Path.cwd()),
            source=str(source),
            input=str(source),
            script=script.name if script else "",
            arguments=tuple(shlex.split(arguments.arguments)),
            is_table=(source / "MLTable").is_file(),
            mini_batch_size=arguments.mini_batch_size,
            workers=arguments.max_concurrency,
            tries=1 + arguments.max_retries,
            timeout_s=arguments.timeout,
            init_timeout_s=3 * arguments.timeout + 30,
            error_threshold=arguments.error_threshold,
            append_to=str(output / _FILE_NAME),
            outputs=(str(output),),
            output=str(output),
            variables={**own, **_variables(arguments, output)},
        )
        raise SystemExit(_debug(asked) if arguments.pdb else _conduct(asked))


def _interpreter(arguments: Arguments) -> tuple[str, Mapping[str, str]]:
    """Returns what the script is run with, and the variables that its environment sets."""
    if not arguments.environment:
        return alone.interpreter(arguments.python), {}
    made = environment_file.ensure(arguments.environment, settings.read().home, print)
    return str(made.python), made.variables


def _fresh(logs: Path) -> Path:
    """Returns the folder of logs, without those of the time before."""
    for name in ("batch", "user"):
        shutil.rmtree(logs / name, ignore_errors=True)
    return logs


def _variables(arguments: Arguments, output: Path) -> dict[str, str]:
    model = {"AZUREML_MODEL_DIR": str(Path(arguments.model_dir).resolve())} if arguments.model_dir else {}
    return {"AZUREML_BI_OUTPUT_PATH": str(output), **model}


def _conduct(asked: Order) -> int:
    """Runs the job as the platform would."""
    running = conductor.Conductor(asked, sys.stdout.fileno())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, running.cancel)
    verdict = running.run()
    print(f"Results: {asked.append_to}", flush=True)
    return 0 if verdict.state == "completed" else 1


def _debug(asked: Order) -> int:
    """Runs the script here, one mini-batch after the other, and stops in pdb where an exception leaves it."""
    asked.place.mkdir(parents=True)
    script = alone.lay_out(asked, plan.ensure(asked).all(), has_pdb=True)
    return subprocess.call(script.command, env=script.variables, cwd=asked.code)


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        found = int(text)
        if found < least:
            raise ValueError(text)
        return found

    return number


GROUPS = (
    Group(
        "batch-test",
        (
            Command(
                "",
                "Run one batch script over a folder, as a batch deployment would, without a platform.",
                _batch_test,
                (
                    flag(
                        "--entry-script",
                        "--entry_script",
                        metavar="FILE",
                        help="The batch script; without one, the model of MLflow in --model-dir.",
                    ),
                    flag(
                        "--input", required=True, metavar="PATH", help="What is scored: a folder, a file, an MLTable."
                    ),
                    flag("--model-dir", "--model_dir", metavar="DIR", help="What AZUREML_MODEL_DIR says."),
                    flag(
                        "--output",
                        default="batch-output",
                        metavar="DIR",
                        help=f"Where {_FILE_NAME} and the script's own files go; batch-output if not given.",
                    ),
                    flag(
                        "--mini-batch-size",
                        type=_at_least(1),
                        default=0,
                        metavar="N",
                        help="Files in a mini-batch, 10 if not given; of an MLTable with rows, bytes.",
                    ),
                    flag(
                        "--max-concurrency",
                        type=_at_least(1),
                        default=1,
                        metavar="N",
                        help="How many mini-batches run at the same time, 1 if not given.",
                    ),
                    flag(
                        "--timeout",
                        type=_at_least(1),
                        default=_TIMEOUT_S,
                        metavar="SECONDS",
                        help=f"How long run() may take, {_TIMEOUT_S} if not given, as in a batch deployment.",
                    ),
                    flag(
                        "--max-retries",
                        type=_at_least(0),
                        default=0,
                        metavar="N",
                        help="How often a mini-batch that failed is tried again, 0 if not given.",
                    ),
                    flag(
                        "--error-threshold",
                        type=_at_least(-1),
                        default=-1,
                        metavar="N",
                        help="How many items may fail, -1 for any number, if not given.",
                    ),
                    flag("--arguments", default="", metavar="TEXT", help="The script's program_arguments."),
                    flag(
                        "--environment",
                        type=readable,
                        metavar="YAML",
                        help="A conda file, or an environment's YAML file: it is built as a deployment's is.",
                    ),
                    flag("--python", metavar="FILE", help="The interpreter; python3 on PATH if not given."),
                    flag("--pdb", action="store_true", help="Run it here, and stop in pdb where it raises."),
                ),
                "lazulite batch-test --entry-script batch_score.py --input data --mini-batch-size 10 --pdb",
            ),
        ),
    ),
)
