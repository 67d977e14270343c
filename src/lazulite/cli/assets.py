"""The verbs of versioned assets: data, environments, models."""

from collections.abc import Sequence
from dataclasses import dataclass

from lazulite.cli.entities import CONTAINER, Field, entity
from lazulite.cli.grammar import Arguments, Command, Flag, Json, flag
from lazulite.cli.session import Session, open_workspace
from lazulite.cli.verbs import COMMON, FILE, MAX_RESULTS, NAME, SET, overrides, sdk

VERSION = flag("--version", "-v", help="Its version; the newest if neither this nor a label is given.")
LABEL = flag("--label", "-l", help="A label instead of a version: latest.")
ANY_NAME = flag("--name", "-n", help="List the versions of this one, not the newest of each.")
NEW_VERSION = flag("--version", "-v", help="The version to make, if not the file's; else the next free number.")
INCLUDE_ARCHIVED = flag("--include-archived", action="store_true", help="Those that are archived too.")
ARCHIVED_ONLY = flag("--archived-only", action="store_true", help="Only those that are archived.")


@dataclass(frozen=True)
class Asset:
    """A versioned asset. word: az's noun; kind: ARM's plural; fields: how one version is printed."""

    word: str
    kind: str
    fields: Sequence[Field]

    def find(self, session: Session, name: str, version: str | None, label: str | None) -> Json:
        """Returns ARM's body of a version, of what a label names, or of the newest version."""
        if version:
            return session.arm.get(session.path(self.kind, name, "versions", version))
        return session.arm.get(session.path(self.kind, name, "labels", label or "latest"))


def commands(asset: Asset, own: tuple[Flag, ...], example: str) -> tuple[Command, ...]:
    """Makes list, show, create, update, archive and restore. own: the flags of `create` that stand for fields."""
    return (
        _listing(asset),
        _showing(asset),
        _creating(asset, own, example),
        _updating(asset),
        _archiving(asset, "archive", True),
        _archiving(asset, "restore", False),
    )


def _listing(asset: Asset) -> Command:
    def run(arguments: Arguments) -> Json:
        session = open_workspace(arguments)
        view = "All" if arguments.include_archived else "ArchivedOnly" if arguments.archived_only else "ActiveOnly"
        where = (asset.kind, arguments.name, "versions") if arguments.name else (asset.kind,)
        rows = session.arm.all(session.path(*where), {"listViewType": view})
        fields = asset.fields if arguments.name else CONTAINER
        return [entity(row, fields) for row in rows[: arguments.max_results]]

    flags = (ANY_NAME, MAX_RESULTS, INCLUDE_ARCHIVED, ARCHIVED_ONLY, *COMMON)
    return Command("list", f"List the {asset.word} assets of a workspace, or the versions of one.", run, flags)


def _showing(asset: Asset) -> Command:
    def run(arguments: Arguments) -> Json:
        session = open_workspace(arguments)
        return entity(asset.find(session, arguments.name, arguments.version, arguments.label), asset.fields)

    return Command("show", f"Show one version of a {asset.word} asset.", run, (NAME, VERSION, LABEL, *COMMON))


def _creating(asset: Asset, own: tuple[Flag, ...], example: str) -> Command:
    fields = (flag("--name", "-n", help="Its name, if not the file's."), NEW_VERSION, *own)

    def run(arguments: Arguments) -> Json:
        session = open_workspace(arguments)
        made = sdk().create(session, asset.word, arguments.file, overrides(arguments, fields), wait=True)
        return entity(asset.find(session, made.name, made.version, None), asset.fields)

    what = f"Create a version of a {asset.word} asset; what it points at on this machine is uploaded."
    return Command("create", what, run, (FILE, *fields, SET, *COMMON), example)


def _updating(asset: Asset) -> Command:
    def run(arguments: Arguments) -> Json:
        session = open_workspace(arguments)
        found = asset.find(session, arguments.name, arguments.version, arguments.label)
        which = {"name": arguments.name, "version": found["name"]}
        sdk().update(session, asset.word, which, dict(arguments.set), wait=True)
        return entity(asset.find(session, arguments.name, found["name"], None), asset.fields)

    flags = (NAME, VERSION, LABEL, SET, *COMMON)
    return Command("update", f"Change description, tags or properties of a {asset.word} asset.", run, flags)


def _archiving(asset: Asset, verb: str, archived: bool) -> Command:
    def run(arguments: Arguments) -> None:
        session = open_workspace(arguments)
        if arguments.version or arguments.label:
            found = asset.find(session, arguments.name, arguments.version, arguments.label)
            path = session.path(asset.kind, arguments.name, "versions", found["name"])
        else:
            path = session.path(asset.kind, arguments.name)
            found = session.arm.get(path)
        properties = {**found["properties"], "isArchived": archived}
        session.arm.call("PUT", path, {"properties": properties})

    what = "Hide from lists" if archived else "Show in lists again"
    flags = (NAME, flag("--version", "-v", help="Only this version; all of it if not given."), LABEL, *COMMON)
    return Command(verb, f"{what} a {asset.word} asset or one version of it.", run, flags)
