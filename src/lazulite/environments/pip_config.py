"""Reads pip's configuration files and variables, so that builds with uv honour them. Changes none of them.

Source: pip.pypa.io, "Configuration": files global, user, site, $PIP_CONFIG_FILE; then PIP_* variables, strongest last.
"""

import configparser
import functools
import hashlib
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from lazulite.environments.requirements import PipOptions

_TRUE = ("1", "true", "yes", "on", "y", "t")
_CREDENTIALS = re.compile(r"(\w://)[^/@\s]+@")
# What of uv's own settings changes what comes out of a build.
_UV_SETTINGS = """
    UV_DEFAULT_INDEX UV_INDEX_URL UV_INDEX UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_INDEX_STRATEGY UV_TORCH_BACKEND
    UV_CONSTRAINT UV_OVERRIDE UV_PRERELEASE UV_RESOLUTION UV_EXCLUDE_NEWER
"""
_SECTIONS = ("global", "install")  # what `pip install` reads, the stronger last


@dataclass(frozen=True)
class PipConfig:
    """What pip was told on this machine. constraints: files or URLs; timeout_s: of one request.

    uv_settings: the UV_* variables that count as well; files: the configuration files that were read.
    """

    options: PipOptions = field(default_factory=PipOptions)
    constraints: tuple[str, ...] = ()
    cert: str | None = None
    client_cert: str | None = None
    proxy: str | None = None
    timeout_s: str | None = None
    keyring_provider: str | None = None
    uv_settings: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """Returns what changes when a build could come out otherwise; without secrets, certificates and proxies."""
        digest = hashlib.sha256(repr((without_secrets(self.options), self.uv_settings)).encode())
        for constraint in self.constraints:
            path = Path(constraint)
            digest.update(path.read_bytes() if path.is_file() else constraint.encode())
        return digest.hexdigest()


def read(environ: Mapping[str, str], home: Path) -> PipConfig:
    """Reads what pip would read for `pip install`, run by this user; home: the user's folder."""
    values: dict[str, str] = {}
    by_section: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    found = []
    for file in _files(environ, home):
        try:
            about = file.stat()
        except OSError:
            continue
        sections = _sections(file, about.st_size, about.st_mtime_ns)
        if sections is None:
            continue  # pip itself says so, whenever it runs
        found.append(str(file))
        for section, told in sections.items():
            by_section[section] |= told
    for section in _SECTIONS:
        values |= by_section[section]
    for name, value in environ.items():
        if name.startswith("PIP_") and value and name != "PIP_CONFIG_FILE":
            values[_normal(name.removeprefix("PIP_"))] = value
    uv_settings = [(name, bare_url(environ[name])) for name in _UV_SETTINGS.split() if environ.get(name)]
    return replace(_config(values), uv_settings=tuple(uv_settings), files=tuple(found))


@functools.lru_cache(maxsize=32)
def _sections(file: Path, size_bytes: int, modified_ns: int) -> Mapping[str, Mapping[str, str]] | None:
    """Parses a file, once for each content that it has; None where that cannot be done."""
    parser = configparser.RawConfigParser()
    try:
        is_read = parser.read(file, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return None
    if not is_read:
        return None
    known = [section for section in _SECTIONS if parser.has_section(section)]
    return {section: {_normal(name): value for name, value in parser.items(section)} for section in known}


def _files(environ: Mapping[str, str], home: Path) -> list[Path]:
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    shared = [Path(folder) / "pip" / "pip.conf" for folder in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":")]
    shared += [Path("/etc/pip.conf")]
    own = [home / ".pip" / "pip.conf", Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"]
    if sys.platform == "darwin":
        shared = [Path("/Library/Application Support/pip/pip.conf")]
        own.append(home / "Library" / "Application Support" / "pip" / "pip.conf")
    site = [Path(environ.get("VIRTUAL_ENV") or sys.prefix) / "pip.conf"]
    if named and Path(named).exists():
        return [*shared, *site, Path(named)]
    return [*shared, *own, *site]


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").removeprefix("--")


def _config(values: Mapping[str, str]) -> PipConfig:
    def several(name: str) -> tuple[str, ...]:
        return tuple(values.get(name, "").split())

    def is_on(name: str) -> bool:
        return values.get(name, "").strip().lower() in _TRUE

    def names(name: str) -> tuple[str, ...]:
        return tuple(part for value in several(name) for part in value.split(",") if part)

    options = PipOptions(
        index_url=values.get("index-url") or None,
        extra_index_urls=several("extra-index-url"),
        find_links=several("find-links"),
        trusted_hosts=several("trusted-host"),
        only_binary=names("only-binary"),
        no_binary=names("no-binary"),
        no_index=is_on("no-index"),
        pre=is_on("pre"),
    )
    return PipConfig(
        options,
        several("constraint"),
        values.get("cert"),
        values.get("client-cert"),
        values.get("proxy"),
        values.get("timeout") or values.get("default-timeout"),
        values.get("keyring-provider"),
    )


def without_secrets(options: PipOptions) -> PipOptions:
    """Returns the options with user names and passwords taken out of every URL."""
    return PipOptions(
        bare_url(options.index_url) if options.index_url else None,
        tuple(map(bare_url, options.extra_index_urls)),
        tuple(map(bare_url, options.find_links)),
        options.trusted_hosts,
        options.only_binary,
        options.no_binary,
        options.no_index,
        options.pre,
    )


def bare_url(text: str) -> str:
    """Returns a text with the user name and password of every URL in it replaced by `****`."""
    return _CREDENTIALS.sub(r"\1****@", text)
