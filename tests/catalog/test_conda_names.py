"""Conda names: renamed, the same, or not to be had."""

import pytest

from lazulite.catalog import conda_names


@pytest.mark.parametrize(
    ("conda", "pypi"),
    [
        ("pytorch", "torch"),
        ("PyTables", "tables"),
        ("py-xgboost-gpu", "xgboost"),
        ("cudatoolkit", conda_names.UNAVAILABLE),
        ("cuda-toolkit", conda_names.UNAVAILABLE),
        ("gxx_linux-64", conda_names.UNAVAILABLE),
        ("r-base", conda_names.UNAVAILABLE),
        ("ffmpeg", conda_names.UNAVAILABLE),
        ("numpy", None),
        ("librosa", None),
    ],
)
def test_a_conda_name_is_looked_up(conda, pypi):
    assert conda_names.pypi_name(conda) == pypi
