"""`lazulite data`: as az ml data, and what is in one."""

import sys
from pathlib import Path

from lazulite.cli import assets, datastore, stored
from lazulite.cli.assets import LABEL, VERSION, Asset
from lazulite.cli.datastore import PATH, TO
from lazulite.cli.entities import DATA
from lazulite.cli.grammar import Arguments, Command, Group, Json, flag
from lazulite.cli.session import open_workspace
from lazulite.cli.stored import Place
from lazulite.cli.verbs import COMMON, DESCRIPTION, MAX_RESULTS, NAME, TAGS

_DATA = Asset("data", "data", DATA)
_FIELDS = (
    flag("--path", "-p", help="A file or folder here, or an azureml:// or https:// address."),
    flag("--type", "-t", choices=("uri_file", "uri_folder", "mltable"), help="What kind of data it is."),
    DESCRIPTION,
    TAGS,
)
_WHICH = (NAME, VERSION, LABEL)


def _place(arguments: Arguments, below: str | None = None) -> Place:
    session = open_workspace(arguments)
    found = _DATA.find(session, arguments.name, arguments.version, arguments.label)
    return stored.place_of(session, found["properties"]["dataUri"], below)


def _browse(arguments: Arguments) -> Json:
    return datastore.browsed(_place(arguments, arguments.path), arguments.max_results)


def _preview(arguments: Arguments) -> None:
    sys.stdout.write(_place(arguments, arguments.path).head(arguments.lines))


def _download(arguments: Arguments) -> Json:
    return datastore.downloaded(_place(arguments), Path(arguments.download_path) / arguments.name)


GROUPS = (
    Group(
        "data",
        (
            *assets.commands(_DATA, _FIELDS, "lazulite data create -n train -p ./train --type uri_folder"),
            Command(
                "browse",
                "List the files and folders of a data asset.",
                _browse,
                (*_WHICH, PATH, MAX_RESULTS, *COMMON),
                "lazulite data browse -n train -o table",
                stored.COLUMNS,
            ),
            Command(
                "preview",
                "Print the first lines of a data asset's first file, or of the one that --path names.",
                _preview,
                (*_WHICH, PATH, flag("--lines", type=int, default=10, metavar="N", help="So many; 10."), *COMMON),
                "lazulite data preview -n train --lines 3",
            ),
            Command(
                "download",
                "Download a data asset's files into DIR/NAME.",
                _download,
                (*_WHICH, TO, *COMMON),
                "lazulite data download -n train -p ./data",
            ),
        ),
    ),
)
