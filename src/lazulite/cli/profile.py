"""What `az configure`, `az config set`, `az account set` and `az login` leave behind, in files as az's own.

They are `config` and `clouds.config` in the platform's `azure/` folder, which `lazulite run` names AZURE_CONFIG_DIR; a
program that is led here may name another. The folder that az has outside is never touched.
Source: knack 0.14, config.py; azure-cli-core 2.91, cloud.py (clouds.config), _environment.py (AZURE_CONFIG_DIR).
"""

import configparser
import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from lazulite.errors import BadRequest

_CLOUD = "AzureCloud"
# What only programs that are led here have in their environment: the address of managed identity at our port.
_LED_HERE = "/_identity/token"
# Any name does here, where Azure knows GUIDs and the names of subscriptions that you have.
_ID = re.compile(r"[\w-]+")


class Option(NamedTuple):
    """One line of `config`: `[defaults] group = team`. source: the file, or the variable that wins over it."""

    section: str
    name: str
    value: str
    source: str


def folder(home: Path) -> Path:
    """Returns where the files are: AZURE_CONFIG_DIR inside `lazulite run`, else the platform's own folder."""
    named = os.environ.get("AZURE_CONFIG_DIR")
    is_led_here = os.environ.get("IDENTITY_ENDPOINT", "").endswith(_LED_HERE)
    return Path(named) if named and is_led_here else home / "azure"


def options(home: Path, environ: Mapping[str, str] = os.environ) -> list[Option]:
    """Returns every option there is; `AZURE_{SECTION}_{NAME}` of the environment wins over the file.

    Raises BadRequest for a file that is not az's.
    """
    path = folder(home) / "config"
    stored = _read(path)
    found = {(section, name): Option(section, name, value, str(path)) for section, name, value in _lines(stored)}
    for section in (*stored.sections(), "defaults", "core"):
        prefix = f"AZURE_{section.upper()}_"
        for variable in (one for one in environ if one.startswith(prefix) and environ[one]):
            name = variable.removeprefix(prefix).lower()
            found[section, name] = Option(section, name, environ[variable], variable)
    return list(found.values())


def get(home: Path, section: str, name: str) -> str:
    """Returns the value of an option, "" where there is none."""
    return next((one.value for one in options(home) if (one.section, one.name) == (section, name)), "")


def put(home: Path, section: str, changes: Mapping[str, str]) -> None:
    """Stores options of a section; an empty value takes one away."""
    path = folder(home) / "config"
    _change(path, section, changes)


def subscription(home: Path) -> str:
    """Returns the id of the subscription that was set, "" where none was."""
    return _read(folder(home) / "clouds.config").get(_CLOUD, "subscription", fallback="")


def set_subscription(home: Path, word: str) -> None:
    """Remembers a subscription, by its id or its name; "" forgets it."""
    wanted = subscription_id(word) if word else ""
    _change(folder(home) / "clouds.config", _CLOUD, {"subscription": wanted})
    if wanted != word:
        _change(folder(home) / "clouds.config", "names", {wanted: word})


def subscription_name(home: Path, id: str) -> str:
    """Returns by which name a subscription was set, or one made of its id."""
    return _read(folder(home) / "clouds.config").get("names", id, fallback=f"Lazulite {id[:8]}")


def subscription_id(word: str) -> str:
    """Returns the id that a word means: itself, or where no id can look so, one of its own that is always the same."""
    if _ID.fullmatch(word):
        return word
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{word.lower()}.subscriptions.lazulite"))


def _parser() -> configparser.ConfigParser:
    return configparser.ConfigParser(interpolation=None, default_section="")


def _read(path: Path) -> configparser.ConfigParser:
    parser = _parser()
    try:
        parser.read_string(path.read_text(), str(path))
    except FileNotFoundError:
        pass
    except (configparser.Error, UnicodeDecodeError) as error:
        raise BadRequest(
            f"{path} is not what `az configure` wrote: {error}.", hint="Remove it and set the defaults again."
        ) from error
    return parser


def _lines(parser: configparser.ConfigParser) -> list[tuple[str, str, str]]:
    return [(section, *item) for section in parser.sections() for item in parser.items(section)]


def _change(path: Path, section: str, changes: Mapping[str, str]) -> None:
    """Writes a file anew, whole or not at all."""
    parser = _read(path)
    if not parser.has_section(section):
        parser.add_section(section)
    for name, value in changes.items():
        if value:
            parser.set(section, name, value)
        else:
            parser.remove_option(section, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w") as file:
        parser.write(file)
    draft.replace(path)
