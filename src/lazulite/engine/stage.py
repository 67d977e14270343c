"""Lays out a job's folder: its code, its inputs as it may see them, the places where its outputs will be."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from lazulite.artifacts.copies import copy_folder
from lazulite.artifacts.files import full_disk_is_an_error
from lazulite.artifacts.refs import container_of, storage_path
from lazulite.engine import downloads, folders, mltables
from lazulite.engine.prepare import Prepared
from lazulite.engine.sources import Goal, Source
from lazulite.engine.spec import LITERAL
from lazulite.errors import BadRequest
from lazulite.identity import doors
from lazulite.settings import Settings

# What a job writes beside its code is an artifact of the run at once.
LIVE = ("outputs", "logs")


@dataclass
class Staged:
    """A job's folder, laid out.

    values: what its command is bound to, `{"inputs.data": "/…/inputs/data"}`. views: (source, target), to be shown
    read-only. readonly: folders that hold sources. writable: folders within those that the job writes to.
    """

    folder: Path
    artifacts: Path
    values: dict[str, str] = field(default_factory=dict)
    views: list[tuple[Path, Path]] = field(default_factory=list)
    readonly: list[Path] = field(default_factory=list)
    writable: list[Path] = field(default_factory=list)

    @property
    def code(self) -> Path:
        """Returns the job's working directory."""
        return self.folder / "code"


def stage(settings: Settings, made: Prepared, has_views: bool, log: Callable[[str], None]) -> Staged:
    """Makes a job's folder, from nothing.

    has_views: whether the job can be given views of its inputs; it gets copies where not. log: gets a line for what
    takes long. Raises BadRequest for an input that cannot be had, OutOfSpace (507).
    """
    home, job = settings.home, made.job
    staged = Staged(folders.of_job(home, job.scope, job.name), folders.artifacts(home, made.workspace.id, job.name))
    with full_disk_is_an_error():
        staged.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (staged.folder / "lock").unlink(missing_ok=True)  # of an earlier attempt, whose process has ended
        discard(staged.folder)
        _place_code(home, staged, made.sources.code, log)
        for one in made.spec.inputs:
            if one.kind == LITERAL:
                staged.values[f"inputs.{one.name}"] = one.text
        for source in made.sources.inputs:
            staged.values[f"inputs.{source.input.name}"] = _place_input(settings, staged, source, has_views, log)
        for goal in made.sources.outputs:
            staged.values[f"outputs.{goal.output.name}"] = _place_output(staged, goal)
    staged.readonly.append(storage_path(home))
    staged.writable.append(staged.artifacts)
    return staged


def discard(folder: Path) -> None:
    """Removes what a job needed only while it ran."""
    for name in ("code", "inputs"):
        shutil.rmtree(folder / name, ignore_errors=True)


def _place_code(home: Path, staged: Staged, source: Path | None, log: Callable[[str], None]) -> None:
    if source:
        _tell("code", source, copy_folder(source, staged.code, _copy_program, within=container_of(home, source)), log)
    else:
        staged.code.mkdir()
    for name in LIVE:
        keep(staged.code / name, staged.artifacts / name)
    (staged.artifacts / "user_logs").mkdir(exist_ok=True)


def _tell(what: str, folder: Path, left_out: list[str], log: Callable[[str], None]) -> None:
    for link in left_out:
        log(f"{what}: {Path(link).relative_to(folder)} is left out, a link that leads out of its container")


def _copy_program(source: str, target: str) -> None:
    """Copies a file that can then be executed: blobs have no permissions, and `./run.sh` is to work as on Azure."""
    shutil.copyfile(source, target)
    Path(target).chmod(0o755)


def keep(path: Path, artifacts: Path) -> None:
    """Makes a folder of the working directory an artifact's; what is in it already moves there."""
    artifacts.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        return
    if path.is_dir():
        copy_folder(path, artifacts, shutil.copy2)
        shutil.rmtree(path)
    if not path.exists():
        path.symlink_to(artifacts)


def _place_input(
    settings: Settings, staged: Staged, source: Source, has_views: bool, log: Callable[[str], None]
) -> str:
    """Returns what an input's binding stands for: a file or folder of the job's own, or the URI itself."""
    wanted, path = source.input, source.path
    if wanted.mode == "Direct":
        return source.uri
    if path is None:
        path = _fetch(settings, staged, source, log)
    folder = staged.folder / "inputs" / wanted.name
    if wanted.mode.startswith("Eval"):
        _place_table(staged, path, folder, has_views and wanted.mode == "EvalMount")
        return str(folder)
    target = folder / path.name if path.is_file() or wanted.is_contained else folder
    if has_views and not wanted.mode.endswith("Download"):
        _make_like(path, target)
        staged.views.append((path, target))
        if not path.is_relative_to(storage_path(settings.home)):
            staged.readonly.append(path)
        return str(target)
    log(f"input {wanted.name}: copied, mode {wanted.mode}")
    if path.is_dir():
        _tell(f"input {wanted.name}", path, copy_folder(path, target, within=container_of(settings.home, path)), log)
    else:
        folder.mkdir(parents=True)
        shutil.copyfile(path, target)
    return str(target)


def _place_table(staged: Staged, table: Path, folder: Path, is_mounted: bool) -> None:
    """Lays out the files that a table names, each as it lies below the table; links, where they can be protected.

    Source: learn.microsoft.com/azure/machine-learning/how-to-read-write-data-v2, eval_mount and eval_download.
    """
    folder.mkdir(parents=True)
    for file in mltables.files(table):
        target = folder / file.relative_to(table)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            if is_mounted:
                target.hardlink_to(file)
        except OSError:  # it lies on another disk
            pass
        if not target.exists():
            shutil.copyfile(file, target)
    if is_mounted:
        staged.views.append((folder, folder))


def _fetch(settings: Settings, staged: Staged, source: Source, log: Callable[[str], None]) -> Path:
    if settings.private_network and not _is_let_out(settings, staged, source.uri):
        raise BadRequest(
            f"inputs.{source.input.name}: {source.uri} is on the web, and the platform was started with "
            "--private-network.",
            target=f"properties.inputs.{source.input.name}",
            hint="Register it as data of the workspace, or name its host in LAZULITE_ALLOWED_HOSTS.",
        )
    if source.input.kind != "uri_file":
        raise BadRequest(
            f"inputs.{source.input.name}: {source.uri} is on the web, where only single files can be had (uri_file).",
            target=f"properties.inputs.{source.input.name}",
        )
    log(f"input {source.input.name}: {source.uri}")
    return downloads.fetch(settings.home, source.uri)


def _is_let_out(settings: Settings, staged: Staged, url: str) -> bool:
    parts = urlsplit(url)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return doors.lets_out(settings, f"job {staged.folder.name}", parts.hostname or "", port)


def _make_like(source: Path, target: Path) -> None:
    """Makes an empty file or folder for a view to cover."""
    if source.is_dir():
        target.mkdir(parents=True)
    else:
        target.parent.mkdir(parents=True)
        target.touch()


def _place_output(staged: Staged, goal: Goal) -> str:
    """Returns what an output's binding stands for. Folders exist beforehand; of a file, the one that it will be in."""
    if goal.output.mode == "Direct":
        return goal.uri
    folder = goal.path.parent if goal.output.kind == "uri_file" else goal.path
    folder.mkdir(parents=True, exist_ok=True)
    staged.writable.append(folder)
    return str(goal.path)
