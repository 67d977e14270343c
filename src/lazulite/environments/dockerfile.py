"""Reads Dockerfiles of plain shape for what they mean to Python: base, packages, variables. Runs nothing.

What it does not read is listed in `notes`, never dropped. Source: docs.docker.com/reference/dockerfile.
"""

import json
import os
import posixpath
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from lazulite.environments import conda, requirements
from lazulite.environments.conda import CondaFile
from lazulite.environments.requirements import Place

_VARIABLE = re.compile(r"\$(?:(?P<plain>\w+)|\{(?P<braced>\w+)(?::-(?P<default>[^}]*))?\})")
_HEREDOC = re.compile(r"<<-?\s*[\"']?(?P<word>\w+)[\"']?")
_ASSIGNMENT = re.compile(r"^\w+=")
_VERSION_OF_SHELL = re.compile(r"^([\w.-]+(?:\[[^\]]*\])?)(?:[=~<>]=|[<>])\$")
_OPERATORS = (";", "&&", "||", "|", "&", "(", ")", ";;")
_CONDAS = ("conda", "mamba", "micromamba")
# Commands that leave what Python can import as it is.
_HARMLESS = """
    : . [ adduser cat cd chmod chown cp dpkg echo export find groupadd ldconfig ln locale-gen ls mkdir mv printf pwd rm
    sed set source test touch true update-ca-certificates useradd usermod which
"""
# Variables that point into the image's own file system.
_OF_THE_IMAGE = ("PATH", "LD_LIBRARY_PATH", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "PYTHONHOME", "PYTHONPATH", "HOME")


class Recipe(NamedTuple):
    """What an image is built of. dockerfile: relative to the context; base_of: finds what FROM may name beside what
    the catalog knows, images that are recipes themselves.
    """

    context: Path
    dockerfile: str
    base_of: "BaseOf"


BaseOf = Callable[[str], Recipe | None]


def no_base(image: str) -> Recipe | None:
    """Finds nothing: only images of the catalog are known."""
    return None


@dataclass(frozen=True)
class Dockerfile:
    """What a Dockerfile means. base: the image it starts from; asked: Python and packages that it adds.

    has_own_python: a conda environment that it creates takes the place of the base image's Python.
    """

    base: str
    asked: CondaFile
    has_own_python: bool
    apt: tuple[str, ...]
    program: "Program"


@dataclass(frozen=True)
class Program:
    """What a container of the image would run. words: ENTRYPOINT and CMD; folder: WORKDIR; files: what COPY put where.

    files: (source in the context, path in the image), a folder's contents at that path, a file under it.
    """

    words: tuple[str, ...]
    folder: str
    files: tuple[tuple[Path, str], ...]


@dataclass
class _Stage:
    """What is known so far of one build stage. copies: (context, sources in it, destination in the image)."""

    base: str
    asked: CondaFile = field(default_factory=CondaFile)
    has_own_python: bool = False
    apt: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    copies: list[tuple[Path, list[str], str]] = field(default_factory=list)
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()

    def note(self, text: str) -> None:
        self.asked = replace(self.asked, notes=(*self.asked.notes, text))


def read(path: str, root: Path, base_of: BaseOf = no_base) -> Dockerfile:
    """Reads a build context's Dockerfile, its last stage and the stages and recipes that this one starts from.

    path: relative to root. Raises BadRequest with the line for what is malformed, a file that is not there, and
    requirements that pip would refuse.
    """
    stage = _last_stage(Recipe(root, path, base_of), Place(path, None, root, root))
    variables = {name: value for name, value in stage.asked.variables.items() if name not in _OF_THE_IMAGE}
    asked = replace(stage.asked, variables=variables)
    return Dockerfile(stage.base, asked, stage.has_own_python, stage.apt, _program(stage))


