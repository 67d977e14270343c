"""Holds the tree to the house's shape, and the rules to what they claim to catch."""

import graphlib
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lazulite.environments import interpreters
from tools import shape

MODULES = shape.modules(*shape.OURS)


@pytest.mark.parametrize("rule", shape.RULES, ids=lambda rule: rule.__name__)
def test_the_tree_keeps(rule):
    assert_none(finding for module in MODULES for finding in rule(module))


def test_examples_and_benches_are_short():
    assert_none(finding for module in shape.modules(*shape.THEIRS) for finding in shape.sizes(module))


def test_there_is_no_cycle():
    names = {module.name for module in MODULES if module.name}
    graph = {
        module.name: {resolved(name, names) for _, name in shape.own_imports(module)} - {module.name, "__init__"}
        for module in MODULES
        if module.name
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"imports go round: {' <- '.join(error.args[1])}. Move what both need below both.")


def resolved(name, names):
    """Returns the module that an imported name lies in: `arm.models.ROUTES` -> `arm.models`."""
    while name and name not in names:
        name = name.rpartition(".")[0]
    return name


def test_importing_does_nothing_to_the_world():
    assert import_under_watch("lazulite") == ""


def test_the_watch_sees_a_module_that_opens_a_file_and_not_one_that_only_could(tmp_path):
    package = tmp_path / "messy"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "clean.py").write_text("import colorsys\ndef read(): return open(__file__).read()\n")
    (package / "dirty.py").write_text("from messy import clean\nTEXT = clean.read()\n")
    told = import_under_watch("messy", tmp_path)
    assert told.startswith("messy/dirty.py:2: open at import.") and told.count("\n") == 1


