"""ARM ids, `azureml:` references, names, versions, labels: parse and print, nothing else."""

import re
from dataclasses import dataclass

from lazulite.errors import BadRequest, InvalidName

PROVIDER = "Microsoft.MachineLearningServices"

_WORKSPACE = re.compile(
    r"^/?subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<resource_group>[^/]+)"
    rf"/providers/{PROVIDER}/workspaces/(?P<workspace>[^/]+)(?:/(?P<rest>.*))?$",
    re.IGNORECASE,
)
_REGISTRY = re.compile(r"^azureml://registries/(?P<registry>[^/]+)/(?P<rest>.+)$", re.IGNORECASE)
_DATASTORE = re.compile(
    r"^azureml://(?:subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<resource_group>[^/]+)"
    r"(?:/providers/Microsoft\.MachineLearningServices)?/workspaces/(?P<workspace>[^/]+)/)?"
    r"datastores/(?P<datastore>[^/]+)(?:/paths)?(?:/(?P<path>.*))?$",
    re.IGNORECASE,
)
# Source: azure-ai-ml 1.35.2 entities/_assets/asset.py and learn.microsoft.com: asset and compute naming rules.
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$")


@dataclass(frozen=True)
class WorkspaceId:
    """Names one workspace; prints as its ARM id, whose casing the SDK insists on."""

    subscription: str
    resource_group: str
    workspace: str

    def __str__(self) -> str:
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/{PROVIDER}/workspaces/{self.workspace}"
        )

    @property
    def scope(self) -> str:
        """Returns the key under which this workspace's rows are stored: lower case, since ARM ids ignore case."""
        return f"{self.subscription}/{self.resource_group}/{self.workspace}".lower()

    @property
    def name(self) -> str:
        """Returns its last part, as a registry has it."""
        return self.workspace

    @property
    def described(self) -> str:
        """Returns what errors call it: `workspace "dev"`."""
        return f'workspace "{self.workspace}"'


@dataclass(frozen=True)
class RegistryId:
    """Names one registry, by a name that is its own everywhere; prints as what ids of its assets begin with."""

    name: str

    def __str__(self) -> str:
        return f"azureml://registries/{self.name}"

    @property
    def scope(self) -> str:
        """Returns the key under which this registry's rows are stored; no workspace's looks like it."""
        return str(self).lower()

    @property
    def described(self) -> str:
        """Returns what errors call it: `registry "shared"`."""
        return f'registry "{self.name}"'


Owner = WorkspaceId | RegistryId


@dataclass(frozen=True)
class AssetId:
    """Names one version (or label) of a versioned asset: `{owner}/{kind}/{name}/versions/{version}`.

    kind is Azure's plural (`models`, `environments`, `codes`, ...). Exactly one of version and label is set, or
    neither, meaning the default version.
    """

    owner: Owner
    kind: str
    name: str
    version: str | None = None
    label: str | None = None

    def __str__(self) -> str:
        tail = f"/versions/{self.version}" if self.version else f"/labels/{self.label}" if self.label else ""
        return f"{self.owner}/{self.kind}/{self.name}{tail}"


@dataclass(frozen=True)
class DatastorePath:
    """Names bytes in a datastore: `azureml://datastores/{datastore}/paths/{path}`; workspace None means this one."""

    workspace: WorkspaceId | None
    datastore: str
    path: str


def parse_workspace(text: str) -> tuple[WorkspaceId, str]:
    """Splits an ARM id into its workspace and what follows, `("…/workspaces/ws/models/m", …) -> (ws, "models/m")`.

    Raises BadRequest when the text is not the id of a workspace or of something in one.
    """
    match = _WORKSPACE.match(text)
    if not match:
        raise BadRequest(
            f'"{text}" is not the ARM id of a workspace or of something in one.',
            hint=f"It should begin with /subscriptions/…/resourceGroups/…/providers/{PROVIDER}/workspaces/….",
        )
    owner = WorkspaceId(match["subscription"], match["resource_group"], match["workspace"])
    return owner, match["rest"] or ""


def parse_asset(text: str, kind: str, here: Owner) -> AssetId:
    """Reads any way in which a body may name an asset.

    Forms: a full ARM id, with `azureml:` before it or not; `azureml://registries/r/{kind}/n/versions/1`;
    `azureml:n:1`; `azureml:n@latest`; `n:1`; `n@latest`; `n`. ARM ids end in `/versions/v`, `/labels/l` or the name.
    Raises BadRequest when the text is none of these or names another kind.
    """
    bare = text.removeprefix("azureml:") if not text.startswith("azureml://") else text
    registry = _REGISTRY.match(bare)
    if registry:
        return _from_path(RegistryId(registry["registry"]), registry["rest"], kind, text)
    if bare.lstrip("/").lower().startswith("subscriptions/"):
        owner, rest = parse_workspace(bare)
        return _from_path(owner, rest, kind, text)
    if "/" in bare or not bare:
        raise BadRequest(f'"{text}" does not name one of the {kind}.', hint="Use azureml:NAME:VERSION or an ARM id.")
    name, at, label = bare.partition("@")
    if at:
        return AssetId(here, kind, name, label=label)
    name, _, version = bare.partition(":")
    return AssetId(here, kind, name, version=version or None)


def _from_path(owner: Owner, rest: str, kind: str, text: str) -> AssetId:
    parts = rest.strip("/").split("/")
    if parts[0].lower() != kind.lower() or len(parts) not in (2, 4):
        raise BadRequest(f'"{text}" does not name one of the {kind}.')
    name = parts[1].removeprefix("azureml:")  # the SDK puts what it was given into ids as it stands
    if len(parts) == 2:
        return AssetId(owner, kind, name)
    selector = parts[2].lower()
    if selector == "versions":
        return AssetId(owner, kind, name, version=parts[3])
    if selector == "labels":
        return AssetId(owner, kind, name, label=parts[3])
    raise BadRequest(f'"{text}" should have "versions" or "labels" where it has "{parts[2]}".')


def parse_datastore(text: str) -> DatastorePath | None:
    """Reads an `azureml://…datastores/…` URI, short or long; None when the text is not one.

    The odd form without `/paths/`, which jobs' default outputs use, is read too. Source: wire observations of
    azure-ai-ml 1.35.2, `ARTIFACTS_REGEX` in _utils/_storage_utils.py.
    """
    match = _DATASTORE.match(text)
    if not match:
        return None
    workspace = None
    if match["workspace"]:
        workspace = WorkspaceId(match["subscription"], match["resource_group"], match["workspace"])
    return DatastorePath(workspace, match["datastore"], match["path"] or "")


def child_name(text: str, kind: str) -> str:
    """Returns the last segment of an ARM id of the given kind, or the bare name: `{W}/computes/cpu` -> `cpu`.

    An `azureml:` prefix is dropped: the SDK sends it inside path segments and bodies alike.
    """
    bare = text.removeprefix("azureml:").rstrip("/")
    marker = f"/{kind}/".lower()
    position = bare.lower().rfind(marker)
    return bare[position + len(marker) :] if position >= 0 else bare


def check_name(name: str, what: str) -> str:
    """Returns the name if Azure would take it; raises InvalidName, which says the rule, if not."""
    if not _NAME.match(name):
        raise InvalidName(
            f'"{name}" is not a valid {what} name: it must be 1 to 255 letters, digits, "-", "_" or ".", '
            "and begin with a letter or a digit.",
            target="name",
        )
    return name
