"""MLflow 2 and 3, plain and with azureml-mlflow, against one platform: runs, artifacts, models, the registry."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Model

from lazulite.engine import folders
from lazulite.environments import built
from lazulite.environments.spec import spec_of
from lazulite.errors import UserCodeError
from lazulite.ids import WorkspaceId
from tests.clients.mlflow_client import Interpreter, Mlflow, MlflowError
from tests.conftest import GROUP, SUBSCRIPTION, Platform

pytestmark = pytest.mark.slow

PLUGIN = "azureml-mlflow==1.62.0.post6"
PACKAGES = {
    2: ("mlflow-skinny==2.22.5", PLUGIN, "numpy==2.2.6", "pandas==2.3.3"),
    3: ("mlflow-skinny==3.15.0", PLUGIN, "numpy==2.2.6", "pandas==2.3.3", "scikit-learn==1.7.2"),
}


@pytest.fixture(scope="module", params=PACKAGES, ids=lambda major: f"mlflow{major}")
def interpreter(request: pytest.FixtureRequest, platform: Platform) -> Iterator[tuple[int, Interpreter]]:
    """An interpreter with one release of MLflow, in an environment that is kept from one session to the next."""
    pip = "\n".join(f"    - {package}" for package in PACKAGES[request.param])
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    spec = spec_of({"condaFile": f"dependencies:\n- python={minor}\n- pip:\n{pip}\n"})
    home = Path(request.config.cache.mkdir("mlflow-environments"))
    log: list[str] = []
    try:
        environment = built.ensure(home, spec, log.append)
    except UserCodeError as error:
        pytest.skip(f"MLflow cannot be installed here: {error.message}")
    running = Interpreter(environment.python, platform.environ)
    yield request.param, running
    running.close()


@pytest.fixture(params=["plain", "azureml"])
def tracked(request: pytest.FixtureRequest, interpreter: tuple[int, Interpreter], ml: MLClient) -> Mlflow:
    """MLflow on a workspace of the test's own, by a plain address or by the one that the workspace says."""
    major, running = interpreter
    uri = ml.workspaces.get(ml.workspace_name).mlflow_tracking_uri
    if request.param == "plain":
        platform: Platform = request.getfixturevalue("platform")
        uri = f"{platform.url}/mlflow/v2.0{workspace_of(ml)}"
    return Mlflow(running, uri, major)


@pytest.fixture
def plain(interpreter: tuple[int, Interpreter], platform: Platform, ml: MLClient) -> Mlflow:
    """MLflow on a workspace of the test's own, by a plain address."""
    return Mlflow(interpreter[1], f"{platform.url}/mlflow/v2.0{workspace_of(ml)}", interpreter[0])


def workspace_of(ml: MLClient) -> WorkspaceId:
    return WorkspaceId(SUBSCRIPTION, GROUP, str(ml.workspace_name))


def folder_of(platform: Platform, ml: MLClient, run_id: str) -> Path:
    return folders.artifacts(platform.home, workspace_of(ml), run_id)


def test_a_run_comes_back_as_it_was_logged(tracked: Mlflow) -> None:
    told = tracked("""
        import math
        with mlflow.start_run(run_name="first", tags={"team": "vision"}) as run:
            mlflow.log_params({"lr": 0.1, "depth": 3})
            mlflow.log_metric("loss", 0.5, step=1)
            mlflow.log_metrics({"nan": math.nan, "inf": math.inf, "small": -1e-300}, step=2)
            mlflow.set_tag("mlflow.note.content", "a note")
        run = mlflow.get_run(run.info.run_id)
        metrics = {name: repr(value) for name, value in run.data.metrics.items()}
        tags = {name: run.data.tags[name] for name in ("team", "mlflow.note.content", "mlflow.runName")}
        result = [run.info.status, run.info.run_name, run.info.experiment_id, metrics, run.data.params, tags]
    """)
    assert told == [
        "FINISHED",
        "first",
        "0",
        {"loss": "0.5", "nan": "nan", "inf": "inf", "small": "-1e-300"},
        {"lr": "0.1", "depth": "3"},
        {"team": "vision", "mlflow.note.content": "a note", "mlflow.runName": "first"},
    ]


