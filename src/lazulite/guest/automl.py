"""One trial of AutoML: reads the data, validates a model, fits it to all rows, logs its metrics, keeps it.

What to do is in the variable LAZULITE_AUTOML, JSON: `{"task", "target", "weight", "is_featurized", "folds",
"validation_size", "test_size", "attempt": {"algorithm", "parameters", "members"}}`. The data are in the job's inputs
training_data, validation_data and test_data; the model goes to ./outputs/mlflow-model and ./outputs/model.pkl.
"""

from __future__ import annotations

import json
import os
import pickle
import traceback
import warnings
from importlib import import_module
from importlib.metadata import version
from typing import Any, Iterator

from . import automl_data, automl_metrics, automl_models
from .automl_data import Unreadable

_SEED = 7
# Source: learn.microsoft.com/azure/machine-learning/how-to-configure-auto-train, Training, validation, and test data.
_FEW_ROWS, _MANY_ROWS, _HELD_BACK = 1000, 20_000, 0.1
_EXAMPLES = 5
_NEEDED = ("scikit-learn", "lightgbm", "pandas", "numpy", "cloudpickle")


def main(arguments: "list[str]") -> int:
    """Runs the trial; what is wrong with the data is said in a sentence, all else by its traceback."""
    plan = json.loads(os.environ["LAZULITE_AUTOML"])
    warnings.filterwarnings("ignore", "X does not have valid feature names")  # LightGBM within a pipeline
    try:
        _run(plan)
    except Unreadable as error:
        print("AutoMLError: %s" % error, flush=True)
        return 1
    except Exception:
        traceback.print_exc()
        return 1
    return 0


def _run(plan: "dict[str, Any]") -> None:
    rows, mlflow = _Rows.read("training_data", plan), import_module("mlflow")
    tested = _Rows.read("test_data", plan) if "AZURE_ML_INPUT_test_data" in os.environ else None
    if plan["test_size"] and tested is None:
        rows, tested = rows.split(plan["test_size"])
    attempt = plan["attempt"]
    print("%s on %d rows and %d columns" % (attempt["algorithm"], len(rows.truth), rows.features.shape[1]), flush=True)
    metrics = _validate(plan, rows)
    model = _fit(plan, rows)
    if tested is not None:
        more = automl_metrics.score(plan["task"], model, tested.features, tested.truth, rows.truth)
        metrics.update({"test_%s" % name: value for name, value in more.items()})
    _keep(mlflow, model, rows)
    for name, value in sorted(metrics.items()):
        print("%s %.6g" % (name, value), flush=True)
    mlflow.log_metrics(metrics)


class _Rows:
    """Features, what is to be predicted of them, and how much each row counts, None where all do alike."""

    def __init__(self, features: Any, truth: Any, weights: Any) -> None:
        self.features, self.truth, self.weights = features, truth, weights

    @classmethod
    def read(cls, name: str, plan: "dict[str, Any]") -> "_Rows":
        frame = automl_data.read(os.environ["AZURE_ML_INPUT_%s" % name])
        for column in filter(None, (plan["target"], plan["weight"])):
            if column not in frame.columns:
                there = ", ".join(map(str, frame.columns))
                raise Unreadable('%s has no column "%s". It has %s.' % (name, column, there))
        frame = frame[frame[plan["target"]].notna()].reset_index(drop=True)
        if frame.empty:
            raise Unreadable('No row of %s has a value in "%s".' % (name, plan["target"]))
        weights = frame[plan["weight"]] if plan["weight"] else None
        others = [column for column in frame.columns if column not in (plan["target"], plan["weight"])]
        found = cls(frame[others], frame[plan["target"]], weights)
        found.check(plan["task"], plan["target"])
        return found

    def check(self, task: str, target: str) -> None:
        is_numeric = import_module("pandas").api.types.is_numeric_dtype(self.truth)
        if task == "regression" and not is_numeric:
            raise Unreadable('Regression predicts numbers, but "%s" has values such as %r.' % (target, self.truth[0]))
        if task == "classification" and self.truth.nunique() < 2:
            raise Unreadable('All rows are of one class: "%s" is always %r.' % (target, self.truth[0]))

    def at(self, places: Any) -> "_Rows":
        weights = None if self.weights is None else self.weights.iloc[places]
        return _Rows(self.features.iloc[places], self.truth.iloc[places], weights)

    def split(self, share: float) -> "tuple[_Rows, _Rows]":
        """Returns the rows without a share of them, and that share."""
        split = import_module("sklearn.model_selection").train_test_split
        kept, held = split(range(len(self.truth)), test_size=share, random_state=_SEED)
        return self.at(kept), self.at(held)


def _validate(plan: "dict[str, Any]", rows: _Rows) -> "dict[str, float]":
    """Returns the mean of each metric over the ways in which the rows are held back."""
    found: "list[dict[str, float]]" = []
    for training, held in _parts(plan, rows):
        model = _fit(plan, training)
        found.append(automl_metrics.score(plan["task"], model, held.features, held.truth, rows.truth))
    names = {name for one in found for name in one}
    return {name: sum(one[name] for one in found if name in one) / sum(name in one for one in found) for name in names}


def _parts(plan: "dict[str, Any]", rows: _Rows) -> "Iterator[tuple[_Rows, _Rows]]":
    """Yields what a model is fitted to and what it is judged by."""
    count = len(rows.truth)
    if "AZURE_ML_INPUT_validation_data" in os.environ:
        yield rows, _Rows.read("validation_data", plan)
    elif plan["validation_size"] and not plan["folds"]:
        yield rows.split(plan["validation_size"])
    elif not plan["folds"] and count > _MANY_ROWS:
        yield rows.split(_HELD_BACK)
    else:
        selection = import_module("sklearn.model_selection")
        folds = plan["folds"] or (10 if count < _FEW_ROWS else 3)
        kind = selection.KFold
        if plan["task"] == "classification" and rows.truth.value_counts().min() >= folds:
            kind = selection.StratifiedKFold
        splitter = kind(min(folds, count), shuffle=True, random_state=_SEED)
        for training, held in splitter.split(rows.features, rows.truth):
            yield rows.at(training), rows.at(held)


def _fit(plan: "dict[str, Any]", rows: _Rows) -> Any:
    model = automl_models.make(plan["task"], plan["attempt"], rows.features, plan["is_featurized"])
    if rows.weights is None:
        return model.fit(rows.features, rows.truth)
    if plan["attempt"]["algorithm"] in automl_models.UNWEIGHTED or plan["attempt"]["members"]:
        raise Unreadable("%s takes no weights of rows." % plan["attempt"]["algorithm"])
    return model.fit(rows.features, rows.truth, model__sample_weight=rows.weights)


def _keep(mlflow: Any, model: Any, rows: _Rows) -> None:
    os.makedirs("outputs", exist_ok=True)
    with open("outputs/model.pkl", "wb") as file:
        pickle.dump(model, file)
    examples = rows.features.head(_EXAMPLES)
    whole = examples.select_dtypes("integer").columns  # a later row may have a gap where these have none
    examples = examples.astype(dict.fromkeys(whole, float))
    models = import_module("mlflow.models")
    signature = models.infer_signature(examples, model.predict(examples))
    import_module("mlflow.sklearn").save_model(
        model,
        "outputs/mlflow-model",
        mlflow_model=models.Model(run_id=os.environ["MLFLOW_RUN_ID"]),  # public examples register by what it says
        signature=signature,
        input_example=examples,
        serialization_format="cloudpickle",
        pip_requirements=["%s==%s" % (name, version(name)) for name in _NEEDED],  # to find them takes MLflow long
    )
