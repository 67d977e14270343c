"""`lazulite az`: Azure's own command line as scripts for Azure ML use it; what it does not know goes to the real one.

`lazulite run` puts it first on PATH under the name az.
"""

import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from lazulite.cli import main
from lazulite.cli.grammar import Group, unknown
from lazulite.errors import NotImplementedHere

_HERE = "lazulite.cli.az"
# Every group but ml, in the order of the help: its module, whose GROUPS hold it, and what it is for.
COMMANDS = {
    "login": (f"{_HERE}.account", "Say who you are; nobody needs to here."),
    "logout": (f"{_HERE}.account", "Forget the current subscription."),
    "account": (f"{_HERE}.account", "Subscriptions and tokens."),
    "configure": (f"{_HERE}.config", "Defaults of later commands."),
    "config": (f"{_HERE}.config", "The same, and other settings."),
    "cloud": (f"{_HERE}.config", "Which cloud this is."),
    "extension": (f"{_HERE}.config", "Extensions: ml is here."),
    "version": (f"{_HERE}.config", "Which az this answers as."),
    "group": (f"{_HERE}.group", "Resource groups."),
    "resource": (f"{_HERE}.group", "Any resource, by its ARM id."),
    "storage": (f"{_HERE}.storage", "Storage accounts, containers and blobs."),
    "role": (f"{_HERE}.access", "Role assignments: kept, and nobody is denied anything here."),
    "identity": (f"{_HERE}.access", "User-assigned identities."),
    "ad": (f"{_HERE}.access", "Service principals and users."),
    "acr": (f"{_HERE}.acr", "Container registries: none has images here, and that is said."),
    "keyvault": (f"{_HERE}.keyvault", "Key vaults and their secrets."),
    "monitor": (f"{_HERE}.monitor", "Rules that move online deployments, and what was measured of them."),
    "rest": (f"{_HERE}.rest", "Any request, with a token."),
}
# What a script may do instead of a group that is not here.
_INSTEAD = {
    "aks": "There is no Kubernetes here: use managed endpoints and clusters.",
}
# Which version of az and of its extension ml these commands answer as.
AZ_VERSION, ML_VERSION = "2.77.0", "2.37.2"


def run(words: Sequence[str]) -> None:
    """Answers one command line of az. Raises NotImplementedHere for one that nobody here answers."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(
            main.list_groups(
                "az, as Azure ML's scripts use it:", {"ml": ("", "Azure ML, as lazulite has it."), **COMMANDS}
            )
        )
    elif words[0] in ("-v", "--version"):
        print(f"azure-cli {AZ_VERSION}\n\nExtensions:\nml {ML_VERSION}")
    elif words[0] == "ml":
        _ml(words[1:])
    elif words[0] in COMMANDS:
        main.run_group("az", words, COMMANDS, other=lambda: _hand_over(words))
    else:
        _hand_over(words)


def _ml(words: Sequence[str]) -> None:
    """Answers `az ml ...` as `lazulite ...` does."""
    if not words or words[0] in ("-h", "--help"):
        print(main.list_groups("az ml", main.NOUNS))
    elif words[0] not in main.NOUNS:
        raise unknown(words[0], "az ml", main.NOUNS)
    else:
        main.run_group("az ml", words, main.NOUNS)


def _hand_over(words: Sequence[str]) -> NoReturn:
    """Becomes the real az, if there is one."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    found = (shutil.which("az", path=folder) for folder in folders)
    real = next((program for program in found if program and not _is_ours(program)), None)
    if not real:
        asked = " ".join(words[: next((n for n, word in enumerate(words) if word.startswith("-")), len(words))][:3])
        raise NotImplementedHere(
            f"`az {asked}` is not answered here, and there is no other az on PATH to ask.",
            hint=_INSTEAD.get(words[0]) or f"Lazulite answers az {', '.join(('ml', *COMMANDS))}.",
        )
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # which Python ignores
    os.execv(real, [real, *words])


def _is_ours(program: str) -> bool:
    """Tells our own az, of this home or of another one around it, from the real one."""
    with Path(program).open("rb") as file:
        return main.__name__.encode() in file.read(1024)


GROUPS = (Group("az", (), run),)
