"""`az role`, `az identity`, `az ad`: who may do what is kept as told, and nobody is denied anything here."""

import re
import sys
import uuid

from lazulite.cli import late, session
from lazulite.cli.az import neighbours
from lazulite.cli.az.flags import GLOBAL, GROUP, NO_EFFECT, YES, group_path, subscription
from lazulite.cli.az.neighbours import Neighbour
from lazulite.cli.grammar import Arguments, Command, Group, Json, flag
from lazulite.cli.rest import Arm
from lazulite.cli.session import SUBSCRIPTION
from lazulite.cli.verbs import TAGS
from lazulite.identity.environment import TENANT, secret_of

_ASSIGNMENTS = "providers/Microsoft.Authorization/roleAssignments"
_DEFINITIONS = "providers/Microsoft.Authorization/roleDefinitions"
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


_IDENTITY = Neighbour("Microsoft.ManagedIdentity/userAssignedIdentities", "user-assigned identity")


def _scope(line: Arm, arguments: Arguments) -> str:
    if arguments.scope:
        return "/" + str(arguments.scope).strip("/")
    return (
        group_path(line, arguments) if arguments.resource_group else f"/subscriptions/{subscription(line, arguments)}"
    )


def _principal(name: str) -> str:
    """Returns the object id that a name, an application's id or an object id means."""
    return name if _GUID.fullmatch(name) else _account_of(name)


def _account_of(client: str) -> str:
    """Returns the object id that tokens of an application carry."""
    return str(late.load("principals").principal(client).oid)


def _role(line: Arm, word: str) -> str:
    """Returns the id of a role, by its name or its id; one that is not known here gets an id of its own."""
    last = word.rpartition("/")[2]
    known = line.all(f"/subscriptions/{SUBSCRIPTION}/{_DEFINITIONS}")
    match = next((one for one in known if last.lower() in (one["name"], one["properties"]["roleName"].lower())), None)
    if match:
        return str(match["id"])
    print(f'"{word}" is not one of the roles that are known here; it is noted all the same.', file=sys.stderr)
    own = last if _GUID.fullmatch(last) else str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{word.lower()}.roles.lazulite"))
    return f"/{_DEFINITIONS}/{own}"


def _create(arguments: Arguments) -> Json:
    line = session.arm()
    scope = _scope(line, arguments)
    role = _role(line, arguments.role)
    principal = arguments.assignee_object_id or _principal(arguments.assignee)
    name = arguments.name or str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}|{role}|{principal}".lower()))
    properties = {
        "roleDefinitionId": role,
        "principalId": principal,
        "principalType": arguments.assignee_principal_type or "ServicePrincipal",
    }
    return _assignment(line, line.call("PUT", f"{scope}/{_ASSIGNMENTS}/{name}", {"properties": properties}).json())


def _assignment(line: Arm, row: Json) -> Json:
    properties = row["properties"]
    known = line.all(f"/subscriptions/{SUBSCRIPTION}/{_DEFINITIONS}")
    role = properties["roleDefinitionId"].rpartition("/")[2]
    title = next((one["properties"]["roleName"] for one in known if one["name"] == role), role)
    return {"id": row["id"], "name": row["name"], "type": row["type"], **properties, "roleDefinitionName": title}


def _assignments(line: Arm, arguments: Arguments) -> list[Json]:
    scope = _scope(line, arguments)
    found = [_assignment(line, row) for row in line.all(f"{scope}/{_ASSIGNMENTS}")]
    if arguments.role:
        role = _role(line, arguments.role).rpartition("/")[2]
        found = [one for one in found if one["roleDefinitionId"].endswith(role)]
    if arguments.assignee:
        found = [one for one in found if one["principalId"] == _principal(arguments.assignee)]
    return found


def _list(arguments: Arguments) -> Json:
    return _assignments(session.arm(), arguments)


def _delete(arguments: Arguments) -> None:
    line = session.arm()
    for path in arguments.ids or [one["id"] for one in _assignments(line, arguments)]:
        line.call("DELETE", path)


def _list_roles(arguments: Arguments) -> Json:
    line = session.arm()
    known = line.all(f"/subscriptions/{subscription(line, arguments)}/{_DEFINITIONS}")
    shown = [{"id": one["id"], "name": one["name"], "type": one["type"], **one["properties"]} for one in known]
    return [one for one in shown if arguments.name in (None, one["roleName"], one["name"])]


def _create_identity(arguments: Arguments) -> Json:
    return neighbours.put(session.arm(), arguments, _IDENTITY, {})


