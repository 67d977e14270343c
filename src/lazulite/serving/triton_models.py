"""Triton model repositories deployed without a script: guest/triton.py answers as Triton does. Runs nothing."""

from lazulite.environments.registered import Registered

_IMAGE = "nvcr.io/nvidia/tritonserver"


def is_one(kind: str) -> bool:
    """Tells whether a registered model's type says that Triton can load it."""
    return kind.lower() == "triton_model"


def environment() -> Registered:
    """Returns the environment of a repository that is served with none of the deployment's own."""
    return Registered("triton", "1", {"image": _IMAGE}, None)
