"""The two shapes that hold most of ARM: versioned assets, and named children of a workspace. Each makes routes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from lazulite import fields
from lazulite.arm import differences, shapes
from lazulite.artifacts.locate import locate
from lazulite.errors import BadRequest, Conflict, NotFound
from lazulite.http import addresses, registries, scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import AssetId, Owner, RegistryId, WorkspaceId, check_name
from lazulite.store import assets, datastores, resources
from lazulite.store.resources import Numbering, Place, Resource

PAGE = 500


@dataclass(frozen=True)
class Context:
    """What `accept` may look at besides the properties: where they go, who asks, and the open transaction."""

    owner: Owner
    name: str
    version: str
    call: Call
    parts: Parts
    connection: Connection

    @property
    def workspace(self) -> WorkspaceId:
        """Returns the workspace. Raises BadRequest where there is none, in a registry."""
        if not isinstance(self.owner, WorkspaceId):
            raise BadRequest(f'Registry "{self.owner.name}" has no datastores and no jobs.', hint="Give a local path.")
        return self.owner


Accept = Callable[[JsonObject, Context], JsonObject]
# Lists what differs between the properties of a version as it is and as it is sent.
Compare = Callable[[JsonObject, JsonObject, Context], list[str]]


@dataclass(frozen=True)
class Asset:
    """A versioned asset type, of workspaces and of registries.

    kind: Azure's plural. accept: checks the properties of a version and returns them completed. fixed: the
    properties that no later PUT of the same version may change. compare: for what `fixed` cannot tell.
    """

    kind: str
    accept: Accept
    fixed: tuple[str, ...]
    compare: Compare | None = None

    def routes(self, root: str = scopes.WORKSPACE) -> tuple[Route, ...]:
        """Returns list, get and put of containers and of versions, and delete of both."""
        container = f"{root}/{self.kind}/{{name}}"
        return (
            Route("GET", f"{root}/{self.kind}", self.list_containers),
            Route("GET", container, self.get_container),
            Route("PUT", container, self.put_container),
            Route("DELETE", container, self.delete),
            Route("GET", f"{container}/versions", self.list_versions),
            Route("GET", f"{container}/versions/{{version}}", self.get_version),
            Route("PUT", f"{container}/versions/{{version}}", self.put_version),
            Route("DELETE", f"{container}/versions/{{version}}", self.delete),
            Route("GET", f"{container}/labels/{{label}}", self.get_label),
        )

    def list_containers(self, call: Call, parts: Parts) -> Reply:
        """Lists the assets' containers, oldest first."""
        owner = registries.owner(call, parts)
        after = shapes.whole_number(call, "$skip")
        with parts.db.read() as connection:
            rows = resources.containers(
                connection, owner.scope, self.kind, archived=shapes.wants_archived(call), after=after, limit=PAGE
            )
            values = self._show_containers(connection, owner, rows)
        return shapes.page(values, next_page(call, rows))

    def get_container(self, call: Call, parts: Parts) -> Reply:
        """Answers `properties: {latestVersion, nextVersion, isArchived, description, tags}`."""
        owner = registries.owner(call, parts)
        with parts.db.read() as connection:
            row = resources.get(connection, Place(owner.scope, self.kind, call.ids["name"]))
            if not row:
                raise self._unknown(connection, owner, call.ids["name"])
            return Reply(self._show_containers(connection, owner, [row])[0])

    def put_container(self, call: Call, parts: Parts) -> Reply:
        """Changes description, tags, properties and isArchived; what the body leaves out stays.

        The SDK archives by sending back what it got, less the fields that its model calls read-only.
        """
        owner, given = registries.owner(call, parts), shapes.properties_of(call.body)
        place = Place(owner.scope, self.kind, check_name(call.ids["name"], self.kind))
        with parts.db.write() as connection:
            before = resources.get(connection, place)
            kept = dict(before.body["properties"]) if before else {}
            kept.update({field: given[field] for field in ("description", "tags", "properties") if field in given})
            archived = bool(given.get("isArchived", before.is_archived if before else False))
            row, is_new = resources.put(
                connection, place, {"properties": kept}, now=call.now, who=call.who.name, is_archived=archived
            )
            return Reply(self._show_containers(connection, owner, [row])[0], 201 if is_new else 200)

    def list_versions(self, call: Call, parts: Parts) -> Reply:
        """Lists versions, newest first unless `$orderBy` says otherwise; honours `$top`, which `@latest` relies on."""
        owner = registries.owner(call, parts)
        top, before = shapes.whole_number(call, "$top"), shapes.whole_number(call, "$skip")
        with parts.db.read() as connection:
            rows = resources.versions(
                connection,
                owner.scope,
                self.kind,
                call.ids["name"],
                archived=shapes.wants_archived(call),
                before=before,
                limit=min(top or PAGE, PAGE),
            )
            # The SDK takes a 404 for "none yet" in workspaces only.
            # Source: azure-ai-ml 1.35.2 _utils/_registry_utils.py, list_registry_assets.
            is_known = rows or resources.get(connection, Place(owner.scope, self.kind, call.ids["name"]))
            if not is_known and isinstance(owner, WorkspaceId):
                raise self._unknown(connection, owner, call.ids["name"])
        if call.query.get("$orderby", "").lower().endswith("asc"):
            rows = rows[::-1]
        return shapes.page([self.show(owner, row) for row in rows], None if top else next_page(call, rows))

    def get_version(self, call: Call, parts: Parts) -> Reply:
        """Answers one version."""
        owner = registries.owner(call, parts)
        with parts.db.read() as connection:
            return Reply(self.show(owner, self.find(connection, owner, call.ids["name"], call.ids["version"])))

    def get_label(self, call: Call, parts: Parts) -> Reply:
        """Answers the newest active version for `latest` and `default`."""
        owner, name = registries.owner(call, parts), call.ids["name"]
        if call.ids["label"].lower() not in ("latest", "default"):
            raise NotFound(f'"{name}" has no label "{call.ids["label"]}".', hint="There is only latest.")
        with parts.db.read() as connection:
            return Reply(self.show(owner, assets.resolve(connection, AssetId(owner, self.kind, name))))

    def put_version(self, call: Call, parts: Parts) -> Reply:
        """Makes a version, or changes the description, tags and archiving of one whose content is the same."""
        owner, name, version = registries.owner(call, parts), call.ids["name"], call.ids["version"]
        place = Place(owner.scope, self.kind, check_name(name, self.kind), check_name(version, "version"))
        with parts.db.write() as connection:
            given = shapes.properties_of(call.body)
            context = Context(owner, name, version, call, parts, connection)
            accepted = self.accept(given, context)
            before = resources.get(connection, place)
            if before:
                accepted = self._settled(before, accepted, context)
            self._ensure_container(connection, place, accepted, call)
            row, is_new = resources.put(
                connection,
                place,
                {"properties": accepted},
                now=call.now,
                who=call.who.name,
                is_archived=bool(accepted.get("isArchived")),
            )
        return Reply(self.show(owner, row), 201 if is_new else 200)

    def delete(self, call: Call, parts: Parts) -> Reply:
        """Deletes a version, or a container with all its versions. Bytes stay: other assets may share them."""
        owner = registries.owner(call, parts)
        place = Place(owner.scope, self.kind, call.ids["name"], call.ids.get("version", ""))
        with parts.db.write() as connection:
            return Reply(status=200 if resources.remove(connection, place) else 204)

    def find(self, connection: Connection, owner: Owner, name: str, version: str) -> Resource:
        """Returns a version's row. Raises NotFound naming the versions that exist."""
        return assets.resolve(connection, AssetId(owner, self.kind, name, version))

    def show(self, owner: Owner, row: Resource) -> JsonObject:
        """Prints a version's row as ARM does."""
        arm_id = f"{owner}/{self.kind}/{row.place.name}/versions/{row.place.version}"
        properties = {**row.body["properties"], "isArchived": row.is_archived}
        return shapes.envelope(row, arm_id, f"{self.kind}/versions", properties)

    def _show_containers(self, connection: Connection, owner: Owner, rows: Sequence[Resource]) -> list[JsonObject]:
        names = [row.place.name for row in rows]
        numbering = resources.numbering(connection, owner.scope, self.kind, names)
        return [self._show_container(owner, row, numbering[row.place.name.lower()]) for row in rows]

    def _show_container(self, owner: Owner, row: Resource, numbering: Numbering) -> JsonObject:
        properties = {
            **row.body["properties"],
            "isArchived": row.is_archived,
            "latestVersion": numbering.latest,
            "nextVersion": numbering.next,
        }
        return shapes.envelope(row, f"{owner}/{self.kind}/{row.place.name}", self.kind, properties)

    def _settled(self, before: Resource, accepted: JsonObject, context: Context) -> JsonObject:
        """Returns what a version that is there becomes. Raises Conflict when that would be something else."""
        old, place = before.body["properties"], before.place
        changes = self.compare(old, accepted, context) if self.compare else self._changes(old, accepted, context)
        if not changes:
            return {**old, **accepted, **{field: old[field] for field in self.fixed if field in old}}
        free = resources.next_version(context.connection, place.scope, place.kind, place.name)
        raise Conflict(
            f"{self.kind} {place.name}:{place.version} exists with other content: {differences.told(changes)}.",
            target="properties",
            hint=f"Versions do not change: use the next one, {free}, or leave the version out to get it.",
        )

    def _changes(self, old: JsonObject, accepted: JsonObject, context: Context) -> list[str]:
        def files(field: str, before: str, after: str) -> list[str] | None:
            is_upload = isinstance(context.owner, RegistryId) and field.endswith("Uri")
            return _of_bytes(field, before, after, context) if is_upload or field == "build.contextUri" else None

        was, now = ({field: one.get(field) for field in self.fixed} for one in (old, accepted))
        return differences.of_fields(was, now, "", files)

    def _ensure_container(self, connection: Connection, place: Place, accepted: JsonObject, call: Call) -> None:
        container = Place(place.scope, place.kind, place.name)
        if resources.get(connection, container):
            return
        about = {field: accepted[field] for field in ("description", "tags") if field in accepted}
        archived = bool(accepted.get("isAnonymous"))  # what has no name of its own is in no list
        resources.put(
            connection, container, {"properties": about}, now=call.now, who=call.who.name, is_archived=archived
        )

    def _unknown(self, connection: Connection, owner: Owner, name: str, version: str = "") -> NotFound:
        return assets.unknown(connection, AssetId(owner, self.kind, name, version or None))


