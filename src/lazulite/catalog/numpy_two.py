"""Since which version packages that are compiled against NumPy run with NumPy 2.

Conda's builds of earlier ones ask for an earlier NumPy; their wheels on PyPI take any, and break as they are imported.
Source: the packages' release notes, and github.com/numpy/numpy/issues/26191, "NumPy 2.0 ecosystem status".
"""

from collections.abc import Mapping

SINCE: Mapping[str, str] = {
    "catboost": "1.2.8",
    "h5py": "3.11",
    "matplotlib": "3.8.4",
    "numba": "0.60",
    "onnxruntime": "1.19",
    "opencv-python": "4.10",
    "opencv-python-headless": "4.10",
    "pandas": "2.2.2",
    "pyarrow": "16.0",
    "pywavelets": "1.6",
    "scikit-image": "0.23",
    "scikit-learn": "1.4.2",
    "scipy": "1.13",
    "shap": "0.46",
    "statsmodels": "0.14.2",
    "tensorflow": "2.18",
    "torch": "2.3",
}
