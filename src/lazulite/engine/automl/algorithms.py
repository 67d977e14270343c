"""The algorithms that AutoML tries, in the order in which it tries them first, and what each is tuned by.

The names are Azure's; guest/automl_models.py makes them. Source of the names: azure-ai-ml 1.35.2
_restclient/arm_ml_service/models/_enums.py, ClassificationModels, RegressionModels.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Space = Mapping[str, Sequence[Any]]

_FOREST: Space = {
    "n_estimators": ("quniform", [50, 300, 50]),
    "max_features": ("uniform", [0.1, 1.0]),
    "min_samples_leaf": ("qloguniform", [0, 3, 1]),
}
_BOOSTING: Space = {
    "n_estimators": ("quniform", [50, 400, 50]),
    "learning_rate": ("loguniform", [-4.6, -0.7]),
    "num_leaves": ("quniform", [7, 127, 8]),
    "min_child_samples": ("quniform", [5, 50, 5]),
    "colsample_bytree": ("uniform", [0.4, 1.0]),
}
_TREES: Space = {
    "n_estimators": ("quniform", [50, 300, 50]),
    "learning_rate": ("loguniform", [-4.6, -0.7]),
    "max_depth": ("quniform", [2, 8, 1]),
    "subsample": ("uniform", [0.5, 1.0]),
}
_TREE: Space = {"max_depth": ("quniform", [2, 20, 1]), "min_samples_leaf": ("qloguniform", [0, 4, 1])}
_NEIGHBOURS: Space = {
    "n_neighbors": ("quniform", [1, 50, 1]),
    "weights": ("choice", [["uniform", "distance"]]),
    "p": ("choice", [[1, 2]]),
}
_INVERSE: Space = {"C": ("loguniform", [-7, 7])}
_ALPHA: Space = {"alpha": ("loguniform", [-9, 2])}

CLASSIFICATION: Mapping[str, Space] = {
    "LightGBM": _BOOSTING,
    "LogisticRegression": _INVERSE,
    "RandomForest": _FOREST,
    "ExtremeRandomTrees": _FOREST,
    "GradientBoosting": _TREES,
    "LinearSVM": _INVERSE,
    "KNN": _NEIGHBOURS,
    "DecisionTree": _TREE,
    "SGD": _ALPHA,
    "BernoulliNaiveBayes": _ALPHA,
    "MultinomialNaiveBayes": _ALPHA,
    "SVM": {**_INVERSE, "gamma": ("loguniform", [-7, 1])},
}
REGRESSION: Mapping[str, Space] = {
    "LightGBM": _BOOSTING,
    "ElasticNet": {**_ALPHA, "l1_ratio": ("uniform", [0.0, 1.0])},
    "RandomForest": _FOREST,
    "ExtremeRandomTrees": _FOREST,
    "GradientBoosting": _TREES,
    "LassoLars": _ALPHA,
    "KNN": _NEIGHBOURS,
    "DecisionTree": _TREE,
    "SGD": _ALPHA,
}

# Of each metric the name by which it is logged, and whether more of it is better.
# Source: learn.microsoft.com/azure/machine-learning/how-to-understand-automated-ml.
CLASSIFICATION_METRICS: Mapping[str, tuple[str, bool]] = {
    "AUCWeighted": ("AUC_weighted", True),
    "Accuracy": ("accuracy", True),
    "NormMacroRecall": ("norm_macro_recall", True),
    "AveragePrecisionScoreWeighted": ("average_precision_score_weighted", True),
    "PrecisionScoreWeighted": ("precision_score_weighted", True),
}
REGRESSION_METRICS: Mapping[str, tuple[str, bool]] = {
    "SpearmanCorrelation": ("spearman_correlation", True),
    "NormalizedRootMeanSquaredError": ("normalized_root_mean_squared_error", False),
    "R2Score": ("r2_score", True),
    "NormalizedMeanAbsoluteError": ("normalized_mean_absolute_error", False),
}
