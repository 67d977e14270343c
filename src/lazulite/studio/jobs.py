"""The list of jobs, and several of them side by side."""

from collections.abc import Sequence

from lazulite.http.call import JsonObject
from lazulite.studio import curves, records
from lazulite.studio import shown as s
from lazulite.studio.html import Html, a, div, form, input_, join, label, option, select, span, strong
from lazulite.studio.inside import segment
from lazulite.studio.layout import shown
from lazulite.studio.visit import Visit

_COMPARED = 24
_NO_JOBS = "No job has run in this workspace yet. Any program that submits one to Azure ML can submit it here."
_FIRST_JOB = "lazulite run -- python submit.py"


def show(visit: Visit) -> tuple[str, Html]:
    """Shows the topmost runs, jobs and what MLflow and SDK v1 made, the last ones first."""
    asked = {name: visit.asked(name) for name in ("state", "kind", "q", "experiment", "archived")}
    before = visit.asked("before")
    wanted = records.Wanted(
        asked["state"], asked["kind"], asked["q"], asked["experiment"], archived=bool(asked["archived"])
    )
    found = records.listed(visit, wanted, before=int(before) if before.isdecimal() else 0)
    is_filtered = any(asked.values()) or before
    nothing = s.empty("Nothing fits these filters.") if is_filtered else s.empty(_NO_JOBS, _FIRST_JOB)
    older = visit.here(before=found[-1]["number"]) if len(found) == records.PAGE else ""
    compare = visit.link("/compare")
    return "Jobs", join(
        s.title(
            "Jobs",
            actions=a(
                "Compare",
                class_="button primary",
                id="compare",
                hidden=True,
                data_base=compare + ("&" if "?" in compare else "?"),
                data_keep=True,
            ),
        ),
        _filters(visit, asked),
        s.card(
            None, table(visit, found, empty=nothing, picks=True), _pager(older, bool(before), visit), class_="flush"
        ),
    )


def _filters(visit: Visit, asked: dict[str, str]) -> Html:
    states = [("", "any state"), *((one, one) for one in records.STATES)]
    experiments = [("", "any experiment"), *((one, one) for one in records.experiment_names(visit)[:500])]

    def choice(name: str, options: Sequence[tuple[str, str]]) -> Html:
        listed = [option(words, value=value, selected=value == asked[name]) for value, words in options]
        return select(listed, name=name, data_submit=True, aria_label=name)

    return div(
        form(
            input_(
                type="search",
                name="q",
                value=asked["q"],
                placeholder="Filter by name",
                data_filter=True,
                aria_label="Filter",
            ),
            choice("state", states),
            choice("kind", [("", "any type"), *((one, one) for one in dict.fromkeys(records.KINDS.values()))]),
            choice("experiment", experiments),
            label(
                input_(type="checkbox", name="archived", value="1", checked=bool(asked["archived"]), data_submit=True),
                " archived",
            ),
            input_(type="hidden", name="wsid", value=str(visit.workspace)) if len(visit.workspaces) > 1 else None,
            action="/jobs",
        ),
        class_="filters",
    )


def _pager(older: str, is_later: bool, visit: Visit) -> Html | None:
    if not older and not is_later:
        return None
    return div(
        a("Newest", href=visit.here(before=None)) if is_later else None,
        a("Older", href=older) if older else None,
        class_="pager",
    )


def table(visit: Visit, found: Sequence[JsonObject], *, empty: Html, picks: bool = False) -> Html:
    """Shows runs as a table. picks: whether some can be chosen to be compared."""
    headings = [*(("",) if picks else ()), "Name", "State", "Type", "Experiment", "Compute", "Duration", "Submitted"]
    return s.grid(headings, [_row(visit, run, picks) for run in found], empty=empty, class_="jobs")


def _row(visit: Visit, run: JsonObject, picks: bool) -> Html:
    link = address(visit, run["name"])
    pick = input_(type="checkbox", value=run["name"], data_pick=True, aria_label=f"Compare {run['name']}")
    below = span(run["name"], class_="sub") if run["shown"] != run["name"] else None
    cells = [
        join(a(strong(run["shown"]), href=link), below),
        s.badge(run["status"]),
        s.muted(run["kind"]),
        run["experiment"],
        run["target"] or s.muted("–"),
        s.span_of(run["started"], run["ended"]),
        s.moment(run["created"]),
    ]
    return s.row(*([pick] if picks else []), *cells, key=run["name"], link=link)


def address(visit: Visit, name: str, **query: str) -> str:
    """Returns the address of a run's page, the one that the SDK prints."""
    return visit.link(f"/runs/{segment(name)}", **query)


def compare(visit: Visit) -> tuple[str, Html]:
    """Shows several runs side by side: their curves, parameters and last metrics."""
    names = [name for name in visit.asked("runs").split(",") if name][:_COMPARED]
    runs = [visit.api.mlflow("runs/get", {"run_id": name})["run"] for name in names]
    heads = [a(run["info"]["run_name"], href=address(visit, run["info"]["run_id"])) for run in runs]
    is_live = any(run["info"]["status"] in ("RUNNING", "SCHEDULED") for run in runs)
    return f"Compare {len(runs)} jobs", join(
        s.title(f"{len(runs)} jobs", above=a("Jobs", href=visit.link("/jobs"))),
        div(
            curves.plots(visit.link("/_studio/metrics", runs=",".join(names)), live=is_live),
            _side_by_side("Parameters", "params", runs, heads),
            _side_by_side("Last metrics", "metrics", runs, heads),
            class_="stack",
        ),
    )


def _side_by_side(heading: str, kind: str, runs: Sequence[JsonObject], heads: Sequence[Html]) -> Html:
    values = [{one["key"]: one["value"] for one in run["data"][kind]} for run in runs]
    keys = sorted({key for one in values for key in one})
    rows = []
    for key in keys:
        row = [one.get(key) for one in values]
        differs = len(set(map(str, row))) > 1
        cells = [s.muted("–") if one is None else s.number(one) if isinstance(one, float) else str(one) for one in row]
        rows.append(s.row(strong(key) if differs else key, *cells, key=key))
    return s.card(heading, s.grid(["", *heads], rows, empty=s.muted("None were logged."), class_="dense"))


ROUTES = (shown("/jobs", show), shown("/compare", compare))