def _nothing(row: Resource, call: Call) -> JsonObject:
    return {}


@dataclass(frozen=True)
class Child:
    """A named child of a workspace without versions.

    kind: Azure's plural. accept: checks the properties and returns them completed. show: the row's properties as
    they are printed, given the call for addresses. show_beside: what is printed beside the properties and was not sent.
    """

    kind: str
    accept: Accept
    show_properties: Callable[[Resource, Call, Parts], JsonObject]
    show_beside: Callable[[Resource, Call], JsonObject] = _nothing

    def routes(self) -> tuple[Route, ...]:
        """Returns list, get, put and delete; a type with an unusual verb writes that one out itself."""
        one = f"{scopes.WORKSPACE}/{self.kind}/{{name}}"
        return (
            Route("GET", f"{scopes.WORKSPACE}/{self.kind}", self.list),
            Route("GET", one, self.get),
            Route("PUT", one, self.put),
            Route("DELETE", one, self.delete),
        )

    def list(self, call: Call, parts: Parts) -> Reply:
        """Lists the children, oldest first."""
        workspace, after = scopes.workspace(call, parts), shapes.whole_number(call, "$skip")
        with parts.db.read() as connection:
            rows = resources.containers(connection, workspace.scope, self.kind, after=after, limit=PAGE)
        return shapes.page([self.show(workspace, row, call, parts) for row in rows], next_page(call, rows))

    def get(self, call: Call, parts: Parts) -> Reply:
        """Answers one child."""
        workspace = scopes.workspace(call, parts)
        with parts.db.read() as connection:
            row = self.find(connection, workspace, call.ids["name"])
        return Reply(self.show(workspace, row, call, parts))

    def put(self, call: Call, parts: Parts) -> Reply:
        """Makes or replaces a child; done when it answers."""
        workspace, name = scopes.workspace(call, parts), check_name(call.ids["name"], self.kind)
        with parts.db.write() as connection:
            given = shapes.properties_of(call.body)
            accepted = self.accept(given, Context(workspace, name, "", call, parts, connection))
            row, is_new = resources.put(
                connection,
                Place(workspace.scope, self.kind, name),
                {**call.body, "properties": accepted},
                now=call.now,
                who=call.who.name,
                if_match=call.headers.get("if-match"),
            )
        return Reply(self.show(workspace, row, call, parts), 201 if is_new else 200)

    def patch(self, call: Call, parts: Parts) -> Reply:
        """Changes what the body names, beside `properties` and in it; the rest stays."""
        workspace = scopes.workspace(call, parts)
        with parts.db.write() as connection:
            row = self.find(connection, workspace, call.ids["name"])
            given = shapes.patched(row.body, call.body)
            context = Context(workspace, row.place.name, "", call, parts, connection)
            body: JsonObject = {**given, "properties": self.accept(given["properties"], context)}
            row, _ = resources.put(connection, row.place, body, now=call.now, who=call.who.name)
        return Reply(self.show(workspace, row, call, parts))

    def delete(self, call: Call, parts: Parts) -> Reply:
        """Deletes a child and what is below it; 204 when there was none."""
        workspace = scopes.workspace(call, parts)
        with parts.db.write() as connection:
            found = resources.remove(connection, Place(workspace.scope, self.kind, call.ids["name"]))
        return Reply(status=200 if found else 204)

    def find(self, connection: Connection, workspace: WorkspaceId, name: str) -> Resource:
        """Returns the child's row. Raises NotFound naming some that exist."""
        row = resources.get(connection, Place(workspace.scope, self.kind, name))
        if row:
            return row
        others = [item.place.name for item in resources.containers(connection, workspace.scope, self.kind, limit=10)]
        known = f"There are {', '.join(others)}." if others else "There are none yet."
        raise NotFound(
            f'{self.kind} "{name}" was not found in workspace "{workspace.workspace}". {known}', target="name"
        )

    def show(self, workspace: WorkspaceId, row: Resource, call: Call, parts: Parts) -> JsonObject:
        """Prints a row as ARM does."""
        return self.wrap(workspace, row, call, self.show_properties(row, call, parts))

    def wrap(self, workspace: WorkspaceId, row: Resource, call: Call, properties: JsonObject) -> JsonObject:
        """Prints a row whose properties have been printed already."""
        arm_id = f"{workspace}/{self.kind}/{row.place.name}"
        return {**shapes.envelope(row, arm_id, self.kind, properties), **self.show_beside(row, call)}


def one_of(properties: JsonObject, field: str, known: Iterable[str]) -> str:
    """Returns a text field's value in the known spelling, ignoring case. Raises BadRequest naming the choices."""
    value = fields.text(properties, f"properties.{field}", required=True)
    for choice in known:
        if choice.lower() == value.lower():
            return choice
    raise BadRequest(
        f'properties.{field} is "{value}", but must be one of {", ".join(known)}.', target=f"properties.{field}"
    )


def next_page(call: Call, rows: Sequence[Resource]) -> str | None:
    """Returns the link to what follows a full page of rows, None where nothing may."""
    return addresses.next_link(call, **{"$skip": rows[-1].sequence}) if len(rows) == PAGE else None


def _of_bytes(field: str, before: str, after: str, context: Context) -> list[str] | None:
    """Lists which files differ between two places; None where one of them is not here to be looked at."""
    home, reader = context.parts.settings.home, datastores.reader(context.connection, context.owner)
    try:
        old, new = (locate(home, uri, reader) for uri in (before, after))
    except (BadRequest, NotFound):
        return None
    return [f"{field}: {said}" for said in differences.of_files(old, new)]
