"""MLflow's scoring server, one worker: saves the model, a function of Python's, and serves it. It takes JSON only."""

import base64
import os
import shutil
import sys
from pathlib import Path

import work
from mlflow import pyfunc


class Model(pyfunc.PythonModel):
    """Answers what the other servers answer."""

    def load_context(self, context):
        """Loads the model."""
        work.init()

    def predict(self, context, model_input):
        """Answers rows, or a picture in base64."""
        if work.IS_OF_BYTES:
            return work.boxes_on(base64.b64decode(model_input[0]))
        return work.run_rows(model_input)


if __name__ == "__main__":
    place = Path(sys.argv[1]) / "model"
    shutil.rmtree(place, ignore_errors=True)
    pyfunc.save_model(place, python_model=Model(), pip_requirements=["mlflow"], code_paths=[])
    command = ["mlflow", "models", "serve", "-m", place, "-h", "127.0.0.1", "-p", os.environ["BENCH_PORT"]]
    program = Path(sys.executable).with_name("mlflow")
    os.environ["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    os.execv(program, [*map(str, command), "--env-manager", "local", "--workers", "1"])
