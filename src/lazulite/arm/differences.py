"""What differs between two versions of an asset, in words: fields by their paths, files by their names."""

import filecmp
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_SHOWN = 60
_BEFORE = 20
_MOST = 8

# Says what differs between two references, None where they are no references or that is not known.
Compare = Callable[[str, str, str], list[str] | None]


def of_fields(old: Any, new: Any, path: str = "", compare: Compare | None = None) -> list[str]:
    """Lists what differs between two bodies: `inputs.lr.default was "0.1" and is "0.2"`.

    compare: asked about two texts at a path before they are called different.
    """
    return list(_fields(old, new, path, compare))


def _fields(old: Any, new: Any, path: str, compare: Compare | None) -> Iterator[str]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            below = f"{path}.{name}" if path else name
            if name not in new:
                yield f"{below} ({_short(old[name])}) is missing"
            elif name not in old:
                yield f"{below} ({_short(new[name])}) is new"
            else:
                yield from _fields(old[name], new[name], below, compare)
        return
    known = compare(path, old, new) if compare and isinstance(old, str) and isinstance(new, str) else None
    if known is not None:
        yield from known
    elif isinstance(old, str) and isinstance(new, str) and "\n" in old + new:
        yield f"{path}: {_lines(old, new)}"
    else:
        yield f"{path} was {_short(old, _apart(old, new))} and is {_short(new, _apart(old, new))}"


def of_files(old: Path, new: Path) -> list[str]:
    """Lists what differs between the files of two folders: `train.py changed`, `util.py is new`.

    Two files are compared as files, whatever their names.
    """
    if old.is_file() and new.is_file():
        return [] if filecmp.cmp(old, new, shallow=False) else [f"{new.name} changed"]
    before, after = _files(old), _files(new)
    said = [f"{name} is missing" for name in sorted(before - after)]
    said += [f"{name} is new" for name in sorted(after - before)]
    return said + [
        f"{name} changed" for name in sorted(before & after) if not filecmp.cmp(old / name, new / name, shallow=False)
    ]


def told(changes: list[str]) -> str:
    """Joins changes to one sentence's end, the first few of many."""
    more = f"; and {len(changes) - _MOST} more" if len(changes) > _MOST else ""
    return "; ".join(changes[:_MOST]) + more


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def _lines(old: str, new: str) -> str:
    """Says which lines went and which came."""
    before, after = old.splitlines(), new.splitlines()
    gone = [f"{_short(line.strip())} is missing" for line in before if line not in after]
    come = [f"{_short(line.strip())} is new" for line in after if line not in before]
    return ", ".join((gone + come)[:6]) or "its lines are ordered differently"


def _apart(old: Any, new: Any) -> int:
    """Returns from where on two long texts are shown: a little before they differ."""
    if not isinstance(old, str) or not isinstance(new, str) or max(len(old), len(new)) <= _SHOWN:
        return 0
    same = next((at for at, (left, right) in enumerate(zip(old, new, strict=False)) if left != right), 0)
    return max(same - _BEFORE, 0)


def _short(value: Any, start: int = 0) -> str:
    """Shows a value, of an object its names, of what is long a part."""
    if isinstance(value, dict):
        return ", ".join(value) or "nothing"
    text = value if isinstance(value, str) else repr(value)
    shown = text[start : start + _SHOWN]
    shown = f"{'…' if start else ''}{shown}{'…' if start + _SHOWN < len(text) else ''}"
    return f'"{shown}"' if isinstance(value, str) else shown
