"""Deployments of an endpoint, online or batch: what `verbs.py` is for a workspace's children."""

from collections.abc import Sequence
from dataclasses import dataclass

from lazulite.cli.entities import Field, entity
from lazulite.cli.grammar import Arguments, Command, Flag, Json, flag
from lazulite.cli.session import Session, open_workspace
from lazulite.cli.verbs import COMMON, MAX_RESULTS, NAME, NO_WAIT, YES, Noun

ENDPOINT_NAME = flag("--endpoint-name", "-e", required=True, metavar="NAME", help="Its endpoint.")
NEW_ENDPOINT_NAME = flag("--endpoint-name", "-e", metavar="NAME", help="Its endpoint, if not the file's.")


@dataclass(frozen=True)
class Deployment:
    """A kind of deployment. word: az's noun; of: its endpoints; fields: how it is printed."""

    word: str
    of: Noun
    fields: Sequence[Field]

    def path(self, session: Session, endpoint: str, *rest: str) -> str:
        """Returns the address of an endpoint's deployments, or of one: rest is its name and what is below."""
        return session.path(self.of.kind, endpoint, "deployments", *rest)

    def show(self, session: Session, endpoint: str, name: str) -> Json:
        """Returns one, as it is printed."""
        return entity(session.arm.get(self.path(session, endpoint, name)), self.fields)


def listing(noun: Deployment, own: tuple[Flag, ...] = (), columns: tuple[tuple[str, str], ...] = ()) -> Command:
    """Makes `list`."""

    def run(arguments: Arguments) -> Json:
        session = open_workspace(arguments)
        rows = session.arm.all(noun.path(session, arguments.endpoint_name))
        return [entity(row, noun.fields) for row in rows[: arguments.max_results]]

    flags = (ENDPOINT_NAME, *own, MAX_RESULTS, *COMMON)
    return Command("list", "List an endpoint's deployments.", run, flags, columns=columns)


def showing(noun: Deployment, own: tuple[Flag, ...] = ()) -> Command:
    """Makes `show`."""

    def run(arguments: Arguments) -> Json:
        return noun.show(open_workspace(arguments), arguments.endpoint_name, arguments.name)

    return Command("show", "Show one deployment.", run, (NAME, ENDPOINT_NAME, *own, *COMMON))


def deleting(noun: Deployment, own: tuple[Flag, ...] = ()) -> Command:
    """Makes `delete`."""

    def run(arguments: Arguments) -> None:
        session = open_workspace(arguments)
        answer = session.arm.call("DELETE", noun.path(session, arguments.endpoint_name, arguments.name))
        if not arguments.no_wait:
            session.arm.finish(answer)

    return Command("delete", "Delete a deployment.", run, (NAME, ENDPOINT_NAME, *own, YES, NO_WAIT, *COMMON))
