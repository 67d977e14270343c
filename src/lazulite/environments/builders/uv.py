"""Resolves and installs with uv, told of pip's configuration. Knows nothing of keys, locks and homes.

Source: docs.astral.sh/uv, "Compatibility with pip" (index strategy) and "Environment variables".
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import uv
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from lazulite.environments import cpu_builds, interpreters
from lazulite.environments.builders import commands
from lazulite.environments.interpreters import Interpreter
from lazulite.environments.pip_config import PipConfig, bare_url
from lazulite.environments.requirements import PipOptions, Requirements
from lazulite.environments.spec import EnvironmentSpec
from lazulite.errors import LazuliteError, OutOfSpace, UserCodeError

LOCK = "requirements.lock"
PREFIX = "LAZULITE_BUILD_PREFIX"
"""A variable of the platform's own: JSON, the words that builds are started with in a private network."""
_HASHES = "hashes.txt"
_INPUTS = ("requirements.in", "constraints.txt", "excludes.txt", _HASHES)
_OWN_INDEX = ("UV_INDEX_URL", "UV_DEFAULT_INDEX")
_PYTORCH_INDEX = "download.pytorch.org"
_FRAME = re.compile(r"^[\s×│├╰─▶]+|\x1b\[[0-9;]*m")
_MAX_REASON_LINES = 40
# What uv makes of an index that a proxy refuses over plain http: one that has nothing.
_ABSENT = "not found in the package registry"
_UNBUILT = re.compile(r"Failed to (?:download and )?build `([^`=@ ]+)==")

Log = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """One way to resolve. touches: words that a failure must name for the next plan to be worth a try.

    is_last_resort: tried only when PyTorch's index could not be reached.
    """

    name: str
    interpreter: Interpreter
    constraints: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    touches: tuple[str, ...] = ()
    is_last_resort: bool = False


@dataclass(frozen=True)
class Built:
    """What was built: by which interpreter, and what there is to say about it."""

    interpreter: Interpreter
    notes: tuple[str, ...]
    packages: int


@dataclass(frozen=True)
class _Run:
    """How uv is called: its variables, files of constraints, and the arguments that compile and sync share."""

    environ: Mapping[str, str]
    constraints: tuple[str, ...]
    arguments: tuple[str, ...]
    folder: Path
    log: Log


def build(spec: EnvironmentSpec, interpreter: Interpreter, folder: Path, config: PipConfig, log: Log) -> Built:
    """Makes a virtual environment in an empty folder, with requirements.lock beside it.

    A package whose source cannot be built here is looked for as a wheel, for this Python first and then for others.
    The environment can be moved. Raises UserCodeError with the resolver's own reason, OutOfSpace when the disk is
    full. Effects: processes of uv and of build backends, uv's cache.
    """
    kept = set(folder.iterdir())
    try:
        return _build(spec, interpreter, folder, config, log)
    except UserCodeError as error:
        failure, unbuilt = error, _UNBUILT.findall(error.message)
    if not unbuilt:
        raise failure
    name = canonicalize_name(unbuilt[0])
    options = spec.requirements.options
    wheels = replace(options, only_binary=(*options.only_binary, name))
    told = replace(spec, requirements=replace(spec.requirements, options=wheels))
    for other in (interpreter, *interpreters.beside(interpreter)):
        for path in set(folder.iterdir()) - kept:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        log(f"The source of {name} cannot be built here: looking for a wheel for Python {other.version}.")
        try:
            built = _build(told, other, folder, config, log)
        except UserCodeError:
            continue
        note = f"The source of {name} cannot be built here: Python {other.version} is used, for which it has a wheel."
        log(note)
        return replace(built, notes=(*built.notes, note))
    hint = f"Name a version of {name} that has a wheel for Python 3.{interpreter.minor}, or another Python."
    raise UserCodeError(failure.message, code=failure.code, hint=hint) from failure


