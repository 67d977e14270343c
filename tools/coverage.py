"""docs/coverage.md: every operation of azure-ai-ml's own REST clients, and what Lazulite answers to it."""

import ast
import functools
import importlib.util
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from lazulite.errors import LazuliteError
from lazulite.http import scopes
from lazulite.http.routes import Route, Router
from tools import storage
from tools.routes import tables

# Where azure-ai-ml keeps its generated clients, what each is for, and the mount that its requests reach.
CLIENTS = (
    ("arm_ml_service", "Resource Manager", "arm"),
    ("workspace_dataplane", "Workspaces", "dataplane"),
    ("registry_discovery", "Registry discovery", "dataplane"),
    ("dataset_dataplane", "Data", "dataplane"),
    ("model_dataplane", "Models", "dataplane"),
    ("runhistory", "Run history", "dataplane"),
    ("azure_ai_assets_v2024_04_01", "Assets", "dataplane"),
)
WORKSPACE = (
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"
    "/providers/Microsoft.MachineLearningServices/workspaces/{workspaceName}"
)
# What is in a registry is asked of a front end of its own, found by discovery, below this path.
# Source: azure-ai-ml 1.35.2 _utils/_registry_utils.py, get_registry_service_details.
IN_REGISTRY = "/registries/{registryName}/"
FRONT_END = "/mferp/managementfrontend"
HEAD = """# Coverage

What Lazulite answers, operation by operation, counted from the REST clients inside azure-ai-ml {ml} and
azure-storage-blob {blob}. Made by `make docs` from the code; a test holds it to that.

**Full**: answered, nothing known is missing. **Partial**: answered, but for what is said. **None**: refused with 501
`NotImplemented`, which names the operation. `{{W}}` stands for the workspace's ARM id.

"""


@dataclass(frozen=True)
class Operation:
    """One request that a generated client can build. template: its path, `/a/{{name}}`."""

    group: str
    name: str
    method: str
    template: str


@functools.cache  # reading 39,000 generated lines takes seconds
def operations(client: str) -> tuple[Operation, ...]:
    """Returns the operations of one generated client, in the SDK's order; the client is read, never imported."""
    spec = importlib.util.find_spec("azure.ai.ml")
    assert spec and spec.origin
    folder = Path(spec.origin).parent / "_restclient" / client
    source = next(path for path in sorted(folder.rglob("_operations.py")) if "aio" not in path.parts)
    tree = ast.parse(source.read_text(encoding="utf-8"))
    groups = [_snake(node.name) for node in tree.body if isinstance(node, ast.ClassDef)]
    builders = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("build_")]
    return tuple(_operation(groups, node) for node in builders)


def _operation(groups: list[str], builder: ast.FunctionDef) -> Operation:
    """Reads a function `build_{group}_{name}_request`; of two groups that fit, the longer is meant."""
    full_name = builder.name.removeprefix("build_").removesuffix("_request")
    group = max((group for group in groups if full_name.startswith(group + "_")), key=len, default="")
    return Operation(group, full_name.removeprefix(group).strip("_"), *_request(builder))


def _snake(name: str) -> str:
    """Turns a class's name into what its operations begin with: `OnlineEndpointsOperations` -> `online_endpoints`."""
    bare = name.removesuffix("Operations").replace("_", "") or name
    spaced = "".join(
        f"_{letter}" if letter.isupper() and at and not bare[at - 1].isupper() else letter
        for at, letter in enumerate(bare)
    )
    return spaced.lower()


def _request(function: ast.FunctionDef) -> tuple[str, str]:
    """Returns (method, path template) of a `build_…_request` function."""
    url = method = ""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign | ast.AnnAssign) and not url:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and target.id in ("url", "_url") and node.value:
                url = next((text for text in _texts(node.value) if text.startswith("/")), "")
        elif isinstance(node, ast.keyword) and node.arg == "method":
            method = next(_texts(node.value))
    return method, url


def _texts(node: ast.AST) -> Iterator[str]:
    return (part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str))


