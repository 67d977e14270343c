"""`lazulite compute`: as az ml compute."""

from lazulite.cli.entities import COMPUTE, NODE, SIZE, USAGE, Field, entity
from lazulite.cli.grammar import Arguments, Command, Group, Json, flag
from lazulite.cli.session import Session, open_workspace
from lazulite.cli.verbs import (
    COMMON,
    DESCRIPTION,
    FILE,
    MAX_RESULTS,
    NAME,
    NEW_NAME,
    NO_WAIT,
    TAGS,
    YES,
    Noun,
    creating,
    deleting,
    fields,
    sdk,
    showing,
    updating,
)
from lazulite.errors import NotImplementedHere
from lazulite.ids import PROVIDER

_COMPUTE = Noun("compute", "computes", COMPUTE)


def _identities(text: str) -> list[dict[str, str]]:
    """Reads ARM ids with commas between, for argparse, as the file has them."""
    return [{"resource_id": one} for one in text.split(",") if one]


_CHANGEABLE = (
    flag("--min-instances", type=int, metavar="N", help="The nodes that are always up."),
    flag("--max-instances", type=int, metavar="N", help="The most nodes."),
    flag("--idle-time-before-scale-down", "-d", type=int, metavar="SECONDS", help="How long a node may idle."),
    flag("--identity-type", metavar="TYPE", help="Whom its jobs are: SystemAssigned or UserAssigned."),
    flag("--user-assigned-identities", "-i", type=_identities, metavar="IDS", help="Their ARM ids, commas between."),
    TAGS,
)
_FIELDS = (
    NEW_NAME,
    flag("--type", "-t", type=str.lower, help="AmlCompute or ComputeInstance."),
    flag("--size", help="The VM size: `lazulite compute list-sizes` lists them."),
    flag("--tier", choices=("dedicated", "low_priority"), help="Whether nodes may be taken away."),
    flag("--location", "-l", help="Its region; the workspace's if not given."),
    flag("--ssh-public-access-enabled", "-p", help="Whether there is an SSH port."),
    flag("--enable-node-public-ip", help="Whether nodes have public addresses."),
    flag("--vnet-name", dest="network_settings.vnet_name", help="Its virtual network."),
    flag("--subnet", dest="network_settings.subnet", help="Its subnet."),
    flag("--admin-username", dest="ssh_settings.admin_username", help="Who may log in by SSH."),
    flag("--admin-password", dest="ssh_settings.admin_password", help="By which password."),
    flag("--ssh-key-value", dest="ssh_settings.ssh_key_value", help="By which key."),
    flag("--user-tenant-id", dest="create_on_behalf_of.user_tenant_id", help="The tenant of the one it is made for."),
    flag(
        "--user-object-id", dest="create_on_behalf_of.user_object_id", help="The object id of the one it is made for."
    ),
    *_CHANGEABLE,
    DESCRIPTION,
)
_ATTACHED = (
    NEW_NAME,
    flag("--type", "-t", type=str.lower, help="virtualmachine or Kubernetes."),
    flag("--resource-id", metavar="ID", help="The ARM id of what is attached."),
    flag("--namespace", help="Which namespace, of Kubernetes."),
    flag("--admin-username", dest="ssh_settings.admin_username", help="Who logs in there by SSH."),
    flag("--admin-password", dest="ssh_settings.admin_password", help="By which password."),
    flag("--ssh-port", dest="ssh_settings.ssh_port", help="At which port."),
    flag("--ssh-private-key-file", dest="ssh_settings.ssh_private_key_file", help="By which key."),
)
_COLUMNS = (("Name", "name"), ("Compute type", "type"), ("State", "provisioning_state"), ("Instance type", "size"))
_LOCATION = flag("--location", help="The region; the workspace's if not given.")


def _list(arguments: Arguments) -> Json:
    session, wanted = open_workspace(arguments), (arguments.type or "").lower()
    shown = [entity(row, COMPUTE) for row in session.arm.all(session.path(_COMPUTE.kind))]
    return [one for one in shown if wanted in ("", one["type"])][: arguments.max_results]


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


def _attach(arguments: Arguments) -> Json:
    session = open_workspace(arguments)
    made = sdk().create(session, _COMPUTE.word, arguments.file, fields(arguments, _ATTACHED), not arguments.no_wait)
    return _COMPUTE.show(session, made.name)


def _refuse(arguments: Arguments) -> None:
    raise NotImplementedHere(
        f'Nobody can log in to "{arguments.name}": a compute is this machine itself.',
        hint="`lazulite job debug -n JOB` opens a job's environment, code and inputs.",
    )


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
            Command(
                "list",
                "List the computes of a workspace.",
                _list,
                (flag("--type", "-t", help="Only those of this type."), MAX_RESULTS, *COMMON),
                columns=_COLUMNS,
            ),
            showing(_COMPUTE),
            creating(_COMPUTE, _FIELDS, "lazulite compute create -n gpu --type AmlCompute --size Standard_NC6s_v3"),
            updating(_COMPUTE, _CHANGEABLE),
            deleting(_COMPUTE),
            _acting("start", "Start a compute instance."),
            _acting("stop", "Stop a compute instance."),
            _acting("restart", "Restart a compute instance."),
            Command(
                "attach",
                "Name a machine or cluster that is elsewhere; nothing runs on it.",
                _attach,
                (FILE, *_ATTACHED, NO_WAIT, *COMMON),
            ),
            Command(
                "detach",
                "Delete a compute: what is attached is made here.",
                deleting(_COMPUTE).run,
                (NAME, YES, NO_WAIT, *COMMON),
            ),
            Command(
                "connect-ssh",
                "Refused: nothing listens for SSH here.",
                _refuse,
                (NAME, flag("--private-key-file-path", "-f", help="The key."), *COMMON),
            ),
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