def import_under_watch(package, *path):
    run = subprocess.run(
        [sys.executable, "-m", "tools.importing", package],
        cwd=shape.ROOT,
        env={"PYTHONPATH": ":".join(map(str, [shape.ROOT, *path])), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


# What each rule must catch: the file it stands in, and a text that is right but for one thing.
CAUGHT = [
    (shape.layers, "src/lazulite/store/x.py", "from lazulite.arm import models"),
    (shape.layers, "src/lazulite/arm/x.py", "import lazulite.blob.service"),
    (shape.layers, "src/lazulite/arm/x.py", "from ..studio import pages"),
    (shape.layers, "src/lazulite/serving/x.py", "from lazulite.guest import score"),
    (shape.layers, "src/lazulite/unheard_of/x.py", ""),
    (shape.gateway_alone, "src/lazulite/serving/gateway/x.py", "from lazulite.serving import workers"),
    (shape.gateway_alone, "src/lazulite/serving/gateway/x.py", "from lazulite.store.db import Database"),
    (shape.island, "src/lazulite/guest/x.py", "import requests"),
    (shape.island, "src/lazulite/guest/x.py", "from lazulite import errors"),
    (shape.island, "src/lazulite/guest/x.py", "match x:\n    case 1: pass"),
    (shape.sizes, "src/lazulite/arm/x.py", "\n" * 501),
    (shape.sizes, "src/lazulite/arm/x.py", "def f():\n" + "    f()\n" * 60),
    (shape.sizes, "src/lazulite/arm/x.py", "def f(a, b, c, d, e, *, g, h, i, j): pass"),
    (shape.imports_on_top, "src/lazulite/arm/x.py", "def f():\n    from lazulite import ids"),
    (shape.nothing_asked_at_import, "src/lazulite/arm/x.py", "import os\nHOME = os.environ['HOME']"),
    (shape.nothing_asked_at_import, "src/lazulite/arm/x.py", "import os\ndef f(home=os.getenv('HOME')): pass"),
    (shape.nothing_asked_at_import, "src/lazulite/arm/x.py", "import time\nclass A:\n    began = time.time()"),
    (shape.constants_only, "src/lazulite/arm/x.py", "current = 1"),
    (shape.constants_only, "src/lazulite/arm/x.py", "_CACHE: dict[str, int] = {}"),
    (shape.constants_only, "src/lazulite/arm/x.py", "CACHE = defaultdict(list)"),
    (shape.constants_stay, "src/lazulite/arm/x.py", "N = 0\ndef f():\n    global N"),
    (shape.constants_stay, "src/lazulite/arm/x.py", "SEEN = {'a'}\ndef f():\n    SEEN.add('b')"),
    (shape.constants_stay, "src/lazulite/arm/x.py", "SEEN = {'a': 1}\ndef f():\n    SEEN['b'] = 2"),
    (shape.catch_by_name, "src/lazulite/arm/x.py", "try: f()\nexcept Exception: pass"),
    (shape.catch_by_name, "src/lazulite/arm/x.py", "try: f()\nexcept (OSError, BaseException) as error: log(error)"),
    (shape.catch_by_name, "src/lazulite/arm/x.py", "try: f()\nexcept: pass"),
    (shape.docstrings, "src/lazulite/arm/x.py", "import os"),
    (shape.docstrings, "src/lazulite/arm/x.py", '"""Owns."""\ndef f(): pass'),
    (shape.names, "src/lazulite/arm/utils.py", ""),
    (shape.names, "src/lazulite/arm/x.py", "class ModelManager: pass"),
]

# What stands close to a broken rule and breaks none.
KEPT = [
    (shape.layers, "src/lazulite/arm/x.py", "from lazulite.store import resources\nfrom lazulite.arm import shapes"),
    (shape.layers, "src/lazulite/ids.py", "from lazulite.errors import BadRequest"),
    (shape.gateway_alone, "src/lazulite/serving/gateway/x.py", "from lazulite.serving.routing import read"),
    (shape.gateway_alone, "src/lazulite/serving/x.py", "from lazulite.store.db import Database"),
    (
        shape.island,
        "src/lazulite/guest/x.py",
        "import json\ntry:\n    import flask\nexcept ImportError:\n    flask = 0",
    ),
    (shape.imports_on_top, "src/lazulite/cli/x.py", "def f():\n    import azure.ai.ml"),
    (shape.nothing_asked_at_import, "src/lazulite/x.py", "import os\ndef f(given=os.environ):\n    return os.getpid()"),
    (
        shape.constants_only,
        "src/lazulite/x.py",
        "log = f()\nHandler = Callable\n_A = {'a': 1}\n__all__ = ()\ntd = element('td')",
    ),
    (shape.constants_stay, "src/lazulite/x.py", "SEEN = {'a'}\ndef f():\n    SEEN = set()\n    SEEN.add('b')"),
    (shape.catch_by_name, "src/lazulite/x.py", "try: f()\nexcept BaseException:\n    tidy()\n    raise"),
    (shape.catch_by_name, "src/lazulite/http/stack.py", "try: f()\nexcept Exception: tell()"),
    (shape.docstrings, "src/lazulite/x.py", '"""Owns."""\ndef _f(): pass'),
    (shape.names, "src/lazulite/x.py", "class Supervisor: pass"),
]


def identify(case):
    return f"{case[0].__name__}-{case[2][:40]!r}"


@pytest.mark.parametrize("case", CAUGHT, ids=identify)
def test_rule_catches(case):
    rule, path, text = case
    findings = list(rule(shape.Module(Path(path), text)))
    assert findings and str(findings[0]).startswith(f"{path}:{findings[0].line}: ")


@pytest.mark.parametrize("case", KEPT, ids=identify)
def test_rule_lets_pass(case):
    rule, path, text = case
    assert_none(rule(shape.Module(Path(path), text)))


def test_a_guest_runs_on_python_38():
    """Vermin knows which release each part of the standard library came with."""
    vermin, guest = Path(sys.executable).with_name("vermin"), shape.ROOT / "src" / shape.PACKAGE / shape.ISLAND
    command = [vermin, "--target=3.8-", "--violations", "--no-tips", guest]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr


IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.append(sys.argv[1])
import guest
for module in pkgutil.walk_packages(guest.__path__, "guest."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def test_a_real_python_38_loads_the_guest():
    python = interpreters.find(8)
    if not python:
        pytest.skip("there is no Python 3.8 on this machine")
    command = [python.path, "-B", "-I", "-c", IMPORT_ALL, shape.ROOT / "src" / shape.PACKAGE]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr


def test_what_is_imported_is_declared():
    declared = {
        re.match(r"[\w.-]+", one)[0].lower().replace("_", "-")
        for one in importlib.metadata.requires(shape.PACKAGE)
        if "extra ==" not in one
    }
    given_by = importlib.metadata.packages_distributions()
    assert_none(
        module.broken(node, f"{name} is no dependency of ours.", "Add its package to pyproject.toml and `make lock`.")
        for module in shape.modules("src")
        if module.room != shape.ISLAND
        for node, name in shape.foreign_imports(module)
        if not any(one.lower().replace("_", "-") in declared for one in given_by.get(name.partition(".")[0], ()))
    )


def test_tests_are_named_after_what_they_test():
    assert_none(
        f"{path}: there is no source for it. Name it tests/<folder>/test_<file>.py, a word more for an aspect."
        for path in (module.path for module in MODULES)
        if path.parts[0] == "tests" and path.name.startswith("test_") and len(path.parts) > 2 and not has_source(path)
    )


def has_source(test):
    """Tells whether `tests/a/test_b_more.py` has a source: a/b.py, a/b/, or the file b in a folder below a."""
    folder, words = test.parts[1], test.stem.removeprefix("test_").replace("_", "-")
    if folder in FREELY_NAMED:
        return True
    here = shape.ROOT / ("tools" if folder == "tools" else f"src/lazulite/{folder}")
    sources = (path.relative_to(here).with_suffix("").as_posix().replace("/", "-") for path in here.rglob("*"))
    return any((words + "-").startswith(source.replace("_", "-") + "-") for source in sources)


# Suites of whole journeys, named after the journey.
FREELY_NAMED = {"clients", "contract", "graphs", "stories", "upgrade", "examples", "hostile", "faults"}


def assert_none(findings):
    findings = [str(finding) for finding in findings]
    assert not findings, "\n" + "\n".join(findings)
