"""Environment variables as a job or a deployment has them: names, values but secrets, and who set each."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from lazulite.catalog.job_variables import JOB_VARIABLES
from lazulite.catalog.variables import VARIABLES
from lazulite.environments.builders import uv
from lazulite.identity.environment import client_environment
from lazulite.settings import Settings
from lazulite.studio import shown as s
from lazulite.studio.html import Html

_SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|_KEY\b|CREDENTIAL", re.IGNORECASE)

_OURS = ("LAZULITE_", "MALLOC_", "OMP_")


def table(settings: Settings, values: Mapping[str, str], own: Collection[str], whose: str) -> Html:
    """Shows variables. own: those that the job or deployment names itself; whose: the words for that."""
    rows = [
        s.row(
            s.mono(name),
            s.muted("hidden") if _SECRET.search(name) and value else s.mono(value),
            s.muted(whose if name in own else origin(settings, name)),
            key=name,
        )
        for name, value in sorted(values.items())
    ]
    return s.card("Variables", s.grid(["Name", "Value", "Set by"], rows, class_="dense"), class_="flush")


def origin(settings: Settings, name: str) -> str:
    """Says who set a variable that nobody asked for."""
    if name.startswith(_OURS):
        return "Lazulite, for speed and order"
    told = (re.escape(one.name).replace(r"\{name\}", ".+") for one in JOB_VARIABLES if one.set_for != "none")
    if any(re.fullmatch(pattern, name) for pattern in told) or any(one.name == name for one in VARIABLES):
        return "Azure's contract"
    if name in client_environment(settings):
        return "what leads Azure clients here"
    return "environment and machine"


def lock(venv: Path | None) -> Html | None:
    """Shows every package of an environment with its version: as locked, or as installed where nothing was locked."""
    path = venv and venv / uv.LOCK
    if path and path.exists():
        return _packages("Lock", path.read_text(encoding="utf-8", errors="replace"))
    found = (
        sorted(venv.glob("lib/python3*/site-packages/*.dist-info"), key=lambda one: one.name.lower()) if venv else []
    )
    installed = [one.name.removesuffix(".dist-info").replace("-", "==", 1) for one in found]
    return _packages("Installed", "\n".join(installed)) if installed else None


def _packages(heading: str, text: str) -> Html:
    words = f"{text.count('==')} packages, each with its version"
    return s.card(heading, s.fold(words, s.source(text), id="lock"))