def _build(spec: EnvironmentSpec, interpreter: Interpreter, folder: Path, config: PipConfig, log: Log) -> Built:
    asked, notes = (spec.requirements, []) if cpu_builds.has_gpu() else cpu_builds.without_cuda(spec.requirements)
    options = asked.options.over(config.options)
    for note in notes:
        log(note)
    environ = _environ(asked.options, config, interpreter)
    constraints = environ.pop("UV_CONSTRAINT", " ".join(config.constraints)).split()
    run = _Run(environ, tuple(constraints), _shared(options), folder, log)
    _write_input(asked, spec.context, options, interpreter, folder)
    plan, said = _resolve(_plans(asked, options, interpreter), run, asked.constraints)
    _create(plan.interpreter, run)
    _sync(plan, run)
    return Built(plan.interpreter, tuple(notes + said), _tidy(folder))


def _tidy(folder: Path) -> int:
    """Removes what only uv needed, and secrets from the lock, which is there to be shown. Returns its packages."""
    for name in _INPUTS:
        (folder / name).unlink(missing_ok=True)
    text = bare_url((folder / LOCK).read_text(encoding="utf-8"))
    (folder / LOCK).write_text(text, encoding="utf-8")
    return sum(1 for line in text.splitlines() if line[:1].isalnum())


def may_download(minor: str, log: Log) -> bool:
    """Asks uv for a Python that is missing; True when it is there afterwards. uv's own settings may forbid it."""
    environ = {**os.environ, "UV_HTTP_RETRIES": "0", "UV_HTTP_TIMEOUT": "10"}
    command = [*prefix(os.environ), uv.find_uv_bin(), "python", "install", "--no-bin", minor]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        log(f"Python {minor} was not here: uv has installed it.")
    return done.returncode == 0


def prefix(environ: Mapping[str, str]) -> list[str]:
    """Returns the words that whatever runs code of packages is started with."""
    words: list[str] = json.loads(environ.get(PREFIX) or "[]")
    return words


def _environ(asked: PipOptions, config: PipConfig, interpreter: Interpreter) -> dict[str, str]:
    """Returns uv's environment: pip's settings, below the UV_* variables that the user set."""
    environ = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "CONDA_PREFIX")}
    environ.pop("PYTHONPATH", None)
    pip = config.options
    given = {
        "UV_DEFAULT_INDEX": environ.pop("UV_INDEX_URL", None) or pip.index_url,
        "UV_INDEX": environ.pop("UV_EXTRA_INDEX_URL", None) or " ".join(pip.extra_index_urls),
        "UV_FIND_LINKS": ",".join(pip.find_links),
        "UV_INSECURE_HOST": " ".join(pip.trusted_hosts + asked.trusted_hosts),
        "UV_INDEX_STRATEGY": "unsafe-best-match",  # pip's: the best version of all indexes
        "UV_HTTP_TIMEOUT": config.timeout_s,
        "UV_KEYRING_PROVIDER": "subprocess" if config.keyring_provider == "subprocess" else None,
        "UV_LINK_MODE": "hardlink" if sys.platform == "linux" else None,  # elsewhere uv clones, which is as fast
        "SSL_CERT_FILE": config.cert,
        "SSL_CLIENT_CERT": config.client_cert,
        "HTTPS_PROXY": config.proxy if "https_proxy" not in environ else None,
        "HTTP_PROXY": config.proxy if "http_proxy" not in environ else None,
        "UV_NO_PROGRESS": "1",
        "NO_COLOR": "1",
    }
    for name, value in given.items():
        if value:
            environ.setdefault(name, value)
    if asked.index_url:
        environ["UV_DEFAULT_INDEX"] = asked.index_url
    environ["UV_INDEX"] = " ".join(filter(None, (*asked.extra_index_urls, environ.get("UV_INDEX"))))
    bundled = interpreter.bundled if interpreter.bundled.is_dir() else None
    links = filter(None, (*asked.find_links, environ.get("UV_FIND_LINKS"), bundled))
    environ["UV_FIND_LINKS"] = ",".join(map(str, links))
    return {name: value for name, value in environ.items() if value}


def _shared(options: PipOptions) -> tuple[str, ...]:
    arguments = ["--no-index"] if options.no_index else []
    for name in options.only_binary:
        arguments += ["--only-binary", name]
    for name in options.no_binary:
        arguments += ["--no-binary", name]
    return tuple(arguments)


