"""Reads pip's requirement lines, files and arguments; resolves and installs nothing.

Source: pip.pypa.io, "Requirements File Format" and `pip install`.
"""

import argparse
import hashlib
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, NoReturn

from packaging.requirements import InvalidRequirement, Requirement

from lazulite.errors import BadRequest

_COMMENT = re.compile(r"(^|\s+)#.*$")
_ARCHIVES = (".whl", ".tar.gz", ".tar.bz2", ".zip")
_MAX_DEPTH = 20  # files that include files
# What changes how pip works or talks, but not what ends up installed (all is resolved together here, so that nothing
# comes without what it needs).
_WITHOUT_EFFECT = """
    --no-cache-dir -q --quiet -v --verbose -U --upgrade --user --no-input --disable-pip-version-check --prefer-binary
    --no-warn-script-location --no-warn-conflicts --break-system-packages --ignore-installed -I --force-reinstall
    --no-compile --compile --isolated --no-color -y --yes --system --no-build-isolation --use-pep517 --debug --no-deps
    --require-hashes
"""
_WITHOUT_EFFECT_AND_VALUE = """
    --progress-bar --default-timeout --timeout --retries --exists-action --root-user-action --use-feature
    --use-deprecated --upgrade-strategy --proxy --cert --log --cache-dir --src
"""


@dataclass(frozen=True)
class PipOptions:
    """Where pip may look and what it may take. only_binary, no_binary: package names, or `:all:`, `:none:`."""

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    only_binary: tuple[str, ...] = ()
    no_binary: tuple[str, ...] = ()
    no_index: bool = False
    pre: bool = False

    def over(self, below: "PipOptions") -> "PipOptions":
        """Returns these options laid over others, as pip lays a requirements file over its configuration."""
        merged: dict[str, Any] = {}
        for option in fields(self):
            mine, theirs = getattr(self, option.name), getattr(below, option.name)
            merged[option.name] = tuple(dict.fromkeys(mine + theirs)) if isinstance(mine, tuple) else mine or theirs
        return PipOptions(**merged)


@dataclass(frozen=True)
class LocalPackage:
    """A package among the files sent with the environment. path: relative to them; digest: of its content."""

    path: str
    digest: str
    extras: str = ""


@dataclass(frozen=True)
class Requirements:
    """What pip is to install. lines: requirements as pip reads them, URLs and VCS addresses among them."""

    lines: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    local: tuple[LocalPackage, ...] = ()
    options: PipOptions = field(default_factory=PipOptions)

    def __add__(self, other: "Requirements") -> "Requirements":
        return Requirements(
            tuple(dict.fromkeys(self.lines + other.lines)),
            tuple(dict.fromkeys(self.constraints + other.constraints)),
            tuple(dict.fromkeys(self.local + other.local)),
            other.options.over(self.options),
        )


@dataclass(frozen=True)
class Place:
    """Where a line stands. root: the folder that paths may not leave; folder: what they are relative to."""

    source: str
    line: int | None = None
    folder: Path | None = None
    root: Path | None = None

    def __str__(self) -> str:
        return f"{self.source} line {self.line}" if self.line else self.source

    def at(self, line: int) -> "Place":
        """Returns the same place at another line."""
        return replace(self, line=line)

    def error(self, message: str, hint: str | None = None) -> BadRequest:
        """Returns the error that says where it is: `condaFile line 3: …`."""
        return BadRequest(f"{self}: {message}", target=self.source, hint=hint)


def read_lines(lines: Iterable[tuple[int, str]], place: Place, depth: int = 0) -> Requirements:
    """Reads numbered lines as pip reads a requirements file.

    Raises BadRequest with the line for what pip would not take, for options that are unknown, and for paths that lead
    out of the files sent with the environment.
    """
    found = Requirements()
    for number, text in lines:
        at = place.at(number)
        line = _COMMENT.sub("", text).strip()
        if line.startswith("-"):
            found += read_arguments(_split(line, at), at, depth)
        elif line:
            found += _requirement(line, at)
    return found


def read_file(path: str, place: Place, depth: int = 0) -> Requirements:
    """Reads a requirements file that another file or a command names. Raises BadRequest when it is not there."""
    if depth > _MAX_DEPTH:
        raise place.error(f'"{path}" is included {_MAX_DEPTH} levels deep: do the files include each other?')
    file = _inside(path, place)
    if not file.is_file():
        raise place.error(f'"{path}" is not a file.')
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise place.error(f'"{path}" is not UTF-8 text.') from error
    inner = Place(file.relative_to(place.root or file.parent).as_posix(), None, file.parent, place.root)
    return read_lines(_logical_lines(text), inner, depth + 1)


