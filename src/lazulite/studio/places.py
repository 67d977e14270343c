"""From a URI in an address to the file or folder it means, within this platform's storage and nowhere else."""

import mimetypes
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from lazulite.artifacts import links, locate
from lazulite.artifacts.refs import container_of
from lazulite.engine import references
from lazulite.errors import Forbidden, NotFound
from lazulite.http.call import JsonObject
from lazulite.ids import WorkspaceId
from lazulite.studio.inside import Api, segment
from lazulite.studio.visit import Visit

PAGE = 200
_IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".avif", ".svg", ".ico")


Keep = Callable[[str], bool]


@dataclass(frozen=True)
class Entry:
    """A file or a folder in a listing. size_bytes: 0 of a folder; modified_s: seconds since 1970."""

    name: str
    is_folder: bool
    size_bytes: int
    modified_s: float

    @property
    def is_image(self) -> bool:
        """Tells whether it is to be shown as a picture."""
        return not self.is_folder and is_image(self.name)


def find(visit: Visit, uri: str) -> Path:
    """Returns where a URI's bytes are. Raises NotFound (404), Forbidden (403) for what lies outside of storage."""

    def datastore(workspace: WorkspaceId | None, name: str) -> JsonObject:
        api = Api(visit.call, visit.parts, workspace or visit.workspace)
        shown: JsonObject = api.get(f"datastores/{segment(name)}")["properties"]
        return shown

    home = visit.parts.settings.home
    path = Path(os.path.normpath(locate.path_of(home, uri, datastore)))
    container = container_of(home, path)
    if not container or links.leads_out(str(container), str(path)):
        raise Forbidden(f'"{uri}" is not in the platform\'s storage, and Studio shows nothing else.')
    if not path.exists():
        raise NotFound(f'Nothing is at "{uri}".', hint="It may have been deleted, or was not written yet.")
    return path


@dataclass(frozen=True)
class Listing:
    """A part of a folder: some of its names, where they begin among all, and how many there are."""

    entries: list[Entry]
    start: int
    total: int


def listed(folder: Path, keep: Keep = bool, *, start: int = 0, around: str = "") -> Listing:
    """Lists a folder, folders first, a page of it. keep: which names count; around: a name that is on the page."""
    folders: list[str] = []
    files: list[str] = []
    with os.scandir(folder) as entries:
        for one in entries:
            if keep(one.name):
                (folders if one.is_dir() else files).append(one.name)
    names = [*sorted(folders, key=str.lower), *sorted(files, key=str.lower)]
    if around in names:
        start = names.index(around) // PAGE * PAGE
    found = (_entry(folder / name) for name in names[start : start + PAGE])
    return Listing([one for one in found if one], start, len(names))


def _entry(path: Path) -> Entry | None:
    try:
        about = path.stat()
    except OSError:  # a link to nothing, or deleted just now
        return None
    is_folder = stat.S_ISDIR(about.st_mode)
    return Entry(path.name, is_folder, 0 if is_folder else about.st_size, about.st_mtime)


def below(uri: str, path: str) -> str:
    """Returns the URI of something in the folder of another."""
    return f"{uri.rstrip('/')}/{quote(path.strip('/'))}" if path.strip("/") else uri


def artifacts(run: str) -> str:
    """Returns the URI of all that a run logged and wrote."""
    return f"azureml://datastores/{references.ARTIFACT_STORE}/paths/ExperimentRun/dcid.{run}"


def raw(visit: Visit, uri: str, **query: str) -> str:
    """Returns the address of a file's bytes, to be shown or saved."""
    return visit.link("/_studio/raw", uri=uri, **query)


def is_image(name: str) -> bool:
    """Tells by its name whether a file is a picture that browsers draw."""
    return name.lower().endswith(_IMAGES)


def kind_of(name: str) -> str:
    """Returns a file's media type by its name."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
