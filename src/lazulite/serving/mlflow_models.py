"""MLflow models that are deployed without a script: the environment that their own files ask for. Runs nothing."""

from pathlib import Path
from typing import Any

import yaml

from lazulite.environments.registered import Registered
from lazulite.errors import BadRequest

_FLAVOR = "python_function"


def is_one(kind: str) -> bool:
    """Tells whether a registered model's type says that MLflow can load it."""
    return kind.lower() == "mlflow_model"


def environment(name: str, version: str, folder: Path) -> Registered:
    """Returns the environment of a model that is served with none of the deployment's own.

    The model's conda.yaml, as Azure takes it; else python_env.yaml with its requirements, or requirements.txt alone.
    Raises BadRequest when the folder holds no MLmodel with the flavor python_function, or asks for nothing at all.
    Source: learn.microsoft.com/azure/machine-learning/how-to-deploy-mlflow-models-online-endpoints; mlflow.org/docs,
    MLflow Models, storage format.
    """
    flavor = _flavor(folder)
    told = flavor.get("env")
    files = told if isinstance(told, dict) else {"conda": told or "conda.yaml"}
    conda = _inside(folder, files.get("conda") or "conda.yaml")
    if conda.is_file():
        text = conda.read_text(encoding="utf-8")
    else:
        text = _from_requirements(folder, str(files.get("virtualenv") or "python_env.yaml"), flavor)
    return Registered(f"{name}-mlflow", version, {"condaFile": text}, folder)


def _flavor(folder: Path) -> dict[str, Any]:
    found = _yaml(folder / "MLmodel") if (folder / "MLmodel").is_file() else None
    if found is None:
        raise BadRequest(
            f'The model is of type mlflow_model, but "{folder.name}" holds no file MLmodel.',
            target="properties.model",
            hint="Register the folder that mlflow's save_model wrote, or give the deployment a code_configuration.",
        )
    flavor = (found.get("flavors") or {}).get(_FLAVOR)
    if not isinstance(flavor, dict):
        raise BadRequest(
            f"The model's MLmodel has no flavor {_FLAVOR}, by which any MLflow model is served.",
            target="properties.model",
            hint="Give the deployment a code_configuration with a script that loads it.",
        )
    return flavor


def _from_requirements(folder: Path, python_env: str, flavor: dict[str, Any]) -> str:
    at = _inside(folder, python_env)
    python = _yaml(at).get("python") if at.is_file() else None
    requirements = folder / "requirements.txt"
    if not requirements.is_file():
        raise BadRequest(
            "The model has neither conda.yaml nor requirements.txt, so nothing says what it needs.",
            target="properties.environmentId",
            hint="Give the deployment an environment.",
        )
    lines = [line.strip() for line in requirements.read_text(encoding="utf-8").splitlines()]
    pip = [line for line in lines if line and not line.startswith("#")]
    return yaml.safe_dump({"dependencies": [f"python={python or flavor.get('python_version', '')}", {"pip": pip}]})


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise BadRequest(
            f"The model's MLmodel names {name!r}, which lies outside its folder.", target="properties.model"
        )
    return path


def _yaml(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadRequest(f"The model's {path.name} cannot be read: {error}", target="properties.model") from error
    if not isinstance(found, dict):
        raise BadRequest(f"The model's {path.name} is not a YAML object.", target="properties.model")
    return found
