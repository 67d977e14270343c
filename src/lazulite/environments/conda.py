"""Reads conda environment files: Python, packages mapped to PyPI, pip requirements, variables. Builds nothing.

Source: docs.conda.io, "Creating an environment file manually" and "Package match specifications".
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import yaml
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from lazulite.catalog import conda_names, numpy_two
from lazulite.environments import requirements
from lazulite.environments.requirements import Place, Requirements

_MAX_BYTES = 1 << 20
_SPEC = re.compile(r"^(?:(?P<channel>[^:\s\[\]]+)::)?(?P<name>[A-Za-z0-9_][A-Za-z0-9._-]*)\s*(?P<rest>.*)$")
_BRACKETS = re.compile(r"\[(?P<inner>[^\]]*)\]\s*$")
_INNER_VERSION = re.compile(r"version\s*=\s*['\"]?([^'\"\]]+)['\"]?")
_OPERATOR = re.compile(r"^(==|!=|>=|<=|~=|=|>|<)?\s*(.+)$")
_EXACT = re.compile(r"^={1,2}\s*(\d+(?:\.\d+)*)(?:\.\*)?$")
_PINNED_ANYWAY = ("pip", "setuptools", "wheel")
# Channels whose Python packages are those of PyPI under the same name.
_ORDINARY_CHANNELS = ("defaults", "conda-forge", "anaconda", "main", "pytorch", "nvidia", "huggingface", "nodefaults")


@dataclass(frozen=True)
class CondaFile:
    """What a conda file asks for, in pip's words. python: a version specifier, "" when none is asked for."""

    python: str = ""
    requirements: Requirements = field(default_factory=Requirements)
    variables: dict[str, str] = field(default_factory=dict)
    unavailable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Package:
    name: str
    version: str
    channel: str


def read(text: str, place: Place) -> CondaFile:
    """Reads a conda file, YAML or JSON.

    `dependencies`: [`numpy=1.26`, `conda-forge::scipy>=1.9,<2`, {"pip": [requirement lines]}]; `channels`, `variables`
    (name -> text), `name`, `prefix`. Raises BadRequest with line and field for anything else.
    """
    root = _parse(text, place)
    entries = dict(_pairs(root, place, "the conda file"))
    unknown = sorted(entries.keys() - {"name", "channels", "dependencies", "variables", "prefix", "platforms"})
    if unknown:
        raise place.at(_line(entries[unknown[0]])).error(
            f'"{unknown[0]}" is not a field of a conda file: it has name, channels, dependencies and variables.'
        )
    found = CondaFile(variables=dict(_variables(entries.get("variables"), place)))
    for channel, at in _texts(entries.get("channels"), place, "channels"):
        if "/" not in channel and channel.lower() not in _ORDINARY_CHANNELS:
            found = _with_note(found, f'{at}: packages of the channel "{channel}" are looked for on PyPI.')
    return _with_dependencies(found, entries.get("dependencies"), place)


def _with_dependencies(found: CondaFile, node: yaml.Node | None, place: Place) -> CondaFile:
    packages: list[_Package] = []
    for item in _items(node, place, "dependencies"):
        at = place.at(_line(item))
        if isinstance(item, yaml.MappingNode):
            for key, value in _pairs(item, place, "dependencies"):
                if key != "pip":
                    raise at.error(f'dependencies may hold a "pip" list, but not "{key}".')
                lines = [(place_.line or 0, text) for text, place_ in _texts(value, place, "dependencies.pip")]
                found = replace(found, requirements=found.requirements + requirements.read_lines(lines, place))
        else:
            found = with_package(found, _text(item, place, "dependencies"), at)
            packages.append(_package(_text(item, place, "dependencies"), at))
    return _with_old_numpy(found, packages, place)


def _with_old_numpy(found: CondaFile, packages: Sequence[_Package], place: Place) -> CondaFile:
    """Keeps NumPy below 2 where a package is pinned that conda has built for no other."""
    if any(package.name.lower() == "numpy" and package.version for package in packages):
        return found
    for package in packages:
        pinned, since = _EXACT.match(package.version), numpy_two.SINCE.get(_pypi_name(package))
        if pinned and since and Version(pinned[1]) < Version(since):
            note = f"{place}: {package.name} {pinned[1]} is built for NumPy 1, so NumPy stays below 2."
            found = replace(found, requirements=found.requirements + Requirements(lines=("numpy<2",)))
            return _with_note(found, note)
    return found


def _pypi_name(package: _Package) -> str:
    return (conda_names.pypi_name(package.name) or package.name).lower()


