"""What a parallel job's process is told, and what it says in the end. The process itself is `lazulite.batch`.

docs/architecture/batch.md says what is in the files; nothing here runs a mini-batch.
"""

import json
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lazulite.engine import bindings, folders, parallel
from lazulite.engine.parallel import Parallel
from lazulite.engine.prepare import Prepared
from lazulite.engine.stage import Staged

_MODULE = "lazulite.batch"


@dataclass(frozen=True)
class Result:
    """How a conductor says that its job ended. state: completed, failed or canceled."""

    state: str
    code: str
    message: str
    warnings: list[str]


def read(folder: Path) -> Result | None:
    """Returns what the conductor of a job's folder said in the end; None when it did not live to say so."""
    try:
        return Result(**json.loads((folder / "batch" / "result.json").read_bytes()))
    except (FileNotFoundError, ValueError):
        return None


def workers(spec: Parallel) -> int:
    """Returns how many workers a job has at a time.

    Source: learn.microsoft.com/azure/machine-learning/how-to-use-parallel-job-in-pipeline,
    max_concurrency_per_instance: one where there is a GPU, else one per core.
    """
    has_gpu = any(Path("/dev").glob("nvidia[0-9]*"))
    return spec.nodes * (spec.concurrency or (1 if has_gpu else os.cpu_count() or 1))


def command(folder: Path) -> str:
    """Returns the command that conducts a job, whatever PYTHONPATH the job itself has."""
    return f"exec {shlex.quote(sys.executable)} -I -m {_MODULE} {shlex.quote(str(folder))}"


def variables(spec: Parallel, staged: Staged) -> dict[str, str]:
    """Returns what scripts are told of model and output."""
    made = {}
    if spec.model:
        made["AZUREML_MODEL_DIR"] = str(Path(staged.values[f"inputs.{spec.model}"]).parent)
    if spec.output:
        made["AZUREML_BI_OUTPUT_PATH"] = staged.values[f"outputs.{spec.output}"]
    return made


def write(made: Prepared, spec: Parallel, staged: Staged, has_views: bool) -> None:
    """Writes parallel.json, which the conductor reads: lazulite/batch/order.py has its fields."""
    folder, values = staged.folder / "batch", staged.values
    (folder / "result.json").unlink(missing_ok=True)
    private = [str(goal.path) for goal in made.sources.outputs if _is_private(goal.output.kind, goal.output.mode)]
    seen = values[f"inputs.{spec.input_data}"]
    kind = next(one.kind for one in spec.inputs if one.name == spec.input_data)
    order: dict[str, Any] = {
        "folder": str(folder),
        "logs": str(staged.artifacts / "logs"),
        "python": str(made.environment.python),
        "code": str(staged.code),
        "source": next((str(source) for source, target in staged.views if str(target) == seen), seen),
        "input": seen,
        "script": spec.script,
        "arguments": parallel.words(spec, values),
        "is_table": kind == "mltable",
        "mini_batch_size": spec.mini_batch_size,
        "partition_keys": spec.partition_keys,
        "workers": workers(spec),
        "tries": spec.tries,
        "timeout_s": spec.timeout_s_each,
        "load_timeout_s": spec.load_timeout_s,
        "init_timeout_s": spec.init_timeout_s,
        "error_threshold": spec.error_threshold,
        "mini_batch_error_threshold": spec.mini_batch_error_threshold,
        "allowed_failed_percent": spec.allowed_failed_percent,
        "logging_level": spec.logging_level,
        "append_to": _append_to(spec, staged),
        "outputs": private,
        "output": values[f"outputs.{spec.output}"] if spec.output else "",
        "isolated": has_views,
        "views": [(str(source), str(target)) for source, target in staged.views],
        "readonly": [str(path) for path in staged.readonly],
        "writable": [str(path) for path in staged.writable if str(path) not in private],
        "parent_log": _parent_log(made, staged),
        "name": made.job.run.name,
    }
    (staged.folder / "parallel.json").write_text(json.dumps(order, indent=1), encoding="utf-8")


def _parent_log(made: Prepared, staged: Staged) -> str:
    """Returns the log of the job that this one is a step of: whoever watches that sees how this gets on."""
    parent = made.job.run.parent
    return str(staged.artifacts.with_name(f"dcid.{parent}") / folders.STEPS_LOG) if parent else ""


def _is_private(kind: str, mode: str) -> bool:
    return mode != "Direct" and kind != "uri_file"


def _append_to(spec: Parallel, staged: Staged) -> str:
    if not spec.append_to:
        return ""
    bound = bindings.bind(spec.append_to, staged.values, "parallel.task.append_row_to")
    is_folder = any(one.kind != "uri_file" and bound == staged.values[f"outputs.{one.name}"] for one in spec.outputs)
    return str(Path(bound, spec.file_name)) if is_folder else bound
