"""`lazulite data`: as az ml data."""

from lazulite.cli import assets
from lazulite.cli.assets import Asset
from lazulite.cli.entities import DATA
from lazulite.cli.grammar import Group, flag
from lazulite.cli.verbs import DESCRIPTION, TAGS

_FIELDS = (
    flag("--path", "-p", help="A file or folder here, or an azureml:// or https:// address."),
    flag("--type", "-t", choices=("uri_file", "uri_folder", "mltable"), help="What kind of data it is."),
    DESCRIPTION,
    TAGS,
)

GROUPS = (
    Group(
        "data",
        assets.commands(
            Asset("data", "data", DATA), _FIELDS, "lazulite data create -n train -p ./train --type uri_folder"
        ),
    ),
)
