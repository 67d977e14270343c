"""Environments: versioned; an image, a conda file, a build context, or all. Azure's curated ones are there too."""

from lazulite import fields
from lazulite.arm import shapes, uploads
from lazulite.arm.families import Asset, Context
from lazulite.catalog import curated_environments
from lazulite.catalog.curated_environments import CuratedEnvironment
from lazulite.environments import conda
from lazulite.environments.registered import AZUREML
from lazulite.environments.requirements import Place as Source
from lazulite.errors import BadRequest
from lazulite.http import registries, scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import PROVIDER, Owner, RegistryId
from lazulite.store import resources
from lazulite.store.resources import Place


def accept(given: JsonObject, context: Context) -> JsonObject:
    """Checks that there is something to build from, and that the conda file can be read."""
    image, build = fields.text(given, "properties.image"), fields.nested(given, "properties.build")
    if bool(image) == bool(build):
        raise BadRequest(
            "An environment has either an image, with a conda file or without, or a build context.",
            target="properties.image",
        )
    if build:
        uri = fields.text(build, "properties.build.contextUri", required=True)
        given = {**given, "build": {**build, "contextUri": uploads.uri_of(uri, context.owner, context.parts)}}
    fields.nested(given, "properties.inferenceConfig")
    conda_file = fields.text(given, "properties.condaFile")
    if conda_file:
        conda.read(conda_file, Source("properties.condaFile"))
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
        owner = registries.owner(call, parts)
        if not _has_curated(owner):
            return reply
        mine = {item["name"].lower() for item in page["value"]}
        curated = [one for one in curated_environments.curated_environments() if one.name.lower() not in mine]
        page["value"] += [_container(owner, one.name, one) for one in curated]
    return reply


def get_container(call: Call, parts: Parts) -> Reply:
    """Answers an environment's container, the workspace's own before a curated one."""
    curated = _curated(call, parts)
    if not curated:
        return ENVIRONMENT.get_container(call, parts)
    return Reply(_container(registries.owner(call, parts), call.ids["name"], curated))


def list_versions(call: Call, parts: Parts) -> Reply:
    """Lists an environment's versions; of a curated one the newest only, since all are the same here."""
    curated = _curated(call, parts)
    if not curated:
        return ENVIRONMENT.list_versions(call, parts)
    return shapes.page([_version(registries.owner(call, parts), call.ids["name"], curated, str(curated.latest))])


def get_version(call: Call, parts: Parts) -> Reply:
    """Answers one version."""
    name = call.ids["name"]
    if not _curated(call, parts):
        return ENVIRONMENT.get_version(call, parts)
    curated, version = curated_environments.resolve(name, call.ids["version"])
    return Reply(_version(registries.owner(call, parts), name, curated, version))


def get_label(call: Call, parts: Parts) -> Reply:
    """Answers the newest version for `latest`."""
    name = call.ids["name"]
    if not _curated(call, parts):
        return ENVIRONMENT.get_label(call, parts)
    curated, version = curated_environments.resolve(name, label=call.ids["label"])
    return Reply(_version(registries.owner(call, parts), name, curated, version))


def _curated(call: Call, parts: Parts) -> CuratedEnvironment | None:
    """Returns the curated environment of the path's name, None where the owner has one of its own or none is."""
    owner, name = registries.owner(call, parts), call.ids["name"]
    if not _has_curated(owner):
        return None
    with parts.db.read() as connection:
        own = resources.get(connection, Place(owner.scope, "environments", name))
    return None if own else curated_environments.find(name)


def _has_curated(owner: Owner) -> bool:
    """Tells whether Azure's environments are there too: in workspaces, and in the registry that is Azure's own."""
    return not isinstance(owner, RegistryId) or owner.name.lower() == AZUREML


def _version(owner: Owner, name: str, curated: CuratedEnvironment, version: str) -> JsonObject:
    return {
        "id": f"{owner}/environments/{name}/versions/{version}",
        "name": version,
        "type": f"{PROVIDER}/{_type_of(owner)}/environments/versions",
        "properties": {**curated_environments.wire(curated, version), "properties": {}},
    }


def _container(owner: Owner, name: str, curated: CuratedEnvironment) -> JsonObject:
    return {
        "id": f"{owner}/environments/{name}",
        "name": name,
        "type": f"{PROVIDER}/{_type_of(owner)}/environments",
        "properties": {
            "latestVersion": str(curated.latest),
            "nextVersion": str(curated.latest + 1),
            "isArchived": False,
            "description": curated.description,
            "tags": dict(curated.tags),
        },
    }


def _type_of(owner: Owner) -> str:
    return "registries" if isinstance(owner, RegistryId) else "workspaces"


ENVIRONMENT = Asset("environments", accept, fixed=("image", "condaFile", "build", "osType", "inferenceConfig"))

_GETS = {
    "": list_containers,
    "/{name}": get_container,
    "/{name}/versions": list_versions,
    "/{name}/versions/{version}": get_version,
    "/{name}/labels/{label}": get_label,
}


def routes(root: str = scopes.WORKSPACE) -> tuple[Route, ...]:
    """Returns the routes of environments: those of any asset, where what is read may be Azure's own."""
    ours = {f"{root}/environments{tail}": handler for tail, handler in _GETS.items()}
    plain = (one for one in ENVIRONMENT.routes(root) if one.method != "GET" or one.template not in ours)
    return (*plain, *(Route("GET", template, handler) for template, handler in ours.items()))


ROUTES = routes()
