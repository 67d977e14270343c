"""Entities by azure-ai-ml, which takes seconds to import: what YAML files and `--set` mean, uploads and downloads.

Only verbs.sdk() loads this module.
"""

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import yaml
from azure.ai.ml import (
    MLClient,
    load_batch_deployment,
    load_batch_endpoint,
    load_component,
    load_compute,
    load_connection,
    load_data,
    load_datastore,
    load_environment,
    load_job,
    load_model,
    load_online_deployment,
    load_online_endpoint,
    load_registry,
    load_workspace,
)
from azure.ai.ml._artifacts._artifact_utilities import _upload_and_generate_remote_uri
from azure.ai.ml._restclient.arm_ml_service._utils.model_base import SdkJSONEncoder
from azure.ai.ml.entities._load_functions import (
    load_model_batch_deployment,
    load_pipeline_component_batch_deployment,
    load_schedule,
)
from azure.ai.ml.exceptions import MlException
from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.polling import LROPoller
from marshmallow import ValidationError

from lazulite import clock
from lazulite.cli.changes import put
from lazulite.cli.rest import Refused
from lazulite.cli.session import Session, token
from lazulite.errors import BadRequest
from lazulite.identity.environment import client_environment


class _Noun(NamedTuple):
    """How a file is read, the client's operations, and their methods that make one and change one."""

    load: Callable[..., Any]
    operations: str
    create: str = "create_or_update"
    update: str = "create_or_update"


def _load_batch_deployment(source: str | IO[str] | None = None, params_override: Any = None, **more: Any) -> Any:
    """Reads a deployment as the client's class for its `type` does; without one it is a model's, as it once was.

    Source: azure-cli-extensions, src/machinelearningservices, batch_deployment.py; azure-ai-ml 1.35.2,
    _schema/_deployment/batch: only `type: model` has settings of its own.
    """
    text = Path(source).read_text(encoding="utf-8") if isinstance(source, str) else source.read() if source else ""
    said = yaml.safe_load(text)
    kind = {field: value for one in params_override or [] for field, value in one.items()}.get("type")
    kind = kind or (said.get("type") if isinstance(said, dict) else None)
    load: Callable[..., Any] = _DEPLOYMENTS.get(str(kind), load_batch_deployment)
    again = source if isinstance(source, str) or source is None else io.StringIO(text)
    return load(source=again, params_override=params_override, **more)


_DEPLOYMENTS: Mapping[str, Callable[..., Any]] = {
    "model": load_model_batch_deployment,
    "pipeline": load_pipeline_component_batch_deployment,
}
_BEGUN = ("begin_create_or_update", "begin_create_or_update")
_NOUNS = {
    "workspace": _Noun(load_workspace, "workspaces", "begin_create", "begin_update"),
    "compute": _Noun(load_compute, "compute", "begin_create_or_update", "begin_update"),
    "registry": _Noun(load_registry, "registries", "begin_create", "begin_create"),
    "datastore": _Noun(load_datastore, "datastores"),
    "connection": _Noun(load_connection, "connections"),
    "data": _Noun(load_data, "data"),
    "environment": _Noun(load_environment, "environments"),
    "model": _Noun(load_model, "models"),
    "component": _Noun(load_component, "components"),
    "job": _Noun(load_job, "jobs"),
    "schedule": _Noun(load_schedule, "schedules", *_BEGUN),
    "online-endpoint": _Noun(load_online_endpoint, "online_endpoints", *_BEGUN),
    "online-deployment": _Noun(load_online_deployment, "online_deployments", *_BEGUN),
    "batch-endpoint": _Noun(load_batch_endpoint, "batch_endpoints", *_BEGUN),
    "batch-deployment": _Noun(_load_batch_deployment, "batch_deployments", *_BEGUN),
}
# What is printed of an entity and cannot be read back: who made it, and what state it is in.
_ONLY_SHOWN = ("creation_context", "provisioning_state", "created_on", "latest_version", "provisioning_errors")
_TOKEN_LIFETIME_S = 3600  # how long the client may keep one before it asks again


