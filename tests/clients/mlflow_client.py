"""MLflow's clients in interpreters of their own, which import it once and then run what tests hand them."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_LOOP = """
import contextlib, json, sys, traceback
import mlflow, mlflow.artifacts
answers, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    asked = json.loads(line)
    mlflow.set_tracking_uri(asked["uri"])
    mlflow.set_experiment("Default")
    names = {"mlflow": mlflow, "client": mlflow.MlflowClient(), **asked["given"]}
    try:
        exec(asked["code"], names)
        told = json.dumps({"result": names.get("result")})
    except BaseException as error:
        told = json.dumps({"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()})
    finally:
        while mlflow.active_run():
            mlflow.end_run()
    answers.write(told + "\\n")
    answers.flush()
"""


class MlflowError(Exception):
    """What a snippet has raised, as `Type: message`."""


class Interpreter:
    """A process that has imported MLflow."""

    def __init__(self, python: Path, environ: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [python, "-c", _LOOP], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, uri: str, code: str, given: Mapping[str, Any]) -> Any:
        """Runs code that has `mlflow`, `client` and what is given; returns what it leaves in `result`."""
        assert self._process.stdin and self._process.stdout
        asked = {"uri": uri, "code": textwrap.dedent(code), "given": given}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        if "error" in told:
            print(told["traceback"], file=sys.stderr)
            raise MlflowError(told["error"])
        return told["result"]

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(30)


class Mlflow:
    """One release of MLflow, tracking to one workspace by one kind of address."""

    def __init__(self, interpreter: Interpreter, uri: str, major: int) -> None:
        self._interpreter = interpreter
        self.uri = uri
        self.major = major

    def __call__(self, code: str, **given: Any) -> Any:
        """Runs code as Interpreter.run does."""
        return self._interpreter.run(self.uri, code, {**given, "major": self.major})
