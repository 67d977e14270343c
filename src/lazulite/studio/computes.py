"""Computes: clusters, instances, attached machines; their nodes, what runs on them and what waits."""

import os
from collections.abc import Mapping

import psutil

from lazulite import clock
from lazulite.catalog import vm_sizes
from lazulite.environments import cpu_builds
from lazulite.errors import BadRequest
from lazulite.http.call import JsonObject
from lazulite.studio import jobs, records
from lazulite.studio import shown as s
from lazulite.studio.html import Html, a, div, join, span, strong
from lazulite.studio.inside import segment
from lazulite.studio.layout import shown
from lazulite.studio.visit import Shown, Visit, act

_NONE = "No compute yet. Jobs without one run on this machine all the same, as serverless ones."
_TYPES = {"AmlCompute": "cluster", "ComputeInstance": "instance", "VirtualMachine": "attached machine"}


def show_all(visit: Visit) -> tuple[str, Html]:
    """Lists the computes."""
    found = visit.api.list("computes") if visit.workspace else []
    waiting = records.waiting(visit)
    headings = ["Name", "Type", "Size", "State", s.figure("Nodes"), s.figure("Waiting")]
    nothing = s.empty(_NONE, "lazulite compute create --name cpu-cluster --type amlcompute --max-instances 2")
    return "Compute", join(
        s.title("Compute", actions=_new(visit) if visit.workspace else None),
        div(
            s.card(None, s.grid(headings, [_row(visit, one, waiting) for one in found], empty=nothing), class_="flush"),
            _this_machine(),
            class_="stack",
        ),
    )


def _this_machine() -> Html:
    """Shows what all nodes share, whatever size they claim to be."""
    memory = psutil.virtual_memory()
    used = f"{s.size(memory.total - memory.available)} of {s.size(memory.total)}"
    about = s.facts(("Cores", str(os.cpu_count() or 1)), ("Memory in use", used), ("GPU", _gpu()))
    return s.card("This machine, which all of them share", about)


def _gpu() -> str:
    return "there is one" if cpu_builds.has_gpu() else "none: code for CUDA runs on the CPU"


def _new(visit: Visit) -> Html:
    return s.sheet(
        "New cluster",
        visit.link("/_studio/computes"),
        s.field("Name", "name", required=True),
        s.choice("Size", "size", [one.name for one in vm_sizes.sizes()], "Standard_DS3_v2"),
        _nodes("0", "2"),
        heading="New cluster",
        press="Create",
        tone="primary",
    )


def _row(visit: Visit, one: JsonObject, waiting: Mapping[str, int]) -> Html:
    properties = one["properties"]
    inner = properties.get("properties") or {}
    link = visit.link(f"/compute/{segment(one['name'])}")
    scale = inner.get("scaleSettings") or {}
    nodes = f"{inner.get('currentNodeCount', 0)} of {scale['maxNodeCount']}" if scale else "–"
    cells = [
        a(strong(one["name"]), href=link),
        _TYPES.get(properties["computeType"], properties["computeType"]),
        inner.get("vmSize") or s.muted("–"),
        _state(inner),
        s.figure(nodes),
        s.figure(waiting.get(one["name"].lower(), 0) or "–"),
    ]
    return s.row(*cells, key=one["name"], link=link)


def _state(inner: JsonObject) -> Html:
    """Shows an instance's own state, and of a cluster whether its nodes are at work."""
    is_busy = bool((inner.get("nodeStateCounts") or {}).get("runningNodeCount"))
    state = inner.get("state") or ("At work" if is_busy else "Idle")
    return span(state, class_=f"badge {'live' if is_busy else 'good' if state == 'Running' else 'off'}")


