"""Reads the fields of JSON bodies by the type they must have. A path such as `properties.tags` names key and place."""

from collections.abc import Iterator, Mapping
from typing import Any

from lazulite.errors import BadRequest


def text(holder: Mapping[str, Any], path: str, *, required: bool = False) -> str:
    """Returns the text at the last part of path, "" when it is absent or null. Raises BadRequest otherwise."""
    value = _value(holder, path)
    if required and value in (None, ""):
        raise BadRequest(f"{path} must be text, but is missing.", target=path)
    return "" if value is None else _text(value, path)


def nested(holder: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Returns the object at the last part of path, {} when it is absent or null. Raises BadRequest otherwise."""
    value = _value(holder, path)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest(f"{path} must be an object, but is {_shown(value)}.", target=path)
    return value


def objects(holder: Mapping[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the objects of an object by name; those that are null are left out. A name may have dots in it."""
    for name, value in nested(holder, path).items():
        if value is not None:
            yield name, nested({name.rpartition(".")[2]: value}, f"{path}.{name}")


def texts(holder: Mapping[str, Any], path: str) -> dict[str, str]:
    """Returns an object that maps names to text (tags, variables); one that is null is left out."""
    return {name: _text(value, f"{path}.{name}") for name, value in nested(holder, path).items() if value is not None}


def flag(holder: Mapping[str, Any], path: str) -> bool:
    """Returns the truth at the last part of path, False when it is absent or null. Raises BadRequest otherwise."""
    value = _value(holder, path)
    if not isinstance(value, bool | None):
        raise BadRequest(f"{path} must be true or false, but is {_shown(value)}.", target=path)
    return bool(value)


def count(holder: Mapping[str, Any], path: str, default: int, *, least: int = 1, most: int = 1000) -> int:
    """Returns the whole number at the last part of path, default when it is absent or null.

    Raises BadRequest when it is none, or not from least to most.
    """
    value = _value(holder, path)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BadRequest(f"{path} must be a whole number from {least} to {most}, but is {_shown(value)}.", target=path)
    return value


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise BadRequest(f"{path} must be text, but is {_shown(value)}.", target=path)
    return value


def _value(holder: Mapping[str, Any], path: str) -> Any:
    return holder.get(path.rpartition(".")[2])


def _shown(value: Any) -> str:
    whole = f"{type(value).__name__} {value!r}"
    return whole if len(whole) <= 160 else whole[:157] + "…"
