"""Packages that Azure's scoring images hold, for environments without them: found only after all that is installed."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from types import ModuleType
from typing import Any, Sequence

# Name as scripts import it -> our module; None for a package that only leads there.
# Source: learn.microsoft.com/azure/machine-learning/how-to-deploy-advanced-entry-script (azureml.contrib.services, and
# azureml_inference_server_http.api in newer samples).
_NAMES = {
    "azureml": None,
    "azureml.contrib": None,
    "azureml.contrib.services": None,
    "azureml.contrib.services.aml_request": ".aml_request",
    "azureml.contrib.services.aml_response": ".aml_response",
    "azureml_inference_server_http": None,
    "azureml_inference_server_http.api": None,
    "azureml_inference_server_http.api.aml_request": ".aml_request",
    "azureml_inference_server_http.api.aml_response": ".aml_response",
    "azureml_inference_server_http.log_config": ".log_config",
}


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in _NAMES:
            return None
        return importlib.machinery.ModuleSpec(name, _Loader(), is_package=_NAMES[name] is None)


class _Loader(importlib.abc.Loader):
    def create_module(self, spec: importlib.machinery.ModuleSpec) -> Any:
        own = _NAMES[spec.name]
        return importlib.import_module(own, __name__) if own else None

    def exec_module(self, module: ModuleType) -> None:
        """Does nothing: the module has been imported under its own name."""


def install() -> None:
    """Makes the stand-ins importable. What is really installed wins, name by name, since ours are looked for last."""
    sys.meta_path.append(_Finder())
