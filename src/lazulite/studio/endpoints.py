"""The list of endpoints: those that answer at once, and those that work through data."""

from collections.abc import Sequence

from lazulite.http.call import JsonObject
from lazulite.studio import deploy, records
from lazulite.studio import shown as s
from lazulite.studio.html import Child, Html, a, div, join, strong
from lazulite.studio.inside import segment
from lazulite.studio.layout import shown
from lazulite.studio.visit import Visit

_NO_ENDPOINT = "No real-time endpoint yet. Deploy a model from its page, or with any script written for Azure ML."
_NO_BATCH = "No batch endpoint yet."


def show(visit: Visit) -> tuple[str, Html]:
    """Shows both kinds of endpoints with what they are made of."""
    online = visit.api.list("onlineEndpoints") if visit.workspace else []
    batch = visit.api.list("batchEndpoints") if visit.workspace else []
    deployments = records.deployments(visit) if visit.workspace else {}
    return "Endpoints", join(
        s.title("Endpoints", actions=deploy.button(visit, "", primary=True) if visit.workspace else None),
        div(
            s.card(
                "Real-time",
                s.grid(
                    ["Name", "Deployments", "Traffic", "Address"],
                    [_online(visit, one, deployments.get(one["name"].lower(), ())) for one in online[::-1]],
                    empty=s.empty(_NO_ENDPOINT, "lazulite run -- python deploy.py"),
                ),
                class_="flush",
            ),
            s.card(
                "Batch",
                s.grid(
                    ["Name", "Default deployment", "Made"],
                    [_batch(visit, one) for one in batch[::-1]],
                    empty=s.empty(_NO_BATCH, "lazulite batch-endpoint create --name my-batch"),
                ),
                class_="flush",
            ),
            class_="stack",
        ),
    )


def _online(visit: Visit, one: JsonObject, deployments: Sequence[tuple[str, str]]) -> Html:
    link = address(visit, one["name"])
    states: list[Child] = [div(s.badge(state), " ", name) for name, state in deployments]
    traffic = {name: share for name, share in one["properties"]["traffic"].items() if share}
    shares = ", ".join(f"{name} {share} %" for name, share in traffic.items())
    cells = [
        a(strong(one["name"]), href=link),
        join(*states) if states else s.muted("none"),
        shares or s.muted("none"),
        s.mono(one["properties"]["scoringUri"]),
    ]
    return s.row(*cells, key=one["name"], link=link)


def _batch(visit: Visit, one: JsonObject) -> Html:
    link = visit.link(f"/endpoints/batch/{segment(one['name'])}/detail")
    default = (one["properties"].get("defaults") or {}).get("deploymentName")
    made = s.moment((one.get("systemData") or {}).get("createdAt"))
    return s.row(a(strong(one["name"]), href=link), default or s.muted("none"), made, key=one["name"], link=link)


def address(visit: Visit, name: str, **query: str) -> str:
    """Returns the address of an online endpoint's page, Azure's own."""
    return visit.link(f"/endpoints/realtime/{segment(name)}/detail", **query)


ROUTES = (shown("/endpoints", show),)
