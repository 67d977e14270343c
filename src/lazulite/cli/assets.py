"""The verbs of versioned assets: components, data, environments, models; in a workspace or in a registry."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lazulite.cli import changes
from lazulite.cli.entities import CONTAINER, Field, entity
from lazulite.cli.grammar import Arguments, Command, Flag, Json, Misuse, flag, required
from lazulite.cli.rest import Refused
from lazulite.cli.session import Session, open_assets, open_workspace
from lazulite.cli.verbs import (
    COMMON,
    FILE,
    MAX_RESULTS,
    NAME,
    NO_WAIT,
    REGISTRY,
    SET,
    SKIP_VALIDATION,
    fields,
    overrides,
    sdk,
)
from lazulite.errors import BadRequest

VERSION = flag("--version", "-v", help="Its version; the newest if neither this nor a label is given.")
LABEL = flag("--label", "-l", help="A label instead of a version: latest.")
ANY_NAME = flag("--name", "-n", help="List the versions of this one, not the newest of each.")
NEW_VERSION = flag("--version", "-v", help="The version to make, if not the file's; else the next free number.")
INCLUDE_ARCHIVED = flag("--include-archived", action="store_true", help="Those that are archived too.")
ARCHIVED_ONLY = flag("--archived-only", action="store_true", help="Only those that are archived.")
BUMP = flag("--bump", action="store_true", help="Where the version is there with other content, make the next one.")
STAGE = flag("--stage", "-s", help="Only those of this stage.")
_SHARED = (
    required(VERSION),
    flag("--share-with-name", metavar="NAME", help="Its name there; the same if not given."),
    flag("--share-with-version", metavar="VERSION", help="Its version there; the same if not given."),
    flag("--registry-name", required=True, metavar="NAME", help="The registry to copy it into."),
)
# What changes of a version, in the file's words, which are ARM's here.
_CHANGEABLE = ("description", "tags", "properties", "stage")
_TAKEN = 409  # the status of a version that is there with other content
_NAMES = (("Name", "name"), ("Latest version", "latest_version"))
_VERSIONS = (*_NAMES, ("Version", "version"), ("Type", "type"), ("Path", "path"))


@dataclass(frozen=True)
class Asset:
    """A versioned asset. word: az's noun; kind: ARM's plural; fields: how one version is printed."""

    word: str
    kind: str
    fields: Sequence[Field]

    def find(self, session: Session, name: str, version: str | None, label: str | None) -> Json:
        """Returns ARM's body of a version, of what a label names, or of the newest version."""
        if version and label:
            raise Misuse("A version and a label cannot both be given.")
        if version:
            return session.arm.get(session.path(self.kind, name, "versions", version))
        return session.arm.get(session.path(self.kind, name, "labels", label or "latest"))


def commands(asset: Asset, own: tuple[Flag, ...], example: str) -> tuple[Command, ...]:
    """Makes the verbs that all assets have. own: the flags of `create` that stand for fields."""
    return (
        _listing(asset),
        _showing(asset),
        _creating(asset, own, example),
        _updating(asset, tuple(one for one in own if set(one.names) & {"--description", "--stage"})),
        _archiving(asset, "archive", True),
        _archiving(asset, "restore", False),
        _sharing(asset),
    )


def _listing(asset: Asset) -> Command:
    def run(arguments: Arguments) -> Json:
        session = open_assets(arguments)
        view = list_view(arguments)
        where = (asset.kind, arguments.name, "versions") if arguments.name else (asset.kind,)
        wanted = {"listViewType": view} | ({"stage": arguments.stage} if getattr(arguments, "stage", None) else {})
        rows = session.arm.all(session.path(*where), wanted, arguments.max_results)
        printed = asset.fields if arguments.name else CONTAINER
        return [entity(row, printed) for row in rows]

    stage = (STAGE,) if asset.word == "model" else ()
    flags = (ANY_NAME, *stage, MAX_RESULTS, INCLUDE_ARCHIVED, ARCHIVED_ONLY, REGISTRY, *COMMON)
    what = f"List the {asset.word} assets of a workspace or a registry, or the versions of one."
    return Command("list", what, run, flags, columns=_VERSIONS)


def list_view(arguments: Arguments) -> str:
    """Returns ARM's word for which of the archived are listed. Raises Misuse for both flags at once."""
    if arguments.include_archived and arguments.archived_only:
        raise Misuse("Cannot provide both archived-only and include-archived.")
    return "All" if arguments.include_archived else "ArchivedOnly" if arguments.archived_only else "ActiveOnly"


def _showing(asset: Asset) -> Command:
    def run(arguments: Arguments) -> Json:
        session = open_assets(arguments)
        return entity(asset.find(session, arguments.name, arguments.version, arguments.label), asset.fields)

    return Command("show", f"Show one version of a {asset.word} asset.", run, (NAME, VERSION, LABEL, REGISTRY, *COMMON))


def _creating(asset: Asset, own: tuple[Flag, ...], example: str) -> Command:
    plain = (flag("--name", "-n", help="Its name, if not the file's."), NEW_VERSION, *own)
    extra = {"component": (SKIP_VALIDATION, BUMP), "environment": (BUMP,), "data": (SKIP_VALIDATION,)}

    def run(arguments: Arguments) -> Json:
        session = open_assets(arguments)
        made = _made(session, asset, arguments, _nested(overrides(arguments, plain)))
        return entity(asset.find(session, made.name, made.version, None), asset.fields)

    what = f"Create a version of a {asset.word} asset; what it points at on this machine is uploaded."
    flags = (FILE, *plain, *extra.get(asset.word, ()), SET, REGISTRY, NO_WAIT, *COMMON)
    return Command("create", what, run, flags, example)


