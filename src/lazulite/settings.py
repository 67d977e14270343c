"""Every setting of the platform, in one table: field, variable, default, unit, help. Read once, handed down.

docs/settings.md is generated from this table.
"""

import dataclasses
import fnmatch
import hashlib
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lazulite.errors import BadRequest, Conflict


def _setting(variable: str, default: Any, meaning: str, unit: str = "") -> Any:
    return dataclasses.field(default=default, metadata={"variable": variable, "meaning": meaning, "unit": unit})


@dataclass(frozen=True)
class Settings:
    """What `lazulite up` was told. Field types are the types of the defaults."""

    home: Path = _setting("LAZULITE_HOME", Path("~/.lazulite"), "Where all state lives.")
    host: str = _setting("LAZULITE_HOST", "127.0.0.1", "The address that both ports listen on.")
    port: int = _setting("LAZULITE_PORT", 8765, "The platform's port: proxy, TLS, API, blobs and Studio.")
    scoring_port: int = _setting("LAZULITE_SCORING_PORT", 8766, "The gateway's port: scoring requests.")
    strict: bool = _setting("LAZULITE_STRICT", False, "Answer as Azure does: nothing comes into being when named.")
    secret: str = _setting(
        "LAZULITE_SECRET", "", "What clients must present (proxy password, client secret) when not on loopback."
    )
    private_network: bool = _setting(
        "LAZULITE_PRIVATE_NETWORK",
        False,
        "Let no build, job or deployment leave this machine, and list what was asked for.",
    )
    allowed_hosts: str = _setting(
        "LAZULITE_ALLOWED_HOSTS", "", "Hosts that belong to the private network, with commas: pypi.corp, *.corp."
    )
    region: str = _setting("LAZULITE_REGION", "eastus", "The region of everything that names none.")
    scoring_scheme: str = _setting("LAZULITE_SCORING_SCHEME", "http", "Scheme of `scoringUri`: http or https.")

    container_engine: str = _setting(
        "LAZULITE_CONTAINER_ENGINE", "", "What runs images: docker or podman, found if not said; none: no engine."
    )

    def allows(self, host: str) -> bool:
        """Tells whether a host, in lower case, was named as one of the private network."""
        patterns = (one.strip().lower() for one in self.allowed_hosts.split(","))
        return any(pattern and fnmatch.fnmatchcase(host, pattern) for pattern in patterns)

    @property
    def sockets(self) -> Path:
        """Returns the folder of the guests' unix sockets, short enough for the 108 bytes that Linux allows."""
        root = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
        return root / f"lazulite-{os.getuid()}-{hashlib.sha256(str(self.home).encode()).hexdigest()[:10]}"

    def make_sockets(self) -> Path:
        """Makes the folder of the sockets, if need be, and returns it.

        Raises Conflict when others may change it: where all have one folder for temporary files, they may have made it.
        """
        self.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self.sockets.lstat()
        if found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise Conflict(
                f"{self.sockets} is not yours alone: others could listen to what is said there.",
                hint="Remove it, or set XDG_RUNTIME_DIR to a folder of yours.",
            )
        return self.sockets

    @property
    def is_exposed(self) -> bool:
        """Tells whether other machines can reach the ports, so that clients must present the secret."""
        return not (self.host in ("localhost", "::1") or self.host.startswith("127."))

    @property
    def url(self) -> str:
        """Returns the platform's own http address, as programs on this machine reach it."""
        return f"http://{reachable(self.host)}:{self.port}"

    @property
    def scoring_url(self) -> str:
        """Returns the gateway's base address, as programs on this machine reach it."""
        return f"{self.scoring_scheme}://{reachable(self.host)}:{self.scoring_port}"


def reachable(host: str) -> str:
    """Turns a listening address into one that a URL on this machine can name."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


def read(environ: Mapping[str, str] = os.environ, **given: Any) -> Settings:
    """Builds the settings: what is given and not None wins over the variable, the variable over the default.

    Raises BadRequest when a value cannot be read as the setting's type.
    """
    values = {}
    for field in dataclasses.fields(Settings):
        value = given.pop(field.name, None)
        if value is None:
            value = environ.get(field.metadata["variable"])
        if value is None or value == "":
            value = field.default
        values[field.name] = _parse(field, value)
    if given:
        raise TypeError(f"unknown settings {sorted(given)}")
    return Settings(**values)


def _parse(field: "dataclasses.Field[Any]", value: Any) -> Any:
    kind: type[Any] = type(field.default)
    if issubclass(kind, Path):
        return Path(value).expanduser().absolute()
    if kind is bool and isinstance(value, str):
        return value.strip().lower() not in ("0", "false", "no", "off")
    try:
        return kind(value)
    except ValueError as error:
        variable = field.metadata["variable"]
        raise BadRequest(
            f"{variable} is {value!r}, but must be {'a whole number' if kind is int else 'a ' + kind.__name__}.",
            target=variable,
        ) from error
