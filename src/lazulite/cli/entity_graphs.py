"""What components, pipelines, sweeps and schedules are made of, turned from ARM's spelling into az's, for entities.py.

Source: azure-ai-ml 1.35.2, `_to_dict` of Component, PipelineJob, SweepJob and JobSchedule; held by the tests.
"""

import re
from typing import Any

from lazulite.catalog.distributions import NUMBERS

Json = Any

_BINDING = re.compile(r"\$\{\{.*\}\}")
# What a node's body holds for the platform alone.
_OURS = ("_source", "name", "componentId", "computeId", "trial", "job_input_type")
# How ARM lists the arguments of a distribution, where az names them.
_ARGUMENTS = {**NUMBERS, "choice": ("values",)}
_POLICY = {
    "evaluationInterval": "evaluation_interval",
    "delayEvaluation": "delay_evaluation",
    "slackFactor": "slack_factor",
    "slackAmount": "slack_amount",
    "truncationPercentage": "truncation_percentage",
}
_POLICY_TYPES = {"Bandit": "bandit", "MedianStopping": "median_stopping", "TruncationSelection": "truncation_selection"}
_MODES = {"ReadOnlyMount": "ro_mount", "ReadWriteMount": "rw_mount", "EvalMount": "eval_mount"}
_TIMES = {"hours": "hours", "minutes": "minutes", "weekDays": "week_days", "monthDays": "month_days"}


def mode(word: str) -> str:
    """Spells how an input or output is given. Source: azure-ai-ml 1.35.2 constants/_common.py, InputOutputModes."""
    return _MODES.get(word) or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).lower()


def spec(given: Json) -> Json:
    """Prints a component's spec."""
    made = {name: value for name, value in given.items() if name not in ("_source", "id") and value is not None}
    for field in ("environment", "code"):
        if isinstance(made.get(field), str):
            made[field] = azureml(made[field])
    if isinstance(made.get("jobs"), dict):
        made["jobs"] = nodes(made["jobs"])
    return made


def azureml(reference: str) -> str:
    """Prints an ARM id as YAML files refer to it."""
    return f"azureml:{reference}" if reference.startswith("/") else reference


def nodes(given: Json) -> Json:
    """Prints the steps of a pipeline."""
    return {name: _node(node) for name, node in given.items()} or None


def _node(given: Json) -> Json:
    made = {name: value for name, value in given.items() if name not in _OURS and value not in (None, {})}
    if component := given.get("componentId") or (given.get("trial") or {}).get("componentId"):
        made["trial" if given.get("trial") else "component"] = azureml(component)
    if compute := given.get("computeId"):
        made["compute"] = f"azureml:{compute.rpartition('/')[2]}" if compute.startswith("/") else compute
    if inputs := given.get("inputs"):
        made["inputs"] = {name: _input(one) for name, one in inputs.items()}
    if outputs := given.get("outputs"):
        made["outputs"] = {name: _output(one) for name, one in outputs.items()}
    return made


def _input(one: Json) -> Json:
    if not isinstance(one, dict):
        return one
    if one.get("job_input_type") == "literal":
        value = one.get("value")
        return {"path": value} if isinstance(value, str) and _BINDING.fullmatch(value) else value
    made = {"mode": one.get("mode") and mode(one["mode"]), "type": one.get("job_input_type"), "path": one.get("uri")}
    return {name: value for name, value in made.items() if value}


def _output(one: Json) -> Json:
    if not isinstance(one, dict):
        return one
    if one.get("type") == "literal":
        return one.get("value")
    made = {"mode": one.get("mode") and mode(one["mode"]), "type": one.get("job_output_type"), "path": one.get("uri")}
    return {name: value for name, value in made.items() if value}


def settings(given: Json) -> Json:
    """Prints a pipeline's settings."""
    made = {name: value for name, value in given.items() if not name.startswith("_") and value is not None}
    return {name: azureml(value) if isinstance(value, str) else value for name, value in made.items()} or None


def search_space(given: Json) -> Json:
    """Prints a search space: `["uniform", [0, 1]]` -> `{"type": "uniform", "min_value": 0, "max_value": 1}`."""
    return {name: _distribution(one) for name, one in given.items()}


def _distribution(one: Json) -> Json:
    kind, arguments = one[0], one[1] if len(one) > 1 else []
    names = _ARGUMENTS.get(kind, ())
    return {"type": kind, **dict(zip(names, arguments, strict=False))}


def sampling(given: Json) -> Json:
    """Prints a sampling algorithm."""
    made = {"type": given.get("samplingAlgorithmType"), "rule": given.get("rule"), "seed": given.get("seed")}
    return {
        name: value.lower() if isinstance(value, str) else value for name, value in made.items() if value is not None
    }


def termination(given: Json) -> Json:
    """Prints a policy of early termination."""
    made = {ours: given[theirs] for theirs, ours in _POLICY.items() if given.get(theirs) is not None}
    return {"type": _POLICY_TYPES.get(given.get("policyType", ""), given.get("policyType")), **made}


def trigger(given: Json) -> Json:
    """Prints a schedule's trigger."""
    made = {
        "type": given["triggerType"].lower(),
        "start_time": given.get("startTime"),
        "end_time": given.get("endTime"),
        "time_zone": given.get("timeZone"),
        "expression": given.get("expression"),
        "frequency": (given.get("frequency") or "").lower() or None,
        "interval": given.get("interval"),
        "schedule": _times(given.get("schedule") or {}) or None,
    }
    return {name: value for name, value in made.items() if value is not None}


def _times(given: Json) -> Json:
    made = {ours: given[theirs] for theirs, ours in _TIMES.items() if given.get(theirs)}
    return {name: [_lower(one) for one in value] if isinstance(value, list) else value for name, value in made.items()}


def _lower(one: Json) -> Json:
    return one.lower() if isinstance(one, str) else one
