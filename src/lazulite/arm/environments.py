"""Environments: versioned; an image, a conda file, a build context, or all of them. Azure's curated ones are there too."""

from lazulite.arm import scopes, shapes
from lazulite.arm.families import Asset, Context
from lazulite.catalog import curated_environments
from lazulite.environments import spec
from lazulite.errors import BadRequest, NotFound
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import WorkspaceId
from lazulite.store import resources
from lazulite.store.resources import Place


def accept(given: JsonObject, context: Context) -> JsonObject:
    """Checks that there is something to build from, and that the conda file can be read."""
    if not given.get("image") and not given.get("build"):
        raise BadRequest(
            "An environment needs an image, with a conda file or without, or a build context.",
            target="properties.image",
        )
    shapes.text(given, "image")
    shapes.texts(given, "tags")
    if given.get("condaFile"):
        spec.check_conda(given["condaFile"])
    return {
        "isAnonymous": False,
        "osType": "Linux",
        "environmentType": "UserCreated",
        **given,
        "tags": given.get("tags") or {},
        "properties": given.get("properties") or {},
    }


def list_containers(call: Call, parts: Parts) -> Reply:
    """Lists the workspace's environments, then Azure's curated ones."""
    reply = ENVIRONMENT.list_containers(call, parts)
    page = reply.body
    if shapes.wants_archived(call) is not True and not page["nextLink"]:
        workspace = scopes.workspace(call, parts)
        mine = {item["name"].lower() for item in page["value"]}
        curated = curated_environments.newest()
        page["value"] += [_container(workspace, one) for one in curated if one.name.lower() not in mine]
    return reply


def get_container(call: Call, parts: Parts) -> Reply:
    """Answers an environment's container, the workspace's own before a curated one."""
    if _is_own(call, parts):
        return ENVIRONMENT.get_container(call, parts)
    return Reply(_container(scopes.workspace(call, parts), _curated(call, None)))


def list_versions(call: Call, parts: Parts) -> Reply:
    """Lists an environment's versions; a curated one is known in its versions of the catalog."""
    if _is_own(call, parts):
        return ENVIRONMENT.list_versions(call, parts)
    workspace, newest = scopes.workspace(call, parts), _curated(call, None)
    top = shapes.whole_number(call, "$top") or None
    found = curated_environments.versions(newest.name)[:top]
    return shapes.page([_version(workspace, one) for one in found])


def get_version(call: Call, parts: Parts) -> Reply:
    """Answers one version."""
    if _is_own(call, parts):
        return ENVIRONMENT.get_version(call, parts)
    return Reply(_version(scopes.workspace(call, parts), _curated(call, call.ids["version"])))


def _is_own(call: Call, parts: Parts) -> bool:
    """Tells whether the workspace has this name; if neither it nor the catalog has, the workspace's error is best."""
    workspace, name = scopes.workspace(call, parts), call.ids["name"]
    with parts.db.read() as connection:
        own = resources.get(connection, Place(workspace.scope, "environments", name))
    return own is not None or curated_environments.find(name, None) is None


def _curated(call: Call, version: str | None) -> curated_environments.Curated:
    found = curated_environments.find(call.ids["name"], version)
    if not found:
        known = ", ".join(one.version for one in curated_environments.versions(call.ids["name"]))
        raise NotFound(
            f'Curated environment "{call.ids["name"]}" has no version "{version}" here. It has {known}.',
            target="version",
        )
    return found


def _version(workspace: WorkspaceId, one: curated_environments.Curated) -> JsonObject:
    return {
        "id": f"{workspace}/environments/{one.name}/versions/{one.version}",
        "name": one.version,
        "type": "Microsoft.MachineLearningServices/workspaces/environments/versions",
        "properties": {
            **one.body(),
            "environmentType": "Curated",
            "isAnonymous": False,
            "isArchived": False,
            "osType": "Linux",
            "tags": {},
            "properties": {},
        },
    }


def _container(workspace: WorkspaceId, one: curated_environments.Curated) -> JsonObject:
    return {
        "id": f"{workspace}/environments/{one.name}",
        "name": one.name,
        "type": "Microsoft.MachineLearningServices/workspaces/environments",
        "properties": {"latestVersion": one.version, "nextVersion": None, "isArchived": False, "tags": {}},
    }


ENVIRONMENT = Asset("environments", accept, fixed=("image", "condaFile", "build", "osType", "inferenceConfig"))

_ALL = f"{scopes.WORKSPACE}/environments"
_OURS = {
    _ALL: list_containers,
    f"{_ALL}/{{name}}": get_container,
    f"{_ALL}/{{name}}/versions": list_versions,
    f"{_ALL}/{{name}}/versions/{{version}}": get_version,
}

ROUTES = (
    *(route for route in ENVIRONMENT.routes() if not (route.method == "GET" and route.template in _OURS)),
    *(Route("GET", template, handler) for template, handler in _OURS.items()),
)
