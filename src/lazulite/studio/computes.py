"""Computes: clusters, instances, attached machines; their nodes, what runs on them and what waits."""

from lazulite.catalog import vm_sizes
from lazulite.errors import BadRequest
from lazulite.http.call import JsonObject
from lazulite.studio import jobs, records
from lazulite.studio import shown as s
from lazulite.studio.html import Html, a, div, join, strong
from lazulite.studio.inside import segment
from lazulite.studio.layout import shown
from lazulite.studio.visit import Shown, Visit, act

_NONE = "No compute yet. Jobs without one run on this machine all the same, as serverless ones."


def show_all(visit: Visit) -> tuple[str, Html]:
    """Lists the computes."""
    found = visit.api.list("computes") if visit.workspace else []
    nothing = s.empty(_NONE, "lazulite compute create --name cpu-cluster --type amlcompute --max-instances 2")
    return "Compute", join(
        s.title("Compute", actions=_new(visit) if visit.workspace else None),
        s.card(
            None,
            s.grid(["Name", "Type", "Size", "Nodes", "Running"], [_row(visit, one) for one in found], empty=nothing),
            class_="flush",
        ),
    )


def _new(visit: Visit) -> Html:
    return s.sheet(
        "New cluster",
        visit.link("/_studio/computes"),
        s.field("Name", "name", required=True),
        s.choice("Size", "size", [one.name for one in vm_sizes.sizes()], "Standard_DS3_v2"),
        div(
            s.field("Least nodes", "low", "0", type="number", min=0),
            s.field("Most nodes", "high", "2", type="number", min=0),
            class_="pair",
        ),
        heading="New cluster",
        press="Create",
        tone="primary",
    )


def _row(visit: Visit, one: JsonObject) -> Html:
    properties = one["properties"]
    inner = properties.get("properties") or {}
    link = visit.link(f"/compute/{segment(one['name'])}")
    counts = inner.get("nodeStateCounts") or {}
    scale = inner.get("scaleSettings") or {}
    nodes = f"{inner.get('currentNodeCount', 0)} of {scale['maxNodeCount']}" if scale else inner.get("state") or ""
    cells = [
        a(strong(one["name"]), href=link),
        properties["computeType"],
        inner.get("vmSize") or "",
        nodes,
        counts.get("runningNodeCount", ""),
    ]
    return s.row(*cells, key=one["name"], link=link)


def show(visit: Visit) -> Shown:
    """Shows a compute with its nodes and its queue."""
    name = visit.call.ids["name"]
    active = [one for one in records.listed(visit, records.Wanted("active")) if one["target"] == name]
    if name == "serverless":
        return name, join(s.title(name, s.muted("this machine")), _jobs(visit, active))
    body = visit.api.get(f"computes/{segment(name)}")
    properties = body["properties"]
    inner = properties.get("properties") or {}
    nodes = visit.api.post(f"computes/{segment(name)}/listNodes")["nodes"]
    is_instance = properties["computeType"] == "ComputeInstance"
    verb = "stop" if inner.get("state") == "Running" else "start"
    switch = s.does(verb.capitalize(), visit.link(f"/compute/{segment(name)}/{verb}")) if is_instance else None
    remove = s.does("Delete", visit.link(f"/compute/{segment(name)}/delete"), tone="danger", sure=f"Delete {name}?")
    rows = [
        s.row(
            s.mono(one["nodeId"]),
            s.badge({"running": "Running"}.get(one["nodeState"], "Idle")),
            a(one["runId"], href=jobs.address(visit, one["runId"])) if one["runId"] else s.muted("–"),
        )
        for one in nodes
    ]
    return name, join(
        s.title(
            name,
            s.muted(properties["computeType"]),
            above=a("Compute", href=visit.link("/compute")),
            actions=[switch, remove],
        ),
        div(
            div(
                s.card(
                    "Nodes that are up",
                    s.grid(["Node", "State", "Job"], rows, empty=s.muted("None: they come with the next job.")),
                    class_="flush",
                ),
                _jobs(visit, active),
                class_="stack",
            ),
            s.card("About", s.facts(*_facts(properties, inner))),
            class_="columns",
        ),
    )


def _facts(properties: JsonObject, inner: JsonObject) -> list[tuple[str, str | Html | None]]:
    size = vm_sizes.find(str(inner.get("vmSize") or ""))
    scale = inner.get("scaleSettings") or {}
    return [
        ("Size", inner.get("vmSize")),
        ("Which has", f"{size.vcpus} cores, {size.memory_gb:g} GB" if size else None),
        ("Nodes", f"{scale.get('minNodeCount')} to {scale.get('maxNodeCount')}" if scale else None),
        ("Idle for", scale.get("nodeIdleTimeBeforeScaleDown")),
        ("Priority", inner.get("vmPriority")),
        ("State", inner.get("state")),
        ("Made", s.moment(properties.get("createdOn"))),
    ]


def _jobs(visit: Visit, active: list[JsonObject]) -> Html:
    nothing = s.muted("Nothing runs or waits.")
    return s.card("Running and waiting", jobs.table(visit, active, empty=nothing), class_="flush")


def do_create(visit: Visit) -> JsonObject:
    """Makes a cluster."""
    name, low, high = visit.field("name", required=True), visit.field("low") or "0", visit.field("high") or "1"
    if not (low.isdecimal() and high.isdecimal()):
        raise BadRequest("Nodes are counted in whole numbers.", target="nodes")
    scale = {"minNodeCount": int(low), "maxNodeCount": int(high)}
    inner = {"vmSize": visit.field("size"), "scaleSettings": scale}
    body = {"location": visit.parts.settings.region, "properties": {"computeType": "AmlCompute", "properties": inner}}
    visit.api.put(f"computes/{segment(name)}", body)
    return {"to": visit.link(f"/compute/{segment(name)}")}


def do_start(visit: Visit) -> JsonObject:
    """Starts a compute instance."""
    visit.api.post(f"computes/{segment(visit.call.ids['name'])}/start")
    return {"said": "Started."}


def do_stop(visit: Visit) -> JsonObject:
    """Stops a compute instance."""
    visit.api.post(f"computes/{segment(visit.call.ids['name'])}/stop")
    return {"said": "Stopped."}


def do_delete(visit: Visit) -> JsonObject:
    """Deletes a compute."""
    visit.api.delete(f"computes/{segment(visit.call.ids['name'])}")
    return {"to": visit.link("/compute")}


ROUTES = (
    shown("/compute", show_all),
    shown("/compute/{name}", show),
    act("/_studio/computes", do_create),
    act("/compute/{name}/start", do_start),
    act("/compute/{name}/stop", do_stop),
    act("/compute/{name}/delete", do_delete),
)
