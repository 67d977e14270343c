"""What AutoML says of a model, by the names and definitions of Azure's AutoML.

Source: learn.microsoft.com/azure/machine-learning/how-to-understand-automated-ml, Classification metrics and Regression
metrics.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def score(task: str, model: Any, features: Any, truth: Any, known: Any) -> "dict[str, float]":
    """Returns the metrics of a fitted model on rows that it has not seen.

    known: of a regression all values of the target, whose range makes errors comparable.
    """
    if task == "classification":
        return _of_classes(model, features, truth)
    return _of_numbers(model.predict(features), truth, float(known.max() - known.min()) or 1.0)


def _of_classes(model: Any, features: Any, truth: Any) -> "dict[str, float]":
    numpy, metrics = import_module("numpy"), import_module("sklearn.metrics")
    guessed, shares, classes = model.predict(features), model.predict_proba(features), model.classes_
    recall = float(metrics.recall_score(truth, guessed, average="macro", zero_division=0))
    chance = 1 / len(classes)
    found = {
        "accuracy": metrics.accuracy_score(truth, guessed),
        "balanced_accuracy": recall,
        "norm_macro_recall": (recall - chance) / (1 - chance) if chance < 1 else 0.0,
        "recall_score_macro": recall,
        "recall_score_weighted": metrics.recall_score(truth, guessed, average="weighted", zero_division=0),
        "precision_score_macro": metrics.precision_score(truth, guessed, average="macro", zero_division=0),
        "precision_score_weighted": metrics.precision_score(truth, guessed, average="weighted", zero_division=0),
        "f1_score_macro": metrics.f1_score(truth, guessed, average="macro", zero_division=0),
        "f1_score_weighted": metrics.f1_score(truth, guessed, average="weighted", zero_division=0),
        "matthews_correlation": metrics.matthews_corrcoef(truth, guessed),
        "log_loss": metrics.log_loss(truth, shares, labels=classes),
    }
    each = numpy.array([numpy.asarray(truth) == one for one in classes]).T.astype(int)
    weights = each.sum(axis=0)
    there = (weights > 0) & (weights < len(each))  # a class that is all or nothing of the rows has no curve
    if there.any():
        areas = [metrics.roc_auc_score(each[:, at], shares[:, at]) for at in numpy.flatnonzero(there)]
        means = [metrics.average_precision_score(each[:, at], shares[:, at]) for at in numpy.flatnonzero(there)]
        found["AUC_weighted"] = numpy.average(areas, weights=weights[there])
        found["AUC_macro"] = numpy.mean(areas)
        found["average_precision_score_weighted"] = numpy.average(means, weights=weights[there])
        found["average_precision_score_macro"] = numpy.mean(means)
    return {name: float(value) for name, value in found.items()}


def _of_numbers(guessed: Any, truth: Any, span: float) -> "dict[str, float]":
    metrics, pandas = import_module("sklearn.metrics"), import_module("pandas")
    squared, absolute = metrics.mean_squared_error(truth, guessed) ** 0.5, metrics.mean_absolute_error(truth, guessed)
    ranks = pandas.Series(guessed).rank().corr(pandas.Series(list(truth)).rank())
    found = {
        "r2_score": metrics.r2_score(truth, guessed) if len(truth) > 1 else 0.0,
        "explained_variance": metrics.explained_variance_score(truth, guessed),
        "spearman_correlation": 0.0 if ranks != ranks else ranks,
        "root_mean_squared_error": squared,
        "normalized_root_mean_squared_error": squared / span,
        "mean_absolute_error": absolute,
        "normalized_mean_absolute_error": absolute / span,
        "median_absolute_error": metrics.median_absolute_error(truth, guessed),
        "mean_absolute_percentage_error": 100 * metrics.mean_absolute_percentage_error(truth, guessed),
    }
    return {name: float(value) for name, value in found.items()}