def set_arguments(file: Path, arguments: Mapping[str, str], log: Callable[[str], None]) -> None:
    """Writes the values of `--build-arg` into a Dockerfile's ARGs, and says which of them it has not.

    Raises BadRequest for a file that is not there.
    """
    text = _text(file.name, Place(file.name, None, file.parent, file.parent)) if arguments else ""
    for name, value in arguments.items():
        told = f"ARG {name}={shlex.quote(value)}".replace("\\", r"\\")
        text, count = re.subn(rf"(?im)^[ \t]*ARG[ \t]+{re.escape(name)}(?:=.*)?$", told, text)
        if not count:
            log(f"{file.name} has no ARG {name}, so --build-arg {name} changes nothing.")
    if arguments:
        file.write_text(text, encoding="utf-8")


def bases(path: str, root: Path) -> tuple[str, ...]:
    """Returns the images that a Dockerfile's stages start from, in its order. Raises as `read` does."""
    place = Place(path, None, root, root)
    found: list[str] = []
    stages: set[str] = set()
    given: dict[str, str] = {}
    for line, name, rest in _instructions(_text(path, place)):
        if name == "ARG" and not found:
            given |= _assignments(rest, given, place.at(line))
        elif name == "FROM":
            image, stage = _started_from(_substitute(rest, given), place.at(line))
            found += [image] if image.lower() not in stages else []
            stages.add(stage)
    return tuple(dict.fromkeys(found))


def _last_stage(recipe: Recipe, place: Place) -> _Stage:
    stages: dict[str, _Stage] = {}
    given: dict[str, str] = {}  # ARGs before the first FROM
    stage: _Stage | None = None
    for line, name, rest in _instructions(_text(recipe.dockerfile, place)):
        at = place.at(line)
        if name == "FROM":
            stage = _from(_substitute(rest, given), stages, recipe.base_of, at)
        elif stage is None and name == "ARG":
            given |= _assignments(rest, given, at)
        elif stage is None:
            raise at.error(f"{name} comes before FROM.")
        else:
            _read_instruction(stage, name, rest, given, at)
    if stage is None:
        raise place.error("there is no FROM in it.")
    return stage


def _program(stage: _Stage) -> Program:
    files = []
    for root, sources, destination in stage.copies:
        found = [path for pattern in sources for path in _matching(root, pattern) if path.exists()]
        for path in found:
            is_into = len(found) > 1 or destination.endswith(("/", "/.")) or destination == stage.folder
            files.append(
                (path, destination if path.is_dir() or not is_into else posixpath.join(destination, path.name))
            )
    return Program((*stage.entrypoint, *stage.command), stage.folder, tuple(files))


def _instructions(text: str) -> Iterator[tuple[int, str, str]]:
    """Yields (line, NAME, rest): continuation lines joined, comments dropped, heredocs put in the place of `<<EOF`."""
    lines = enumerate(text.splitlines(), 1)
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        whole = line.strip()
        while whole.endswith("\\"):
            following = next(lines, (0, ""))[1].strip()
            whole = whole if following.startswith("#") else f"{whole[:-1]}{following}"
        name, _, rest = whole.partition(" ")
        heredoc = _HEREDOC.search(rest) if name.upper() in ("RUN", "COPY", "ADD") else None
        if heredoc:
            body = []
            for _, inner in lines:
                if inner.strip() == heredoc["word"]:
                    break
                body.append(inner)
            rest = rest[: heredoc.start()] + "\n".join(body) if name.upper() == "RUN" else rest
        yield number, name.upper(), rest.strip()


def _from(rest: str, stages: dict[str, _Stage], base_of: BaseOf, at: Place) -> _Stage:
    image, name = _started_from(rest, at)
    earlier = stages.get(image.lower())
    stage = replace(earlier, variables=dict(earlier.variables), copies=list(earlier.copies)) if earlier else None
    stage = stage or _of_recipe(image, base_of(image), at) or _Stage(image)
    if name:
        stages[name] = stage
    return stage