def test_a_run_that_raises_has_failed_and_can_go_on(tracked: Mlflow) -> None:
    assert tracked("""
        try:
            with mlflow.start_run() as run:
                raise ValueError
        except ValueError:
            failed = mlflow.get_run(run.info.run_id).info.status
        with mlflow.start_run(run_id=run.info.run_id):
            going = mlflow.get_run(run.info.run_id).info.status
        result = [failed, going, mlflow.get_run(run.info.run_id).info.status]
    """) == ["FAILED", "RUNNING", "FINISHED"]


def test_nested_runs_are_found_by_their_parent(tracked: Mlflow) -> None:
    assert tracked("""
        mlflow.set_experiment("sweep")
        with mlflow.start_run() as parent:
            for number in range(3):
                with mlflow.start_run(nested=True, run_name=f"child {number}"):
                    mlflow.log_metric("score", number)
        asked = f"tags.mlflow.parentRunId = '{parent.info.run_id}' and metrics.score > 0"
        found = mlflow.search_runs(filter_string=asked, order_by=["metrics.score DESC"], output_format="list")
        result = [run.info.run_name for run in found]
    """) == ["child 2", "child 1"]


def test_a_search_gives_a_table_over_all_pages(plain: Mlflow) -> None:
    assert plain("""
        mlflow.set_experiment("many")
        for number in range(7):
            with mlflow.start_run():
                mlflow.log_param("p", number)
        pages, token = [], None
        while True:
            experiment = mlflow.get_experiment_by_name("many").experiment_id
            page = client.search_runs([experiment], order_by=["params.p ASC"], max_results=3, page_token=token)
            pages.append([run.data.params["p"] for run in page])
            token = page.token
            if not token:
                break
        frame = mlflow.search_runs(experiment_names=["many"])
        result = [pages, sorted(frame["params.p"]), list(frame["status"].unique())]
    """) == [[["0", "1", "2"], ["3", "4", "5"], ["6"]], list("0123456"), ["FINISHED"]]


def test_ten_thousand_points_are_logged_and_read_back(plain: Mlflow) -> None:
    assert plain("""
        from mlflow.entities import Metric
        with mlflow.start_run() as run:
            for batch in range(10):
                steps = range(batch * 1000, batch * 1000 + 1000)
                client.log_batch(run.info.run_id, metrics=[Metric("loss", 1 / (n + 1), n, n) for n in steps])
            mlflow.log_metrics({"other": 1.0}, step=5, synchronous=False).wait()
        steps = [point.step for point in client.get_metric_history(run.info.run_id, "loss")]
        result = [steps == list(range(10_000)), mlflow.get_run(run.info.run_id).data.metrics]
    """) == [True, {"loss": 0.0001, "other": 1.0}]


def test_artifacts_are_plain_files_of_the_run(
    tracked: Mlflow, platform: Platform, ml: MLClient, tmp_path: Path
) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(range(256)) * 40_000)
    (tmp_path / "sp ace é.txt").write_text("odd")
    run_id, listed, below, text, size = tracked(
        """
        import os
        with mlflow.start_run() as run:
            mlflow.log_text("hello", "notes/a.txt")
            mlflow.log_dict({"a": 1}, "notes/b.json")
            mlflow.log_artifacts(folder, "files")
        run_id = run.info.run_id
        listed = [(one.path, one.is_dir) for one in client.list_artifacts(run_id)]
        below = sorted(one.path for one in client.list_artifacts(run_id, "files"))
        text = mlflow.artifacts.load_text(f"{mlflow.get_run(run_id).info.artifact_uri}/notes/a.txt")
        size = os.path.getsize(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="files/weights.bin"))
        result = [run_id, listed, below, text, size]
        """,
        folder=str(tmp_path),
    )
    assert listed == [["files", True], ["notes", True]]
    assert below == ["files/sp ace é.txt", "files/weights.bin"]
    assert (text, size) == ("hello", 10_240_000)
    folder = folder_of(platform, ml, run_id)
    assert (folder / "notes" / "b.json").read_text() == '{\n  "a": 1\n}'
    assert (folder / "files" / "sp ace é.txt").read_text() == "odd"


