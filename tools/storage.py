"""Every operation of azure-storage-blob's REST client, and whether blob storage here has it. For docs/coverage.md."""

import ast
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lazulite.blob import service

# What the path of a group's requests names. Page blobs, virtual machines' disks, are refused whole, by their type.
LEVELS = {"service": "s", "container": "c", "blob": "o", "block_blob": "o", "append_blob": "o"}


@dataclass(frozen=True)
class Operation:
    """One request of the storage client.

    comp: the query parameter that tells it from others of its method. needs_more: it wants what the table does not
    tell apart: bytes to be fetched from another URL, or a list in Apache Arrow.
    """

    group: str
    name: str
    method: str
    restype: str
    comp: str
    needs_more: bool


def operations() -> Iterator[Operation]:
    """Yields the client's operations by group; the client is read, never imported."""
    spec = importlib.util.find_spec("azure.storage.blob")
    assert spec and spec.origin
    for source in sorted((Path(spec.origin).parent / "_generated" / "operations").glob("_*_operations.py")):
        group = source.stem.strip("_").removesuffix("_operations")
        for node in ast.parse(source.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("build_"):
                yield _operation(group, node)


def _operation(group: str, function: ast.FunctionDef) -> Operation:
    """Reads a `build_…_request` function: `comp: Literal["list"] = …`, `HttpRequest(method="GET", …)`."""
    said = {"comp": "", "restype": "", "method": ""}
    for node in ast.walk(function):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id in said:
            said[node.target.id] = next(_texts(node.annotation), "")
        elif isinstance(node, ast.keyword) and node.arg == "method":
            said["method"] = next(_texts(node.value))
    name = function.name.removeprefix("build_").removesuffix("_request")
    is_from_url = any(argument.arg == "source_url" for argument in function.args.kwonlyargs)
    return Operation(group, name, needs_more=is_from_url or name.endswith("_apache_arrow"), **said)


def _texts(node: ast.AST) -> Iterator[str]:
    return (part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str))


def is_answered(operation: Operation) -> bool:
    """Tells whether a request of the operation finds a handler, as service.py looks for one."""
    if operation.needs_more:
        return False
    if operation.restype == "account" or (operation.method, operation.comp) == ("POST", "batch"):
        return True
    level = LEVELS.get(operation.group, "")
    return (level, operation.method, operation.comp.lower()) in service.BLOB