def _started_from(rest: str, at: Place) -> tuple[str, str]:
    """Reads what follows FROM: the image, or the stage, and the new stage's name in lower case, "" without one."""
    words = [word for word in rest.split() if not word.startswith("--")]
    if len(words) not in (1, 3):
        raise at.error('FROM must be "FROM image" or "FROM image AS name".')
    return words[0], words[2].lower() if len(words) == 3 else ""


def _of_recipe(image: str, recipe: Recipe | None, at: Place) -> _Stage | None:
    """Returns what an image's own recipe leads to, its local packages named as seen from this context."""
    if recipe is None:
        return None
    root = recipe.context
    stage = _last_stage(recipe, Place(f"{recipe.dockerfile} of {image}", None, root, root))
    asked = stage.asked.requirements
    local = (replace(one, path=os.path.relpath(root / one.path, at.root)) for one in asked.local)
    stage.asked = replace(stage.asked, requirements=replace(asked, local=tuple(local)))
    # A variable of an ARG ends with the image that it helped to build.
    stage.variables = dict(stage.asked.variables)
    return stage


def _read_instruction(stage: _Stage, name: str, rest: str, given: Mapping[str, str], at: Place) -> None:
    if name == "RUN":
        _run(stage, rest, at)
    elif name in ("ENV", "ARG"):
        assigned = _assignments(rest, {**given, **stage.variables}, at)
        stage.variables |= assigned
        if name == "ENV":
            stage.asked = replace(stage.asked, variables={**stage.asked.variables, **assigned})
    elif name == "WORKDIR":
        stage.folder = posixpath.join(stage.folder, _substitute(rest, stage.variables))
    elif name in ("COPY", "ADD"):
        _copy(stage, _substitute(rest, stage.variables), at)
    elif name in ("CMD", "ENTRYPOINT"):
        given_words = _exec_form(rest, at)
        words = ("/bin/sh", "-c", rest) if given_words is None else tuple(given_words)
        if name == "CMD":
            stage.command = words
        else:
            stage.entrypoint, stage.command = words, ()
    elif name not in ("USER", "EXPOSE", "LABEL", "MAINTAINER", "SHELL", "STOPSIGNAL", "VOLUME", "HEALTHCHECK"):
        stage.note(f"{at}: {name} is not understood.")


def _assignments(rest: str, known: Mapping[str, str], at: Place) -> dict[str, str]:
    """Reads `A=1 B="two"`, the old `A 1`, and an ARG without a value."""
    words = _words(rest, at)
    if words and "=" not in words[0]:
        name, _, value = rest.partition(" ")
        return {name: _substitute(value.strip(), known)} if value.strip() else {name: known.get(name, "")}
    found: dict[str, str] = {}
    for word in words:
        name, _, value = word.partition("=")
        found[name] = _substitute(value, {**known, **found})
    return found


def _substitute(text: str, variables: Mapping[str, str], keep_unknown: bool = False) -> str:
    def value(match: re.Match[str]) -> str:
        unknown = match[0] if keep_unknown else ""
        return variables.get(match["plain"] or match["braced"]) or match["default"] or unknown

    return _VARIABLE.sub(value, text)


def _copy(stage: _Stage, rest: str, at: Place) -> None:
    words = _exec_form(rest, at) or _words(rest, at)
    options = [word for word in words if word.startswith("--")]
    paths = [word for word in words if not word.startswith("--")]
    outside = any(option.startswith("--from") for option in options) or any("://" in path for path in paths)
    if outside or _HEREDOC.search(rest) or len(paths) < 2:
        stage.note(f"{at}: `{rest[:80]}` is not carried out: only files of the build context are read.")
        return
    assert at.root is not None  # a Dockerfile always has its context
    stage.copies.append((at.root, paths[:-1], posixpath.join(stage.folder, paths[-1])))