def _create_principal(arguments: Arguments) -> Json:
    line = session.arm()
    name = arguments.name or f"azure-cli-{uuid.uuid4().hex[:8]}"
    client, secret = (
        str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name.lower()}.applications.lazulite")),
        secret_of(line.settings),
    )
    if arguments.role and arguments.scopes:
        for scope in arguments.scopes:
            role = _role(line, arguments.role)
            given = {
                "roleDefinitionId": role,
                "principalId": _account_of(client),
                "principalType": "ServicePrincipal",
            }
            assignment = uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}|{role}|{client}".lower())
            line.call("PUT", f"/{scope.strip('/')}/{_ASSIGNMENTS}/{assignment}", {"properties": given})
    if arguments.sdk_auth:
        return {
            "clientId": client,
            "clientSecret": secret,
            "subscriptionId": subscription(line, arguments),
            "tenantId": TENANT,
            "activeDirectoryEndpointUrl": "https://login.microsoftonline.com",
            "resourceManagerEndpointUrl": "https://management.azure.com/",
            "activeDirectoryGraphResourceId": "https://graph.windows.net/",
            "sqlManagementEndpointUrl": "https://management.core.windows.net:8443/",
            "galleryEndpointUrl": "https://gallery.azure.com/",
            "managementEndpointUrl": "https://management.core.windows.net/",
        }
    return {"appId": client, "displayName": name, "password": secret, "tenant": TENANT}


def _show_principal(arguments: Arguments) -> Json:
    return {"appId": arguments.id, "displayName": arguments.id, "id": _account_of(arguments.id)}


def _signed_in(arguments: Arguments) -> Json:
    line = session.arm()
    token = session.token(line.settings, "https://graph.microsoft.com")
    return line.ask("GET", "graph.microsoft.com", "/v1.0/me", token).json()


_NAME = flag("--name", "-n", required=True, help="Its name.")
_ASSIGNEE = flag("--assignee", metavar="NAME", help="Whom: a name, an application's id, or an object id.")
_SCOPE = flag("--scope", metavar="ID", help="Where: the ARM id of a resource, a group or a subscription.")
_FILTER = (
    _ASSIGNEE,
    flag("--role", help="Which role, by name or id."),
    _SCOPE,
    GROUP,
    flag("--all", "--include-inherited", "--include-groups", action="store_true", help=NO_EFFECT),
)

GROUPS = (
    Group(
        "role",
        (
            Command(
                "assignment create",
                "Note that somebody has a role; nobody needs one here.",
                _create,
                (
                    flag("--role", required=True, help="Which role, by name or id."),
                    _ASSIGNEE,
                    flag("--assignee-object-id", metavar="ID", help="The same, by object id."),
                    flag(
                        "--assignee-principal-type", help="What kind of account it is: ServicePrincipal, User, Group."
                    ),
                    _SCOPE,
                    GROUP,
                    flag("--name", "-n", help="The assignment's own name, a GUID."),
                    flag("--description", "--condition", "--condition-version", help=NO_EFFECT),
                    *GLOBAL,
                ),
            ),
            Command("assignment list", "List who has which role.", _list, (*_FILTER, *GLOBAL)),
            Command(
                "assignment delete",
                "Take roles away.",
                _delete,
                (*_FILTER, flag("--ids", nargs="+", help="The assignments, by id."), YES, *GLOBAL),
            ),
            Command(
                "definition list",
                "List the roles.",
                _list_roles,
                (flag("--name", "-n", help="Only this one, by name or id."), *GLOBAL),
            ),
        ),
    ),
    Group(
        "identity",
        (
            Command(
                "create",
                "Make an identity.",
                _create_identity,
                (_NAME, GROUP, neighbours.LOCATION, TAGS, *GLOBAL),
            ),
            neighbours.showing(_IDENTITY, _NAME),
            neighbours.listing(_IDENTITY),
            neighbours.deleting(_IDENTITY, _NAME),
        ),
    ),
    Group(
        "ad",
        (
            Command(
                "sp create-for-rbac",
                "Get an id and a secret with which a program can log in here.",
                _create_principal,
                (
                    flag("--name", "-n", help="Its name."),
                    flag("--role", help="The role to note for it."),
                    flag("--scopes", nargs="+", metavar="ID", help="Where it has that role."),
                    flag(
                        "--sdk-auth",
                        "--json-auth",
                        nargs="?",
                        const=True,
                        help="Print what GitHub's azure/login reads.",
                    ),
                    flag("--years", help=NO_EFFECT),
                    *GLOBAL,
                ),
            ),
            Command(
                "sp show",
                "Show the account of an application.",
                _show_principal,
                (flag("--id", required=True, help="The application's id."), *GLOBAL),
            ),
            Command("signed-in-user show", "Show who the tokens of these commands are for.", _signed_in, GLOBAL),
        ),
    ),
)
