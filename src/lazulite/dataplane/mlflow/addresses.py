"""Addresses of artifacts: as the asking client reads them, and read back into a datastore and a path in it."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from sqlalchemy import Connection

from lazulite.engine import references
from lazulite.engine.references import ARTIFACT_STORE
from lazulite.errors import BadRequest
from lazulite.http.call import Call
from lazulite.ids import WorkspaceId, parse_datastore
from lazulite.tracking import logged_models
from lazulite.tracking.logged_models import LoggedModel
from lazulite.tracking.runs import Run

_PROXIED = "/api/2.0/mlflow-artifacts/artifacts/"

_CONTAINER = re.compile(r"ExperimentRun/dcid\.(?P<run>[^/]+)/?(?P<path>.*)", re.DOTALL)
_PLUGIN = re.compile(r".*?/[^/]+/runs/(?P<run>[^/]+)(?:/artifacts)?(?:/(?P<path>.*))?", re.DOTALL)
_LOGGED_MODEL = re.compile(r"models:/+(?P<model>m-[0-9a-f]{32})/?(?P<path>.*)", re.DOTALL)
_CLIENT = re.compile(r"mlflow-python-client/(\d+)\.")


@dataclass(frozen=True)
class Stored:
    """Where bytes are: a datastore of the workspace, and a path in it without slashes at its ends."""

    datastore: str
    path: str

    def uri(self, workspace: WorkspaceId) -> str:
        """Returns the address that ARM's assets bear."""
        return (
            f"azureml://subscriptions/{workspace.subscription}/resourcegroups/{workspace.resource_group}"
            f"/workspaces/{workspace.workspace}/datastores/{self.datastore}/paths/{self.path}"
        )


RUNS = Stored(ARTIFACT_STORE, "ExperimentRun")


def artifact_uri(call: Call, workspace: WorkspaceId, experiment: str, stored: Stored) -> str:
    """Returns the address under which a client's artifact repository finds a folder.

    The azureml-mlflow plugin wants `azureml://{host}/…/runs/{run}/artifacts/{path}` for what belongs to a run; it says
    its name in every request, also where a plain URI is used beside it, but only its own come by https to its own
    version of the path. Everything else reads `mlflow-artifacts:/{datastore}/{path}`.
    Source: azureml-mlflow 1.62 _internal/utils.py artifact_uri_decomp, _store/azureml_reststore.py; mlflow 3.17
    store/artifact/mlflow_artifacts_repo.py.
    """
    if not is_plugin(call):
        return f"mlflow-artifacts:/{stored.datastore}/{quote(stored.path)}"
    root = _root(call, workspace)
    of_run = _CONTAINER.fullmatch(stored.path) if stored.datastore == ARTIFACT_STORE else None
    if not of_run:
        return f"https://{root}{_PROXIED}{stored.datastore}/{quote(stored.path)}"
    tail = f"/{of_run['path']}" if of_run["path"] else ""
    return f"azureml://{root}/experiments/{experiment}/runs/{of_run['run']}/artifacts{tail}"


def model_uri(call: Call, workspace: WorkspaceId, model: LoggedModel) -> str:
    """Returns the same for a logged model, which is a run of its own to the plugin: that lists whole runs only."""
    if not is_plugin(call):
        return artifact_uri(call, workspace, model.experiment, of_model(model))
    return f"azureml://{_root(call, workspace)}/experiments/{model.experiment}/runs/{model.id}/artifacts"


def _root(call: Call, workspace: WorkspaceId) -> str:
    return f"{call.base_url.partition('://')[2]}/mlflow/{call.ids['api']}{workspace}"


def of_run(run: Run) -> Stored:
    """Returns where a run's artifacts are."""
    return Stored(ARTIFACT_STORE, run.folder)


def run_of(stored: Stored) -> str:
    """Returns the id of the run whose artifact this is, "" when it is no run's."""
    found = _CONTAINER.fullmatch(stored.path) if stored.datastore == ARTIFACT_STORE else None
    return found["run"] if found else ""


def model_of(source: str) -> str:
    """Returns the id of the logged model that an address names, "" when it names none."""
    found = _LOGGED_MODEL.fullmatch(source)
    return found["model"] if found else ""


def of_model(model: LoggedModel) -> Stored:
    """Returns where a logged model's files are."""
    return Stored(ARTIFACT_STORE, model.folder)


def read(connection: Connection, workspace: WorkspaceId, source: str) -> Stored:
    """Finds what an artifact's address names, in any form that a client of MLflow or Azure ML makes.

    Forms: `models:/m-…`, `runs:/{run}/{path}`, `mlflow-artifacts:/{datastore}/{path}` and its http form,
    `azureml://…/runs/{run}/artifacts/{path}`, `azureml://artifacts/{origin}/{container}/{path}`,
    `azureml://jobs/{job}/outputs/{output}`, `azureml://…datastores/{datastore}/paths/{path}`.
    Raises NotFound (404) for a run, job or logged model that is not there, BadRequest (400) for any other form.
    """
    found = _of_model(connection, workspace, source) or _of_run(connection, workspace, source) or _proxied(source)
    uri = parse_datastore(references.resolve(connection, workspace, source))
    if uri and not found:
        found = Stored(uri.datastore, unquote(uri.path).strip("/"))
    if not found or not is_clean(found.path):
        raise BadRequest(
            f'"{source[:300]}" is no address of artifacts here.',
            target="source",
            hint="Use runs:/RUN/PATH, models:/m-ID, azureml://…datastores/NAME/paths/PATH, or an artifact_uri.",
        )
    return found


def is_clean(path: str) -> bool:
    """Tells whether a path stays where it is put: no segment of it is empty, `.` or `..`."""
    return path.isprintable() and not {"", ".", ".."} & set(path.split("/"))


def _of_model(connection: Connection, workspace: WorkspaceId, source: str) -> Stored | None:
    form = _LOGGED_MODEL.fullmatch(source)
    if not form:
        return None
    model = logged_models.find(connection, workspace.scope, form["model"])
    return Stored(ARTIFACT_STORE, _joined(model.folder, form["path"]))


def _of_run(connection: Connection, workspace: WorkspaceId, source: str) -> Stored | None:
    form = _PLUGIN.fullmatch(unquote(urlsplit(source).path)) if source.startswith("azureml:") else None
    if not form:
        return None
    folder = logged_models.artifacts_of(connection, workspace.scope, form["run"])
    return Stored(ARTIFACT_STORE, _joined(folder, form["path"] or ""))


def _proxied(source: str) -> Stored | None:
    parts = urlsplit(source)
    path = unquote(parts.path)
    if parts.scheme == "azureml" and parts.netloc == "artifacts":
        return Stored(ARTIFACT_STORE, path.strip("/"))
    if parts.scheme in ("http", "https") and _PROXIED in path:
        path = path.partition(_PROXIED)[2]
    elif parts.scheme != "mlflow-artifacts":
        return None
    name, _, rest = path.strip("/").partition("/")
    return Stored(name, rest.strip("/"))


def _joined(folder: str, path: str) -> str:
    return f"{folder}/{path.strip('/')}".rstrip("/")


def is_plugin(call: Call) -> bool:
    """Tells whether azureml-mlflow asks, and by an address of its own."""
    agent = call.headers.get("user-agent", "")
    client = _CLIENT.search(agent)
    version = "v1.0" if client and client[1] == "1" else "v2.0"
    return "azureml-mlflow/" in agent and call.base_url.startswith("https:") and call.ids["api"] == version
