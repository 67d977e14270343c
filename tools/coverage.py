"""docs/coverage.md: every operation of azure-ai-ml's own REST clients, and what Lazulite answers to it."""

import ast
import importlib.util
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from lazulite.errors import LazuliteError
from lazulite.http.routes import Route, Router
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
HEAD = """# Coverage

What Lazulite answers, operation by operation, counted from the REST clients inside azure-ai-ml {version}.
Made by `make docs` from the code; a test holds it to that.

**Full**: answered, nothing known is missing. **Partial**: answered, but for what is said. **None**: refused with 501
`NotImplemented`, which names the operation.

"""


@dataclass(frozen=True)
class Operation:
    """One request that a generated client can build. template: its path, `/a/{{name}}`."""

    client: str
    group: str
    name: str
    method: str
    template: str


def operations(client: str) -> Iterator[Operation]:
    """Yields the operations of one generated client, in the SDK's order; the client is read, never imported."""
    spec = importlib.util.find_spec("azure.ai.ml")
    assert spec and spec.origin
    folder = Path(spec.origin).parent / "_restclient" / client
    source = next(path for path in sorted(folder.rglob("_operations.py")) if "aio" not in path.parts)
    tree = ast.parse(source.read_text(encoding="utf-8"))
    groups = [_snake(node.name) for node in tree.body if isinstance(node, ast.ClassDef)]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("build_"):
            full_name = node.name.removeprefix("build_").removesuffix("_request")
            group = max((group for group in groups if full_name.startswith(group + "_")), key=len, default="")
            name = full_name.removeprefix(group).strip("_")
            yield Operation(client, group, name, *_request(node))


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


def text() -> str:
    """Returns the page: counts, then a table per operation group."""
    routes = tables()
    routers = {mount: Router(table) for mount, table in routes.items()}
    counts, sections, met = [], [], set()
    for client, title, mount in CLIENTS:
        rows = [(operation, answer(routers[mount], operation)) for operation in operations(client)]
        met |= {id(route) for _, route in rows}
        counts.append(_count(title, rows))
        sections.append(f"## {title}\n\n{_groups(rows)}")
    counts.append(
        "| **all** | " + " | ".join(str(sum(column)) for column in zip(*map(_numbers, counts), strict=True)) + " |"
    )
    table = "| client | operations | full | partial | none |\n|---|---:|---:|---:|---:|\n" + "\n".join(counts)
    beyond = [(mount, route) for mount, table in routes.items() for route in table if id(route) not in met]
    head = HEAD.format(version=version("azure-ai-ml"))
    return "\n\n".join([head.rstrip(), table, *sections, _beyond(beyond)]) + "\n"


def _count(title: str, rows: list[tuple[Operation, Route | None]]) -> str:
    verdicts = Counter(_verdict(route).partition(":")[0] for _, route in rows)
    return f"| {title} | {len(rows)} | {verdicts['Full']} | {verdicts['Partial']} | {verdicts['None']} |"


def _numbers(line: str) -> list[int]:
    return [int(cell) for cell in line.split("|") if cell.strip().isdecimal()]


def _verdict(route: Route | None) -> str:
    if not route:
        return "None"
    return f"Partial: {route.partial}" if route.partial else "Full"


def _groups(rows: list[tuple[Operation, Route | None]]) -> str:
    tables = []
    for group in dict.fromkeys(operation.group for operation, _ in rows):
        lines = [
            f"| {operation.name} | {operation.method} `{_short(operation.template)}` | {_verdict(route)} |"
            for operation, route in rows
            if operation.group == group
        ]
        tables.append(f"### {group}\n\n| operation | request | answer |\n|---|---|---|\n" + "\n".join(lines))
    return "`{W}` stands for the workspace's ARM id.\n\n" + "\n\n".join(tables)


def _short(template: str) -> str:
    return template.replace(WORKSPACE, "{W}")


def _beyond(routes: list[tuple[str, Route]]) -> str:
    lines = sorted(f"| {mount} | {route.method} `{route.template}` | {_verdict(route)} |" for mount, route in routes)
    return (
        "## Beyond the SDK's clients\n\nWhat other clients ask for, and the platform's own.\n\n"
        "| mount | request | answer |\n|---|---|---|\n" + "\n".join(lines)
    )


if __name__ == "__main__":
    print(text(), end="")
