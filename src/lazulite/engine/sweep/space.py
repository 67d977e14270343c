"""A search space: the distribution of each parameter, as a way from the unit interval to values and back.

Source: learn.microsoft.com/azure/machine-learning/how-to-tune-hyperparameters, Define the search space;
azure-ai-ml 1.35.2 entities/_job/sweep/search_space.py.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

from lazulite.catalog.distributions import NUMBERS
from lazulite.errors import BadRequest, NotImplementedHere

Value = str | int | float | bool
Values = Mapping[str, Value]

_LEAST, _MOST = 1e-9, 1 - 1e-9  # a normal distribution has no value at 0 and 1
_LARGEST = (1 << 31) - 1  # of randint
_DIGITS = 12  # 3 * 0.1 is 0.3 to whoever reads it


@dataclass(frozen=True)
class Dimension:
    """One parameter. options: all values of one that has only so many, in order; numbers: as NUMBERS names them.

    base: of what the logarithmic ones are powers.
    """

    name: str
    kind: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    options: Sequence[Value] = ()
    base: float = math.e

    def at(self, unit: float) -> Value:
        """Returns the value at a place of the unit interval; equal shares of that are equally likely."""
        if self.options:
            return self.options[min(int(unit * len(self.options)), len(self.options) - 1)]
        if "sigma" in self.numbers:
            plain = NormalDist(self.numbers["mu"], self.numbers["sigma"]).inv_cdf(min(max(unit, _LEAST), _MOST))
        else:
            plain = self.numbers["min_value"] + unit * (self.numbers["max_value"] - self.numbers["min_value"])
        value: float = self.base**plain if "log" in self.kind else plain
        return _rounded(value, self.numbers["q"]) if "q" in self.numbers else value

    def unit(self, value: Value) -> float:
        """Returns the place of a value, the middle of its share where it has one."""
        if self.options:
            return (self.options.index(value) + 0.5) / len(self.options)
        plain = float(value)
        if "log" in self.kind:
            plain = math.log(plain, self.base) if plain > 0 else -math.inf
        if "sigma" in self.numbers:
            return NormalDist(self.numbers["mu"], self.numbers["sigma"]).cdf(plain)
        low, high = self.numbers["min_value"], self.numbers["max_value"]
        return min(max((plain - low) / (high - low), 0.0), 1.0) if high > low else 0.5


def _rounded(value: float, q: float) -> Value:
    """Rounds to a multiple of q, a whole number where q is one: a script may call int() of it. Source: guess."""
    found = round(round(value / q) * q, _DIGITS)
    return int(found) if float(q).is_integer() else found


def space_of(given: Any, base: float = math.e) -> list[Dimension]:
    """Reads `{"lr": ["uniform", [0.01, 0.1]], "b": ["choice", [[16, 32]]]}`, and the form that pipelines have,
    `{"lr": {"type": "uniform", "min_value": 0.01, "max_value": 0.1}}`.

    Raises BadRequest naming the parameter, NotImplementedHere for choices that hold distributions.
    """
    if not isinstance(given, dict) or not given:
        raise BadRequest("searchSpace must name at least one parameter.", target="properties.searchSpace")
    return [_dimension(str(name), one, base) for name, one in given.items()]


def size_of(space: Sequence[Dimension]) -> int | None:
    """Returns how many different trials there are, None when they have no number."""
    return math.prod(len(one.options) for one in space) if all(one.options for one in space) else None


def text_of(value: Value) -> str:
    """Returns a value as it is put into the trial's command."""
    return value if isinstance(value, str) else repr(value)


def _dimension(name: str, given: Any, base: float) -> Dimension:
    at = f"searchSpace.{name}"
    kind, sent = _opened(given, at)
    if kind == "choice":
        return Dimension(name, kind, options=_options(sent.get("values"), at))
    numbers = {one: _number(sent.get(one), f"{at}.{one}") for one in NUMBERS[kind]}
    if kind == "randint":
        if not (numbers["upper"].is_integer() and 1 <= numbers["upper"] <= _LARGEST):
            raise BadRequest(f"{at}: randint needs a whole number above 0, below 2**31.", target=f"properties.{at}")
        return Dimension(name, kind, options=range(int(numbers["upper"])))
    if "max_value" in numbers and numbers["min_value"] >= numbers["max_value"]:
        raise BadRequest(
            f"{at}: the least value, {sent['min_value']}, is not below the greatest, {sent['max_value']}.",
            target=f"properties.{at}",
        )
    if numbers.get("sigma", 1) <= 0 or numbers.get("q", 1) <= 0:
        raise BadRequest(f"{at}: sigma and q must be above 0.", target=f"properties.{at}")
    made = Dimension(name, kind, numbers, base=base)
    try:
        made.at(_LEAST), made.at(_MOST)
    except OverflowError as error:
        raise BadRequest(
            f"{at}: {kind} takes logarithms, and the power of {sent} is no number.",
            target=f"properties.{at}",
            hint=f"For 0.001 to 0.1 write {math.log(0.001):.2f} and {math.log(0.1):.2f}.",
        ) from error
    return made


def _opened(given: Any, at: str) -> tuple[str, Mapping[str, Any]]:
    """Returns a distribution's name and its fields, from either form."""
    if isinstance(given, dict):
        kind, sent = str(given.get("type")).lower(), given
    elif isinstance(given, list) and len(given) == 2 and isinstance(given[1], list):
        kind = str(given[0]).lower()
        names = ("values",) if kind == "choice" else NUMBERS.get(kind, ())
        sent = dict(zip(names, given[1], strict=False))
    else:
        kind, sent = "", {}
    if kind != "choice" and kind not in NUMBERS:
        raise BadRequest(
            f"{at} is {given!r}, but must be one of the distributions choice, {', '.join(NUMBERS)}.",
            target=f"properties.{at}",
        )
    return kind, sent


def _options(given: Any, at: str) -> Sequence[Value]:
    if not isinstance(given, list) or not given:
        raise BadRequest(f"{at}: choice needs a list of values.", target=f"properties.{at}")
    if any(isinstance(one, dict) for one in given):
        raise NotImplementedHere(
            f"{at}: Lazulite does not do choices that hold distributions of their own.",
            target=f"properties.{at}",
            hint="Give each of these a parameter of its own, or run a sweep for each choice.",
        )
    if not all(isinstance(one, Value) for one in given):
        raise BadRequest(f"{at}: a value of choice must be text, a number or a truth.", target=f"properties.{at}")
    return tuple(dict.fromkeys(given))


def _number(given: Any, at: str) -> float:
    try:
        if (
            isinstance(given, int | float | str)
            and not isinstance(given, bool)
            and math.isfinite(found := float(given))
        ):
            return found
    except (ValueError, OverflowError):
        pass
    raise BadRequest(f"{at} must be a number, but is {given!r}.", target=f"properties.{at}")