def read_arguments(arguments: Sequence[str], place: Place, depth: int = 0) -> Requirements:
    """Reads what follows `pip install`, or one option line of a requirements file."""
    given, unknown = _parser(place).parse_known_args(list(arguments))
    if unknown:
        raise place.error(f'"{unknown[0]}" is not a pip option that Lazulite knows.', hint="Leave it out.")
    found = Requirements(options=_options(given))
    for path in given.requirement:
        found += read_file(path, place, depth)
    for path in given.constraint:
        included = read_file(path, place, depth)
        found += Requirements(constraints=included.lines + included.constraints, options=included.options)
    for text in given.editable:
        found += _local(text, place) if is_path(text) else _requirement(text, place)
    for text in given.packages:
        found += _requirement(text, place)
    return found


def _options(given: argparse.Namespace) -> PipOptions:
    return PipOptions(
        given.index_url,
        tuple(given.extra_index_url),
        tuple(given.find_links),
        tuple(given.trusted_host),
        _names(given.only_binary),
        _names(given.no_binary),
        given.no_index,
        given.pre,
    )


def _names(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for value in values for name in value.split(","))


class _Parser(argparse.ArgumentParser):
    place = Place("")

    def error(self, message: str) -> NoReturn:
        raise self.place.error(f"pip would say: {message}.")


def _parser(place: Place) -> _Parser:
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.place = place
    parser.add_argument("packages", nargs="*")
    for flags in (("-r", "--requirement"), ("-c", "--constraint"), ("-e", "--editable"), ("-f", "--find-links")):
        parser.add_argument(*flags, action="append", default=[])
    for flag in ("--extra-index-url", "--trusted-host", "--only-binary", "--no-binary"):
        parser.add_argument(flag, action="append", default=[])
    parser.add_argument("-i", "--index-url", "--pypi-url", dest="index_url")
    for flag in ("--no-index", "--pre"):
        parser.add_argument(flag, action="store_true")
    for flag in _WITHOUT_EFFECT.split():
        parser.add_argument(flag, action="count", dest=f"without_effect_{flag}")
    for flag in _WITHOUT_EFFECT_AND_VALUE.split():
        parser.add_argument(flag, action="append", dest=f"without_effect_{flag}")
    return parser


def _split(line: str, place: Place) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise place.error(f'"{line}" has an open quotation mark.') from error


def _requirement(text: str, place: Place) -> Requirements:
    if is_path(text):
        return _local(text, place)
    address = text.partition(" @ ")[2] or text
    if "://" in address.split(";")[0]:
        _check_address(address, place)
        return Requirements(lines=(text,))
    try:
        Requirement(text.partition(" --")[0].strip())
    except InvalidRequirement as error:
        single = re.match(r"^([A-Za-z0-9._-]+)=([^=].*)$", text)
        hint = f'pip writes "{single[1]}=={single[2]}".' if single else None
        raise place.error(f'"{text}" is not a requirement: {str(error).splitlines()[0]}.', hint) from error
    return Requirements(lines=(text,))


def _check_address(address: str, place: Place) -> None:
    scheme = address.split("://")[0].lower()
    if scheme not in ("http", "https") and not scheme.startswith("git+"):
        raise place.error(f'"{address}" cannot be fetched: only http, https and git+ addresses can.')


def is_path(text: str) -> bool:
    """Says whether pip would take a requirement for a file or folder."""
    bare = text.partition("[")[0] if not text.startswith("[") else text
    if "://" in text or " @ " in text:
        return text.startswith("file:")
    return bare.startswith((".", "/", "~")) or bare.lower().endswith(_ARCHIVES) or "/" in bare


def _local(text: str, place: Place) -> Requirements:
    path, bracket, extras = text.removeprefix("file://").partition("[")
    target = _inside(path, place)
    if not target.exists():
        raise place.error(f'"{path}" does not exist among the files sent with the environment.')
    relative = target.relative_to(place.root or target).as_posix()
    return Requirements(local=(LocalPackage(relative, digest_of(target), bracket + extras),))


def _inside(path: str, place: Place) -> Path:
    """Returns the file that a path names; it must lie among the files sent with the environment."""
    if place.root is None or place.folder is None:
        raise place.error(
            f'"{path}" is a file, but no files are sent with an environment made of an image and a conda file.',
            hint="Write its requirements into the conda file, or use a build context (`build`).",
        )
    root = place.root.resolve()
    target = (place.folder / path).resolve()
    if not target.is_relative_to(root):
        raise place.error(f'"{path}" leads out of the files sent with the environment.')
    return target


def digest_of(target: Path) -> str:
    """Returns the SHA-256 of a file, or of a folder's names and contents."""
    digest = hashlib.sha256()
    for file in sorted(_files(target)):
        digest.update(f"{file.relative_to(target.parent).as_posix()}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _files(target: Path) -> Iterator[Path]:
    if target.is_file():
        yield target
    for folder, _, names in os.walk(target):
        yield from (Path(folder, name) for name in names if Path(folder, name).is_file())


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yields lines with their numbers, joining those that end in a backslash."""
    start, parts = 0, []
    for number, line in enumerate(text.splitlines(), 1):
        start = start or number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            parts.append(line[:-1])
            continue
        yield start, "".join([*parts, line])
        start, parts = 0, []
    if parts:
        yield start, "".join(parts)
