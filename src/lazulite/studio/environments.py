"""Environments: their list, one with what it is made of and how its build went, and an editor for new ones."""

import json
from pathlib import Path

from lazulite.catalog import curated_environments
from lazulite.environments import bind, built, registered
from lazulite.errors import NotFound
from lazulite.http.call import JsonObject
from lazulite.studio import assets, builds, job_acts, logs, variables
from lazulite.studio import shown as s
from lazulite.studio.html import Html, a, div, join
from lazulite.studio.inside import segment
from lazulite.studio.layout import shown
from lazulite.studio.visit import Shown, Visit, act

_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
_CONDA = """\
name: mine
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - pip:
      - mlflow
      - scikit-learn
"""
_NONE = "No environment yet."


def show_all(visit: Visit) -> tuple[str, Html]:
    """Lists the workspace's environments, those that stand on this machine, and Azure's curated ones."""
    add = _editor(visit, "", _IMAGE, _CONDA) if visit.workspace else None
    nothing = s.empty(_NONE, "lazulite environment create --name mine --image python:3.11 --conda-file conda.yml")
    listed = assets.listing(visit, "environments", "/environments", empty=nothing, heading="Environments", actions=add)
    return "Environments", div(div(listed), _standing(visit), _curated_ones(visit), class_="stack")


def _curated_ones(visit: Visit) -> Html:
    rows = []
    for one in curated_environments.curated_environments():
        link = visit.link(f"/environments/{segment(one.name)}")
        rows.append(s.row(a(one.name, href=link), str(one.latest), s.muted(one.description), key=one.name, link=link))
    table = s.grid(["Name", "Version", "Description"], rows, class_="dense")
    return s.card("Azure's curated ones", s.fold(f"{len(rows)} environments", table, id="curated"))


def _editor(visit: Visit, name: str, image: str, conda: str) -> Html:
    return s.sheet(
        "New version" if name else "New environment",
        visit.link("/_studio/environments"),
        s.field("Name", "name", name, required=True),
        s.field("Image", "image", image, required=True, hint="What it knows is taken from it; nothing is downloaded."),
        s.area("Conda file", "conda", conda, rows=12, hint="Leave it empty for the image alone."),
        heading="New environment",
        press="Create",
        tone="" if name else "primary",
        name="new-environment",
    )


def _standing(visit: Visit) -> Html | None:
    """Shows the environments that stand on this machine, built from whatever named them."""
    home = visit.parts.settings.home
    rows = []
    for recipe in sorted((home / "environments").glob("*/recipe.json"), key=lambda path: -path.stat().st_mtime)[:100]:
        told = json.loads(recipe.read_text(encoding="utf-8"))
        link = visit.link(f"/built/{recipe.parent.name}")
        cells = [
            a(s.mono(told["key"][:16]), href=link),
            told["image"] or "a conda file",
            told["python"]["version"],
            str(told["packages"]),
            s.moment(told["builtAt"]),
        ]
        rows.append(s.row(*cells, key=told["key"], link=link))
    bound = [
        s.row(
            s.mono(f"{one.name}:{one.version or 'any'}"), s.mono(one.python), one.python_version, s.muted("bound"), ""
        )
        for one in bind.bindings(home)
    ]
    if not rows and not bound:
        return None
    return div(
        s.card(
            "On this machine", s.grid(["Key", "From", "Python", "Packages", "Built"], [*rows, *bound]), class_="flush"
        ),
        class_="stack",
    )


