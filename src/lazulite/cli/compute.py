"""`lazulite compute`: as az ml compute."""

from lazulite.cli.entities import COMPUTE, NODE, SIZE, USAGE, Field, entity
from lazulite.cli.grammar import Arguments, Command, Group, Json, flag
from lazulite.cli.session import Session, open_workspace
from lazulite.cli.verbs import (
    COMMON,
    DESCRIPTION,
    NAME,
    NEW_NAME,
    NO_WAIT,
    TAGS,
    Noun,
    creating,
    deleting,
    listing,
    showing,
    updating,
)
from lazulite.ids import PROVIDER

_COMPUTE = Noun("compute", "computes", COMPUTE)
_FIELDS = (
    NEW_NAME,
    flag("--type", "-t", help="AmlCompute or ComputeInstance."),
    flag("--size", help="The VM size: `lazulite compute list-sizes` lists them."),
    flag("--min-instances", type=int, metavar="N", help="The nodes that are always up."),
    flag("--max-instances", type=int, metavar="N", help="The most nodes."),
    flag("--idle-time-before-scale-down", type=int, metavar="SECONDS", help="How long a node may idle."),
    flag("--tier", choices=("dedicated", "low_priority"), help="Whether nodes may be taken away."),
    DESCRIPTION,
    TAGS,
)
_LOCATION = flag("--location", help="The region; the workspace's if not given.")


def _list_sizes(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    sizes = session.arm.get(_in_region(session, arguments.location, "vmSizes"))["value"]
    wanted = (arguments.type or "").lower()
    fitting = [one for one in sizes if not wanted or wanted in map(str.lower, one["supportedComputeTypes"])]
    return [entity(one, SIZE) for one in fitting]


def _list_usage(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    return [entity(one, USAGE) for one in session.arm.all(_in_region(session, arguments.location, "usages"))]


def _in_region(session: Session, location: str | None, what: str) -> str:
    region = location or session.arm.get(session.path())["location"]
    return f"/subscriptions/{session.workspace.subscription}/providers/{PROVIDER}/locations/{region}/{what}"


def _list_nodes(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    nodes = session.arm.call("POST", session.path("computes", arguments.name, "listNodes")).json()["nodes"]
    fields: tuple[Field, ...] = NODE
    return [entity(one, fields) for one in nodes]


def _acting(verb: str, help: str) -> Command:
    def run(arguments: Arguments) -> None:
        session = open_workspace(arguments)
        answer = session.arm.call("POST", session.path("computes", arguments.name, verb))
        if not arguments.no_wait:
            session.arm.finish(answer)

    return Command(verb, help, run, (NAME, NO_WAIT, *COMMON))


GROUPS = (
    Group(
        "compute",
        (
            listing(_COMPUTE),
            showing(_COMPUTE),
            creating(_COMPUTE, _FIELDS, "lazulite compute create -n gpu --type AmlCompute --size Standard_NC6s_v3"),
            updating(_COMPUTE),
            deleting(_COMPUTE),
            _acting("start", "Start a compute instance."),
            _acting("stop", "Stop a compute instance."),
            _acting("restart", "Restart a compute instance."),
            Command(
                "list-sizes",
                "List the VM sizes.",
                _list_sizes,
                (flag("--type", "-t", help="Only those that this compute type may have."), _LOCATION, *COMMON),
            ),
            Command("list-usage", "List cores in use and allowed, by family.", _list_usage, (_LOCATION, *COMMON)),
            Command("list-nodes", "List the nodes of a cluster.", _list_nodes, (NAME, *COMMON)),
        ),
    ),
)
