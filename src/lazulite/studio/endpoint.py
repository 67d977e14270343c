"""One real-time endpoint: its deployments and traffic, its keys, a test, what it answered, its logs."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lazulite.errors import BadRequest
from lazulite.http.call import JsonObject
from lazulite.studio import consume, curves, deploy, endpoints, logs, mirror, records, scoring, traffic, variables
from lazulite.studio import shown as s
from lazulite.studio.html import Child, Html, a, button, div, element, form, input_, join, pre, span, strong
from lazulite.studio.inside import segment
from lazulite.studio.layout import shown
from lazulite.studio.visit import Visit, act

_SETTLED = ("Succeeded", "Failed")
_SCORE, _SHARES = element("lz-score"), element("lz-shares")
_NO_SAMPLE = '{"data": [[1, 2, 3]]}'
_SAMPLE_LIMIT_S = 0.5  # a page that is to be read at once waits no longer for a swagger
_HIDDEN = "••••••"


@dataclass(frozen=True)
class Endpoint:
    """An endpoint on a page: as ARM prints it, with its deployments."""

    visit: Visit
    body: JsonObject
    deployments: list[JsonObject]

    @property
    def name(self) -> str:
        """Returns its name."""
        return str(self.body["name"])

    @property
    def properties(self) -> JsonObject:
        """Returns its properties."""
        found: JsonObject = self.body["properties"]
        return found

    @property
    def path(self) -> str:
        """Returns where the API has it."""
        return f"onlineEndpoints/{segment(self.name)}"

    @property
    def chosen(self) -> str:
        """Returns the deployment that is looked at: the one asked for, or the one with most traffic."""
        names = [str(one["name"]) for one in self.deployments]
        asked = self.visit.asked("deployment")
        if asked in names:
            return asked
        shares = self.properties["traffic"]
        return max(names, key=lambda name: shares.get(name.lower(), 0), default="")

    @property
    def deployment(self) -> JsonObject | None:
        """Returns the deployment that is looked at, None where there is none."""
        return next((one for one in self.deployments if one["name"] == self.chosen), None)

    def link(self, **query: str) -> str:
        """Returns the address of a part of its page."""
        return endpoints.address(self.visit, self.name, **query)


def find(visit: Visit) -> Endpoint:
    """Asks for the endpoint of a page. Raises NotFound (404)."""
    where = f"onlineEndpoints/{segment(visit.call.ids['name'])}"
    return Endpoint(visit, visit.api.get(where), visit.api.list(f"{where}/deployments"))


def show(visit: Visit) -> tuple[str, Html]:
    """Shows an endpoint, the part of it that `?tab=` names."""
    found = find(visit)
    parts: Mapping[str, Callable[[Endpoint], Html]] = {
        "Overview": overview,
        "Test": test,
        "Consume": consume_tab,
        "Traffic": traffic_tab,
        "Mirror": mirror_tab,
        "Logs": logs_tab,
        "Environment": environment_tab,
        "Definition": definition,
    }
    asked = visit.asked("tab")
    tab = next((words for words in parts if words.lower() == asked.lower()), "Overview")
    links = [(words, found.link(tab=words.lower() if words != "Overview" else "")) for words in parts]
    sure = f"Delete {found.name} with all its deployments?"
    return found.name, join(
        s.title(
            found.name,
            s.muted("real-time endpoint"),
            above=a("Endpoints", href=visit.link("/endpoints")),
            actions=[
                deploy.button(visit, "", endpoint=found.name),
                s.does("Delete", _action(found, "delete"), tone="danger", sure=sure),
            ],
        ),
        s.tabs(links, tab),
        parts[tab](found),
    )


def _action(found: Endpoint, verb: str) -> str:
    return found.visit.link(f"/endpoints/realtime/{segment(found.name)}/{verb}")


def overview(found: Endpoint) -> Html:
    """Shows the deployments with their states, the traffic between them, and where to send requests."""
    rows = [_deployment(found, one) for one in found.deployments]
    nothing = s.empty("No deployment yet.", "lazulite online-deployment create -f deployment.yml")
    main = [
        *(_failure(found, one) for one in found.deployments),
        s.card(
            "Deployments",
            s.grid(["Name", "State", "Model", "Size", "Instances", ""], rows, empty=nothing),
            class_="flush",
        ),
        _shares(found) if found.deployments else None,
        *(_making(found, one) for one in found.deployments if one["properties"]["provisioningState"] not in _SETTLED),
    ]
    return div(div(main, class_="stack"), div(_about(found), _keys(found), class_="stack"), class_="columns")


def _deployment(found: Endpoint, one: JsonObject) -> Html:
    properties = one["properties"]
    model = str(properties.get("model") or "")
    scale = form(
        s.hidden("deployment", one["name"]),
        input_(type="number", name="instances", value=one["sku"]["capacity"], min=1, max=20, aria_label="Instances"),
        button("Scale"),
        method="post",
        action=_action(found, "scale"),
        data_act=True,
        class_="inline",
        data_keep=True,
    )
    remove = s.does(
        "Delete",
        _action(found, "remove"),
        s.hidden("deployment", one["name"]),
        tone="quiet",
        sure=f"Delete {one['name']}?",
    )
    return s.row(
        strong(one["name"]),
        s.badge(properties["provisioningState"]),
        _model(found, model),
        s.muted(properties.get("instanceType") or properties["endpointComputeType"]),
        scale,
        remove,
        key=one["name"],
    )


def _model(found: Endpoint, model: str) -> Child:
    if "/models/" not in model:
        return s.muted("none")
    name, _, version = model.partition("/models/")[2].partition("/versions/")
    label = f"{name}:{version}"
    return a(label, href=found.visit.link(f"/model/{segment(label)}/details"))


def _failure(found: Endpoint, one: JsonObject) -> Html | None:
    error = one["properties"].get("provisioningError")
    if not error:
        return None
    message, _, rest = str(error.get("message") or "").partition("\n")
    log = a("All that it printed", href=found.link(tab="logs", deployment=one["name"]))
    return div(strong(f"{one['name']}: {message}"), pre(rest) if rest else None, div(log), class_="notice bad")


def _making(found: Endpoint, one: JsonObject) -> Html:
    address = logs.of_deployment(found.visit, found.name, one["name"], "storage")
    return s.card(f"{one['name']} is being made", logs.viewer(address, live=True, key=f"making-{one['name']}"))


def _shares(found: Endpoint) -> Html:
    shares = found.properties["traffic"]
    by_name = {one["name"]: shares.get(one["name"].lower(), 0) for one in found.deployments}
    mirror = found.properties.get("mirrorTraffic") or {}
    mirrored = next(iter(mirror), "")
    options = [("", "nobody"), *((one["name"].lower(), one["name"]) for one in found.deployments)]
    hint = "It gets copies of what the others are asked. Callers never see its answers; the Mirror tab compares them."
    body = form(
        None if any(by_name.values()) else s.muted("No traffic yet: requests must name a deployment."),
        _SHARES(shares=json.dumps(by_name)),
        div(
            s.choice("Mirror to", "mirror", options, mirrored, hint=hint),
            s.field("Percent", "percent", str(mirror.get(mirrored, 10)), type="number", min=0, max=50),
            class_="pair",
        )
        if len(found.deployments) > 1
        else None,
        div(button("Apply", class_="primary"), class_="buttons"),
        method="post",
        action=_action(found, "traffic"),
        data_act=True,
        data_keep=True,
        class_="stack",
    )
    return s.card("Traffic", body)


def _about(found: Endpoint) -> Html:
    properties = found.properties
    return s.card(
        "Address",
        s.facts(
            ("Score", join(s.mono(properties["scoringUri"]), s.copy(properties["scoringUri"]))),
            ("Swagger", s.mono(properties["swaggerUri"])),
            (
                "Sign-in",
                {"Key": "key", "AMLToken": "Azure ML token", "AADToken": "Entra token"}[properties["authMode"]],
            ),
            ("Made", s.moment(found.body["systemData"]["createdAt"])),
            ("Description", properties.get("description")),
        ),
        s.tags(found.body.get("tags")),
    )


def _keys(found: Endpoint) -> Html | None:
    if found.properties["authMode"] != "Key":
        return None
    keys = found.visit.api.post(f"{found.path}/listKeys")
    rows = [
        div(
            s.muted(words),
            s.mono(f"{keys[name][:6]}…"),
            s.copy(keys[name]),
            s.does(
                "Replace",
                _action(found, "key"),
                s.hidden("key", which),
                tone="quiet",
                sure=f"Replace the {which.lower()} key? The old one is refused at once.",
            ),
            class_="chips",
        )
        for words, name, which in (("primary", "primaryKey", "Primary"), ("secondary", "secondaryKey", "Secondary"))
    ]
    return s.card("Keys", *rows)


def test(found: Endpoint) -> Html:
    """Shows the form that sends a request to a deployment, and what came back."""
    if not found.deployments:
        return s.empty("There is no deployment to test yet.")
    names = ",".join(one["name"] for one in found.deployments)
    address = found.visit.link("/_studio/score", endpoint=found.name)
    sample = found.visit.link("/_studio/sample", endpoint=found.name)
    return s.card("Test", _SCORE(src=address, sample=sample, deployments=names, chosen=found.chosen, id="score"))


def consume_tab(found: Endpoint) -> Html:
    """Shows programs that call the endpoint. Its credential is hidden in what is shown, not in what is copied."""
    visit, properties = found.visit, found.properties
    one = found.deployment
    text = scoring.sample_of(visit, found.body, one, _SAMPLE_LIMIT_S) if one else ""
    try:
        data = json.loads(text or _NO_SAMPLE)
    except ValueError:  # a file that shows something else
        data = json.loads(_NO_SAMPLE)
    secret = scoring.credential(visit, found.body)
    assert visit.workspace
    asked = consume.Request(
        visit.workspace,
        found.name,
        properties["scoringUri"],
        properties["authMode"],
        secret,
        data,
        "" if any(properties["traffic"].values()) else found.chosen,
    )
    hidden = consume.snippets(replace(asked, secret=_HIDDEN))
    cards = [
        s.card(language, s.source(shown, copied=copied))
        for (language, shown), (_, copied) in zip(hidden, consume.snippets(asked), strict=True)
    ]
    said = "Ready to run: what you copy has the credential in it." if secret else None
    return div(s.muted(said), cards, class_="stack")


def traffic_tab(found: Endpoint) -> Html:
    """Shows what each deployment has answered since the gateway began, and how that goes on."""
    rows = []
    for name, one in traffic.counted(found.visit, found.name).items():
        statuses = [span(f"{count:,} × {status}", class_="chip") for status, count in one["statuses"].items()]
        copies = f"{one['mirrored']:,}" if one["mirrored"] or one["not_mirrored"] else "–"
        cells = [s.figure(cell) for cell in (f"{one['requests']:,}", *traffic.percentiles(one), copies)]
        left_out = f"{one['not_mirrored']:,} left out" if one["not_mirrored"] else ""
        rows.append(s.row(strong(name), div(statuses, class_="chips"), *cells, s.muted(left_out), key=name))
    figures = [s.figure(words) for words in ("Requests", "Half within", "95 % within", "Copied on")]
    headings = ["Deployment", "Answers", *figures, ""]
    address = found.visit.link("/_studio/traffic", endpoint=found.name)
    waiting = "Curves are drawn of the requests that come while this page is open."
    return div(
        s.card(
            "Since the gateway began",
            div(s.grid(headings, rows, empty=s.muted("No request has come yet.")), data_poll=True),
            class_="flush",
        ),
        curves.plots(address, live=True, empty=waiting, plain=True),
        class_="stack",
    )


def mirror_tab(found: Endpoint) -> Html:
    """Shows how the answers to mirrored requests compare with those that callers got."""
    return mirror.cards(found.visit, found.name, found.deployments)


def logs_tab(found: Endpoint) -> Html:
    """Shows what a deployment printed, or how it was prepared."""
    if not found.deployments:
        return s.empty("There is no deployment yet.")
    kind = "storage" if found.visit.asked("log") == "storage" else "console"
    deployments = [(one["name"], found.link(tab="logs", deployment=one["name"], log=kind)) for one in found.deployments]
    kinds = [
        ("console", found.link(tab="logs", deployment=found.chosen)),
        ("storage", found.link(tab="logs", deployment=found.chosen, log="storage")),
    ]
    return join(
        s.tabs(deployments, found.chosen) if len(deployments) > 1 else None,
        s.tabs(kinds, kind),
        logs.viewer(logs.of_deployment(found.visit, found.name, found.chosen, kind), live=True),
    )


def environment_tab(found: Endpoint) -> Html:
    """Shows what a deployment's workers run in: the interpreter, its packages, every variable with its origin."""
    if not found.deployments:
        return s.empty("There is no deployment yet.")
    one = found.deployment
    assert one
    tabs = [(each["name"], found.link(tab="environment", deployment=each["name"])) for each in found.deployments]
    told = records.workers_told(found.visit, f"{found.name}/{found.chosen}")
    if not told:
        return join(s.tabs(tabs, found.chosen), s.muted("Its variables are known once it has started."))
    own = one["properties"].get("environmentVariables") or {}
    about = s.facts(
        ("Environment", s.mono(one["properties"].get("environmentId"))),
        ("Python", s.mono(told["python"])),
        ("Code", s.mono(told["app"])),
    )
    return div(
        s.tabs(tabs, found.chosen) if len(tabs) > 1 else None,
        s.card(None, about),
        variables.lock(Path(told["python"]).parent.parent),
        variables.table(found.visit.parts.settings, told["variables"], own, "the deployment"),
        class_="stack",
    )