def show(visit: Visit) -> Shown:
    """Shows an environment, the newest version or the one asked for."""
    name = visit.call.ids["name"]
    found = assets.versions(visit, "environments", name)
    asked = visit.asked("version")
    version = (
        _curated(visit, name, asked)
        if asked and asked not in {one["name"] for one in found}
        else assets.chosen(found, asked, "Environment", name)
    )
    properties = version["properties"]
    conda, build = str(properties.get("condaFile") or ""), properties.get("build") or {}
    return f"{name}:{version['name']}", join(
        s.title(
            name,
            assets.version_choice(visit, found, version["name"]),
            assets.reference(f"{name}:{version['name']}"),
            above=a("Environments", href=visit.link("/environments")),
            actions=[
                s.does(
                    "Build now",
                    visit.link(f"/environments/{segment(name)}/build"),
                    s.hidden("version", version["name"]),
                ),
                _editor(visit, name, str(properties.get("image") or _IMAGE), conda),
            ],
        ),
        div(
            assets.about(
                visit,
                version,
                ("Image", s.mono(properties["image"]) if properties.get("image") else None),
                ("Build context", s.mono(build.get("contextUri")) if build else None),
                ("Dockerfile", s.mono(build.get("dockerfilePath")) if build else None),
            ),
            _build(visit, name, version["name"]),
            s.card("Conda file", s.source(conda)) if conda else None,
            class_="stack",
        ),
    )


def _build(visit: Visit, name: str, version: str) -> Html | None:
    """Shows the build that was asked for here with its log, and once it stands, whoever had it built, its lock."""
    home, label = visit.parts.settings.home, f"{name}:{version}"
    is_running = visit.parts.builds.is_running(label)
    made = None if is_running else registered.standing(home, _registered(visit, label))
    log = None
    if builds.log_path(home, name, version).exists():
        address = visit.link("/_studio/log", environment=name, version=version)
        viewer = logs.viewer(address, live=is_running, key="making-environment")
        state = s.badge("Preparing" if is_running else "Succeeded" if made else "Failed")
        log = s.card("Build", div(viewer, data_poll=is_running), beside=state)
    return join(log, _ready(made) if made else None)


def _registered(visit: Visit, label: str) -> registered.Registered:
    assert visit.workspace
    with visit.parts.db.read() as connection:
        return registered.find(connection, visit.parts.settings.home, visit.workspace, label)


def _ready(made: built.Environment) -> Html:
    """Shows an environment that stands: its interpreter, what is otherwise than on Azure, its lock."""
    notes = join(*(div(one) for one in made.notes)) if made.notes else None
    about = s.facts(("Interpreter", s.mono(str(made.python))), ("Notes", notes))
    return join(s.card("On this machine", about), variables.lock(made.python.parent.parent))


def _curated(visit: Visit, name: str, version: str) -> JsonObject:
    return visit.api.get(f"environments/{segment(name)}/versions/{segment(version)}")


def show_built(visit: Visit) -> tuple[str, Html]:
    """Shows an environment that stands on this machine: what it was made of, its log, its lock."""
    key = Path(visit.call.ids["key"]).name
    ready = built.find(visit.parts.settings.home, key)
    log = built.build_log(visit.parts.settings.home, key)
    if not ready and not log:
        raise NotFound(
            f'No environment "{key}" stands on this machine.', hint="It may have been removed: unused ones are."
        )
    return key[:16], join(
        s.title(s.mono(key[:16]), above=a("Environments", href=visit.link("/environments"))),
        div(
            _ready(ready) if ready else None,
            logs.viewer(logs.of_build(visit, key), live=ready is None) if log else None,
            class_="stack",
        ),
    )


def do_create(visit: Visit) -> JsonObject:
    """Registers the next version of an environment from an image and a conda file."""
    name, conda = visit.field("name", required=True), visit.form.get("conda")
    version = job_acts.next_version(visit, "environments", name)
    properties: JsonObject = {"image": visit.field("image", required=True)}
    if isinstance(conda, str) and conda.strip():
        properties["condaFile"] = conda
    visit.api.put(f"environments/{segment(name)}/versions/{version}", {"properties": properties})
    return {"to": visit.link(f"/environments/{segment(name)}", version=version)}


def do_build(visit: Visit) -> JsonObject:
    """Begins to build a version, as the first job in it would."""
    name, version = visit.call.ids["name"], visit.field("version", required=True)
    visit.parts.builds.start(visit.parts.settings.home, _registered(visit, f"{name}:{version}"))
    return {"said": "Being built."}


ROUTES = (
    shown("/environments", show_all),
    shown("/environments/{name}", show),
    shown("/environments/{name}/version/{version}", show),
    shown("/built/{key}", show_built),
    act("/environments/{name}/build", do_build),
    act("/_studio/environments", do_create),
)
