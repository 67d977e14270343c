"""The door of the island: `python {this folder} GUEST ...` runs one guest in whatever interpreter the user has.

The folder is not left on sys.path: a user's own `frames` or `requests` must not meet ours.
"""

import importlib
import importlib.util
import os
import sys

PACKAGE = "lazulite_guest"


def enter(guest: str, arguments: "list[str]") -> int:
    """Makes this folder importable as the package `lazulite_guest`, and runs `main` of one of its modules."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]
    spec = importlib.util.spec_from_file_location(
        PACKAGE, os.path.join(here, "__init__.py"), submodule_search_locations=[here]
    )
    assert spec and spec.loader
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)
    code: int = importlib.import_module("%s.%s" % (PACKAGE, guest)).main(arguments)
    return code


if __name__ == "__main__":
    sys.exit(enter(sys.argv[1], sys.argv[2:]))