def _write_input(asked: Requirements, context: Path | None, options: PipOptions, by: Interpreter, folder: Path) -> None:
    local = [f"{((context or folder) / package.path).as_uri()}{package.extras}" for package in asked.local]
    lines = [*asked.lines, *local, *_seeds(asked.lines, options, by)]
    (folder / "requirements.in").write_text("\n".join(lines) + "\n", encoding="utf-8")
    # uv checks hashes where it installs, and takes them from constraints as well
    hashed = [line for line in asked.lines if " --hash" in line]
    if hashed:
        (folder / _HASHES).write_text("\n".join(hashed) + "\n", encoding="utf-8")


def _seeds(lines: Sequence[str], options: PipOptions, interpreter: Interpreter) -> Iterator[str]:
    """Yields pip and setuptools, which every Python of conda's has and scripts count on."""
    named = set(_names(lines))
    if "pip" not in named:
        yield "pip"
    if "setuptools" not in named and (interpreter.minor < 12 or not options.no_index):  # 3.12 no longer bundles it
        yield "setuptools"


def _names(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        try:
            yield canonicalize_name(Requirement(line.partition(" --")[0]).name)
        except InvalidRequirement:
            continue  # an address


def _plans(asked: Requirements, options: PipOptions, interpreter: Interpreter) -> Iterator[Plan]:
    """Yields the ways to resolve, best first; see cpu_builds for the rule."""
    own_choice = os.environ.get("UV_TORCH_BACKEND")
    if not own_choice and not cpu_builds.has_gpu():
        yield from _local_cpu_plans(asked, options, [interpreter])
        if not (options.index_url or options.no_index or any(name in os.environ for name in _OWN_INDEX)):
            backend = ("--torch-backend", "cpu")
            name = "CPU builds from PyTorch's own index"
            yield Plan(name, interpreter, (), cpu_builds.CUDA_ONLY, backend, ("torch",))
            newer = interpreters.newer_than(interpreter)
            yield from (replace(plan, is_last_resort=True) for plan in _local_cpu_plans(asked, options, newer))
    yield Plan("what the package index has", interpreter)


def _local_cpu_plans(asked: Requirements, options: PipOptions, by: Iterable[Interpreter]) -> Iterator[Plan]:
    for interpreter in by:
        wheels = cpu_builds.cpu_wheels(options.find_links, interpreter, asked.lines)
        if wheels:
            name = f"CPU builds from {', '.join(sorted({wheel.folder for wheel in wheels}))}"
            pins = tuple(wheel.pin for wheel in wheels)
            touches = tuple(wheel.name for wheel in wheels)
            yield Plan(name, interpreter, pins, cpu_builds.CUDA_ONLY, (), touches)


def _resolve(plans: Iterator[Plan], run: _Run, constraints: Sequence[str]) -> tuple[Plan, list[str]]:
    output: list[str] = []
    is_unreachable = False
    for plan in plans:
        if plan.is_last_resort and not is_unreachable:
            continue
        succeeded, output = _compile(plan, run, constraints)
        if succeeded:
            return plan, _said(plan, run)
        is_unreachable = is_unreachable or any(_PYTORCH_INDEX in line for line in output)
        if not any(word in line for word in plan.touches for line in output):
            break  # the reason has nothing to do with this plan: the next would meet it, too
        run.log(f"Not possible with {plan.name}.")
    raise _failure(output)


def _compile(plan: Plan, run: _Run, constraints: Sequence[str]) -> tuple[bool, list[str]]:
    pins = run.folder / "constraints.txt"
    pins.write_text("\n".join([*constraints, *plan.constraints]) + "\n", encoding="utf-8")
    excluded = run.folder / "excludes.txt"
    excluded.write_text("\n".join(plan.excludes) + "\n", encoding="utf-8")
    run.log(f"Resolving for Python {plan.interpreter.version} with {plan.name} ...")
    command = ["pip", "compile", "requirements.in", "--output-file", LOCK, "--quiet", "--no-header", "--no-annotate"]
    command += ["--python", str(plan.interpreter.path), "--excludes", str(excluded)]
    command += [part for file in (*run.constraints, str(pins)) for part in ("--constraints", file)]
    # A GPU-less machine may well be one that reaches no PyTorch index: no point in waiting for retries.
    environ = {**run.environ, "UV_HTTP_RETRIES": "0"} if "--torch-backend" in plan.arguments else run.environ
    return _uv([*command, *run.arguments, *plan.arguments], replace(run, environ=environ))


def _said(plan: Plan, run: _Run) -> list[str]:
    """Returns what there is to say about how the resolution came out, and logs it."""
    lock = (run.folder / LOCK).read_text(encoding="utf-8")
    cpu = [line.split()[0] for line in lock.splitlines() if "+cpu" in line.split(" ")[0]]
    cuda = cpu_builds.builds_for_cuda(lock)
    notes = []
    if cpu:
        notes.append(f"No GPU here: {', '.join(cpu)} is taken, with {plan.name}.")
    if plan.is_last_resort:
        notes.append(f"Python {plan.interpreter.version} is used: no CPU build for the Python asked for is in reach.")
    if cuda and not cpu_builds.has_gpu():
        notes.append(
            f"No GPU here, and no CPU build in reach: {len(cuda)} CUDA packages, several gigabytes, are installed. "
            "A CPU wheel in a folder of pip's find-links would be taken in their place."
        )
    for pin in cpu_builds.unmatched(lock):
        notes.append(f"{pin} is built for CUDA: its own compiled operators do not load beside a CPU torch.")
    for note in notes:
        run.log(note)
    return notes


def _create(interpreter: Interpreter, run: _Run) -> None:
    command = ["venv", "--quiet", "--relocatable", "--allow-existing", "--no-project", "--python"]
    succeeded, output = _uv([*command, str(interpreter.path), str(run.folder)], run)
    if not succeeded:
        raise _failure(output)


def _sync(plan: Plan, run: _Run) -> None:
    command = ["pip", "sync", LOCK, "--python", str(run.folder / "bin" / "python")]
    command += ["--constraints", _HASHES] if (run.folder / _HASHES).exists() else []
    succeeded, output = _uv([*command, *run.arguments, *plan.arguments], run)
    if not succeeded:
        raise _failure(output)


def _uv(arguments: Sequence[str], run: _Run) -> tuple[bool, list[str]]:
    """Runs uv, every line of its output logged as it comes; secrets in addresses do not get into it."""
    output: list[str] = []

    def hear(line: str) -> None:
        output.append(bare_url(line))
        run.log(output[-1])

    status = commands.run([*prefix(run.environ), uv.find_uv_bin(), *arguments], run.environ, hear, run.folder)
    return status == 0, output


def _failure(output: Sequence[str]) -> LazuliteError:
    reason = reason_of(output)
    if "No space left on device" in reason or "os error 28" in reason:
        return OutOfSpace("The disk is full: the environment was not built.", hint="Free some space, then repeat.")
    hint = None
    if "tunnel error" in reason or (prefix(os.environ) and _ABSENT in reason):
        hint = (
            "Is this a private network? `lazulite status` lists what it refused. LAZULITE_ALLOWED_HOSTS names an index "
            "that belongs to it, PIP_FIND_LINKS a folder of wheels; or build before the network is private."
        )
    elif "Failed to fetch" in reason or "error sending request" in reason:
        hint = "Can this machine reach its package index? `pip config list` shows which one that is."
    return UserCodeError(reason, code="ImageBuildFailure", hint=hint)


def reason_of(output: Sequence[str]) -> str:
    """Returns the reason that uv gives, on a few lines: which requirement, and why."""
    starts = [number for number, line in enumerate(output) if re.match(r"\s*(error:|×)", line)]
    lines = [_FRAME.sub("", line).strip() for line in output[starts[0] if starts else 0 :]]
    words = [re.sub(r"^(error|cause): ", "", line) for line in lines if line]
    if len(words) > _MAX_REASON_LINES:
        half = _MAX_REASON_LINES // 2
        words = [*words[:half], "...", *words[-half:]]
    return "\n".join(words)
