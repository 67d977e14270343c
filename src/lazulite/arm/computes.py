"""Computes: clusters, instances, attached machines; sizes and usage of the region."""

from itertools import islice

from lazulite import clock, fields
from lazulite.arm import operations, shapes
from lazulite.arm.families import Child, Context, one_of
from lazulite.catalog import quotas, vm_sizes
from lazulite.engine import nodes, states
from lazulite.engine.nodes import Node
from lazulite.engine.states import Job
from lazulite.errors import BadRequest
from lazulite.http import scopes
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.ids import PROVIDER
from lazulite.store import resources
from lazulite.store.operations import begin, end
from lazulite.store.resources import Resource

_TYPES = ("AmlCompute", "ComputeInstance", "Kubernetes", "VirtualMachine", "SynapseSpark", "AKS", "HDInsight")


def accept(given: JsonObject, context: Context) -> JsonObject:
    """Checks the type, the size and the scale. A compute is there as soon as it is accepted: it is this machine."""
    kind = one_of(given, "computeType", _TYPES)
    settings = fields.nested(given, "properties.properties")
    completed = {**settings}
    if kind in ("AmlCompute", "ComputeInstance"):
        completed["vmSize"] = _size(settings)
    if kind == "AmlCompute":
        completed |= _cluster(settings)
    if kind == "ComputeInstance":
        completed = {"state": "Running", "applicationSharingPolicy": "Personal", **completed}
    return {
        "disableLocalAuth": True,
        **given,
        "computeType": kind,
        "computeLocation": context.call.body.get("location") or context.parts.settings.region,
        "properties": completed,
    }


def _size(settings: JsonObject) -> str:
    wanted = fields.text(settings, "properties.properties.vmSize", required=True)
    known = vm_sizes.find(wanted)
    if not known:
        raise BadRequest(
            f'"{wanted}" is not a VM size that Azure Machine Learning offers.',
            target="properties.properties.vmSize",
            hint="`lazulite compute list-sizes` lists them.",
        )
    return known.name


def _cluster(settings: JsonObject) -> JsonObject:
    scale = {"minNodeCount": 0, "maxNodeCount": 1, "nodeIdleTimeBeforeScaleDown": "PT2M"}
    at = "properties.properties.scaleSettings"
    given = fields.nested(settings, at)
    scale |= {name: value for name, value in given.items() if value is not None}
    low = fields.count(given, f"{at}.minNodeCount", 0, least=0)
    high = fields.count(given, f"{at}.maxNodeCount", 1, least=0)
    if low > high:
        raise BadRequest(f"minNodeCount {low} is over maxNodeCount {high}.", target=at)
    clock.seconds(scale["nodeIdleTimeBeforeScaleDown"], f"{at}.nodeIdleTimeBeforeScaleDown", 0)
    priority = settings.get("vmPriority") or "Dedicated"
    return {"scaleSettings": scale, "vmPriority": priority, "allocationState": "Steady"}


def show(row: Resource, call: Call, parts: Parts) -> JsonObject:
    """Prints the properties with the provisioning state, the times, and of a cluster the nodes that are up."""
    properties = row.body["properties"]
    if properties["computeType"] == "AmlCompute":
        up = _nodes(row, parts)
        running = sum(node.job is not None for node in up)
        counts = {"idleNodeCount": len(up) - running, "runningNodeCount": running}
        inner = {"currentNodeCount": len(up), "targetNodeCount": len(up), "nodeStateCounts": counts}
        properties = {**properties, "properties": {**properties["properties"], **inner}}
    return {
        **properties,
        "provisioningState": "Succeeded",
        "provisioningErrors": None,
        "createdOn": clock.iso(row.created_at),
        "modifiedOn": clock.iso(row.modified_at),
    }


def _nodes(row: Resource, parts: Parts) -> list[Node]:
    """Lists a cluster's nodes: those that jobs have brought up, and idle ones as far as the minimum asks for more."""
    with parts.db.read() as connection:
        used = nodes.of_compute(connection, row.place.scope, row.place.name)
    taken = {node.number for node in used}
    low = row.body["properties"]["properties"]["scaleSettings"]["minNodeCount"]
    free = (number for number in range(low + len(used)) if number not in taken)
    return [*used, *(Node(number, None, None) for number in islice(free, max(0, low - len(used))))]


