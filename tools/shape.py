"""The house's shape, as rules over source text. Each rule takes a module and yields what breaks it there."""

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "lazulite"
OURS = ("src", "tools", "tests")
THEIRS = ("examples", "bench")  # programs as users and other servers' users write them: only their size is judged

# A file imports only smaller numbers or its own folder; folders of one number never import each other. Below 1 there
# are single files, which may import one another as long as they make no cycle.
LAYERS = {
    "__init__": 0,
    "errors": 0,
    "ids": 0,
    "settings": 0,
    "clock": 0,
    "fields": 0,
    "catalog": 0,
    "store": 1,
    "artifacts": 1,
    "identity": 2,
    "environments": 2,
    "tracking": 2,
    "engine": 3,
    "batch": 4,
    "serving": 4,
    "http": 5,
    "edge": 5,
    "arm": 6,
    "dataplane": 6,
    "blob": 6,
    "containers": 6,
    "entra": 6,
    "studio": 6,
    "app": 7,
    "cli": 8,
    "__main__": 9,
}
ISLAND = "guest"
# The gateway is a process of its own; what it may import besides layer 0.
GATEWAY, GATEWAY_MAY = "serving.gateway", ("identity", "serving.routing", "serving.gateway")

FILE_LINES, FUNCTION_LINES, PARAMETERS = 500, 60, 8
VAGUE_FILES = {"utils", "util", "common", "helpers", "helper", "misc"}
VAGUE_CLASSES = ("Manager", "Handler", "Service", "Base", "Helper", "Utils")
# Where any exception at all may be caught: it is logged there, and the process goes on with its other work.
CATCH_ALL = (
    "http/stack.py",
    "blob/service.py",
    "engine/loop.py",
    "engine/scheduler.py",
    "serving/supervisor.py",
    f"{ISLAND}/",
)
MUTATORS = {"append", "add", "update", "pop", "popitem", "setdefault", "clear", "extend", "insert", "remove", "discard"}
NAMED_BY_ITSELF = {"Table", "MetaData", "element"}  # SQLAlchemy's and the elements of HTML, which bear their own names
GROWING = {"defaultdict", "deque", "Counter", "OrderedDict", "WeakValueDictionary", "WeakKeyDictionary"}
# What a module must not ask of the world while it is being imported.
WORLD = {
    "os": {"environ", "getenv", "getcwd", "getpid", "cpu_count"},
    "time": {"time", "monotonic", "perf_counter"},
    "datetime": {"now", "utcnow", "today"},
    "random": {"random", "randint", "choice"},
    "uuid": {"uuid1", "uuid4"},
    "secrets": {"token_bytes", "token_hex", "token_urlsafe"},
    "Path": {"cwd", "home"},
}


@dataclass(frozen=True)
class Broken:
    """One broken rule: where, what is wrong, what to do."""

    path: Path
    line: int
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what} {self.remedy}"


@dataclass(frozen=True)
class Module:
    """A Python file. path: as it is shown, relative to the repository; name: dotted, "" outside the package."""

    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Returns the parsed file."""
        return ast.parse(self.text, str(self.path))

    @cached_property
    def name(self) -> str:
        """Returns the dotted name below the package, `arm.models`; of a package, its folder's."""
        parts = self.path.with_suffix("").parts
        if parts[:2] != ("src", PACKAGE):
            return ""
        below = parts[2:]
        return ".".join(below[:-1] if below[-1] == "__init__" and len(below) > 1 else below)

    @property
    def room(self) -> str:
        """Returns the top folder or file below the package, `arm`."""
        return self.name.partition(".")[0]

    def broken(self, node: ast.AST | int, what: str, remedy: str) -> Broken:
        """Makes a finding at a node or a line."""
        line = node if isinstance(node, int) else getattr(node, "lineno", 1)
        return Broken(self.path, line, what, remedy)


def own_imports(module: Module, within: ast.AST | None = None) -> Iterator[tuple[ast.stmt, str]]:
    """Yields the imports of our own package in the file, or within a node of it: (statement, name below us)."""
    for node, name in _imports(module, within or module.tree):
        if (name + ".").startswith(PACKAGE + "."):
            yield node, name.removeprefix(PACKAGE).lstrip(".") or "__init__"


def foreign_imports(module: Module) -> Iterator[tuple[ast.stmt, str]]:
    """Yields the imports of other people's packages: (statement, full name)."""
    for node, name in _imports(module, module.tree):
        if name.partition(".")[0] not in {PACKAGE, *sys.stdlib_module_names}:
            yield node, name


