"""What is looked at before a workspace ships to Azure, and what is found. Types alone; knows no rule."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Body = Mapping[str, Any]

DOCS = "https://learn.microsoft.com/azure/machine-learning/"


@dataclass(frozen=True)
class Trouble:
    """One thing that Azure would refuse, or do otherwise.

    what: the kind of resource. where: `endpoint/deployment`, a name, `name:version`, or what it is about. source: of
    Azure's rule, a page of DOCS. is_refused: it fails there; else it works, but otherwise.
    """

    what: str
    where: str
    said: str
    fix: str
    source: str
    is_refused: bool = True


@dataclass(frozen=True)
class Folder:
    """How much was uploaded: of code, of a build context, of a model. kind: a model's, else ""."""

    files: int = 0
    size_bytes: int = 0
    kind: str = ""


@dataclass(frozen=True)
class Used:
    """An environment that something uses.

    label: `name:version`. body: its ARM properties. packages: names of what it asks for, normalised; None where
    that cannot be known. context: of its build, if it is one. is_bound: an interpreter here serves for it.
    """

    label: str
    body: Body
    packages: frozenset[str] | None = None
    context: Folder | None = None
    is_bound: bool = False

    @property
    def image(self) -> str:
        """Returns the image that it names, "" where it is built."""
        return str(self.body.get("image") or "")

    def has_any(self, *names: str) -> bool:
        """Tells whether it has one of these packages, or may have: nothing is held against what is not known."""
        return self.packages is None or not self.packages.isdisjoint(names)


@dataclass(frozen=True)
class Named:
    """A resource by its own name, `name:version` of an asset. properties: its ARM properties; told: its warnings."""

    name: str
    properties: Body
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shipped:
    """What is looked at. Endpoints and deployments: ARM bodies with their names, deployments with their endpoint's.

    environments, models: what is referred to, by the reference as bodies have it. codes: by `name:version`. counts:
    the gateway's, by `endpoint/deployment`. local_accounts: storage accounts whose bytes are on this machine.
    """

    name: str
    workspace: Body
    endpoints: tuple[Body, ...] = ()
    deployments: tuple[tuple[str, Body], ...] = ()
    batch_endpoints: tuple[Named, ...] = ()
    batch_deployments: tuple[tuple[str, Body], ...] = ()
    computes: tuple[Named, ...] = ()
    jobs: tuple[Named, ...] = ()
    schedules: tuple[Named, ...] = ()
    datastores: tuple[Named, ...] = ()
    data: tuple[Named, ...] = ()
    environments: Mapping[str, Used] = field(default_factory=dict)
    models: Mapping[str, Folder] = field(default_factory=dict)
    codes: Mapping[str, Folder] = field(default_factory=dict)
    counts: Mapping[str, Body] = field(default_factory=dict)
    local_accounts: frozenset[str] = frozenset()

    @property
    def is_private(self) -> bool:
        """Tells whether the workspace's public access is off."""
        properties = self.workspace.get("properties") or {}
        return str(properties.get("publicNetworkAccess") or "").lower() == "disabled"
