"""The same no-op steps as flows of the peers."""

from itertools import pairwise
from pathlib import Path

METAFLOW_HOME = {"METAFLOW_USER": "bench", "USERNAME": "bench"}

_KFP = """
from kfp import dsl, local

local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root={root!r})

@dsl.component(install_kfp_package=False)
def noop():
    pass

@dsl.pipeline
def steps():
    before = None
    for _ in range({count}):
        step = noop().set_caching_options(False)
        if before is not None:
            step.after(before)
        before = step

steps()
"""


def write_flow(peer: str, case: str, count: int, scratch: Path) -> Path | None:
    """Writes a peer's flow of so many steps and returns the file, None where the peer cannot run the case."""
    path = scratch / f"{peer}_{case}.py"
    if peer == "kfp":
        if case == "nodes":
            return None  # its local runner takes one step after another
        path.write_text(_KFP.format(root=str(scratch / "kfp-root"), count=count))
    else:
        path.write_text(_fan(count) if case == "nodes" else _chain(count))
    return path


def _chain(count: int) -> str:
    """Returns a Metaflow chain. Each step is a process, and there are two at least."""
    names = ["start", *(f"step{number}" for number in range(count - 1)), "end"]
    steps = [f"    @step\n    def {name}(self):\n        self.next(self.{after})" for name, after in pairwise(names)]
    return _flow([*steps, "    @step\n    def end(self):\n        pass"])


def _fan(count: int) -> str:
    return _flow(
        [
            f"    @step\n    def start(self):\n        self.all = list(range({count}))\n"
            "        self.next(self.one, foreach='all')",
            "    @step\n    def one(self):\n        self.next(self.joined)",
            "    @step\n    def joined(self, inputs):\n        self.next(self.end)",
            "    @step\n    def end(self):\n        pass",
        ]
    )


def _flow(steps: list[str]) -> str:
    body = "\n\n".join(steps)
    head = "from metaflow import FlowSpec, step\n\n\nclass Steps(FlowSpec):\n"
    return f"{head}{body}\n\n\nif __name__ == '__main__':\n    Steps()\n"