def _run(stage: _Stage, rest: str, at: Place) -> None:
    while rest.startswith("--"):
        option, _, rest = rest.partition(" ")
        rest = rest.lstrip()
        mount = dict(pair.partition("=")[::2] for pair in option.removeprefix("--mount=").split(","))
        if mount.get("type") == "bind" and "target" in mount and "from" not in mount:
            assert at.root is not None
            source = [mount.get("source", ".")]
            stage.copies.append((at.root, source, posixpath.join(stage.folder, mount["target"])))
    text = _substitute(rest, stage.variables, keep_unknown=True)
    whole = _exec_form(rest, at)
    for command in [whole] if whole else _commands(text.replace("\n", " ; "), at):
        _read_command(stage, command, at)


def _exec_form(rest: str, at: Place) -> list[str] | None:
    """Reads `["pip", "install", "x"]`; None when it is not of this form."""
    if not (rest.startswith("[") and rest.endswith("]")):
        return None
    try:
        words = json.loads(rest)
    except ValueError:
        return None  # then docker, too, takes it for the shell's form
    if not all(isinstance(word, str) for word in words):
        raise at.error("the list must hold texts, and nothing else.")
    return list(words)


def _commands(text: str, at: Place) -> Iterator[list[str]]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|()")
    lexer.whitespace_split = True
    lexer.commenters = ""
    command: list[str] = []
    try:
        for word in lexer:
            if word in _OPERATORS:
                if command:
                    yield command
                command = []
            else:
                command.append(word)
    except ValueError as error:
        raise at.error(f"the shell could not read this: {error}.") from error
    if command:
        yield command


def _read_command(stage: _Stage, command: Sequence[str], at: Place) -> None:
    words = _bare(list(command))
    if not words or words[0] in _HARMLESS.split():
        return
    tool, arguments = words[0], words[1:]
    if tool == "pip" and arguments[:1] == ["install"]:
        mapped = _in_context(stage, [_loosened(stage, word, at) for word in arguments[1:]], at)
        found = requirements.read_arguments(mapped, at)
        stage.asked = replace(stage.asked, requirements=stage.asked.requirements + found)
    elif tool in _CONDAS and _conda(stage, arguments, at):
        return
    elif tool in ("apt-get", "apt"):
        if "install" in arguments:
            wanted = [word for word in arguments[arguments.index("install") + 1 :] if not word.startswith("-")]
            stage.apt += tuple(wanted)
    elif tool != "pip" or arguments[:1] not in (["cache"], ["list"], ["freeze"], ["check"], ["--version"]):
        stage.note(f"{at}: `{shlex.join(command)[:120]}` is not carried out.")


def _loosened(stage: _Stage, word: str, at: Place) -> str:
    """Returns a requirement without a version that only the shell would know: `server==$VERSION`."""
    match = _VERSION_OF_SHELL.match(word)
    if not match:
        return word
    stage.note(f"{at}: of `{word}` any version is taken, since only the shell knows which.")
    return match[1]


def _bare(words: list[str]) -> list[str]:
    """Strips what stands before the command itself: `A=1`, `sudo`, `conda run -n x`, `python -m`, folders."""
    while words and (
        _ASSIGNMENT.match(words[0]) or words[0] in ("sudo", "exec", "time", "if", "then", "else", "fi", "{", "}")
    ):
        words = words[1:]
    if not words:
        return []
    words = [posixpath.basename(words[0]), *words[1:]]
    if words[0] in _CONDAS and words[1:2] == ["run"]:
        return _bare(_after_options(words[2:], with_value=("-n", "--name", "-p", "--prefix")))
    if re.match(r"^python[\d.]*$", words[0]) and words[1:2] == ["-m"]:
        return _bare(words[2:])
    if words[:2] == ["uv", "pip"]:
        return words[1:]
    if re.match(r"^pip[\d.]+$", words[0]):
        return ["pip", *words[1:]]
    return words