def list_nodes(call: Call, parts: Parts) -> Reply:
    """Lists the nodes that are up now, each with the job that runs on it."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        row = COMPUTE.find(connection, workspace, call.ids["name"])
        if row.body["properties"]["computeType"] != "AmlCompute":
            return Reply({"nodes": [], "nextLink": None})
        up = _nodes(row, parts)
        jobs = {node.number: states.get(connection, node.job) for node in up if node.job is not None}
    return Reply({"nodes": [_show_node(row, node, jobs.get(node.number)) for node in up], "nextLink": None})


def _show_node(row: Resource, node: Node, job: Job | None) -> JsonObject:
    return {
        "nodeId": f"{row.place.name}-{node.number}",
        "nodeState": "running" if job else "idle",
        "runId": job.name if job else None,
        "privateIpAddress": "127.0.0.1",
        "publicIpAddress": None,
        "port": None,
    }


def put(call: Call, parts: Parts) -> Reply:
    """Makes or changes a compute; jobs that wait may find room at once."""
    reply = COMPUTE.put(call, parts)
    parts.engine.wake()
    return reply


def start(call: Call, parts: Parts) -> Reply:
    """Starts a compute instance."""
    return _set_state(call, parts, "Running")


def stop(call: Call, parts: Parts) -> Reply:
    """Stops a compute instance."""
    return _set_state(call, parts, "Stopped")


def enable_sso(call: Call, parts: Parts) -> Reply:
    """Notes whether the applications of an instance sign its user in; `{enableSSO: true}`."""
    _change_instance(call, parts, {"enableSSO": fields.flag(call.body, "enableSSO")})
    return Reply()


def _set_state(call: Call, parts: Parts, state: str) -> Reply:
    operation = _change_instance(call, parts, {"state": state})
    parts.engine.wake()
    # 202 and nothing else: the SDK refuses 200 here. Source: wire observations, azure-ai-ml 1.35.2.
    return operations.accepted(call, call.ids["subscription"], operation, None, 202)


def _change_instance(call: Call, parts: Parts, changes: JsonObject) -> str:
    """Changes what an instance says of itself; returns an operation that has ended."""
    workspace = scopes.workspace(call, parts)
    with parts.db.write() as connection:
        row = COMPUTE.find(connection, workspace, call.ids["name"])
        properties = row.body["properties"]
        if properties["computeType"] != "ComputeInstance":
            raise BadRequest(f'Only a compute instance can do this; "{row.place.name}" is {properties["computeType"]}.')
        body = {**row.body, "properties": {**properties, "properties": {**properties["properties"], **changes}}}
        resources.put(connection, row.place, body, now=call.now, who=call.who.name)
        operation = begin(connection, f"{workspace}/computes/{row.place.name}", call.now)
        end(connection, operation, None, call.now)
    return operation


def list_sizes(call: Call, parts: Parts) -> Reply:
    """Lists the VM sizes: `value[]: {name, family, vCPUs, gpus, memoryGB, ...}`, not paged."""
    return Reply({"value": [vm_sizes.wire(size) for size in vm_sizes.sizes()]})


def list_usage(call: Call, parts: Parts) -> Reply:
    """Lists cores in use and allowed, by family."""
    with parts.db.read() as connection:
        rows = resources.everywhere(connection, "computes")
    used: dict[str, int] = {}
    for row in rows:
        inner = row.body["properties"].get("properties") or {}
        size = vm_sizes.find(str(inner.get("vmSize")))
        if size:
            up = len(_nodes(row, parts)) if row.body["properties"]["computeType"] == "AmlCompute" else 1
            used[size.family] = used.get(size.family, 0) + size.vcpus * up
    return shapes.page(quotas.usages(call.ids["subscription"], call.ids["location"], used, len(rows)))


COMPUTE = Child("computes", accept, show)

_ONE = f"{scopes.WORKSPACE}/computes/{{name}}"
_REGION = f"/subscriptions/{{subscription}}/providers/{PROVIDER}/locations/{{location}}"

ROUTES = (
    *(route for route in COMPUTE.routes() if route.method != "PUT"),
    Route("PUT", _ONE, put),
    Route("PATCH", _ONE, put),
    Route("POST", f"{_ONE}/listNodes", list_nodes),
    Route("POST", f"{_ONE}/start", start),
    Route("POST", f"{_ONE}/stop", stop),
    Route("POST", f"{_ONE}/restart", start),
    Route("POST", f"{_ONE}/enableSso", enable_sso, partial="noted, but no application asks"),
    Route("GET", f"{_REGION}/vmSizes", list_sizes),
    Route("GET", f"{_REGION}/usages", list_usage),
)