class _Credential:
    """Gives the client the tokens that every other command gets."""

    def __init__(self, session: Session) -> None:
        self._settings = session.arm.settings

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Returns a token for the resource of the one scope that is asked for."""
        resource = scopes[0].removesuffix("/.default")
        return AccessToken(token(self._settings, resource), int(clock.now().timestamp()) + _TOKEN_LIFETIME_S)


class Wish(NamedTuple):
    """What to make. file: YAML, None for fields alone; fields: field -> value, as `--set` has them, winning over it.

    options: what the client's method is told besides, `{"skip_validation": True}`.
    """

    file: str | None
    fields: Mapping[str, Any]
    options: Mapping[str, Any] = {}


def create(session: Session, noun: str, file: str | None, overrides: Mapping[str, Any], wait: bool) -> Any:
    """Makes what a YAML file describes, or changes what is there; returns the entity (`name`, `version`, ...).

    overrides: field -> value, as `--set` has them; they win over the file. Raises BadRequest for a file that is wrong
    and Refused for what the platform refuses.
    """
    return make(session, noun, Wish(file, overrides), wait)


def make(session: Session, noun: str, wish: Wish, wait: bool = True) -> Any:
    """Makes what a wish describes, as `create` does."""
    ways = _NOUNS[noun]
    with _client(session) as client:
        entity = read(noun, wish)
        return _apply(getattr(getattr(client, ways.operations), ways.create), entity, wait, wish.options)


def read(noun: str, wish: Wish) -> Any:
    """Reads what a wish describes, as an entity. Asks nobody."""
    with _telling():
        given = [{field: value} for field, value in wish.fields.items()]
        return _NOUNS[noun].load(source=wish.file, params_override=given)


def update(session: Session, noun: str, which: Mapping[str, str], changes: Mapping[str, Any], wait: bool) -> Any:
    """Sets fields of what is there: `{"tags.a": "b"}`. which: what names it, `{"name": ..., "version": ...}`."""

    def change(shown: Any) -> None:
        for field, value in changes.items():
            put(shown, field, value)

    return alter(session, noun, which, change, wait)


def alter(
    session: Session,
    noun: str,
    which: Mapping[str, str],
    change: Callable[[Any], None],
    wait: bool,
    file: str | None = None,
) -> Any:
    """Changes what is there, or with a file what that says of it, as it is printed, and puts it back.

    Source: azure-cli-extensions, src/machinelearningservices: every `update` is show, change, load, create.
    """
    ways = _NOUNS[noun]
    with _client(session) as client:
        group = getattr(client, ways.operations)
        known = read(noun, Wish(file, which)) if file else group.get(**which)
        shown = _printed(known)
        change(shown)
        given = {field: value for field, value in shown.items() if value is not None and field not in _ONLY_SHOWN}
        # As a file: its type is looked for there alone, and paths are relative to the file that they stand in.
        entity = ways.load(source=io.StringIO(json.dumps(given)), relative_origin=file)
        return _apply(getattr(group, ways.update), entity, wait, {})


def _printed(entity: Any) -> dict[str, Any]:
    """Returns an entity as it is printed: plain JSON, from which the same entity can be read."""
    shown: dict[str, Any] = json.loads(json.dumps(entity._to_dict(), default=str))
    return shown


def upload(session: Session, path: str) -> str:
    """Uploads a file or folder to the default datastore, unless it is there; returns its address."""
    with _client(session) as client:
        uploaded = _upload_and_generate_remote_uri(
            client.batch_endpoints._operation_scope, client.batch_endpoints._datastore_operations, Path(path).resolve()
        )
        return f"{uploaded}/" if Path(path).is_dir() else str(uploaded)


def registry_body(file: str | None, fields: Mapping[str, Any]) -> tuple[Any, str]:
    """Reads a registry's file; returns what Azure Resource Manager is sent of it, and its name. Asks nobody.

    The client's own way of making one waits half a minute more than the service takes.
    """
    registry = read("registry", Wish(file, fields))
    body = json.loads(json.dumps(registry._to_rest_object(), cls=SdkJSONEncoder, exclude_readonly=True))
    return body, str(registry.name)


def download_model(session: Session, name: str, version: str, folder: str) -> None:
    """Downloads a model's files into `folder/name`."""
    with _client(session) as client:
        client.models.download(name=name, version=version, download_path=folder)


def download_job(session: Session, name: str, folder: str, *, output_name: str | None, all: bool) -> None:
    """Downloads what an ended job has left: `folder/artifacts`, or one output, `folder/named-outputs/{output}`."""
    with _client(session) as client:
        client.jobs.download(name=name, download_path=folder, output_name=output_name, all=all)


def validate_job(session: Session, file: str, overrides: Mapping[str, Any]) -> Any:
    """Checks what a YAML file describes; returns `{"result": "Succeeded"}`, or with "Failed" what is wrong where."""
    with _client(session) as client:
        job = load_job(source=file, params_override=[{field: value} for field, value in overrides.items()])
        return client.jobs.validate(job)._to_dict()


def _apply(method: Callable[..., Any], entity: Any, wait: bool, options: Mapping[str, Any]) -> Any:
    answer = method(entity, **options)
    if isinstance(answer, LROPoller):
        if wait:
            answer.result()
        return entity
    return answer


@contextlib.contextmanager
def _client(session: Session) -> Iterator[MLClient]:
    """Opens a client that comes here through the proxy, its chatter on stderr, its errors told as ours."""
    os.environ.update(client_environment(session.arm.settings))
    where, credential = session.workspace, _Credential(session)
    with _telling():
        if session.registry:
            yield MLClient(credential, registry_name=session.registry.name)
        else:
            yield MLClient(credential, where.subscription, where.resource_group, where.workspace or None)


@contextlib.contextmanager
def _telling() -> Iterator[None]:
    with contextlib.redirect_stdout(sys.stderr):
        try:
            yield
        except HttpResponseError as error:
            raise _refused(error) from error
        except (AzureError, MlException, ValidationError) as error:
            raise BadRequest(str(error).strip()) from error


def _refused(error: HttpResponseError) -> Refused:
    code = error.error.code if error.error else ""
    message = error.error.message if error.error else error.message
    return Refused(error.status_code or 0, message or str(error), code or "")
