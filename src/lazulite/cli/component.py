"""`lazulite component`: as az ml component, and --bump."""

from lazulite.cli import assets
from lazulite.cli.assets import Asset
from lazulite.cli.entities import COMPONENT
from lazulite.cli.grammar import Group

GROUPS = (
    Group(
        "component",
        assets.commands(
            Asset("component", "components", COMPONENT), (), "lazulite component create -f train.yml --bump"
        ),
    ),
)
