"""The environments that stand on this machine: built once per content, published whole, found again at once.

`home/environments/{key}/` is one environment: `bin/python`, `requirements.lock`, `build.log`, `recipe.json`. A folder
of that name is complete, since it gets its name last. While it is being built it is `{key}.building-*`; what is left of
a failed build, its log, is in `{key}.failed`.
"""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from lazulite import clock
from lazulite.artifacts.files import full_disk_is_an_error
from lazulite.environments import cpu_builds, interpreters, pip_config
from lazulite.environments.builders import uv
from lazulite.environments.interpreters import Choice
from lazulite.environments.key import BUILDER_VERSION, key_of
from lazulite.environments.pip_config import PipConfig, bare_url
from lazulite.environments.spec import EnvironmentSpec
from lazulite.errors import LazuliteError

Log = Callable[[str], None]

_RECIPE = "recipe.json"
_LOG = "build.log"
# Run by the environment's own Python, which may be 3.8, in the environment's folder: an absolute path would make
# folders anew where the environment has been removed meanwhile.
_COMPILE = "import compileall, os; os.nice(19); compileall.compile_dir('lib', ddir=os.path.abspath('lib'), quiet=2)"


@dataclass(frozen=True)
class Environment:
    """An environment that is ready. python: its interpreter; variables: what its code is to be started with.

    notes: what is otherwise than in Azure. lock: every package with its version, None where nothing was locked.
    """

    key: str
    python: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    lock: Path | None = None


def ensure(home: Path, spec: EnvironmentSpec, log: Log) -> Environment:
    """Returns the environment of a specification, building it if it does not stand yet. Blocks while it is built.

    log gets every line of the build, and each note once. Safe to call from several threads and processes: one builds,
    the others wait. Raises UserCodeError with the resolver's reason (code ImageBuildFailure), OutOfSpace.
    Effects: a folder under home/environments, uv's cache, a process that compiles bytecode afterwards.
    """
    config = pip_config.read(os.environ, Path.home())
    has_gpu = cpu_builds.has_gpu()
    choice = interpreters.choose(spec.python)
    key = key_of(spec, choice.interpreter, config, has_gpu=has_gpu)
    if find(home, key) is None and choice.missing and uv.may_download(choice.missing, log):
        choice = interpreters.choose(spec.python)
        key = key_of(spec, choice.interpreter, config, has_gpu=has_gpu)
    for note in _notes(spec, choice, has_gpu):
        log(note)
    found = find(home, key)
    if found is None:
        with _only_builder(home, key, log):
            found = find(home, key) or _build(home, key, spec, choice, config, log)
    else:
        log(f"Environment {key} stands already.")
        for note in found.notes:
            log(note)
    os.utime(found.python.parent.parent / _RECIPE)  # remove_stale goes by this
    notes = (*_notes(spec, choice, has_gpu), *found.notes)
    return Environment(key, found.python, spec.variables, notes, found.lock)


def standing(home: Path, spec: EnvironmentSpec) -> Environment | None:
    """Returns the environment of a specification if it stands; builds nothing."""
    config = pip_config.read(os.environ, Path.home())
    choice = interpreters.choose(spec.python)
    return find(home, key_of(spec, choice.interpreter, config, has_gpu=cpu_builds.has_gpu()))


def _notes(spec: EnvironmentSpec, choice: Choice, has_gpu: bool) -> tuple[str, ...]:
    notes = [*spec.notes]
    if choice.note:
        notes.append(choice.note)
    if spec.has_cuda and not has_gpu:
        notes.append(f"Image {spec.image} is made for CUDA, but there is no GPU here: it runs on the CPU.")
    return tuple(notes)


