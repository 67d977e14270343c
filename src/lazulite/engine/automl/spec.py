"""Reads the body of an AutoML job: classification and regression of tables. Looks nothing up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lazulite import clock, fields
from lazulite.engine.automl import algorithms
from lazulite.engine.automl.algorithms import Space
from lazulite.errors import BadRequest, NotImplementedHere

# Source: azure-ai-ml 1.35.2 _restclient/arm_ml_service/models/_models.py, TableVerticalLimitSettings.
_MOST_TRIALS, _AT_ONCE, _TIMEOUT_S = 1000, 1, 6 * 3600.0
# What guest/automl.py calls its tables; the steps of pipelines have them as inputs of these names.
_DATA = {"trainingData": "training_data", "validationData": "validation_data", "testData": "test_data"}
_ENSEMBLES = {"enableVoteEnsemble": "VotingEnsemble", "enableStackEnsemble": "StackEnsemble"}
_FIELD = "properties.taskDetails"


@dataclass(frozen=True)
class AutoMLSpec:
    """One body of an AutoML job, read.

    task: classification or regression; metric: as it is logged; spaces: of each algorithm that may be tried; data: the
    inputs of each trial; told: what each trial is told besides, as guest/automl.py has it.
    """

    task: str
    metric: str
    maximizes: bool
    spaces: Mapping[str, Space]
    ensembles: Sequence[str]
    data: Mapping[str, Mapping[str, Any]]
    total: int
    at_once: int
    timeout_s: float
    trial_timeout: Any
    exit_score: float | None
    stops_early: bool
    told: Mapping[str, Any]


def spec_of(body: Mapping[str, Any]) -> AutoMLSpec:
    """Reads `properties` of a job whose jobType is AutoML.

    Raises BadRequest naming the field, NotImplementedHere for a task or a setting that Lazulite does not do.
    """
    details = fields.nested(body, _FIELD)
    task = fields.text(details, f"{_FIELD}.taskType", required=True)
    if task.lower() not in ("classification", "regression"):
        raise NotImplementedHere(
            f"Lazulite's AutoML does Classification and Regression of tables, and not {task}.",
            target=f"{_FIELD}.taskType",
            hint="Train such a model by a command job.",
        )
    is_classification = task.lower() == "classification"
    known = algorithms.CLASSIFICATION_METRICS if is_classification else algorithms.REGRESSION_METRICS
    default = "Accuracy" if is_classification else "NormalizedRootMeanSquaredError"
    name = _known(details.get("primaryMetric") or default, known, f"{_FIELD}.primaryMetric")
    limits, training = (
        fields.nested(details, f"{_FIELD}.limitSettings"),
        fields.nested(details, f"{_FIELD}.trainingSettings"),
    )
    _refuse_others(details, training)
    at = f"{_FIELD}.limitSettings"
    timeout = limits.get("timeout")
    return AutoMLSpec(
        task=task.lower(),
        metric=known[name][0],
        maximizes=known[name][1],
        spaces=_spaces(training, algorithms.CLASSIFICATION if is_classification else algorithms.REGRESSION),
        ensembles=[name for field, name in _ENSEMBLES.items() if training.get(field) is not False],
        data=_data(body, details),
        total=fields.count(limits, f"{at}.maxTrials", _MOST_TRIALS, most=_MOST_TRIALS),
        at_once=fields.count(limits, f"{at}.maxConcurrentTrials", _AT_ONCE),
        timeout_s=clock.seconds(timeout, "limitSettings.timeout", 0) if timeout else _TIMEOUT_S,
        trial_timeout=limits.get("trialTimeout"),
        exit_score=_number(limits, f"{at}.exitScore", None),
        stops_early=limits.get("enableEarlyTermination") is not False,
        told=_told(details, task.lower()),
    )


def _data(body: Mapping[str, Any], details: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    inputs = fields.nested(body, "properties.inputs")
    found = {name: details.get(field) or inputs.get(name) for field, name in _DATA.items()}
    if not found["training_data"]:
        raise BadRequest("An AutoML job needs trainingData.", target=f"{_FIELD}.trainingData")
    return {name: fields.nested(found, name) for name, one in found.items() if one}


def _told(details: Mapping[str, Any], task: str) -> dict[str, Any]:
    featurization = fields.nested(details, f"{_FIELD}.featurizationSettings")
    mode = fields.text(featurization, f"{_FIELD}.featurizationSettings.mode") or "Auto"
    if mode.lower() not in ("auto", "off"):
        raise NotImplementedHere(
            f"Lazulite's AutoML does featurization Auto and Off, and not {mode}.",
            target=f"{_FIELD}.featurizationSettings.mode",
        )
    return {
        "task": task,
        "target": fields.text(details, f"{_FIELD}.targetColumnName", required=True),
        "weight": fields.text(details, f"{_FIELD}.weightColumnName"),
        "is_featurized": mode.lower() == "auto",
        "folds": _folds(details),
        "validation_size": _share(details, "validationDataSize"),
        "test_size": _share(details, "testDataSize"),
    }


def _folds(details: Mapping[str, Any]) -> int | None:
    """Returns how many folds there are, None where that follows from the data."""
    given = details.get("nCrossValidations")
    if isinstance(given, dict):
        if str(given.get("mode")).lower() != "custom":
            return None
        given = given.get("value")
    return fields.count({"value": given}, f"{_FIELD}.nCrossValidations.value", 0, least=2, most=100) or None


def _share(details: Mapping[str, Any], name: str) -> float | None:
    found = _number(details, f"{_FIELD}.{name}", None)
    if found is not None and not 0 < found < 1:
        raise BadRequest(f"{name} is {found}, but must be between 0 and 1.", target=f"{_FIELD}.{name}")
    return found


def _number(holder: Mapping[str, Any], path: str, default: float | None) -> float | None:
    value = holder.get(path.rpartition(".")[2])
    if value is None:
        return default
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise BadRequest(f"{path} must be a number, but is {value!r}.", target=path)
    return float(value)


def _refuse_others(details: Mapping[str, Any], training: Mapping[str, Any]) -> None:
    """Raises NotImplementedHere for what would have to be ignored."""
    asked = {
        "cvSplitColumnNames": details.get("cvSplitColumnNames"),
        "positiveLabel": details.get("positiveLabel"),
        "trainingSettings.enableDnnTraining": training.get("enableDnnTraining"),
        "trainingSettings.enableOnnxCompatibleModels": training.get("enableOnnxCompatibleModels"),
    }
    for name, value in asked.items():
        if value:
            raise NotImplementedHere(f"Lazulite's AutoML does not do {name}.", target=f"{_FIELD}.{name}")


def _spaces(training: Mapping[str, Any], known: Mapping[str, Space]) -> dict[str, Space]:
    at = f"{_FIELD}.trainingSettings"
    allowed = _named(training, "allowedTrainingAlgorithms", known) or list(known)
    blocked = _named(training, "blockedTrainingAlgorithms", (*known, "XGBoostClassifier", "XGBoostRegressor"))
    found = {name: known[name] for name in known if name in allowed and name not in blocked}
    if not found:
        raise BadRequest("All algorithms are blocked.", target=f"{at}.blockedTrainingAlgorithms")
    return found


def _named(training: Mapping[str, Any], field: str, known: Iterable[str]) -> list[str]:
    given = training.get(field) or []
    if not isinstance(given, list):
        raise BadRequest(f"{field} must be a list.", target=f"{_FIELD}.trainingSettings.{field}")
    return [_known(one, known, f"{_FIELD}.trainingSettings.{field}") for one in given]


def _known(given: Any, known: Iterable[str], path: str) -> str:
    """Returns a name in its known spelling; YAML files write `light_gbm` for `LightGBM`."""
    bare = str(given).replace("_", "").lower()
    for name in known:
        if name.lower() == bare:
            return name
    raise BadRequest(f"{path} has {given!r}; Lazulite's AutoML knows {', '.join(known)}.", target=path)
