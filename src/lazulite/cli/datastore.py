"""`lazulite datastore`: as az ml datastore, and what is in one."""

from pathlib import Path

from lazulite.cli import stored
from lazulite.cli.entities import DATASTORE
from lazulite.cli.grammar import Arguments, Command, Group, Json, flag
from lazulite.cli.session import open_workspace
from lazulite.cli.stored import Place
from lazulite.cli.verbs import COMMON, MAX_RESULTS, NEW_NAME, Noun, creating, deleting, listing, showing, updating

_DATASTORE = Noun("datastore", "datastores", DATASTORE)
_NAME = flag("--name", "-n", default="workspaceblobstore", help="Its name; workspaceblobstore if not given.")
PATH = flag("--path", metavar="PATH", help="A file or folder in it; all of it if not given.")
TO = flag("--download-path", "-p", default=".", metavar="DIR", help="Where to; the current folder if not given.")


def _place(arguments: Arguments) -> Place:
    return stored.place_of(open_workspace(arguments), f"azureml://datastores/{arguments.name}/paths/", arguments.path)


def _browse(arguments: Arguments) -> Json:
    return browsed(_place(arguments), arguments.max_results)


def browsed(place: Place, limit: int | None) -> Json:
    """Returns what is at a place as `browse` prints it."""
    found: list[Json] = []
    for entry in place.entries():
        if limit is not None and len(found) >= limit:
            break
        found.append(entry.print())
    return found


def _download(arguments: Arguments) -> Json:
    return downloaded(_place(arguments), Path(arguments.download_path))


def downloaded(place: Place, folder: Path) -> Json:
    """Fetches what is at a place; returns how much and where, as `download` prints it."""
    return {"files": place.fetch(folder), "path": str(folder)}


GROUPS = (
    Group(
        "datastore",
        (
            listing(_DATASTORE),
            showing(_DATASTORE),
            creating(_DATASTORE, (NEW_NAME,), "lazulite datastore create -f blobs.yml"),
            updating(_DATASTORE),
            deleting(_DATASTORE),
            Command(
                "browse",
                "List a folder of a datastore.",
                _browse,
                (_NAME, PATH, MAX_RESULTS, *COMMON),
                "lazulite datastore browse --path azureml -o table",
                stored.COLUMNS,
            ),
            Command(
                "download",
                "Download a file or folder of a datastore.",
                _download,
                (_NAME, PATH, TO, *COMMON),
                "lazulite datastore download --path azureml/JOB/score -p ./results",
            ),
        ),
    ),
)