def with_package(found: CondaFile, spec: str, place: Place) -> CondaFile:
    """Adds one conda package specification, `numpy=1.26.*`, mapped to PyPI, or noted as not to be had."""
    package = _package(spec, place)
    name = package.name.lower()
    if name == "python":
        return replace(found, python=_pep440(package.version, spec, place))
    if package.channel and package.channel.lower() not in _ORDINARY_CHANNELS:
        found = _with_note(found, f'{place}: "{spec}" is looked for on PyPI.')
    pypi = conda_names.pypi_name(name)
    if pypi == conda_names.UNAVAILABLE:
        return replace(found, unavailable=(*found.unavailable, spec))
    if name in _PINNED_ANYWAY:
        return replace(
            found, requirements=found.requirements + Requirements(lines=(f"{name}{_pin(package, spec, place)}",))
        )
    if "|" in package.version:
        found = _with_note(found, f'{place}: of "{spec}" any version is taken, since pip knows no "or".')
        package = replace(package, version="")
    line = f"{pypi or package.name}{_pin(package, spec, place)}"
    return replace(found, requirements=found.requirements + Requirements(lines=(line,)))


def _pin(package: _Package, spec: str, place: Place) -> str:
    return _pep440(package.version, spec, place)


def _package(spec: str, place: Place) -> _Package:
    match = _SPEC.match(spec.strip())
    if not match:
        raise place.error(f'"{spec}" is not a conda package specification such as "numpy=1.26".')
    rest = match["rest"]
    brackets = _BRACKETS.search(rest)
    if brackets:
        version = _INNER_VERSION.search(brackets["inner"])
        return _Package(match["name"], version[1].strip() if version else "", match["channel"] or "")
    return _Package(match["name"], _without_build(rest), match["channel"] or "")


def _without_build(rest: str) -> str:
    """Drops the build string: `=1.2=py310_0`, `1.2 py310_0` -> `=1.2`, `==1.2`."""
    rest = rest.strip()
    if rest and rest[0] not in "=<>!~":  # "numpy 1.2" means exactly that version
        version = rest.split()[0]
        return f"={version}" if "*" in version else f"=={version}"
    if rest.startswith("=") and not rest.startswith("=="):
        return "=" + rest[1:].strip().split("=")[0].split()[0] if rest[1:].strip() else ""
    exact = re.match(r"^==\s*([^=\s,]+)\s*(=\S+|\s\S+)?$", rest)
    return f"=={exact[1]}" if exact else rest


def _pep440(version: str, spec: str, place: Place) -> str:
    """Turns a conda version into a specifier of PEP 440: `=1.2` -> `==1.2.*`, `>=1,<2` as it is, `*` -> ""."""
    parts = []
    for part in filter(None, (piece.strip() for piece in version.split(","))):
        operator, number = _OPERATOR.match(part).groups()  # type: ignore[union-attr]  # ".+" matches any piece
        number = number.strip()
        if number.strip("*.") == "":
            continue
        if operator in ("=", None):
            operator, number = "==", number.rstrip(".*") + ".*"
        elif "*" in number and operator not in ("==", "!="):
            number = number.rstrip(".*")
        parts.append(f"{operator}{number}")
    specifier = ",".join(parts)
    try:
        SpecifierSet(specifier)
    except InvalidSpecifier as error:
        raise place.error(f'"{spec}" asks for a version that pip cannot express.', hint="Simplify it.") from error
    return specifier


def _with_note(found: CondaFile, note: str) -> CondaFile:
    return replace(found, notes=(*found.notes, note))


def _parse(text: str, place: Place) -> yaml.Node:
    if len(text.encode()) > _MAX_BYTES:
        raise place.error("the conda file is over 1 MiB.")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(filter(None, (error.context, error.problem)))
        raise place.at(mark.line + 1 if mark else 1).error(f"the conda file is not YAML: {problem}.") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise place.error(f"the conda file is not YAML: {error}.") from error
    if node is None:
        raise place.error("the conda file is empty.", hint="Leave condaFile out when there is nothing to install.")
    return node


def _pairs(node: yaml.Node, place: Place, what: str) -> Iterator[tuple[str, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        raise place.at(_line(node)).error(f"{what} must hold names and values, but is {_kind(node)}.")
    for key, value in node.value:
        yield _text(key, place, what), value


def _items(node: yaml.Node | None, place: Place, field_name: str) -> list[yaml.Node]:
    if node is None or (isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")):
        return []
    if not isinstance(node, yaml.SequenceNode):
        raise place.at(_line(node)).error(f"{field_name} must be a list, but is {_kind(node)}.")
    return list(node.value)


def _texts(node: yaml.Node | None, place: Place, field_name: str) -> Iterator[tuple[str, Place]]:
    for item in _items(node, place, field_name):
        yield _text(item, place, field_name), place.at(_line(item))


def _text(node: yaml.Node, place: Place, field_name: str) -> str:
    if isinstance(node, yaml.ScalarNode) and node.tag.endswith(":str"):
        return str(node.value)
    raise place.at(_line(node)).error(f"{field_name} must hold text here, but holds {_kind(node)}.")


def _variables(node: yaml.Node | None, place: Place) -> Iterator[tuple[str, str]]:
    if node is None:
        return
    for name, value in _pairs(node, place, "variables"):
        if not isinstance(value, yaml.ScalarNode):
            raise place.at(_line(value)).error(f"variables.{name} must be text, but is {_kind(value)}.")
        yield name, str(value.value)


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "an object"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    kinds = {"int": "a number", "float": "a number", "bool": "true or false", "null": "nothing", "str": "text"}
    return kinds.get(node.tag.rpartition(":")[2], "something else")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
