"""What a batch script's `run` returned: how many of its items succeeded, and the rows for the output file.

Source: learn.microsoft.com/azure/machine-learning/how-to-batch-scoring-script and how-to-use-parallel-job-in-pipeline:
a list, a tuple or a DataFrame, an element for each item that succeeded. Elements of a list are written as `str` gives
them; rows of a DataFrame without names and index, with a space between columns, as the samples read them
(how-to-image-processing-batch: `pd.read_csv("predictions.csv", header=None, sep=" ")`).
"""

from __future__ import annotations

import sys
from typing import Any

_SHOWN_CHARACTERS = 300


class WrongReturn(Exception):
    """`run` returned something that is no list of results."""


def rows_of(returned: Any, is_wanted: bool) -> tuple[int, bytes]:
    """Returns the number of results, and their rows as they are appended, b"" when these are not wanted.

    Raises WrongReturn, naming what was returned.
    """
    if _is_a(returned, "pandas", "DataFrame"):
        return len(returned), _encoded(_table(returned)) if is_wanted else b""
    if isinstance(returned, (list, tuple)) or _is_a(returned, "pandas", "Series") or _is_array(returned):
        return len(returned), _encoded("".join(["%s\n" % (one,) for one in returned])) if is_wanted else b""
    raise WrongReturn(
        "run() returned %s, but must return a list, a tuple or a pandas DataFrame or Series, with an element for each "
        "item that succeeded." % shown(returned)
    )


def shown(returned: Any) -> str:
    """Returns a short form of what was returned, for a message."""
    if returned is None:
        return "None"
    try:
        text = repr(returned)
    except Exception as error:
        text = "(its own __repr__ raised %s)" % type(error).__name__
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "…"
    return "%s %s" % (type(returned).__name__, text)


def _table(frame: Any) -> str:
    text: str = frame.to_csv(sep=" ", header=False, index=False)
    return text


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _is_array(value: Any) -> bool:
    return _is_a(value, "numpy", "ndarray") and value.ndim > 0


def _is_a(value: Any, module: str, name: str) -> bool:
    """Tells whether a value is of a class of a package that the script has imported; imports nothing."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(value, kind)
