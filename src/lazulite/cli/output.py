"""How a result is printed: `--query`, then `--output`. The formats are az's own, byte for byte where scripts read them.

Source: knack 0.13, output.py and query.py.
"""

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from lazulite.cli.grammar import Json, Misuse

_HIDDEN_COLUMNS = ("id", "type", "etag")
_WIDEST_CELL = 60


Columns = Sequence[tuple[str, str]]


def render(result: Json, form: str | None, query: str | None, columns: Columns = ()) -> str:
    """Returns the text to print, with its final newline; "" for nothing.

    columns: what a table shows when no query says so, heading and path. Raises Misuse when the query is not JMESPath.
    """
    result = _with_resource_groups(result)
    if query:
        result = _search(result, query)
    if form == "table" and columns and not query:
        return _table(_columns(result, columns), True)
    return "" if result is None else _FORMATS[form or "json"](result, bool(query))


def _columns(result: Json, columns: Columns) -> Json:
    rows = result if isinstance(result, list) else [result]
    return [{heading: _inner(row, path) for heading, path in columns} for row in rows]


def _inner(row: Json, path: str) -> Json:
    for step in path.split("."):
        row = row.get(step) if isinstance(row, dict) else None
    return row


def _search(result: Json, query: str) -> Json:
    import jmespath  # as long to load as all the rest of a command that needs no query

    try:
        return jmespath.search(query, result, jmespath.Options(dict_cls=OrderedDict))
    except jmespath.exceptions.JMESPathError as error:
        raise Misuse(f"--query is not JMESPath: {error}", hint="See https://jmespath.org/tutorial.html.") from error


def _with_resource_groups(result: Json) -> Json:
    """Adds `resourceGroup` beside every ARM id, as az does. Source: azure-cli-core, _resource_group_transform."""
    if isinstance(result, list):
        return [_with_resource_groups(item) for item in result]
    if not isinstance(result, dict):
        return result
    complete = {name: _with_resource_groups(value) for name, value in result.items()}
    group = _group_of(result.get("id"))
    if group and "resourcegroup" not in {name.lower() for name in result}:
        complete["resourceGroup"] = group
    return complete


def _group_of(arm_id: Any) -> str:
    parts = arm_id.split("/") if isinstance(arm_id, str) else []
    return parts[4] if len(parts) > 4 and parts[3].lower() == "resourcegroups" else ""


def _json(result: Json, queried: bool) -> str:
    return json.dumps(result, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _yaml(result: Json, queried: bool) -> str:
    import yaml

    text: str = yaml.safe_dump(json.loads(json.dumps(result)), default_flow_style=False, allow_unicode=True)
    return text


def _table(result: Json, queried: bool) -> str:
    rows = [_row(item, queried) for item in (result if isinstance(result, list) else [result])]
    columns = [
        name for name in dict.fromkeys(name for row in rows for name in row) if queried or _is_narrow(name, rows)
    ]
    if not columns:
        return ""
    lines = [columns, *([row.get(name, "") for name in columns] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
    lines.insert(1, ["-" * width for width in widths])
    return "".join("  ".join(map(str.ljust, line, widths)).rstrip() + "\n" for line in lines)


def _is_narrow(name: str, rows: Sequence[Mapping[str, str]]) -> bool:
    """Leaves addresses and ids out of a table that nobody has asked for them."""
    return all(len(row.get(name, "")) <= _WIDEST_CELL for row in rows)


def _row(item: Json, queried: bool) -> dict[str, str]:
    if isinstance(item, list):
        return {f"Column{number}": _cell(value) for number, value in enumerate(item, 1)}
    if not isinstance(item, dict):
        return {"Result": _cell(item)}
    return {
        name[:1].upper() + name[1:]: _cell(item[name])
        for name in (item if queried else sorted(item))
        if name not in _HIDDEN_COLUMNS and item[name] is not None and not isinstance(item[name], list | dict)
    }


def _tsv(result: Json, queried: bool) -> str:
    rows = result if isinstance(result, list) else [result]
    return "".join(_tsv_row(row) + "\n" for row in rows)


def _tsv_row(row: Json) -> str:
    if isinstance(row, dict):  # what a query has put together keeps the query's order
        row = [row[name] for name in (row if isinstance(row, OrderedDict) else sorted(row))]
    if isinstance(row, list):
        return "\t".join(_cell(value) for value in row)
    return str(row).lower() if isinstance(row, bool) else _cell(row)


def _cell(value: Json) -> str:
    """A list prints as its length, a dict as nothing, so that columns stay where they are."""
    if isinstance(value, list):
        return str(len(value))
    return "" if isinstance(value, dict) else str(value)


def _nothing(result: Json, queried: bool) -> str:
    return ""


_FORMATS = {
    "json": _json,
    "jsonc": _json,
    "yaml": _yaml,
    "yamlc": _yaml,
    "table": _table,
    "tsv": _tsv,
    "none": _nothing,
}
