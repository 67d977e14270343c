"""What conda packages are called on PyPI, and which of them PyPI cannot give. Data in conda_names.tsv.

A name may be a pattern (`cuda*`); `-` stands for what is no Python package, or not the same one on PyPI.
Source: the package pages of anaconda.org and pypi.org, compared by hand.
"""

import csv
import fnmatch
import functools
from pathlib import Path

UNAVAILABLE = "-"


def pypi_name(conda_name: str) -> str | None:
    """Returns the PyPI name of a conda package, UNAVAILABLE when there is none; None when the table is silent.

    A silent table means: most packages of conda-forge have the name that PyPI gives them.
    """
    name = conda_name.lower()
    names = _names()
    if name in names:
        return names[name]
    return next(
        (pypi for pattern, pypi in names.items() if "*" in pattern and fnmatch.fnmatchcase(name, pattern)), None
    )


@functools.cache
def _names() -> dict[str, str]:
    with Path(__file__).with_suffix(".tsv").open(encoding="utf-8", newline="") as file:
        return {row["conda"]: row["pypi"] for row in csv.DictReader(file, delimiter="\t")}