def _nested(given: dict[str, Any]) -> dict[str, Any]:
    """Puts the flags of a build context where a file has them."""
    if context := given.pop("build_context", None):
        given["build"] = {"path": context}
    if dockerfile := given.pop("dockerfile_path", None):
        given.setdefault("build", {})["dockerfile_path"] = dockerfile
    return given


def _made(session: Session, asset: Asset, arguments: Arguments, given: dict[str, Any]) -> Any:
    """Makes a version; the next free one where `--bump` says so and the version is there with other content."""
    skips = getattr(arguments, "skip_validation", False)
    options = {"skip_validation": True} if skips and asset.word == "component" else {}
    if arguments.file is None and not given:
        raise Misuse("Nothing says what to create.", hint="Give it by --file, or by --name and other flags.")
    try:
        return sdk().make(session, asset.word, sdk().Wish(arguments.file, given, options))
    except Refused as error:
        if not getattr(arguments, "bump", False) or error.status != _TAKEN:
            raise
        name = given.get("name") or sdk().read(asset.word, sdk().Wish(arguments.file, given)).name
        free = session.arm.get(session.path(asset.kind, name))["properties"]["nextVersion"]
        return sdk().make(session, asset.word, sdk().Wish(arguments.file, {**given, "version": free}, options))


def _updating(asset: Asset, own: tuple[Flag, ...]) -> Command:
    def run(arguments: Arguments) -> Json:
        session = open_assets(arguments)
        given = {**fields(arguments, own), **_of_file(asset, arguments)}
        found = asset.find(session, arguments.name, given.pop("version", None) or arguments.version, arguments.label)
        shown = entity(found, asset.fields)
        before = copy.deepcopy(shown)
        for field, value in given.items():
            changes.put(shown, field, value)
        changes.apply(shown, arguments)
        properties = {**found["properties"], **_changed(before, shown, asset.word)}
        path = session.path(asset.kind, arguments.name, "versions", found["name"])
        session.arm.finish(session.arm.call("PUT", path, {"properties": properties}))
        return entity(asset.find(session, arguments.name, found["name"], None), asset.fields)

    flags = (NAME, VERSION, LABEL, FILE, *own, *changes.FLAGS, REGISTRY, NO_WAIT, *COMMON)
    return Command("update", f"Change description, tags or properties of a {asset.word} asset.", run, flags)


def _of_file(asset: Asset, arguments: Arguments) -> dict[str, Any]:
    """Returns what a file says of all that can be changed."""
    if not arguments.file:
        return {}
    read = sdk().read(asset.word, sdk().Wish(arguments.file, {}))
    said = {field: getattr(read, field, None) for field in (*_CHANGEABLE, "version")}
    return {field: value for field, value in said.items() if value}


def _changed(before: Json, after: Json, word: str) -> dict[str, Any]:
    """Returns what of an asset is to be changed. Raises BadRequest for what never changes."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if fixed := [name for name in names if name not in _CHANGEABLE]:
        raise BadRequest(
            f"{', '.join(fixed)} of a version of a {word} asset cannot be changed.",
            hint=f"What can: {', '.join(_CHANGEABLE)}. For all else make a new version.",
        )
    by_key = ("tags", "properties")
    return {name: changes.texts(after, name) if name in by_key else after.get(name) for name in names}


def _archiving(asset: Asset, verb: str, archived: bool) -> Command:
    def run(arguments: Arguments) -> None:
        session = open_assets(arguments)
        if arguments.version or arguments.label:
            found = asset.find(session, arguments.name, arguments.version, arguments.label)
            path = session.path(asset.kind, arguments.name, "versions", found["name"])
        else:
            path = session.path(asset.kind, arguments.name)
            found = session.arm.get(path)
        properties = {**found["properties"], "isArchived": archived}
        session.arm.call("PUT", path, {"properties": properties})

    what = "Hide from lists" if archived else "Show in lists again"
    version = flag("--version", "-v", help="Only this version; all of it if not given.")
    return Command(
        verb, f"{what} a {asset.word} asset or one version of it.", run, (NAME, version, LABEL, REGISTRY, *COMMON)
    )


def _sharing(asset: Asset) -> Command:
    def run(arguments: Arguments) -> Json:
        session, registry = open_workspace(arguments), open_assets(arguments)
        workspace = session.arm.get(session.path())
        place = f"azureml://locations/{workspace['location']}/workspaces/{workspace['properties']['workspaceId']}"
        name = arguments.share_with_name or arguments.name
        version = arguments.share_with_version or arguments.version
        wanted = {
            "referenceType": "Id",
            "destinationName": name,
            "destinationVersion": version,
            "sourceAssetId": f"{place}/{asset.kind}/{arguments.name}/versions/{arguments.version}",
        }
        registry.arm.finish(registry.arm.call("POST", registry.path("import"), {"properties": wanted}))
        return entity(asset.find(registry, name, version, None), asset.fields)

    what = f"Copy a version of a {asset.word} asset into a registry."
    return Command("share", what, run, (NAME, *_SHARED, *COMMON))
