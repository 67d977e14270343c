"""Packages that Azure's scoring images hold, for environments without them: found only after all that is installed."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from types import ModuleType
from typing import Any, Mapping, Sequence

# Name as scripts import it -> our module; None for a package that only leads there.
# Source: learn.microsoft.com/azure/machine-learning/how-to-deploy-advanced-entry-script (azureml.contrib.services, and
# azureml_inference_server_http.api in newer samples).
_NAMES = {
    "azureml": None,
    "azureml.contrib": None,
    "azureml.contrib.services": None,
    "azureml.contrib.services.aml_request": ".aml_request",
    "azureml.contrib.services.aml_response": ".aml_response",
    "azureml.ai": None,
    "azureml.ai.monitoring": ".monitoring",
    "azureml.ai.monitoring.context": ".monitoring_context",
    "azureml_inference_server_http": None,
    "azureml_inference_server_http.api": None,
    "azureml_inference_server_http.api.aml_request": ".aml_request",
    "azureml_inference_server_http.api.aml_response": ".aml_response",
    "azureml_inference_server_http.log_config": ".log_config",
}
# What the runtime of parallel jobs adds.
# Source: learn.microsoft.com/azure/machine-learning/v1/how-to-debug-parallel-run-step, EntryScript.
_BATCH_NAMES = {"azureml_user": None, "azureml_user.parallel_run": ".parallel_run"}


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, names: Mapping[str, str | None]) -> None:
        self._names = names

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in self._names:
            return None
        own = self._names[name]
        return importlib.machinery.ModuleSpec(name, _Loader(own), is_package=own is None or self._has_more(name))

    def _has_more(self, name: str) -> bool:
        return any(other.startswith(name + ".") for other in self._names)


class _Loader(importlib.abc.Loader):
    def __init__(self, own: str | None) -> None:
        self._own = own

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> Any:
        return importlib.import_module(self._own, __name__) if self._own else None

    def exec_module(self, module: ModuleType) -> None:
        """Does nothing: the module has been imported under its own name."""


def install(for_batch: bool = False) -> None:
    """Makes the stand-ins importable. What is really installed wins, name by name, since ours are looked for last."""
    sys.meta_path.append(_Finder(_BATCH_NAMES if for_batch else _NAMES))