def show(visit: Visit) -> Shown:
    """Shows a compute with its nodes and its queue."""
    name = visit.call.ids["name"]
    active = [one for one in records.listed(visit, records.Wanted("active")) if one["target"] == name]
    if name == "serverless":
        return name, join(
            s.title(name, s.muted("this machine"), above=a("Compute", href=visit.link("/compute"))),
            _jobs(visit, active),
        )
    body = visit.api.get(f"computes/{segment(name)}")
    properties = body["properties"]
    inner = properties.get("properties") or {}
    nodes = visit.api.post(f"computes/{segment(name)}/listNodes")["nodes"]
    is_instance = properties["computeType"] == "ComputeInstance"
    verb = "stop" if inner.get("state") == "Running" else "start"
    switch = s.does(verb.capitalize(), visit.link(f"/compute/{segment(name)}/{verb}")) if is_instance else None
    remove = s.does("Delete", visit.link(f"/compute/{segment(name)}/delete"), tone="danger", sure=f"Delete {name}?")
    idle = "It runs no job." if is_instance else "None: they come with the next job."
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
            s.muted(_TYPES.get(properties["computeType"], properties["computeType"])),
            above=a("Compute", href=visit.link("/compute")),
            actions=[switch, _rescale(visit, name, inner), remove],
        ),
        div(
            div(
                s.card(
                    "Nodes that are up",
                    s.grid(["Node", "State", "Job"], rows, empty=s.muted(idle)),
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
    idle = scale.get("nodeIdleTimeBeforeScaleDown")
    return [
        ("Size", inner.get("vmSize")),
        ("Which has", f"{size.vcpus} cores, {size.memory_gb:g} GB" if size else None),
        ("Nodes", f"{scale.get('minNodeCount')} to {scale.get('maxNodeCount')}" if scale else None),
        ("Idle nodes stay", s.duration(clock.seconds(idle, "", 0)) if idle else None),
        ("Priority", inner.get("vmPriority")),
        ("State", inner.get("state")),
        ("Made", s.moment(properties.get("createdOn"))),
    ]


def _rescale(visit: Visit, name: str, inner: JsonObject) -> Html | None:
    """Returns the button that changes how many nodes a cluster may have; None of what is no cluster."""
    scale = inner.get("scaleSettings")
    if not scale:
        return None
    return s.sheet(
        "Scale",
        visit.link(f"/compute/{segment(name)}/scale"),
        _nodes(str(scale.get("minNodeCount", 0)), str(scale["maxNodeCount"])),
        heading=f"Scale {name}",
        press="Apply",
        name="scale",
    )


def _nodes(low: str, high: str) -> Html:
    return div(
        s.field("Least nodes", "low", low, type="number", min=0),
        s.field("Most nodes", "high", high, type="number", min=0),
        class_="pair",
    )


def _jobs(visit: Visit, active: list[JsonObject]) -> Html:
    nothing = s.muted("Nothing runs or waits.")
    return s.card("Running and waiting", jobs.table(visit, active, empty=nothing), class_="flush")


def do_create(visit: Visit) -> JsonObject:
    """Makes a cluster."""
    name = visit.field("name", required=True)
    inner = {"vmSize": visit.field("size"), "scaleSettings": _scale(visit)}
    body = {"location": visit.parts.settings.region, "properties": {"computeType": "AmlCompute", "properties": inner}}
    visit.api.put(f"computes/{segment(name)}", body)
    return {"to": visit.link(f"/compute/{segment(name)}")}


def _scale(visit: Visit) -> JsonObject:
    low, high = visit.field("low") or "0", visit.field("high") or "1"
    if not (low.isdecimal() and high.isdecimal()):
        raise BadRequest("Nodes are counted in whole numbers.", target="nodes")
    return {"minNodeCount": int(low), "maxNodeCount": int(high)}


def do_scale(visit: Visit) -> JsonObject:
    """Changes how many nodes a cluster may have."""
    where = f"computes/{segment(visit.call.ids['name'])}"
    body = visit.api.get(where)
    inner = body["properties"]["properties"]
    inner["scaleSettings"] = {**inner["scaleSettings"], **_scale(visit)}
    visit.api.put(where, {"location": body["location"], "properties": body["properties"]})
    return {"said": "It scales so from now on."}


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
    act("/compute/{name}/scale", do_scale),
    act("/compute/{name}/start", do_start),
    act("/compute/{name}/stop", do_stop),
    act("/compute/{name}/delete", do_delete),
)