def answer(router: Router, operation: Operation) -> Route | None:
    """Returns the route that an operation's requests reach, None when they are refused."""
    probe = operation.template.replace("{", "~").replace("}", "~")
    try:
        route, _ = router.find(operation.method, probe)
    except LazuliteError:
        return None
    return route if _is_meant(route.template, operation.template) else None


def _is_meant(ours: str, theirs: str) -> bool:
    """Tells whether no variable of ours swallowed a word of theirs, as a route that catches all would do."""
    pairs = zip(ours.strip("/").split("/"), theirs.strip("/").split("/"), strict=False)
    return all(mine.startswith("{") <= their.startswith("{") for mine, their in pairs)


@dataclass(frozen=True)
class Row:
    """One operation as the page shows it. verdict: `Full`, `Partial: in words`, `None`."""

    group: str
    name: str
    request: str
    verdict: str


def text() -> str:
    """Returns the page: counts, then a chapter per client with a table per operation group."""
    routes = tables()
    routers = {mount: Router(table) for mount, table in routes.items()}
    chapters, met = [], set()
    for client, title, mount in CLIENTS:
        found = [(operation, answer(*_asked(routers, mount, operation))) for operation in operations(client)]
        met |= {id(route) for _, route in found}
        chapters.append((title, [_row(operation, route) for operation, route in found]))
    chapters.append(("Blob storage", [_storage_row(operation) for operation in storage.operations()]))
    beyond = [(mount, route) for mount, table in routes.items() for route in table if id(route) not in met]
    head = HEAD.format(ml=version("azure-ai-ml"), blob=version("azure-storage-blob"))
    bodies = [f"## {title}\n\n{_groups(rows)}" for title, rows in chapters]
    return "\n\n".join([head + _counts(chapters), *bodies, _beyond(beyond)]) + "\n"


def _asked(routers: Mapping[str, Router], mount: str, operation: Operation) -> tuple[Router, Operation]:
    """Returns whom a client asks, and how it writes the request."""
    if mount == "arm" and IN_REGISTRY in operation.template:
        return routers["dataplane"], replace(operation, template=FRONT_END + operation.template)
    return routers[mount], operation


def _row(operation: Operation, route: Route | None) -> Row:
    request = f"{operation.method} `{operation.template.replace(WORKSPACE, '{W}')}`"
    return Row(operation.group, operation.name, request, _verdict(route))


def _verdict(route: Route | None) -> str:
    if not route:
        return "None"
    return f"Partial: {route.partial}" if route.partial else "Full"


def _storage_row(operation: storage.Operation) -> Row:
    query = f" `?comp={operation.comp}`" if operation.comp else ""
    verdict = "Full" if storage.is_answered(operation) else "None"
    return Row(operation.group, operation.name, operation.method + query, verdict)


def _counts(chapters: list[tuple[str, list[Row]]]) -> str:
    everything = [row for _, rows in chapters for row in rows]
    lines = ["| client | operations | full | partial | none |", "|---|---:|---:|---:|---:|"]
    for title, rows in [*chapters, ("**all**", everything)]:
        counts = Counter(row.verdict.partition(":")[0] for row in rows)
        lines.append(f"| {title} | {len(rows)} | {counts['Full']} | {counts['Partial']} | {counts['None']} |")
    return "\n".join(lines)


def _groups(rows: list[Row]) -> str:
    shown = []
    for group in dict.fromkeys(row.group for row in rows):
        lines = [f"| {row.name} | {row.request} | {row.verdict} |" for row in rows if row.group == group]
        shown.append("\n".join([f"### {group}", "", "| operation | request | answer |", "|---|---|---|", *lines]))
    return "\n\n".join(shown)


def _beyond(routes: list[tuple[str, Route]]) -> str:
    lines = sorted(
        f"| {mount} | {route.method} `{route.template.replace(scopes.WORKSPACE, '{W}')}` | {_verdict(route)} |"
        for mount, route in routes
    )
    head = "## Beyond these clients\n\nWhat other programs ask for, and the platform's own.\n"
    return "\n".join([head, "| mount | request | answer |", "|---|---|---|", *lines])


if __name__ == "__main__":
    print(text(), end="")
