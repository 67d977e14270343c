"""MLflow's filter language: `metrics.loss < 0.1 AND tags.team = 'vision'`, read and, over small sets, applied. Pure."""

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn, TypeVar

from lazulite.errors import BadRequest

Kind = Literal["attribute", "metric", "param", "tag", "dataset"]
Value = str | float | tuple[str, ...] | None

_LENGTH_LIMIT = 20_000
# Source: mlflow 3.17 utils/search_utils.py, SearchUtils._VALID_IDENTIFIERS.
_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("attribute", "attributes", "attr", "run"), "attribute"),
    **dict.fromkeys(("metric", "metrics"), "metric"),
    **dict.fromkeys(("param", "params", "parameter", "parameters"), "param"),
    **dict.fromkeys(("tag", "tags"), "tag"),
    **dict.fromkeys(("dataset", "datasets"), "dataset"),
}
_DATASET_KEYS = ("name", "digest", "context")

_PLAIN = r"\w[\w./:-]*"
_QUOTED = r"`[^`]*`|\"[^\"]*\""
_LEFT = rf"(?:(?P<kind>[A-Za-z]+)\.)?(?P<key>{_QUOTED}|{_PLAIN})"
_TEXT = r"'[^']*'|\"[^\"]*\""
_CLAUSE = re.compile(
    rf"\s*{_LEFT}\s*(?:(?P<null>IS\s+(?:NOT\s+)?NULL\b)"
    r"|(?P<operator>!=|<>|<=|>=|=|<|>|LIKE\b|ILIKE\b|NOT\s+IN\b|IN\b)"
    rf"\s*(?P<value>{_TEXT}|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|\([^()]*\)))\s*",
    re.IGNORECASE,
)
_AND = re.compile(r"AND\b", re.IGNORECASE)
_ORDER = re.compile(rf"\s*{_LEFT}(?:\s+(?P<direction>ASC|DESC))?\s*", re.IGNORECASE)
_ITEM = re.compile(rf"\s*({_TEXT})\s*(?:,|$)")

_ON_NUMBERS = ("=", "!=", "<", "<=", ">", ">=")
_ON_TEXTS = ("=", "!=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL")


T = TypeVar("T")
ValueOf = Callable[[T, Kind, str], str | float | None]


@dataclass(frozen=True)
class Searchable:
    """What may be asked of one kind of thing.

    texts and numbers: its attributes, by how they compare. kinds: what else it has. aliases: other names of attributes.
    """

    texts: frozenset[str]
    numbers: frozenset[str]
    kinds: frozenset[Kind]
    aliases: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Comparison:
    """One clause. operator: as in SQL, upper case; value: a number for numbers, texts for IN, None for IS NULL."""

    kind: Kind
    key: str
    operator: str
    value: Value


@dataclass(frozen=True)
class Order:
    """One key to sort by."""

    kind: Kind
    key: str
    is_ascending: bool


def parse(text: str, searchable: Searchable) -> list[Comparison]:
    """Reads a filter; the empty one has no clause. Raises BadRequest (400), which quotes what cannot be read."""
    if len(text) > _LENGTH_LIMIT:
        raise BadRequest(f"The filter is over {_LENGTH_LIMIT} characters long.", target="filter")
    comparisons: list[Comparison] = []
    at, rest = 0, text.rstrip()
    while at < len(rest):
        if comparisons:
            joint = _AND.match(rest, at)
            at = joint.end() if joint else _refuse(rest, at)
        clause = _CLAUSE.match(rest, at)
        if not clause:
            _refuse(rest, at)
        comparisons.append(_comparison(clause, searchable))
        at = clause.end()
    return comparisons


def parse_order(text: str, searchable: Searchable) -> Order:
    """Reads one `order_by` item, `metrics.loss ASC`. Raises BadRequest (400)."""
    found = _ORDER.fullmatch(text)
    if not found or _KINDS.get((found["kind"] or "").lower()) == "dataset":
        raise BadRequest(
            f"Invalid order_by clause {text!r}.", target="order_by", hint="Write metrics.loss DESC, for example."
        )
    kind, key = _identify(found, searchable, (*searchable.texts, *searchable.numbers))
    return Order(kind, key, (found["direction"] or "ASC").upper() == "ASC")


