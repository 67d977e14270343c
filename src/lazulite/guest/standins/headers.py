"""Header lines and form fields as Flask shows them: names with one or several values, in order."""

from __future__ import annotations

from typing import Any, Iterable, Iterator, Mapping

Pairs = Iterable["tuple[str, Any]"]


class MultiDict:
    """Names with one or several values; who asks for one value gets the first. Source: werkzeug.MultiDict."""

    def __init__(self, pairs: Pairs | Mapping[str, Any] = ()) -> None:
        self._pairs: list[tuple[str, Any]] = list(pairs.items() if isinstance(pairs, Mapping) else pairs)

    def __getitem__(self, name: str) -> Any:
        for own, value in self._pairs:
            if self._is(own, name):
                return value
        raise KeyError(name)

    def __contains__(self, name: str) -> bool:
        return any(self._is(own, name) for own, _ in self._pairs)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __repr__(self) -> str:
        return "%s(%r)" % (type(self).__name__, self._pairs)

    def get(self, name: str, default: Any = None, type: Any = None) -> Any:
        """Returns the first value, put through `type`; the default where there is none or `type` refuses it."""
        try:
            value = self[name]
            return type(value) if type else value
        except (KeyError, ValueError):
            return default

    def getlist(self, name: str) -> list[Any]:
        """Returns all values of a name."""
        return [value for own, value in self._pairs if self._is(own, name)]

    def keys(self) -> list[str]:
        """Returns each name once."""
        return list(dict.fromkeys(name for name, _ in self._pairs))

    def values(self) -> list[Any]:
        """Returns each name's first value."""
        return [self[name] for name in self.keys()]

    def items(self, multi: bool = False) -> list[tuple[str, Any]]:
        """Returns each name with its first value, or every pair."""
        return list(self._pairs) if multi else [(name, self[name]) for name in self.keys()]

    def to_dict(self, flat: bool = True) -> dict[str, Any]:
        """Returns a plain dict of first values, or of lists of all values."""
        return {name: self[name] if flat else self.getlist(name) for name in self.keys()}

    @staticmethod
    def _is(own: str, name: str) -> bool:
        return own == name


class Headers(MultiDict):
    """Header lines: names differ by more than case. Source: werkzeug.datastructures.Headers."""

    def __setitem__(self, name: str, value: Any) -> None:
        self.remove(name)
        self.add(name, value)

    def __delitem__(self, name: str) -> None:
        self.remove(name)

    def add(self, name: str, value: Any) -> None:
        """Adds a line. Raises ValueError when it would be two."""
        text = str(value)
        if "\n" in text or "\r" in text:
            raise ValueError("Header values must not contain newline characters.")
        self._pairs.append((name, text))

    def set(self, name: str, value: Any) -> None:
        """Puts one line in place of all of that name."""
        self[name] = value

    def setdefault(self, name: str, value: Any) -> Any:
        """Adds a line unless there is one of that name; returns the value in force."""
        if name not in self:
            self.add(name, value)
        return self[name]

    def remove(self, name: str) -> None:
        """Removes all lines of a name."""
        self._pairs = [pair for pair in self._pairs if not self._is(pair[0], name)]

    def update(self, other: Pairs | Mapping[str, Any]) -> None:
        """Puts lines in place of those of the same names."""
        for name, value in other.items() if isinstance(other, Mapping) else other:
            self[name] = value

    @staticmethod
    def _is(own: str, name: str) -> bool:
        return own.lower() == name.lower()