MODEL = """
    class Doubling(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input * 2
    name = {"name": "net"} if major > 2 else {"artifact_path": "net"}
    made = {"python_model": Doubling(), "pip_requirements": ["mlflow-skinny"], **name}
"""


def test_a_logged_model_is_registered_loaded_and_known_to_the_sdk(tracked: Mlflow, ml: MLClient) -> None:
    run_id, by_run, by_version, by_alias, version = tracked(
        f"""{MODEL}
    import pandas
    frame = pandas.DataFrame({{"x": [1, 2]}})
    with mlflow.start_run() as run:
        mlflow.pyfunc.log_model(registered_model_name="doubling", **made)
    client.set_registered_model_alias("doubling", "champion", "1")
    uris = f"runs:/{{run.info.run_id}}/net", "models:/doubling/1", "models:/doubling@champion"
    answers = [mlflow.pyfunc.load_model(uri).predict(frame)["x"].tolist() for uri in uris]
    version = client.get_model_version("doubling", "1")
    result = [run.info.run_id, *answers, [version.run_id, version.status, list(version.aliases)]]
    """
    )
    assert by_run == by_version == by_alias == [2, 4]
    assert version == [run_id, "READY", ["champion"]]
    known = ml.models.get("doubling", "1")
    assert (known.type, known.job_name) == ("mlflow_model", run_id)
    assert known.path.endswith(f"/datastores/workspaceartifactstore/paths/ExperimentRun/dcid.{run_id}/net")
    assert known.flavors["python_function"]["loader_module"] == "mlflow.pyfunc.model"


@pytest.mark.parametrize("end", ["", "/"])
def test_a_folder_that_a_run_left_is_registered_with_a_slash_at_its_end_and_without(tracked: Mlflow, end: str) -> None:
    """As the register steps of Azure's AutoML pipelines name it."""
    told = tracked(
        """
        import os, pathlib, tempfile
        folder = pathlib.Path(tempfile.mkdtemp())
        (folder / "MLmodel").write_text("flavors: {}")
        (folder / "w.txt").write_text("w")
        with mlflow.start_run() as run:
            mlflow.log_artifacts(str(folder), "outputs/mlflow-model")
        version = mlflow.register_model(f"runs:/{run.info.run_id}/outputs/mlflow-model{end}", "left")
        names = os.listdir(mlflow.artifacts.download_artifacts(f"models:/left/{version.version}"))
        result = [version.run_id == run.info.run_id, {"MLmodel", "w.txt"} <= set(names)]
        """,
        end=end,
    )
    assert told == [True, True]


def test_a_model_of_the_sdk_is_loaded_by_mlflow(tracked: Mlflow, ml: MLClient, tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "weights.txt").write_text("w")
    ml.models.create_or_update(Model(name="bysdk", path=str(tmp_path / "net"), tags={"team": "vision"}))
    assert tracked("""
        import os
        found = client.search_model_versions("name = 'bysdk'")[0]
        folder = mlflow.artifacts.download_artifacts("models:/bysdk/1")
        names = [name for name in os.listdir(folder) if name != "registered_model_meta"]
        result = [found.version, found.tags, names]
    """) == ["1", {"team": "vision"}, ["weights.txt"]]


