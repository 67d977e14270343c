"""What there is to know: every environment variable, what was refused, what is answered."""

from collections.abc import Sequence

from lazulite.catalog.job_variables import JOB_VARIABLES
from lazulite.catalog.variables import VARIABLES
from lazulite.identity.environment import VARIABLES as CLIENT_VARIABLES
from lazulite.studio import shown as s
from lazulite.studio.html import Html, div, form, input_, join, p, span, strong
from lazulite.studio.layout import shown
from lazulite.studio.visit import Visit

_SERVICES = {
    "arm": "Control plane",
    "login": "Sign-in",
    "graph": "Microsoft Graph",
    "dataplane": "Data plane: run history, registries, assets",
    "mlflow": "MLflow",
    "blob": "Blob storage",
    "file": "File shares",
    "scoring": "Scoring",
    "acr": "Container registry",
    "telemetry": "Telemetry, which is taken and dropped",
    "schemas": "Schemas",
    "vault": "Key vault",
}
_SET = {"every": "every job", "none": "not set here", "instance": "jobs on an instance"}
_BY = {"platform": "every deployment", "user": "unset until you do", "ignored": "ignored here"}


def variables(visit: Visit) -> tuple[str, Html]:
    """Shows every environment variable that user code meets, of jobs, deployments and clients alike."""
    groups = (
        (
            "Jobs",
            [
                (one.name, one.meaning, _SET.get(one.set_for, f"{one.set_for} ranks"), one.source)
                for one in JOB_VARIABLES
            ],
        ),
        ("Scoring scripts", [(one.name, one.meaning, _BY[one.set_by], one.source) for one in VARIABLES]),
        (
            "What leads Azure's clients here",
            [(one.name, one.meaning, "lazulite run, env", "identity/environment.py") for one in CLIENT_VARIABLES],
        ),
    )
    words = visit.asked("q").lower()
    cards = [_variables(heading, rows, words) for heading, rows in groups]
    return "Variables", join(
        s.title("Environment variables"),
        _filter(visit, "/know/variables", "A name, or what it means"),
        div(cards, class_="stack"),
    )


def _variables(heading: str, rows: Sequence[tuple[str, str, str, str]], words: str) -> Html | None:
    fitting = [row for row in rows if words in " ".join(row).lower()]
    shown_rows = [
        s.row(s.mono(name), join(meaning, span(source, class_="sub")), s.muted(whose), key=f"{heading}/{name}/{whose}")
        for name, meaning, whose, source in fitting
    ]
    table = s.grid(["Name", "Meaning", "Set for"], shown_rows, class_="dense")
    return s.card(heading, table, class_="flush") if shown_rows else None


def _filter(visit: Visit, path: str, words: str) -> Html:
    field = input_(type="search", name="q", value=visit.asked("q"), placeholder=words, data_filter=True, size=34)
    return div(form(field, action=path), class_="filters")


def network(visit: Visit) -> tuple[str, Html]:
    """Shows what the private network refused, and to whom."""
    is_private = visit.parts.settings.private_network
    rows = [
        s.row(
            strong(f"{one.host}:{one.port}"),
            one.who,
            s.figure(f"{one.count:,}"),
            s.moment(one.first_at.isoformat()),
            s.moment(one.last_at.isoformat()),
            key=f"{one.host}:{one.port}/{one.who}",
        )
        for one in visit.parts.refusals.latest()
    ]
    said = (
        "Nothing leaves this machine for hosts that are not Azure's: they are refused, and listed here."
        if is_private
        else "Azure's hosts end here; all others go out as they would without Lazulite. To refuse and list them:"
    )
    nothing = s.empty("Nothing was refused since the platform started.")
    table = s.grid(["Host", "Asked by", s.figure("Times"), "First", "Last"], rows, empty=nothing)
    return "Network", join(
        s.title("Network", s.badge("Private") if is_private else s.muted("open")),
        div(
            s.card(None, p(said), None if is_private else s.shell("lazulite up --private-network")),
            s.card("Refused hosts", table, class_="flush"),
            class_="stack",
        ),
    )


def coverage(visit: Visit) -> tuple[str, Html]:
    """Shows every operation that is answered, by service, and what is missing of those that are so in part."""
    words = visit.asked("q").lower()
    cards, whole, part = [], 0, 0
    for mount, router in visit.parts.routers.items():
        routes = [one for one in router.routes if mount != "studio"]
        whole += sum(not one.partial for one in routes)
        part += sum(bool(one.partial) for one in routes)
        rows = [
            s.row(
                s.mono(one.method),
                s.mono(one.template),
                one.partial or s.muted("in full"),
                key=f"{one.method} {one.template}",
            )
            for one in routes
            if words in f"{one.method} {one.template} {one.partial}".lower()
        ]
        if rows:
            table = s.grid(["Method", "Path", "Answered"], rows, class_="dense")
            heading = join(strong(_SERVICES.get(mount, mount)), f" · {len(rows):,}")
            cards.append(s.fold(heading, table, is_open=bool(words), id=f"mount-{mount}"))
    return "Coverage", join(
        s.title("Coverage", s.muted(f"{whole:,} operations in full, {part:,} in part; any other is refused by name")),
        _filter(visit, "/know/coverage", "A part of a path"),
        s.card(None, cards) if cards else s.empty("No operation's path has this in it."),
    )


ROUTES = (
    shown("/know/variables", variables),
    shown("/know/network", network),
    shown("/know/coverage", coverage),
)
