"""The first page: what runs now, what serves, and for a new home what to type first."""

from lazulite.http.call import JsonObject
from lazulite.studio import jobs, records
from lazulite.studio import shown as s
from lazulite.studio.html import Html, a, div, join, p, strong
from lazulite.studio.inside import segment
from lazulite.studio.layout import shown
from lazulite.studio.visit import Visit

_LATEST = 8


def show(visit: Visit) -> tuple[str, Html]:
    """Shows what a reader comes for: the jobs that run or ran last, the endpoints, the newest models."""
    if not visit.workspace:
        return "Welcome", _welcome()
    latest = records.listed(visit, limit=_LATEST)
    endpoints = records.assets(visit, "onlineEndpoints", limit=_LATEST)
    models = records.count(visit, "models")
    if not latest and not endpoints and not models:
        return "Welcome", _welcome()
    active = records.listed(visit, records.Wanted("active"))
    tiles = (
        ("Running now", _counted(len(active)), visit.link("/jobs", state="active")),
        ("Endpoints", f"{records.count(visit, 'onlineEndpoints'):,}", visit.link("/endpoints")),
        ("Models", f"{models:,}", visit.link("/models")),
    )
    return "Home", join(
        s.title(visit.workspace.workspace, s.muted(visit.workspace.resource_group)),
        div(
            div([_tile(*one) for one in tiles], class_="tiles"),
            s.card(
                "Latest jobs",
                jobs.table(visit, latest, empty=s.muted("None yet.")),
                beside=a("All jobs", href=visit.link("/jobs")),
                class_="flush",
            ),
            _endpoints(visit, endpoints),
            class_="stack",
        ),
    )


def _counted(count: int) -> str:
    return f"{count}+" if count == records.PAGE else str(count)


def _tile(words: str, figure: str, link: str) -> Html:
    return a(s.muted(words), div(figure, class_="figure"), href=link, class_="card tile")


def _endpoints(visit: Visit, endpoints: list[JsonObject]) -> Html | None:
    rows = []
    for one in endpoints:
        link = visit.link(f"/endpoints/realtime/{segment(one['name'])}/detail")
        address = s.mono(f"{visit.parts.settings.scoring_url}/{one['name']}/score")
        rows.append(
            s.row(a(strong(one["name"]), href=link), address, s.moment(one["created"]), key=one["name"], link=link)
        )
    return s.card("Endpoints", s.grid(["Name", "Address", "Made"], rows), class_="flush") if rows else None


def _welcome() -> Html:
    return join(
        s.title("Welcome to Lazulite"),
        div(
            s.card(
                "Run what you have",
                p(
                    p("Any program that talks to Azure ML runs here, unchanged, and what it makes shows up here."),
                ),
                s.shell("lazulite run -- python your_script.py"),
            ),
            s.card(
                "Or lead a whole shell here",
                p("az, curl and Python then mean this machine."),
                s.shell('eval "$(lazulite env)"'),
            ),
            s.card(
                "Or try one scoring script",
                p("Reloaded when it changes."),
                s.shell("lazulite serve --entry-script score.py"),
            ),
            class_="stack",
        ),
    )


ROUTES = (shown("/", show),)
