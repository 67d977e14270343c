"""AutoML's models by Azure's names, made of the scikit-learn and LightGBM of the environment, features included."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

_SEED = 7
_MOST_CATEGORIES = 50

# Module, class, and what it is always given.
_FIXED = {"random_state": _SEED}
CLASSIFIERS = {
    "LightGBM": ("lightgbm", "LGBMClassifier", {"verbose": -1, "subsample_freq": 1, **_FIXED}),
    "LogisticRegression": ("sklearn.linear_model", "LogisticRegression", {"max_iter": 1000}),
    "RandomForest": ("sklearn.ensemble", "RandomForestClassifier", _FIXED),
    "ExtremeRandomTrees": ("sklearn.ensemble", "ExtraTreesClassifier", _FIXED),
    "GradientBoosting": ("sklearn.ensemble", "GradientBoostingClassifier", _FIXED),
    "LinearSVM": ("sklearn.svm", "LinearSVC", _FIXED),
    "KNN": ("sklearn.neighbors", "KNeighborsClassifier", {}),
    "DecisionTree": ("sklearn.tree", "DecisionTreeClassifier", _FIXED),
    "SGD": ("sklearn.linear_model", "SGDClassifier", {"loss": "log_loss", "max_iter": 2000, **_FIXED}),
    "BernoulliNaiveBayes": ("sklearn.naive_bayes", "BernoulliNB", {}),
    "MultinomialNaiveBayes": ("sklearn.naive_bayes", "MultinomialNB", {}),
    "SVM": ("sklearn.svm", "SVC", _FIXED),
}  # type: dict[str, tuple[str, str, dict[str, Any]]]
REGRESSORS = {
    "LightGBM": ("lightgbm", "LGBMRegressor", {"verbose": -1, "subsample_freq": 1, **_FIXED}),
    "ElasticNet": ("sklearn.linear_model", "ElasticNet", {"max_iter": 5000, **_FIXED}),
    "RandomForest": ("sklearn.ensemble", "RandomForestRegressor", _FIXED),
    "ExtremeRandomTrees": ("sklearn.ensemble", "ExtraTreesRegressor", _FIXED),
    "GradientBoosting": ("sklearn.ensemble", "GradientBoostingRegressor", _FIXED),
    "LassoLars": ("sklearn.linear_model", "LassoLars", {}),
    "KNN": ("sklearn.neighbors", "KNeighborsRegressor", {}),
    "DecisionTree": ("sklearn.tree", "DecisionTreeRegressor", _FIXED),
    "SGD": ("sklearn.linear_model", "SGDRegressor", {"max_iter": 2000, **_FIXED}),
}  # type: dict[str, tuple[str, str, dict[str, Any]]]
# These tell classes apart without saying how likely each is.
_UNSURE = ("LinearSVM", "SVM")
UNWEIGHTED = ("KNN", "LassoLars")
_PARALLEL = ("LightGBM", "RandomForest", "ExtremeRandomTrees", "KNN")


def make(task: str, attempt: "dict[str, Any]", frame: Any, is_featurized: bool) -> Any:
    """Returns a model that is to be fitted to frames like this one.

    attempt: `{"algorithm", "parameters", "members"}`; of an ensemble the members are attempts.
    """
    if not attempt["members"]:
        return _pipeline(task, attempt, frame, is_featurized)
    members = [
        ("%d-%s" % (number, one["algorithm"]), _pipeline(task, one, frame, is_featurized))
        for number, one in enumerate(attempt["members"])
    ]
    ensemble = import_module("sklearn.ensemble")
    is_classification = task == "classification"
    if attempt["algorithm"] == "VotingEnsemble":
        if is_classification:
            return ensemble.VotingClassifier(members, voting="soft")
        return ensemble.VotingRegressor(members)
    return (ensemble.StackingClassifier if is_classification else ensemble.StackingRegressor)(members, cv=3)


def _pipeline(task: str, attempt: "dict[str, Any]", frame: Any, is_featurized: bool) -> Any:
    module, name, fixed = (CLASSIFIERS if task == "classification" else REGRESSORS)[attempt["algorithm"]]
    given = {**fixed, **attempt["parameters"]}
    if attempt["algorithm"] in _PARALLEL:
        given["n_jobs"] = int(os.environ.get("OMP_NUM_THREADS", "1"))
    model = getattr(import_module(module), name)(**given)
    if task == "classification" and attempt["algorithm"] in _UNSURE:
        model = import_module("sklearn.calibration").CalibratedClassifierCV(model, cv=3)
    pipeline = import_module("sklearn.pipeline")
    scaler = _scaler(attempt["algorithm"])
    return pipeline.Pipeline([("features", _features(frame, is_featurized)), ("scaled", scaler), ("model", model)])


def _scaler(algorithm: str) -> Any:
    processing = import_module("sklearn.preprocessing")
    if algorithm == "MultinomialNaiveBayes":  # takes no numbers below 0
        return processing.MinMaxScaler(clip=True)
    return processing.StandardScaler(with_mean=False) if algorithm == "LightGBM" else processing.StandardScaler()


def _features(frame: Any, is_featurized: bool) -> Any:
    """Returns what turns a frame's columns into numbers: gaps filled, words as one column each; numbers alone where
    featurization is off.
    """
    impute, processing = import_module("sklearn.impute"), import_module("sklearn.preprocessing")
    compose = import_module("sklearn.compose")
    types = import_module("pandas").api.types
    numbers = [name for name in frame.columns if types.is_numeric_dtype(frame[name])]
    parts = [("numbers", impute.SimpleImputer(strategy="median"), numbers)] if numbers else []
    words = [name for name in frame.columns if name not in numbers and frame[name].nunique() < max(3, len(frame) // 2)]
    if is_featurized and words:
        coded = processing.OneHotEncoder(
            handle_unknown="infrequent_if_exist", max_categories=_MOST_CATEGORIES, sparse_output=False
        )
        parts.append(("words", coded, words))
    return compose.ColumnTransformer(parts, remainder="drop", verbose_feature_names_out=False)
