"""Bindings in commands: `${{inputs.lr}}`, `${{outputs.model}}`, and optional parts, `$[[--lr ${{inputs.lr}}]]`."""

import re
from collections.abc import Mapping

from lazulite.errors import BadRequest

# Source: azure-ai-ml 1.35.2 constants/_job/pipeline.py and entities/_job/_input_output_helpers.py, the same patterns.
_BINDING = re.compile(r"\$\{\{\s*(\S*?)\s*\}\}")
_OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)
_SHOWN_CHARACTERS = 40


def bind(text: str, values: Mapping[str, str], field: str) -> str:
    """Puts values in the place of bindings.

    values: `{"inputs.lr": "0.1", "outputs.model": "/…/model"}`. An optional part goes whole when a value in it is
    missing. Raises BadRequest, naming the field, for a binding that is not closed or that nothing is bound to.
    """

    def optional(match: re.Match[str]) -> str:
        return match[1] if all(name in values for name in _BINDING.findall(match[1])) else ""

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise _unknown(match[1], values, field)
        return values[match[1]]

    text = _OPTIONAL.sub(optional, text)
    for start in (match.start() for match in re.finditer(r"\$\{\{", text)):
        if not _BINDING.match(text, start):
            shown = text[start : start + _SHOWN_CHARACTERS]
            raise BadRequest(
                f"{field} has a binding that is not closed, or holds a space, at character {start + 1}: {shown!r}.",
                target=f"properties.{field}",
                hint="Write ${{inputs.NAME}} or ${{outputs.NAME}}.",
            )
    return _BINDING.sub(value, text)


def _unknown(name: str, values: Mapping[str, str], field: str) -> BadRequest:
    root = name.partition(".")[0]
    known = sorted(known for known in values if known.startswith(f"{root}."))
    if root not in ("inputs", "outputs"):
        has = "A command can have ${{inputs.NAME}} and ${{outputs.NAME}}."
    elif known:
        has = f"The job has {', '.join(known)}."
    else:
        has = f"The job has no {root}."
    return BadRequest(f"{field} has ${{{{{name}}}}}, but nothing has that name. {has}", target=f"properties.{field}")