def find(home: Path, key: str) -> Environment | None:
    """Returns an environment that stands, None when there is none, or when its Python has gone.

    Its variables are those of whoever asks, and empty here; its notes are those of the build.
    """
    folder = _home(home) / key
    python = folder / "bin" / "python"
    try:
        recipe = json.loads((folder / _RECIPE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not os.access(python, os.X_OK):  # follows the link to the interpreter
        return None
    return Environment(key, python, {}, tuple(recipe["notes"]), folder / uv.LOCK)


def build_log(home: Path, key: str) -> Path | None:
    """Returns the log of a build: running, done or failed; None when there was none."""
    running = sorted(_home(home).glob(f"{key}.building-*/{_LOG}"), key=os.path.getmtime)
    kept = [_home(home) / name / _LOG for name in (key, f"{key}.failed")]
    return next((path for path in (*reversed(running), *kept) if path.exists()), None)


def remove_stale(home: Path, unused_since: datetime, keep: Collection[str] = ()) -> list[str]:
    """Removes environments last asked for before a moment, and what killed and failed builds left. Returns the keys.

    keep: keys in use, which stay whatever their age.
    """
    removed = []
    for folder in _home(home).iterdir() if _home(home).is_dir() else ():
        key = folder.name.partition(".")[0]
        if not folder.is_dir() or key in keep:
            continue
        recipe = folder / _RECIPE
        used_at = (recipe if recipe.exists() else folder).stat().st_mtime
        is_leftover = ".building-" in folder.name
        if used_at >= unused_since.timestamp() and not is_leftover:
            continue
        with _lock(home, key) as is_ours:
            if is_ours:
                _discard(folder)
                removed.append(key)
    return sorted(set(removed))


def _home(home: Path) -> Path:
    return home / "environments"


@contextlib.contextmanager
def _only_builder(home: Path, key: str, log: Log) -> Iterator[None]:
    """Holds the one right to build an environment; the system takes it back when this process dies."""
    with full_disk_is_an_error():
        _home(home).mkdir(parents=True, exist_ok=True)
    with _lock(home, key) as is_ours:
        if is_ours:
            yield
            return
    log("The same environment is being built for another; waiting for it ...")
    with _lock(home, key, wait=True):
        yield


@contextlib.contextmanager
def _lock(home: Path, key: str, *, wait: bool = False) -> Iterator[bool]:
    with (_home(home) / f"{key}.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


def _build(home: Path, key: str, spec: EnvironmentSpec, choice: Choice, config: PipConfig, log: Log) -> Environment:
    for leftover in _home(home).glob(f"{key}.building-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    with full_disk_is_an_error():
        folder = Path(tempfile.mkdtemp(prefix=f"{key}.building-", dir=_home(home)))
        try:
            _build_in(folder, key, spec, choice, config, log)
            _publish(folder, _home(home) / key)
        except BaseException as error:
            kept = _keep_log(folder, _home(home) / f"{key}.failed")
            if isinstance(error, LazuliteError):
                error.hint = " ".join(filter(None, (error.hint, f"The whole log: {kept}")))
            raise
    found = find(home, key)
    if found is None:
        raise RuntimeError(f"environment {key} was built but does not stand")
    _compile_later(found.python)
    return found


def _build_in(folder: Path, key: str, spec: EnvironmentSpec, choice: Choice, config: PipConfig, log: Log) -> None:
    started_at = clock.now()
    with (folder / _LOG).open("w", encoding="utf-8", buffering=1) as file:

        def tell(line: str) -> None:
            file.write(line + "\n")
            log(line)

        tell(f"Building environment {key} for {spec.image or 'a conda file'}.")
        for note in _notes(spec, choice, cpu_builds.has_gpu()):
            file.write(note + "\n")
        if config.files:
            tell(f"pip's configuration is honoured: {', '.join(config.files)}")
        built = uv.build(spec, choice.interpreter, folder, config, tell)
        took_s = (clock.now() - started_at).total_seconds()
        tell(f"Built in {took_s:.1f} s: {built.packages} packages, Python {built.interpreter.version}.")
    (folder / _RECIPE).write_text(json.dumps(_recipe(key, spec, built), indent=2) + "\n", encoding="utf-8")


def _recipe(key: str, spec: EnvironmentSpec, built: uv.Built) -> dict[str, Any]:
    return {
        "key": key,
        "builder": BUILDER_VERSION,
        "builtAt": clock.iso(clock.now()),
        "image": spec.image,
        "python": {
            "wanted": spec.python,
            "version": built.interpreter.version,
            "path": str(built.interpreter.path),
        },
        "requirements": [bare_url(line) for line in spec.requirements.lines],
        "constraints": [bare_url(line) for line in spec.requirements.constraints],
        "local": [package.path for package in spec.requirements.local],
        "packages": built.packages,
        "notes": list(built.notes),
    }


def _publish(folder: Path, final: Path) -> None:
    """Gives a complete folder its name; one that lost its Python gives way."""
    folder.chmod(0o755)  # mkdtemp's is 0700
    _discard(final)
    folder.rename(final)


def _discard(folder: Path) -> None:
    """Takes a folder's name away, then removes it as far as it goes: its bytecode may still be being compiled."""
    aside = folder.with_name(f"{folder.name}.building-{uuid.uuid4().hex[:8]}")
    with contextlib.suppress(FileNotFoundError):
        folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


def _keep_log(folder: Path, failed: Path) -> Path:
    shutil.rmtree(failed, ignore_errors=True)
    failed.mkdir(exist_ok=True)
    with contextlib.suppress(OSError):
        (folder / _LOG).rename(failed / _LOG)
    shutil.rmtree(folder, ignore_errors=True)
    return failed / _LOG


def _compile_later(python: Path) -> None:
    """Starts a process of lowest priority that compiles bytecode: the first import is 3 times faster with it.

    Nothing depends on it: killed, it leaves whole files or none.
    """
    process = subprocess.Popen(
        [*uv.prefix(os.environ), str(python), "-I", "-c", _COMPILE],
        cwd=python.parent.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    threading.Thread(target=process.wait, daemon=True).start()