def matches(comparison: Comparison, value: str | float | None) -> bool:
    """Tells whether a thing's own value satisfies a clause; None, it has none, satisfies IS NULL only."""
    if comparison.operator in ("IS NULL", "IS NOT NULL"):
        return (value is None) == (comparison.operator == "IS NULL")
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return False
    return _COMPARE[comparison.operator](value, comparison.value)


def find(things: Iterable[T], clauses: Sequence[Comparison], order: Sequence[Order], value_of: ValueOf[T]) -> list[T]:
    """Returns the things that satisfy every clause, sorted; those without what is sorted by come last, either way.

    value_of: a thing's own value of a kind and key, None where it has none.
    """
    found = [
        thing
        for thing in things
        if all(matches(clause, value_of(thing, clause.kind, clause.key)) for clause in clauses)
    ]
    for key in reversed(order):
        pairs = [(value_of(thing, key.kind, key.key), thing) for thing in found]
        having = [(value, thing) for value, thing in pairs if value is not None]
        having.sort(key=lambda pair: pair[0], reverse=not key.is_ascending)
        found = [thing for _, thing in having] + [thing for value, thing in pairs if value is None]
    return found


def _refuse(text: str, at: int) -> NoReturn:
    raise BadRequest(
        f"Invalid clause in the filter, at {text[at : at + 60]!r}.",
        target="filter",
        hint="Clauses are joined by AND, and texts stand in quotes: metrics.loss < 0.1 AND tags.team = 'vision'.",
    )


def _comparison(clause: "re.Match[str]", searchable: Searchable) -> Comparison:
    kind, key = _identify(clause, searchable, (*searchable.texts, *searchable.numbers))
    sign = " ".join((clause["null"] or clause["operator"]).upper().split()).replace("<>", "!=")
    is_number = kind == "metric" or (kind == "attribute" and key in searchable.numbers)
    if sign not in (_ON_NUMBERS if is_number else _ON_TEXTS):
        raise BadRequest(
            f"Invalid comparator '{sign}' for {kind} {key!r}: it must be one of "
            f"{', '.join(_ON_NUMBERS if is_number else _ON_TEXTS)}.",
            target="filter",
        )
    return Comparison(kind, key, sign, _value(clause["value"], sign, is_number, f"{kind} {key!r}"))


def _identify(found: "re.Match[str]", searchable: Searchable, attributes: tuple[str, ...]) -> tuple[Kind, str]:
    word, key = found["kind"], found["key"].strip('`"')
    kind = _KINDS.get((word or "attribute").lower())
    if kind is None or kind not in (*searchable.kinds, "attribute"):
        raise BadRequest(
            f"Invalid entity type '{word}': it must be one of {', '.join(sorted((*searchable.kinds, 'attribute')))}.",
            target="filter",
        )
    known = _DATASET_KEYS if kind == "dataset" else attributes
    key = dict(searchable.aliases).get(key, key) if kind == "attribute" else key
    if kind in ("attribute", "dataset") and key not in known:
        raise BadRequest(
            f"Invalid {kind} key '{key}' specified. Valid keys are {', '.join(sorted(known))}.", target="filter"
        )
    return kind, key


def _value(text: str | None, sign: str, is_number: bool, what: str) -> Value:
    if text is None:
        return None
    is_list, is_text = text.startswith("("), text[0] in "'\""
    if is_number:
        if is_list or is_text:
            raise BadRequest(f"Expected a number for {what}, found {text}.", target="filter")
        return float(text)
    if sign.endswith("IN"):
        items = _ITEM.findall(text[1:-1]) if is_list else []
        if not items or _ITEM.sub("", text[1:-1]).strip():
            raise BadRequest(f"Expected a list of quoted texts for {what}, found {text}.", target="filter")
        return tuple(item[1:-1] for item in items)
    if not is_text:
        raise BadRequest(f"Expected a quoted text for {what}, found {text}.", target="filter")
    return text[1:-1]


def _like(flags: int) -> "Callable[[str, str], bool]":
    def compare(value: str, pattern: str) -> bool:
        parts = (".*" if letter == "%" else "." if letter == "_" else re.escape(letter) for letter in pattern)
        return re.fullmatch("".join(parts), value, flags | re.DOTALL) is not None

    return compare


_COMPARE: Mapping[str, Callable[..., bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "LIKE": _like(0),
    "ILIKE": _like(re.IGNORECASE),
    "IN": lambda value, items: value in items,
    "NOT IN": lambda value, items: value not in items,
}