def definition(found: Endpoint) -> Html:
    """Shows the bodies as ARM prints them."""
    return div(
        [
            s.card(name, s.json_source(body))
            for name, body in [("Endpoint", found.body), *((one["name"], one) for one in found.deployments)]
        ],
        class_="stack",
    )


def do_traffic(visit: Visit) -> JsonObject:
    """Shares the traffic out as the sliders say, and mirrors it."""
    found = find(visit)
    shares = {
        name.removeprefix("share."): _percent(value) for name, value in visit.form.items() if name.startswith("share.")
    }
    mirror = visit.field("mirror")
    percent = _percent(visit.field("percent") or "0")
    body: JsonObject = {"traffic": shares, "mirrorTraffic": {mirror: percent} if mirror and percent else {}}
    visit.api.patch(found.path, {"properties": body})
    return {"said": "The gateway shares the traffic so from now on."}


def _percent(text: object) -> int:
    if not str(text).isdecimal():
        raise BadRequest(f"{text!r} is no percentage.", target="traffic")
    return int(str(text))


def do_scale(visit: Visit) -> JsonObject:
    """Changes how many instances a deployment has."""
    found, name = find(visit), visit.field("deployment", required=True)
    count = _percent(visit.field("instances", required=True))
    visit.api.patch(f"{found.path}/deployments/{segment(name)}", {"sku": {"capacity": count}})
    return {"said": f"{name} gets {count} instances."}


def do_remove(visit: Visit) -> JsonObject:
    """Deletes a deployment."""
    found, name = find(visit), visit.field("deployment", required=True)
    visit.api.delete(f"{found.path}/deployments/{segment(name)}")
    return {"said": f"{name} is deleted."}


def do_key(visit: Visit) -> JsonObject:
    """Replaces a key."""
    visit.api.post(f"{find(visit).path}/regenerateKeys", {"keyType": visit.field("key", required=True)})
    return {"said": "The old key is refused from now on."}


def do_delete(visit: Visit) -> JsonObject:
    """Deletes the endpoint."""
    visit.api.delete(find(visit).path)
    return {"to": visit.link("/endpoints")}


_ONE = "/endpoints/realtime/{name}"

ROUTES = (
    shown(_ONE, show),
    shown(f"{_ONE}/detail", show),
    act(f"{_ONE}/traffic", do_traffic),
    act(f"{_ONE}/scale", do_scale),
    act(f"{_ONE}/remove", do_remove),
    act(f"{_ONE}/key", do_key),
    act(f"{_ONE}/delete", do_delete),
)
