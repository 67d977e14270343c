"""AutoML of tables by the official SDK, on the scikit-learn and LightGBM of an environment that is really built."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.ai.ml import Input, MLClient, Output, automl, command, dsl
from azure.ai.ml.entities import Environment
from azure.ai.ml.exceptions import JobException
from azure.core.exceptions import HttpResponseError

from lazulite.environments import bind, built
from lazulite.environments.spec import spec_of
from lazulite.errors import UserCodeError
from tests.conftest import Platform

pytestmark = pytest.mark.slow

PACKAGES = ("mlflow-skinny==3.15.0", "numpy==2.2.6", "pandas==2.3.3", "scikit-learn==1.7.2", "lightgbm==4.6.0")


@pytest.fixture(scope="module", autouse=True)
def environment(request: pytest.FixtureRequest, platform: Platform) -> Iterator[None]:
    """Lets an environment that is kept from one session to the next stand for the one that AutoML trains in."""
    pip = "".join(f"    - {package}\n" for package in PACKAGES)
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    spec = spec_of({"condaFile": f"dependencies:\n- python={minor}\n- pip:\n{pip}"})
    try:
        ready = built.ensure(Path(request.config.cache.mkdir("automl-environment")), spec, lambda line: None)
    except UserCodeError as error:
        pytest.skip(f"LightGBM cannot be installed here: {error.message}")
    bind.bind(platform.home, "lightgbm-3.3", None, ready.python)
    yield


@pytest.fixture
def table(tmp_path: Path) -> Input:
    """Numbers, words, gaps and a class that follows from them."""
    folder = tmp_path / "table"
    folder.mkdir()
    rows = ["size,colour,code,label,price"]
    for number in range(120):
        size, colour = number % 12, ("red", "green", "")[number % 3]
        rows.append(f"{size or ''},{colour},id{number},{'big' if size > 5 else 'small'},{3 * size + (colour == 'red')}")
    (folder / "rows.csv").write_text("\n".join(rows) + "\n")
    (folder / "MLTable").write_text(
        "paths:\n- file: ./rows.csv\ntransformations:\n- read_delimited: {delimiter: ',', encoding: utf8}\n"
        "- drop_columns: [code]\n"
    )
    return Input(type="mltable", path=str(folder))


def test_a_classifier_is_searched_found_and_kept(ml: MLClient, table: Input, tmp_path: Path) -> None:
    job = automl.classification(
        training_data=table, target_column_name="label", primary_metric="accuracy", n_cross_validations=2
    )
    job.set_limits(max_trials=3, max_concurrent_trials=2, timeout_minutes=10)
    job.set_training(allowed_training_algorithms=["LogisticRegression", "LightGBM"], enable_stack_ensemble=False)
    job.outputs = {"best_model": Output(type="mlflow_model", name="found")}
    made = ml.jobs.create_or_update(job)
    ml.jobs.stream(made.name)  # raises when it fails
    done = ml.jobs.get(made.name)
    kids = {one.name: one.tags["run_algorithm"] for one in ml.jobs.list(parent_job_name=made.name)}
    assert sorted(kids.values()) == ["LightGBM", "LogisticRegression", "VotingEnsemble"]
    best = done.tags["automl_best_child_run_id"]
    assert best in kids and float(done.properties["score"]) > 0.9
    ml.jobs.download(best, download_path=str(tmp_path / "best"))
    kept = next((tmp_path / "best").rglob("mlflow-model"))
    assert {"MLmodel", "conda.yaml"} <= {path.name for path in kept.iterdir()}
    assert f"run_id: {best}" in (kept / "MLmodel").read_text()
    assert (kept.parent / "model.pkl").exists()
    ml.models.download("found", "1", download_path=str(tmp_path / "model"))
    assert list((tmp_path / "model").rglob("MLmodel"))


def test_a_step_of_a_pipeline_searches(ml: MLClient, table: Input) -> None:
    @dsl.pipeline()
    def searched(rows):
        step = automl.regression(
            training_data=rows,
            target_column_name="price",
            primary_metric="r2_score",
            n_cross_validations=2,
            test_data_size=0.2,
            outputs={"best_model": Output(type="mlflow_model")},
        )
        step.set_limits(max_trials=9, timeout_minutes=10, exit_score=0.5)
        step.set_training(allowed_training_algorithms=["ElasticNet", "KNN"], enable_stack_ensemble=False)
        step.training.enable_vote_ensemble = False
        looks = command(
            command="test -e ${{inputs.model}}/MLmodel",
            inputs={"model": Input(type="mlflow_model")},
            environment=Environment(image="python:3.11-slim"),
        )
        looks(model=step.outputs.best_model)

    pipeline = searched(rows=table)
    pipeline.settings.default_compute = "serverless"
    made = ml.jobs.create_or_update(pipeline)
    ml.jobs.stream(made.name)
    steps = [ml.jobs.get(one.name) for one in ml.jobs.list(parent_job_name=made.name)]
    (found,) = (one for one in steps if one.type == "automl")
    (kid,) = ml.jobs.list(parent_job_name=found.name)  # it was good enough at once
    assert kid.tags["run_algorithm"] == "ElasticNet" and float(found.properties["score"]) > 0.5


def test_what_is_wrong_with_the_data_is_told(ml: MLClient, table: Input) -> None:
    job = automl.classification(training_data=table, target_column_name="lable", primary_metric="accuracy")
    job.set_limits(max_trials=1)
    made = ml.jobs.create_or_update(job)
    with pytest.raises(JobException, match=r"It has size, colour, label, price\."):
        ml.jobs.stream(made.name)


def test_what_lazulite_does_not_do_is_refused(ml: MLClient, table: Input) -> None:
    job = automl.forecasting(training_data=table, target_column_name="price", primary_metric="r2_score")
    job.set_forecast_settings(time_column_name="size", forecast_horizon=3)
    with pytest.raises(HttpResponseError, match="Classification and Regression"):
        ml.jobs.create_or_update(job)
