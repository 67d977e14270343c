"""Reads the body of a sweep job, and makes the bodies of its trials. Looks nothing up."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lazulite import clock, fields
from lazulite.engine import spec
from lazulite.engine.spec import LITERAL
from lazulite.engine.sweep import sampling, space
from lazulite.engine.sweep.policies import Policy, policy_of
from lazulite.engine.sweep.sampling import Sampler
from lazulite.engine.sweep.space import Values
from lazulite.errors import BadRequest

# Source: learn.microsoft.com/azure/machine-learning/reference-yaml-job-sweep, limits.
_MOST_TRIALS = 1000
_SEARCHED = re.compile(r"\$\{\{\s*search_space\.([^\s}]+)\s*\}\}")
# Source: azureml-core's HyperDrive runs, whose children have their values in this tag.
_HYPERPARAMETERS = "hyperparameters"
# What a trial has of the sweep's own fields, and what of its trial's.
_OF_THE_SWEEP = ("computeId", "inputs", "identity", "queueSettings", "componentId")
_OF_THE_TRIAL = ("command", "codeId", "environmentId", "environmentVariables", "distribution", "resources")


@dataclass(frozen=True)
class SweepSpec:
    """One body of a sweep, read. metric: the primary one; maximizes: whether more of it is better."""

    sampler: Sampler
    metric: str
    maximizes: bool
    policy: Policy | None
    total: int
    at_once: int
    timeout_s: float | None
    trial_timeout: Any


def spec_of(name: str, body: Mapping[str, Any]) -> SweepSpec:
    """Reads `properties` of a job whose jobType is Sweep. name: of the job, its seed where it gives none.

    Raises BadRequest naming the field, NotImplementedHere for what Lazulite does not do.
    """
    objective = fields.nested(body, "properties.objective")
    goal = fields.text(objective, "properties.objective.goal", required=True).lower()
    if goal not in ("minimize", "maximize"):
        raise BadRequest(
            f"objective.goal is {goal!r}, but must be minimize or maximize.", target="properties.objective"
        )
    limits = fields.nested(body, "properties.limits")
    at = "properties.limits"
    total = fields.count(limits, f"{at}.maxTotalTrials", _MOST_TRIALS, most=_MOST_TRIALS)
    timeout = limits.get("timeout")
    found = SweepSpec(
        sampler=sampling.sampler_of(body.get("samplingAlgorithm"), body.get("searchSpace"), name),
        metric=fields.text(objective, "properties.objective.primaryMetric", required=True),
        maximizes=goal == "maximize",
        policy=policy_of(fields.nested(body, "properties.earlyTermination")),
        total=total,
        at_once=fields.count(limits, f"{at}.maxConcurrentTrials", total, most=_MOST_TRIALS),
        timeout_s=clock.seconds(timeout, "limits.timeout", 0) if timeout else None,
        trial_timeout=limits.get("trialTimeout"),
    )
    _check_command(body, {one.name for one in found.sampler.space})
    return found


def _check_command(body: Mapping[str, Any], searched: set[str]) -> None:
    trial = fields.nested(body, "properties.trial")
    command = fields.text(trial, "properties.trial.command", required=True)
    for name in _SEARCHED.findall(command):
        if name not in searched:
            raise BadRequest(
                f"trial.command has ${{{{search_space.{name}}}}}, but searchSpace has {', '.join(sorted(searched))}.",
                target="properties.trial.command",
            )
    for name in searched & set(fields.nested(body, "properties.inputs")):
        raise BadRequest(f"{name} is both an input and a parameter of searchSpace.", target=f"properties.inputs.{name}")


def trial_of(body: Mapping[str, Any], found: SweepSpec, number: int, values: Values) -> dict[str, Any]:
    """Returns the body of a trial: the sweep's own, its command filled in, its outputs in places of their own.

    A parameter is also an input of its name, since components are bound to `${{inputs.lr}}`, and a variable.
    Source of the variables: azure-ai-ml 1.35.2 entities/_job/sweep/sweep_job.py, SweepJob.
    """
    texts = {name: space.text_of(value) for name, value in values.items()}
    trial = body["trial"]
    variables = {f"AZUREML_SWEEP_{name}": text for name, text in texts.items()}
    literals = {name: {"jobInputType": LITERAL, "value": text} for name, text in texts.items()}
    kept = {key: body[key] for key in _OF_THE_SWEEP if body.get(key) is not None}
    own = {key: trial[key] for key in _OF_THE_TRIAL if trial.get(key) is not None}
    more = fields.nested(body, "properties.resources")
    if more:
        own["resources"] = {**fields.nested(trial, "properties.trial.resources"), **more}
    return {
        **kept,
        **own,
        "jobType": "Command",
        "command": _SEARCHED.sub(lambda match: texts[match[1]], trial["command"]),
        "environmentVariables": {**variables, **fields.texts(trial, "properties.trial.environmentVariables")},
        "inputs": {**fields.nested(body, "properties.inputs"), **literals},
        "outputs": {name: _own_place(one, number) for name, one in outputs_of(body).items()},
        "limits": {"jobLimitsType": "Command", "timeout": found.trial_timeout},
        "parameters": dict(values),
        "tags": {_HYPERPARAMETERS: json.dumps(dict(values))},
    }


def outputs_of(body: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns the outputs of a sweep as sent, by name."""
    sent = fields.nested(body, "properties.outputs")
    read = {name: fields.nested(sent, f"properties.outputs.{name}") for name in sent}
    return {name: one for name, one in read.items() if name != "default" and sent[name] is not None}


def _own_place(sent: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Returns an output as a trial has it: not registered, and where nobody else writes. Source: guess."""
    kept = {key: value for key, value in sent.items() if key not in ("uri", "assetName", "assetVersion")}
    uri = str(sent.get("uri") or "").rstrip("/")
    if not uri:
        return kept
    folder, _, file = uri.rpartition("/")
    is_file = str(sent.get("jobOutputType") or "").replace("_", "").lower() == "urifile"
    return {**kept, "uri": f"{folder}/{number}/{file}" if is_file else f"{uri}/{number}/"}


def check_outputs(body: Mapping[str, Any]) -> None:
    """Raises BadRequest for an output that can be none of a trial."""
    spec.outputs_of({"outputs": outputs_of(body)})
