"""Computes: clusters, instances, attached machines; sizes and usage of the region."""

from lazulite import clock, fields
from lazulite.arm import operations, shapes
from lazulite.arm.families import Child, Context, one_of
from lazulite.catalog import quotas, vm_sizes
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
    return {
        "scaleSettings": scale,
        "vmPriority": settings.get("vmPriority") or "Dedicated",
        "allocationState": "Steady",
        "currentNodeCount": low,
        "targetNodeCount": low,
        "nodeStateCounts": {"idleNodeCount": low, "runningNodeCount": 0},
    }


def show(row: Resource, call: Call, parts: Parts) -> JsonObject:
    """Prints the properties with the provisioning state and the times."""
    return {
        **row.body["properties"],
        "provisioningState": "Succeeded",
        "provisioningErrors": None,
        "createdOn": clock.iso(row.created_at),
        "modifiedOn": clock.iso(row.modified_at),
    }


def list_nodes(call: Call, parts: Parts) -> Reply:
    """Lists the nodes that are up now: those of the minimum, on this machine."""
    workspace = scopes.workspace(call, parts)
    with parts.db.read() as connection:
        row = COMPUTE.find(connection, workspace, call.ids["name"])
    count = row.body["properties"]["properties"].get("currentNodeCount", 0)
    nodes = [
        {"nodeId": f"{row.place.name}-{number}", "nodeState": "idle", "privateIpAddress": "127.0.0.1"}
        for number in range(count)
    ]
    return Reply({"nodes": nodes, "nextLink": None})


def start(call: Call, parts: Parts) -> Reply:
    """Starts a compute instance."""
    return _set_state(call, parts, "Running")


def stop(call: Call, parts: Parts) -> Reply:
    """Stops a compute instance."""
    return _set_state(call, parts, "Stopped")


def _set_state(call: Call, parts: Parts, state: str) -> Reply:
    workspace = scopes.workspace(call, parts)
    with parts.db.write() as connection:
        row = COMPUTE.find(connection, workspace, call.ids["name"])
        properties = row.body["properties"]
        if properties["computeType"] != "ComputeInstance":
            raise BadRequest(
                f'Only compute instances start and stop; "{row.place.name}" is {properties["computeType"]}.'
            )
        inner = {**properties["properties"], "state": state}
        body = {**row.body, "properties": {**properties, "properties": inner}}
        resources.put(connection, row.place, body, now=call.now, who=call.who.name)
        operation = begin(connection, f"{workspace}/computes/{row.place.name}", call.now)
        end(connection, operation, None, call.now)
    # 202 and nothing else: the SDK refuses 200 here. Source: wire observations, azure-ai-ml 1.35.2.
    return operations.accepted(call, call.ids["subscription"], operation, None, 202)


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
            used[size.family] = used.get(size.family, 0) + size.vcpus * inner.get("currentNodeCount", 1)
    return shapes.page(quotas.usages(call.ids["subscription"], call.ids["location"], used, len(rows)))


COMPUTE = Child("computes", accept, show)

_ONE = f"{scopes.WORKSPACE}/computes/{{name}}"
_REGION = f"/subscriptions/{{subscription}}/providers/{PROVIDER}/locations/{{location}}"

ROUTES = (
    *COMPUTE.routes(),
    Route("PATCH", _ONE, COMPUTE.put),
    Route("POST", f"{_ONE}/listNodes", list_nodes),
    Route("POST", f"{_ONE}/start", start),
    Route("POST", f"{_ONE}/stop", stop),
    Route("POST", f"{_ONE}/restart", start),
    Route("GET", f"{_REGION}/vmSizes", list_sizes),
    Route("GET", f"{_REGION}/usages", list_usage),
)
