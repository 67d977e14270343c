"""The batch script of MLflow models that are deployed without one: predict() once per file, a row per prediction.

Source: learn.microsoft.com/azure/machine-learning/how-to-mlflow-batch: the file types, and the columns row (of tables),
prediction, file name; that commas part them: its notebook, mlflow-for-batch-tabular.ipynb. JSON is ours.
"""

from __future__ import annotations

import csv
import io
import json
import os
from importlib import import_module
from typing import Any, Iterator, Sequence

_TABLES = (".csv", ".parquet", ".pqt", ".json", ".jsonl")
_IMAGES = (".png", ".jpg", ".jpeg", ".tiff", ".bmp", ".gif")


class Scored:
    """The model that scores. load() makes it; nothing else changes it."""

    def load(self, folder: str) -> None:
        """Loads the MLflow model that lies in a folder, or in one of its own. Raises whatever MLflow does."""
        self._model = import_module("mlflow.pyfunc").load_model(_model_folder(folder))
        signature = self._model.metadata.signature
        self._inputs: Any = signature.inputs if signature else None

    def rows(self, path: str) -> Iterator[str]:
        """Predicts for one file, and yields its rows. Raises UnsupportedFile."""
        kind = os.path.splitext(path)[1].lower()
        name = os.path.basename(path)
        if kind in _TABLES:
            for number, prediction in enumerate(_predictions(self._model.predict(self._typed(_table(path, kind))))):
                yield _line((number, prediction, name))
        elif kind in _IMAGES:
            found = _predictions(self._model.predict(self._image(path)))
            yield _line((found[0] if len(found) == 1 else _plain(found), name))
        else:
            raise UnsupportedFile(
                "Error processing input file: %r. File type %r is not supported: a model without a script takes %s."
                % (name, kind[1:], ", ".join(one[1:] for one in _TABLES + _IMAGES))
            )

    def _typed(self, frame: Any) -> Any:
        """Gives the columns the types that the model's signature has for them."""
        if self._inputs is None or self._inputs.is_tensor_spec() or not self._inputs.has_input_names():
            return frame
        names, kinds = self._inputs.input_names(), self._inputs.pandas_types()
        return frame.astype({name: kinds[at] for at, name in enumerate(names) if name in frame.columns})

    def _image(self, path: str) -> Any:
        numpy = import_module("numpy")
        pixels = numpy.asarray(import_module("PIL.Image").open(path))
        if self._inputs is None or not self._inputs.is_tensor_spec():
            return pixels[numpy.newaxis].astype(numpy.uint8)
        tensor = self._inputs.inputs[0]
        return pixels.astype(tensor.type).reshape([max(size, -1) for size in tensor.shape])


SCORED = Scored()


class UnsupportedFile(Exception):
    """A file of a type that models cannot be asked with unless a script reads it."""


def init() -> None:
    """Loads the model that AZUREML_MODEL_DIR names."""
    SCORED.load(os.environ["AZUREML_MODEL_DIR"])


def run(mini_batch: Sequence[str]) -> list[str]:
    """Predicts for each file; returns a row for each prediction."""
    return [row for path in mini_batch for row in SCORED.rows(path)]


def _model_folder(folder: str) -> str:
    for where, folders, names in os.walk(folder):
        if "MLmodel" in names:
            return where
        folders.sort()
    raise FileNotFoundError("There is no MLflow model in %s: no folder there holds a file called MLmodel." % folder)


def _table(path: str, kind: str) -> Any:
    pandas = import_module("pandas")
    if kind == ".csv":
        return pandas.read_csv(path)
    if kind in (".parquet", ".pqt"):
        return pandas.read_parquet(path)
    if kind == ".jsonl":
        return pandas.read_json(path, lines=True)
    with open(path, encoding="utf-8") as file:
        found = json.load(file)
    if isinstance(found, dict) and "data" in found and "columns" in found:
        return pandas.DataFrame(found["data"], columns=found["columns"])
    return pandas.DataFrame(found if isinstance(found, list) else [found])


def _predictions(predicted: Any) -> list[Any]:
    """Returns one value for each row: a number or text, or of several columns all that there are."""
    if isinstance(predicted, dict):
        predicted = import_module("pandas").DataFrame(predicted)
    if not hasattr(predicted, "columns"):
        return list(predicted)
    return list(predicted.iloc[:, 0] if len(predicted.columns) == 1 else predicted.to_dict("records"))


def _line(cells: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([_plain(cell) for cell in cells])
    return text.getvalue()


def _plain(value: Any) -> Any:
    """Returns a value of numpy as Python has it, so that it is written as its digits are."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value.tolist() if hasattr(value, "tolist") else value