def _imports(module: Module, within: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    for node in ast.walk(within):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            folder = [PACKAGE, *module.path.parts[2:-1]]
            parents = folder[: len(folder) - node.level + 1] if node.level else []
            base = ".".join([*parents, *filter(None, [node.module])])
            yield from ((node, f"{base}.{alias.name}") for alias in node.names)


def layers(module: Module) -> Iterator[Broken]:
    """Imports go downward only, and never to a neighbour of the same number."""
    if not module.name or module.room == ISLAND:
        return
    if module.room not in LAYERS:
        yield module.broken(1, f"{module.room} has no layer.", "Give it one in LAYERS and in the architecture pages.")
        return
    for node, name in own_imports(module):
        room = name.partition(".")[0]
        room = room if room in LAYERS or room == ISLAND else "__init__"
        if room in (module.room, "__init__"):
            continue
        here, there = f"{module.room} ({LAYERS[module.room]})", f"{room} ({LAYERS.get(room, 'island')})"
        if room == ISLAND:
            yield module.broken(node, f"{module.room} imports {ISLAND}.", "Copy or run its files; never import them.")
        elif LAYERS[room] >= LAYERS[module.room] > 0:
            yield module.broken(
                node, f"{here} imports {there}.", "Move what both need to a lower layer, or hand it down from app.py."
            )


def gateway_alone(module: Module) -> Iterator[Broken]:
    """The gateway starts fast and outlives the platform: it imports layer 0, identity and the routing file."""
    if not (module.name + ".").startswith(GATEWAY + "."):
        return
    for node, name in own_imports(module):
        room = name.partition(".")[0]
        if LAYERS.get(room, 0) and not any((name + ".").startswith(may + ".") for may in GATEWAY_MAY):
            yield module.broken(
                node, f"{GATEWAY} imports {name}.", f"It may import layer 0 and {', '.join(GATEWAY_MAY)}."
            )


def island(module: Module) -> Iterator[Broken]:
    """The guest is standard library only and parses as Python 3.8."""
    if module.room != ISLAND:
        return
    try:
        ast.parse(module.text, str(module.path), feature_version=(3, 8))
    except SyntaxError as error:
        yield module.broken(error.lineno or 1, f"not Python 3.8: {error.msg}.", "Write it as 3.8 would.")
        return
    siblings = {path.stem for path in (ROOT / "src" / PACKAGE / ISLAND).glob("*")}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            names = [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [str(node.module).partition(".")[0]]
        else:
            continue
        for name in names:
            if name not in sys.stdlib_module_names and name not in siblings and not _is_guarded(module.tree, node):
                yield module.broken(node, f"the guest imports {name}.", "Standard library only; try/except the user's.")


def _is_guarded(tree: ast.Module, node: ast.AST) -> bool:
    """Tells whether an import is tried: `try: import flask / except ImportError:` looks for the user's own package."""
    return any(
        node in ast.walk(attempt) and any("ImportError" in ast.dump(handler) for handler in attempt.handlers)
        for attempt in ast.walk(tree)
        if isinstance(attempt, ast.Try)
    )


def sizes(module: Module) -> Iterator[Broken]:
    """Files, functions and parameter lists have caps."""
    lines = module.text.count("\n")
    if lines > FILE_LINES:
        yield module.broken(FILE_LINES, f"{lines} lines, over {FILE_LINES}.", "Split the file by idea.")
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > FUNCTION_LINES:
            yield module.broken(node, f"{node.name} has {length} lines, over {FUNCTION_LINES}.", "Split it.")
        count = len(node.args.posonlyargs) + len(node.args.args) + len(node.args.kwonlyargs)
        if count > PARAMETERS:
            yield module.broken(
                node, f"{node.name} takes {count} parameters, over {PARAMETERS}.", "Group them in a dataclass."
            )


def imports_on_top(module: Module) -> Iterator[Broken]:
    """Our own modules are imported at the top of the file."""
    for function in ast.walk(module.tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node, name in own_imports(module, function):
                yield module.broken(node, f"{function.name} imports {name}.", "Import our own at the top of the file.")


def nothing_asked_at_import(module: Module) -> Iterator[Broken]:
    """Importing a module reads no environment, clock or randomness (files and sockets: see the import test)."""
    for node in _at_import(module.tree):
        if isinstance(node, ast.Attribute) and _tail(node.value) in WORLD and node.attr in WORLD[_tail(node.value)]:
            if node.attr == "environ" and not _is_read(module.tree, node):
                continue
            yield module.broken(
                node, f"{_tail(node.value)}.{node.attr} at import.", "Read it in a function, called by app or cli."
            )


def _at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """Yields the nodes that run when the module is imported: not the bodies of functions, but their defaults."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
        elif isinstance(node, ast.Lambda):
            waiting += [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        else:
            waiting += ast.iter_child_nodes(node)


def _tail(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _is_read(tree: ast.Module, mapping: ast.AST) -> bool:
    """Tells whether os.environ is looked into: naming it, as a default argument does, reads nothing."""
    return any(
        getattr(node, "value", None) is mapping
        for node in _at_import(tree)
        if isinstance(node, ast.Subscript | ast.Attribute)
    )


def constants_only(module: Module) -> Iterator[Broken]:
    """Module names are constants, types, tables or a logger, and hold something from the start."""
    for statement in module.tree.body:
        for name, value in _assigned(statement):
            if not _is_constant(name, value):
                yield module.broken(statement, f"module name {name}.", "Constants are UPPER_CASE; state is no global.")
            if _is_empty_container(value):
                yield module.broken(statement, f"{name} begins empty.", "It will be filled: keep it in an object.")


def _assigned(statement: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
            for node in ast.walk(target):
                if isinstance(node, ast.Name):
                    yield node.id, statement.value


def _is_constant(name: str, value: ast.expr | None) -> bool:
    bare = name.strip("_")
    named_by_framework = name.startswith("__") or name in ("log", "pytestmark")
    is_table = isinstance(value, ast.Call) and _tail(value.func) in NAMED_BY_ITSELF
    return bare.isupper() or bare[:1].isupper() or named_by_framework or is_table


def _is_empty_container(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        name = _tail(value.func)
        return name in GROWING or (name in ("dict", "list", "set") and not value.args and not value.keywords)
    return (isinstance(value, ast.Dict) and not value.keys) or (isinstance(value, ast.List) and not value.elts)


def constants_stay(module: Module) -> Iterator[Broken]:
    """Nothing changes a module's names or what they hold."""
    constants = {name for statement in module.tree.body for name, _ in _assigned(statement)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Global):
            yield module.broken(node, f"global {', '.join(node.names)}.", "Keep state in an object that app.py makes.")
        changed = _changed_name(node)
        if changed in constants and not _is_local(module.tree, node, changed):
            yield module.broken(node, f"{changed} is changed.", "Module names are constants; keep state in an object.")


def _changed_name(node: ast.AST) -> str:
    """Returns the name whose content a node changes: `NAME[x] = …`, `del NAME[x]`, `NAME.update(…)`; "" for none."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        return node.value.id if isinstance(node.value, ast.Name) else ""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
        return node.func.value.id if isinstance(node.func.value, ast.Name) else ""
    return ""


def _is_local(tree: ast.Module, node: ast.AST, name: str) -> bool:
    """Tells whether a function around the node has a variable or a parameter of that name."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = list(ast.walk(function))
            if node in inside and any(
                (isinstance(other, ast.Name) and other.id == name and isinstance(other.ctx, ast.Store))
                or (isinstance(other, ast.arg) and other.arg == name)
                for other in inside
            ):
                return True
    return False


def catch_by_name(module: Module) -> Iterator[Broken]:
    """Exceptions are caught by name; everything at once only in the named places, or to clean up and raise on."""
    below = "/".join(module.path.parts[2:])
    if not module.name or below.startswith(CATCH_ALL):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            caught = {_tail(name) for name in ast.walk(node.type)} if node.type else {"everything"}
            raised_on = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
            if caught & {"everything", "Exception", "BaseException"} and not raised_on:
                yield module.broken(node, "catches everything.", f"Name the exceptions; only {CATCH_ALL} may.")


def docstrings(module: Module) -> Iterator[Broken]:
    """Modules say what they own; public functions and classes what they do."""
    if module.path.name == "__init__.py" and not module.text.strip():
        return
    if not ast.get_docstring(module.tree):
        yield module.broken(1, "no module docstring.", "One line: what the file owns.")
    if module.path.parts[0] == "tests":
        return  # a test's name is its sentence
    for node in module.tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        says_it_all = module.name == "errors" and isinstance(node, ast.ClassDef)  # the tree is drawn at the file's top
        if not says_it_all and not ast.get_docstring(node):
            yield module.broken(node, f"{node.name} has no docstring.", "One sentence in the third person.")


def names(module: Module) -> Iterator[Broken]:
    """Names say what a thing is, not that it is a thing."""
    if module.path.stem in VAGUE_FILES:
        yield module.broken(1, f"{module.path.name} could hold anything.", "Name the file after its one idea.")
    for node in ast.walk(module.tree):
        if module.name and isinstance(node, ast.ClassDef) and node.name.endswith(VAGUE_CLASSES):
            yield module.broken(node, f"class {node.name} is named vaguely.", "Use Azure's noun, or what it does.")


RULES: tuple[Callable[[Module], Iterator[Broken]], ...] = (
    layers,
    gateway_alone,
    island,
    sizes,
    imports_on_top,
    nothing_asked_at_import,
    constants_only,
    constants_stay,
    catch_by_name,
    docstrings,
    names,
)


def modules(*folders: str) -> list[Module]:
    """Reads the Python files under some folders of the repository."""
    return [
        Module(path.relative_to(ROOT), path.read_text(encoding="utf-8"))
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]


def check() -> list[Broken]:
    """Returns every broken rule of the tree."""
    ours = [(module, rule) for module in modules(*OURS) for rule in RULES]
    theirs = [(module, sizes) for module in modules(*THEIRS)]
    return [finding for module, rule in ours + theirs for finding in rule(module)]


def main() -> int:
    """Prints every broken rule; the exit status says whether there was one."""
    broken = check()
    print(*broken, sep="\n", end="\n" if broken else "")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