def test_the_registry_keeps_tags_stages_and_descriptions(plain: Mlflow, ml: MLClient) -> None:
    told = plain("""
        with mlflow.start_run() as run:
            mlflow.log_text("w", "net/w.txt")
        client.create_registered_model("kept")
        for _ in range(2):
            client.create_model_version("kept", f"runs:/{run.info.run_id}/net")
        client.set_model_version_tag("kept", "1", "checked", "yes")
        client.update_model_version("kept", "1", "the first")
        client.transition_model_version_stage("kept", "1", "Production")
        client.update_registered_model("kept", "about it")
        client.rename_registered_model("kept", "renamed")
        one = client.get_model_version("renamed", "1")
        all_of_them = client.search_registered_models("name LIKE 'ren%'")
        newest = [version.version for version in client.get_latest_versions("renamed", stages=["Production", "None"])]
        result = [one.tags, one.description, one.current_stage, all_of_them[0].description, sorted(newest)]
    """)
    assert told == [{"checked": "yes"}, "the first", "Production", "about it", ["1", "2"]]
    found = ml.models.get("renamed", "1")
    assert (found.tags, found.description, found.stage) == ({"checked": "yes"}, "the first", "Production")


def test_experiments_are_made_renamed_deleted_and_restored(plain: Mlflow) -> None:
    assert plain("""
        made = client.create_experiment("one", tags={"a": "b"})
        client.set_experiment_tag(made, "c", "d")
        client.rename_experiment(made, "two")
        client.delete_experiment(made)
        stage = client.get_experiment(made).lifecycle_stage
        hidden = [one.name for one in mlflow.search_experiments()]
        client.restore_experiment(made)
        found = mlflow.search_experiments(filter_string="tags.c = 'd'")
        result = [stage, hidden, [(one.name, one.tags) for one in found]]
    """) == ["deleted", ["Default"], [["two", {"a": "b", "c": "d"}]]]


def test_a_deleted_run_leaves_the_searches_and_comes_back(plain: Mlflow) -> None:
    assert plain("""
        with mlflow.start_run() as run:
            pass
        client.delete_run(run.info.run_id)
        gone = [len(client.search_runs(["0"])), client.get_run(run.info.run_id).info.lifecycle_stage]
        client.restore_run(run.info.run_id)
        result = [*gone, len(client.search_runs(["0"]))]
    """) == [0, "deleted", 1]


def test_datasets_of_a_run_are_kept(plain: Mlflow) -> None:
    assert plain("""
        import pandas
        dataset = mlflow.data.from_pandas(pandas.DataFrame({"x": [1]}), name="digits")
        with mlflow.start_run() as run:
            mlflow.log_input(dataset, context="training")
        found = mlflow.search_runs(filter_string="dataset.name = 'digits'", output_format="list")
        used = found[0].inputs.dataset_inputs[0]
        result = [used.dataset.name, [(tag.key, tag.value) for tag in used.tags]]
    """) == ["digits", [["mlflow.data.context", "training"]]]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("mlflow.get_run('nobody')", 'RESOURCE_DOES_NOT_EXIST: Run "nobody" was not found'),
        ("client.get_registered_model('none')", "RESOURCE_DOES_NOT_EXIST: Registered Model with name=none not found"),
        ("client.create_experiment('Default')", "RESOURCE_ALREADY_EXISTS"),
        (
            "mlflow.search_runs(['0'], filter_string='color = 1')",
            "INVALID_PARAMETER_VALUE: Invalid attribute key 'color'",
        ),
        ("client.create_registered_model('a b')", "INVALID_PARAMETER_VALUE: .* is not a valid model name"),
        (
            "client.create_registered_model('x'); client.create_model_version('x', 's3://bucket/x')",
            "INVALID_PARAMETER_VALUE: .* is no address of artifacts here",
        ),
    ],
)
def test_errors_are_mlflows_own(plain: Mlflow, code: str, told: str) -> None:
    with pytest.raises(MlflowError, match=told):
        plain(code)


