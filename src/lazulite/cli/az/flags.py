"""The flags that az's own commands share."""

from lazulite.cli.grammar import OUTPUT, SCOPE, Arguments, Flag, flag
from lazulite.cli.rest import Arm
from lazulite.cli.session import SUBSCRIPTION, default, subscription_of
from lazulite.errors import BadRequest

# Every command of az takes these: how the result is printed, whose it is, and how much is said.
GLOBAL: tuple[Flag, ...] = (*OUTPUT, *(one for one in SCOPE if {"--subscription", "--debug"} & set(one.names)))
GROUP = flag("--resource-group", "-g", metavar="NAME", help="The resource group; the configured one if not given.")
NO_EFFECT = "Taken, as az does; changes nothing."
YES = flag("--yes", "-y", action="store_true", help="Taken, as az does; nothing is asked here.")


def subscription(line: Arm, arguments: Arguments) -> str:
    """Returns the subscription that is meant: given, set, or the first that something lies in."""
    named = subscription_of(line.settings, arguments)
    return named or next((str(row["subscriptionId"]) for row in line.all("/subscriptions")), SUBSCRIPTION)


def group_path(line: Arm, arguments: Arguments, name: str | None = None) -> str:
    """Returns the ARM path of the resource group that is meant. Raises BadRequest when none is named."""
    group = name or getattr(arguments, "resource_group", None) or default(line.settings, "group")
    if not group:
        raise BadRequest(
            "It is not said which resource group is meant.",
            hint="Name it with -g, or once for all with `az configure --defaults group=NAME`.",
        )
    return f"/subscriptions/{subscription(line, arguments)}/resourceGroups/{group}"
