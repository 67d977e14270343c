"""`lazulite doctor --ship`: what of a workspace would fail on real Azure."""

import dataclasses

from lazulite.cli.grammar import Arguments, Json
from lazulite.cli.session import Session, open_workspace
from lazulite.environments import bind
from lazulite.errors import LazuliteError, Unavailable
from lazulite.serving import shipping
from lazulite.serving.gateway import control
from lazulite.serving.shipping import Shipped, Trouble


def check(arguments: Arguments) -> Json:
    """Prints what would not ship, or returns it for --output. Exits with 1 when there is something."""
    session = open_workspace(arguments)
    found = shipping.troubles(_looked_at(session))
    if arguments.output or arguments.query:
        return [dataclasses.asdict(one) for one in found]
    for one in found:
        _print(one)
    if found:
        raise SystemExit(1)
    print(f'Nothing was found in workspace "{session.workspace.workspace}" that works here and not on Azure.')
    return None


def _print(one: Trouble) -> None:
    print(f"{one.where:24} {one.said}\n{'':24} {one.fix}")


def _looked_at(session: Session) -> Shipped:
    endpoints = session.arm.all(session.path("onlineEndpoints"))
    deployments = [
        (endpoint["name"], body)
        for endpoint in endpoints
        for body in session.arm.all(session.path("onlineEndpoints", endpoint["name"], "deployments"))
    ]
    named = {str(body["properties"].get("environmentId") or "") for _, body in deployments}
    environments = {one.lower(): found for one in named if (found := _environment(session, one))}
    return Shipped(
        workspace=session.arm.get(session.path()),
        endpoints=tuple(endpoints),
        deployments=tuple(deployments),
        environments=environments,
        counts=_counts(session),
        bound=frozenset(one.name for one in bind.bindings(session.arm.settings.home)),
    )


def _environment(session: Session, reference: str) -> Json | None:
    """Returns an environment's body; None for one that is not the workspace's."""
    path = reference[reference.lower().find("/subscriptions/") :] if "/subscriptions/" in reference.lower() else ""
    try:
        return {**session.arm.get(path), "name": path.rpartition("/versions/")[0].rpartition("/")[2]} if path else None
    except LazuliteError:
        return None


def _counts(session: Session) -> dict[str, Json]:
    try:
        endpoints = control.ask(session.arm.settings.sockets, "stats")["endpoints"]
    except Unavailable:
        return {}
    return {
        f"{endpoint}/{name}": body
        for endpoint, found in endpoints.items()
        for name, body in found["deployments"].items()
    }