def test_the_same_run_is_there_by_every_address(tracked: Mlflow, plain: Mlflow) -> None:
    run_id = tracked("""
        with mlflow.start_run() as run:
            mlflow.log_metric("m", 1)
            mlflow.log_text("x", "x.txt")
        result = run.info.run_id
    """)
    told = plain(
        """
        run = mlflow.get_run(run_id)
        result = [run.data.metrics, mlflow.artifacts.load_text(f"{run.info.artifact_uri}/x.txt")]
        """,
        run_id=run_id,
    )
    assert told == [{"m": 1.0}, "x"]


# What came with MLflow 3.
THIRD = pytest.mark.parametrize("interpreter", [3], indirect=True, ids=["mlflow3"])


@THIRD
def test_logged_models_have_files_metrics_and_a_search(tracked: Mlflow, platform: Platform, ml: MLClient) -> None:
    run_id, model_id, metrics, found, files, answer = tracked(
        f"""{MODEL}
    import pandas
    with mlflow.start_run() as run:
        info = mlflow.pyfunc.log_model(params={{"width": 3}}, **made)
        mlflow.log_metric("acc", 0.9, model_id=info.model_id)
    model = mlflow.get_logged_model(info.model_id)
    found = mlflow.search_logged_models(filter_string="metrics.acc > 0.5 AND params.width = '3'", output_format="list")
    files = sorted(one.path for one in client.list_logged_model_artifacts(info.model_id))
    answer = mlflow.pyfunc.load_model(info.model_uri).predict(pandas.DataFrame({{"x": [4]}}))["x"].tolist()
    metrics = [(one.key, one.value, one.run_id) for one in model.metrics]
    result = [run.info.run_id, info.model_id, metrics, [one.model_id for one in found], files, answer]
    """
    )
    assert (metrics, found, answer) == ([["acc", 0.9, run_id]], [model_id], [8])
    assert {"MLmodel", "python_model.pkl"} <= set(files)
    assert (folder_of(platform, ml, run_id) / "net" / "MLmodel").exists()


@THIRD
def test_a_model_of_no_run_is_logged_and_registered(tracked: Mlflow) -> None:
    told = tracked("""
        import os, pathlib
        model = mlflow.initialize_logged_model(name="alone")
        pathlib.Path("w.txt").write_text("w")
        client.log_model_artifact(model.model_id, "w.txt")
        os.remove("w.txt")
        mlflow.finalize_logged_model(model.model_id, "READY")
        version = mlflow.register_model(f"models:/{model.model_id}", "alone")
        names = os.listdir(mlflow.artifacts.download_artifacts("models:/alone/1"))
        result = [str(mlflow.get_logged_model(model.model_id).status), version.version, names]
    """)
    assert told[:2] == ["READY", "1"] and "w.txt" in told[2]


@THIRD
def test_traces_are_refused_and_harm_nothing(tracked: Mlflow) -> None:
    with pytest.raises(MlflowError, match=r"NOT_IMPLEMENTED: Lazulite does not know POST .*/traces/search"):
        tracked("mlflow.search_traces(['0'])")
    assert (
        tracked("""
        @mlflow.trace
        def add(a, b):
            return a + b
        result = add(1, 2)
        mlflow.flush_trace_async_logging()
    """)
        == 3
    )


@THIRD
def test_autologging_logs_a_fit(tracked: Mlflow) -> None:
    told = tracked("""
        import warnings
        from sklearn.linear_model import LogisticRegression
        warnings.simplefilter("ignore")
        mlflow.sklearn.autolog(log_models=False, log_datasets=False, silent=True)
        with mlflow.start_run() as run:
            LogisticRegression(C=0.5).fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
        mlflow.sklearn.autolog(disable=True)
        data = mlflow.get_run(run.info.run_id).data
        result = [data.params["C"], data.metrics["training_accuracy_score"], data.tags["estimator_name"]]
    """)
    assert told == ["0.5", 1.0, "LogisticRegression"]