def _after_options(words: list[str], with_value: Sequence[str]) -> list[str]:
    while words and words[0].startswith("-"):
        words = words[2:] if words[0] in with_value else words[1:]
    return words


def _conda(stage: _Stage, arguments: list[str], at: Place) -> bool:
    """Reads a conda command; False when it is one that is not carried out."""
    if arguments[:1] == ["env"] and arguments[1:2] in (["create"], ["update"]):
        files = [value for option, value in pairwise(arguments) if option in ("-f", "--file")]
        files += [word.partition("=")[2] for word in arguments if word.startswith("--file=")]
        name = _to_context(stage, files[0] if files else "environment.yml", at)
        stage.asked = _merged(stage.asked, conda.read(_text(name, at), Place(name, None, at.folder, at.root)))
        stage.has_own_python = stage.has_own_python or arguments[1] == "create"
        return True
    if arguments[:1] in (["install"], ["create"]):
        skip = ("-c", "--channel", "-n", "--name", "-p", "--prefix")
        packages = arguments[1:]
        while packages:
            if not packages[0].startswith("-"):
                stage.asked = conda.with_package(stage.asked, packages[0], at)
            packages = packages[2:] if packages[0] in skip else packages[1:]
        stage.has_own_python = stage.has_own_python or arguments[0] == "create"
        return True
    return arguments[:1] in (["clean"], ["config"], ["init"], ["activate"], ["info"], ["list"], ["update"], ["tos"])


def _merged(first: CondaFile, second: CondaFile) -> CondaFile:
    return CondaFile(
        second.python or first.python,
        first.requirements + second.requirements,
        {**first.variables, **second.variables},
        first.unavailable + second.unavailable,
        first.notes + second.notes,
    )


def _in_context(stage: _Stage, arguments: Sequence[str], at: Place) -> list[str]:
    """Rewrites pip's arguments so that paths in the image become paths in the build context."""
    mapped: list[str] = []
    for word in arguments:
        option, equals, value = word.partition("=")
        if mapped[-1:] in (["-r"], ["--requirement"], ["-c"], ["--constraint"], ["-e"], ["--editable"]):
            mapped.append(_to_context(stage, word, at) if "://" not in word else word)
        elif option in ("--requirement", "--constraint", "--editable") and equals:
            mapped += [option, _to_context(stage, value, at)]
        elif not word.startswith("-") and requirements.is_path(word):
            mapped.append("./" + _to_context(stage, word, at))
        else:
            mapped.append(word)
    return mapped


def _to_context(stage: _Stage, path: str, at: Place) -> str:
    """Returns the file of the build context that was copied to a path in the image."""
    assert at.root is not None
    wanted = posixpath.normpath(posixpath.join(stage.folder, path))
    for root, sources, destination in reversed(stage.copies):
        if root != at.root:
            continue  # a file of the base image's
        rest = posixpath.relpath(wanted, posixpath.normpath(destination))
        for source in (file for pattern in sources for file in _matching(at.root, pattern)):
            if source.is_dir() and not rest.startswith("..") and (source / rest).exists():
                return (source / rest).relative_to(at.root).as_posix()
            if source.is_file() and rest in (".", source.name):
                return source.relative_to(at.root).as_posix()
    raise at.error(f'"{path}" is not among the files that were copied from the build context.')


def _matching(root: Path, pattern: str) -> list[Path]:
    inside = posixpath.normpath("/" + pattern).lstrip("/")
    if any(character in inside for character in "*?["):
        return sorted(root.glob(inside))
    return [root / inside] if inside else [root]


def _text(name: str, at: Place) -> str:
    assert at.root is not None
    file = (at.root / name).resolve()
    if not file.is_relative_to(at.root.resolve()) or not file.is_file():
        raise at.error(f'"{name}" is not a file of the build context.')
    return file.read_text(encoding="utf-8", errors="replace")


def _words(text: str, at: Place) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise at.error(f"the words could not be told apart: {error}.") from error
