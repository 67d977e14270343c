"""The user's entry script: found, loaded, its `init` and `run` examined. Never calls either."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
from types import ModuleType
from typing import Any, Callable, Iterable, NamedTuple

from .console import Console

LOGGER = "azmlinfsrv.user_script"
HEADERS = "request_headers"
"""A parameter of this name gets the request's headers. Source: azureml-inference-server-http 1.5.1 user_script.py."""

_DEFAULT_NAME = "main.py"
_MODULE_NAME = "entry_module"
_RAWHTTP_MODULES = ("azureml.contrib.services.aml_request", "azureml_inference_server_http.api.aml_request")


class ScriptError(Exception):
    """The entry script is not one, for a reason that is not an exception of its own."""


class Script(NamedTuple):
    """A loaded entry script.

    kind: what `run` takes: `raw`, the request itself; `typed`, its JSON body's members by name (inference-schema);
    `text`, its body as text. parameters: run's, without `request_headers`.
    """

    path: str
    module: ModuleType
    init: Callable[[], Any]
    run: Callable[..., Any]
    kind: str
    parameters: tuple[inspect.Parameter, ...]
    wants_headers: bool


def find(app_root: str, source_directory: str, entry_script: str) -> str:
    """Returns the entry script's path: under app_root, or under app_root/source_directory.

    Raises ScriptError saying where it was looked for and what is there.
    Source: azureml-inference-server-http 1.5.1: the script is AML_APP_ROOT/AZUREML_ENTRY_SCRIPT, `main` without one.
    """
    name = entry_script or _DEFAULT_NAME
    folders = [app_root, os.path.join(app_root, source_directory)]
    for path in (os.path.join(folder, name) for folder in folders):
        if os.path.isfile(path):
            return path
    there = ", ".join(sorted(os.listdir(app_root))) if os.path.isdir(app_root) else "nothing: there is no such folder"
    raise ScriptError("There is no entry script %r in %s, which holds: %s." % (name, app_root, there or "nothing"))


def load(path: str, app_root: str, source_directory: str, console: Console) -> Script:
    """Imports the script and examines it. Its folder, app_root and source_directory can be imported from.

    Raises ScriptError when it lacks `init` or `run` or they cannot be called as Azure calls them, and whatever the
    script itself raises while it is imported.
    """
    folders = [os.path.dirname(path), app_root, os.path.join(app_root, source_directory)]
    sys.path[:0] = dict.fromkeys(os.path.abspath(folder) for folder in folders)
    module = import_file(path)
    for name in ("init", "run"):
        if not callable(getattr(module, name, None)):
            raise ScriptError("User script at %s does not have a %s() function defined." % (path, name))
    run = _behind_driver(module).run
    console.info("Found user script at %s" % path, LOGGER)
    parameters = inspect.signature(run).parameters.values()
    script = Script(
        path=path,
        module=module,
        init=module.init,
        run=run,
        kind=_kind(run),
        parameters=tuple(parameter for parameter in parameters if parameter.name != HEADERS),
        wants_headers=any(parameter.name == HEADERS for parameter in parameters),
    )
    _check(script, parameters)
    console.info(_MEANING[script.kind] % ", ".join(parameter.name for parameter in script.parameters), LOGGER)
    return script


_MEANING = {
    "raw": "run() is decorated with @rawhttp: %s is the request itself.",
    "typed": "run() is decorated with @input_schema: the JSON body's members are its arguments: %s.",
    "text": "run() is not decorated: %s is the body as text.",
}


def import_file(path: str) -> ModuleType:
    """Imports a script under its own name where that is free, so that what it defines can be pickled.

    Raises ScriptError for what is no Python file, and whatever the script itself raises.
    """
    stem = os.path.splitext(os.path.basename(path))[0]
    found = importlib.util.find_spec(stem) if stem.isidentifier() and stem not in sys.modules else None
    name = stem if found and found.origin == os.path.abspath(path) else _MODULE_NAME
    spec = importlib.util.spec_from_file_location(name, os.path.abspath(path))
    if not spec or not spec.loader:
        raise ScriptError("The entry script %s is not a Python file." % path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _behind_driver(module: ModuleType) -> ModuleType:
    """Returns the module whose run() is meant: SDK v1 and the Designer put a driver in front of the user's script."""
    behind = getattr(module, "driver_module", None)
    return behind if isinstance(behind, ModuleType) and hasattr(behind, "run") else module


def _kind(run: Callable[..., Any]) -> str:
    is_raw = getattr(run, "is_rawhttp", False) or any(
        getattr(sys.modules.get(name), "_rawHttpRequested", False) for name in _RAWHTTP_MODULES
    )
    schema = sys.modules.get("inference_schema.schema_util")
    is_typed = schema is not None and schema.is_schema_decorated(run)
    if is_raw and is_typed:
        raise ScriptError("run() cannot be decorated with both @rawhttp and @input_schema.")
    return "raw" if is_raw else "typed" if is_typed else "text"


def _check(script: Script, parameters: Iterable[inspect.Parameter]) -> None:
    """Source of rules and wording: azureml-inference-server-http 1.5.1 user_script.py."""
    by_name = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if any(parameter.kind not in by_name for parameter in parameters):
        raise ScriptError("run() cannot accept positional-only arguments, *args, or **kwargs.")
    if not script.parameters and script.wants_headers:
        raise ScriptError('run() needs to accept an argument other than "request_headers".')
    if not script.parameters:
        raise ScriptError("run() needs to accept an argument for input data.")
