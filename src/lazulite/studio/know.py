"""What there is to know: every environment variable, what was refused, what would not ship, what is answered."""

from collections.abc import Iterable, Sequence

from lazulite.catalog import vm_sizes
from lazulite.catalog.job_variables import JOB_VARIABLES
from lazulite.catalog.variables import VARIABLES
from lazulite.environments import bind
from lazulite.identity.environment import VARIABLES as CLIENT_VARIABLES
from lazulite.studio import jobs, records
from lazulite.studio import shown as s
from lazulite.studio.html import Html, a, div, form, input_, join, p, strong
from lazulite.studio.inside import segment
from lazulite.studio.layout import shown
from lazulite.studio.visit import Visit

_LOOKED_AT = 40
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
        s.row(s.mono(name), meaning, s.muted(whose), s.muted(source), key=f"{heading}/{name}/{whose}")
        for name, meaning, whose, source in fitting
    ]
    table = s.grid(["Name", "Meaning", "Set for", "Source"], shown_rows, class_="dense")
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
            f"{one.count:,}",
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
    table = s.grid(["Host", "Asked by", "Times", "First", "Last"], rows, empty=nothing)
    return "Network", join(
        s.title("Network", s.badge("Private") if is_private else s.muted("open")),
        div(
            s.card(None, p(said), None if is_private else s.shell("lazulite up --private-network")),
            s.card("Refused hosts", table, class_="flush"),
            class_="stack",
        ),
    )


def shipping(visit: Visit) -> tuple[str, Html]:
    """Shows what works here and would be otherwise on Azure, as far as it can be known."""
    findings = [*_bound(visit), *_sizes(visit), *_warned(visit)]
    rows = [s.row(what, where, said, key=str(number)) for number, (what, where, said) in enumerate(findings)]
    nothing = s.empty("Nothing was found that works here and not on Azure.")
    return "Shipping", join(
        s.title("What would not ship"),
        s.card(
            None,
            s.grid(["What", "Where", "What is otherwise"], rows, empty=nothing),
            class_="flush",
        ),
    )


def _bound(visit: Visit) -> Iterable[tuple[str, Html, str]]:
    for one in bind.bindings(visit.parts.settings.home):
        link = a(one.name, href=visit.link(f"/environments/{segment(one.name)}"))
        yield "environment", link, f"It is served by {one.python}; Azure builds it from its image and conda file."


def _sizes(visit: Visit) -> Iterable[tuple[str, Html, str]]:
    if not visit.workspace:
        return
    for endpoint in visit.api.list("onlineEndpoints"):
        link = a(endpoint["name"], href=visit.link(f"/endpoints/realtime/{segment(endpoint['name'])}/detail"))
        for one in visit.api.list(f"onlineEndpoints/{segment(endpoint['name'])}/deployments"):
            problem = vm_sizes.check_online_size(str(one["properties"].get("instanceType") or ""))
            if problem and one["properties"]["endpointComputeType"] == "Managed":
                yield f"deployment {one['name']}", link, problem.message


def _warned(visit: Visit) -> Iterable[tuple[str, Html, str]]:
    """Yields the warnings of the last jobs, each said once."""
    seen: set[str] = set()
    for one in records.listed(visit, limit=_LOOKED_AT):
        if not one["is_job"]:
            continue
        for told in records.events(visit, one["name"])[1]:
            if told not in seen:
                seen.add(told)
                yield "job", a(one["shown"], href=jobs.address(visit, one["name"])), told


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
            cards.append(
                s.card(mount, s.fold(f"{len(rows)} operations", table, is_open=bool(words), id=f"mount-{mount}"))
            )
    return "Coverage", join(
        s.title("Coverage", s.muted(f"{whole:,} operations in full, {part:,} in part; any other is refused by name")),
        _filter(visit, "/know/coverage", "A part of a path"),
        div(cards, class_="stack"),
    )


ROUTES = (
    shown("/know/variables", variables),
    shown("/know/network", network),
    shown("/know/shipping", shipping),
    shown("/know/coverage", coverage),
)
