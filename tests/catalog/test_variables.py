"""The table of variables holds each once, and everything that a worker is given."""

from pathlib import Path

from lazulite.catalog.variables import INHERITED, MEMORY_DEFAULTS, VARIABLES
from lazulite.serving import workers

BY_NAME = {variable.name: variable for variable in VARIABLES}


def test_each_stands_once_with_meaning_and_source():
    assert len(BY_NAME) == len(VARIABLES)
    assert all(variable.meaning.endswith(".") and variable.source for variable in VARIABLES)


def test_what_a_worker_is_given_stands_in_the_table():
    folder = Path("/f")
    spec = workers.WorkerSpec("w", folder, folder, folder, folder / "bin" / "python", folder, {})
    given = set(workers.environment(spec, {})) - {"PATH"}
    assert given | set(MEMORY_DEFAULTS) <= {name for name, variable in BY_NAME.items() if variable.set_by == "platform"}


def test_secrets_of_the_platform_are_not_inherited():
    for name in ("LAZULITE_SECRET", "AZURE_CLIENT_SECRET", "PYTHONPATH", "HOMEBREW_TOKEN", "GITHUB_TOKEN", "USERNAME"):
        assert not INHERITED.fullmatch(name)
    for name in ("HOME", "LC_ALL", "CUDA_VISIBLE_DEVICES"):
        assert INHERITED.fullmatch(name)
