"""What `lazulite serve` is told: by flags, by the environment, by a config file, in this order. Starts nothing.

Source of names, order and defaults: azureml-inference-server-http 1.5.1 amlserver.py (merge_configuration),
server/config.py, constants.py.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lazulite.cli.grammar import Arguments, Misuse

DEFAULT_PORT, DEFAULT_HEALTH_PORT = 5001, 5000
_WORKER_TIMEOUT_S, _SCORING_TIMEOUT_MS = "300", "3600000"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_CONFIG_NAMES = (
    *("AML_APP_ROOT", "AZUREML_SOURCE_DIRECTORY", "AZUREML_ENTRY_SCRIPT", "AZUREML_MODEL_DIR", "SERVICE_NAME"),
    *("WORKSPACE_NAME", "SERVICE_PATH_PREFIX", "SERVICE_VERSION", "SCORING_TIMEOUT_MS", "AZUREML_LOG_LEVEL"),
    *("AML_CORS_ORIGINS", "AML_APP_INSIGHTS_ENABLED", "AML_APP_INSIGHTS_KEY", "APP_INSIGHTS_LOG_RESPONSE_ENABLED"),
    *("AML_MODEL_DC_STORAGE_ENABLED", "HOSTNAME", "AZUREML_DEBUG_PORT"),
)


@dataclass(frozen=True)
class ServeConfig:
    """Everything that `lazulite serve` needs to know.

    ports: the first is for scores, a second for health. limit_ms: how long run() may take, 0 for ever. variables: the
    script's environment. notes: to be shown.
    """

    script: Path
    app: Path
    ports: tuple[int, ...]
    workers: int
    limit_ms: int
    origins: tuple[str, ...]
    variables: dict[str, str]
    notes: tuple[str, ...]


def configure(arguments: Arguments, environ: Mapping[str, str]) -> ServeConfig:
    """Puts together what was said. Raises Misuse when it names no script, or something that cannot be right."""
    if not arguments.entry_script and not arguments.config_file:
        raise Misuse(
            "No scoring script is named.", hint="Name one with --entry-script, or a file that does with --config-file."
        )
    notes: list[str] = []
    told = {**_file(arguments, environ, notes), **environ}
    app = Path(told.get("AML_APP_ROOT") or Path.cwd()).resolve()
    script = _script(arguments, told, app)
    told.update({"AML_APP_ROOT": str(app), "AZUREML_ENTRY_SCRIPT": str(script)})
    if arguments.model_dir:
        is_here = app == Path.cwd()  # scripts run in the app's folder
        told["AZUREML_MODEL_DIR"] = arguments.model_dir if is_here else str(Path(arguments.model_dir).resolve())
    elif "AZUREML_MODEL_DIR" not in told:
        notes.append("AZUREML_MODEL_DIR is not set; --model-dir sets it.")
    origins = arguments.access_control_allow_origins or told.get("AML_CORS_ORIGINS", "")
    told["AML_CORS_ORIGINS"] = origins
    workers = arguments.worker_count or _count(told.get("WORKER_COUNT") or "1", "WORKER_COUNT")
    limit_ms = _limit_ms(told)
    ports = tuple(_ports(arguments, told))
    told.update({"WORKER_COUNT": str(workers), "SERVER_PORT": str(ports[0]), "HEALTH_PORT": str(ports[-1])})
    if told.get("SERVER_VERSION_LOG_RESPONSE_ENABLED", "true").lower() != "true":
        told["HTTP_X_MS_SERVER_VERSION"] = ""
    _note_telemetry(arguments, told, notes)
    allowed = tuple(origin.strip() for origin in origins.split(",") if origin.strip())
    return ServeConfig(script, app, ports, workers, limit_ms, allowed, told, tuple(notes))


def settings(config: ServeConfig) -> Iterator[str]:
    """Yields the lines that Azure's server begins with, which scripts around it look for."""
    told = config.variables
    yield from ("Server Settings", "---------------")
    yield f"Entry Script Name: {config.script}"
    yield f"Model Directory: {told.get('AZUREML_MODEL_DIR')}"
    yield f"Config File: {told.get('AZUREML_CONFIG_FILE')}"
    yield f"Worker Count: {config.workers}"
    yield f"Worker Timeout (seconds): {told['WORKER_TIMEOUT']}"
    yield f"Server Port: {config.ports[0]}"
    yield f"Health Port: {config.ports[-1]}"
    yield f"Application Insights Enabled: {told['AML_APP_INSIGHTS_ENABLED']}"
    if told.get("AML_APP_INSIGHTS_KEY"):
        yield "Application Insights Key: AppInsights key provided"
    if config.origins:
        yield f"CORS for the specified origins: Enabling CORS for {told['AML_CORS_ORIGINS']}"


def _file(arguments: Arguments, environ: Mapping[str, str], notes: list[str]) -> dict[str, str]:
    """Reads the config file: the one named, else config.json in the app's folder or beside the script."""
    named = arguments.config_file or environ.get("AZUREML_CONFIG_FILE")
    beside = [Path(arguments.entry_script).parent] if arguments.entry_script else []
    folders = (Path(environ.get("AML_APP_ROOT") or "."), *beside)
    paths = [Path(named)] if named else [folder / "config.json" for folder in folders]
    path = next((path for path in paths if path.is_file() and path.stat().st_size), None)
    if path is None:
        if arguments.config_file:
            raise Misuse(f"There is no file {named}.", hint="--config-file names a file of JSON.")
        return {}
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Misuse(f"{path} is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise Misuse(f"{path} holds no JSON object.")
    unknown = [name for name in found if name not in _CONFIG_NAMES]
    if unknown:
        notes.append(f"{path} has names that mean nothing: {', '.join(unknown)}.")
    known = {name: _text(value) for name, value in found.items() if name in _CONFIG_NAMES and value is not None}
    return {**known, "AZUREML_CONFIG_FILE": str(path.resolve())}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _script(arguments: Arguments, told: Mapping[str, str], app: Path) -> Path:
    name = arguments.entry_script or told.get("AZUREML_ENTRY_SCRIPT") or "main.py"
    script = Path(name).resolve() if arguments.entry_script else (app / name).resolve()
    if not script.is_file():
        raise Misuse(f"There is no file {name}.", hint="--entry-script names the scoring script.")
    return script


def _ports(arguments: Arguments, told: Mapping[str, str]) -> Iterator[int]:
    """Source: amlserver.py; SERVER_PORT and HEALTH_PORT of the environment are not looked at there either."""
    yield arguments.port
    if told.get("SEPERATE_HEALTH_ENDPOINT", "").lower() == "true" or arguments.health_port:
        yield arguments.health_port or DEFAULT_HEALTH_PORT


def _count(text: str, name: str, least: int = 1) -> int:
    if not text.isdecimal() or int(text) < least:
        raise Misuse(f"{name} is {text!r}, but must be a whole number, {least} at least.")
    return int(text)


def _limit_ms(told: dict[str, str]) -> int:
    """Returns how long run() may take: the shorter of the two times that Azure's server has for it, 0 for no limit."""
    worker_ms = 1000 * _count(told.setdefault("WORKER_TIMEOUT", _WORKER_TIMEOUT_S), "WORKER_TIMEOUT", least=0)
    scoring_ms = _count(told.get("SCORING_TIMEOUT_MS") or _SCORING_TIMEOUT_MS, "SCORING_TIMEOUT_MS", least=0)
    return min(filter(None, (worker_ms, scoring_ms)), default=0)


def _note_telemetry(arguments: Arguments, told: dict[str, str], notes: list[str]) -> None:
    """Lets the script see what it would on Azure. Nothing is sent anywhere."""
    key = arguments.appinsights_instrumentation_key or told.get("AML_APP_INSIGHTS_KEY", "")
    is_asked = bool(arguments.appinsights_instrumentation_key) or told.get("AML_APP_INSIGHTS_ENABLED") == "true"
    told["AML_APP_INSIGHTS_ENABLED"] = "true" if is_asked and _UUID.fullmatch(key) else "false"
    if key:
        told["AML_APP_INSIGHTS_KEY"] = key
        notes.append("Nothing is sent to Application Insights: no telemetry leaves this machine.")
    if is_asked and _UUID.fullmatch(key):
        notes.append("Valid Application Insights instrumentation key provided.")
    elif key and is_asked:
        notes.append("Application Insights has been disabled.")
        notes.append("Invalid Application Insights instrumentation key provided.")
