"""Entities by azure-ai-ml, which takes seconds to import: what YAML files and `--set` mean, uploads and downloads.

Only verbs.sdk() loads this module.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from azure.ai.ml import (
    MLClient,
    load_component,
    load_batch_deployment,
    load_batch_endpoint,
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
    load_schedule,
    load_workspace,
)
from azure.ai.ml._artifacts._artifact_utilities import _upload_and_generate_remote_uri
from azure.ai.ml.exceptions import MlException
from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.polling import LROPoller
from marshmallow import ValidationError

from lazulite import clock
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


_BEGUN = ("begin_create_or_update", "begin_create_or_update")
_NOUNS = {
    "workspace": _Noun(load_workspace, "workspaces", "begin_create", "begin_update"),
    "compute": _Noun(load_compute, "compute", "begin_create_or_update", "begin_update"),
    "datastore": _Noun(load_datastore, "datastores"),
    "data": _Noun(load_data, "data"),
    "environment": _Noun(load_environment, "environments"),
    "model": _Noun(load_model, "models"),
    "job": _Noun(load_job, "jobs"),
    "online-endpoint": _Noun(load_online_endpoint, "online_endpoints", *_BEGUN),
    "online-deployment": _Noun(load_online_deployment, "online_deployments", *_BEGUN),
    "batch-endpoint": _Noun(load_batch_endpoint, "batch_endpoints", *_BEGUN),
    "batch-deployment": _Noun(load_batch_deployment, "batch_deployments", *_BEGUN),
}
_TOKEN_LIFETIME_S = 3600  # how long the client may keep one before it asks again


class _Credential:
    """Gives the client the tokens that every other command gets."""

    def __init__(self, session: Session) -> None:
        self._settings = session.arm.settings

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Returns a token for the resource of the one scope that is asked for."""
        resource = scopes[0].removesuffix("/.default")
        return AccessToken(token(self._settings, resource), int(clock.now().timestamp()) + _TOKEN_LIFETIME_S)


def create(session: Session, noun: str, file: str | None, overrides: Mapping[str, Any], wait: bool) -> Any:
    """Makes what a YAML file describes, or changes what is there; returns the entity (`name`, `version`, ...).

    overrides: field -> value, as `--set` has them; they win over the file. Raises BadRequest for a file that is wrong
    and Refused for what the platform refuses.
    """
    ways = _NOUNS[noun]
    with _client(session) as client:
        entity = ways.load(source=file, params_override=[{field: value} for field, value in overrides.items()])
        return _apply(getattr(getattr(client, ways.operations), ways.create), entity, wait)


def update(session: Session, noun: str, which: Mapping[str, str], changes: Mapping[str, Any], wait: bool) -> Any:
    """Sets fields of what is there: `{"tags.a": "b"}`. which: what names it, `{"name": ..., "version": ...}`."""
    ways = _NOUNS[noun]
    with _client(session) as client:
        group = getattr(client, ways.operations)
        entity = group.get(**which)
        for field, value in changes.items():
            _assign(entity, field, value)
        return _apply(getattr(group, ways.update), entity, wait)


def upload(session: Session, path: str) -> str:
    """Uploads a file or folder to the default datastore, unless it is there; returns its address."""
    with _client(session) as client:
        uploaded = _upload_and_generate_remote_uri(
            client.batch_endpoints._operation_scope, client.batch_endpoints._datastore_operations, Path(path).resolve()
        )
        return f"{uploaded}/" if Path(path).is_dir() else str(uploaded)


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


def _apply(method: Callable[..., Any], entity: Any, wait: bool) -> Any:
    answer = method(entity)
    if isinstance(answer, LROPoller):
        if wait:
            answer.result()
        return entity
    return answer


def _assign(entity: Any, field: str, value: Any) -> None:
    *levels, last = field.split(".")
    for level in levels:
        entity = entity[level] if isinstance(entity, dict) else getattr(entity, level, None)
    if isinstance(entity, dict):
        entity[last] = value
    elif hasattr(entity, last):
        setattr(entity, last, value)
    else:
        raise BadRequest(
            f'There is no field "{field}" to set.', target=field, hint="`show` lists the fields there are."
        )


@contextlib.contextmanager
def _client(session: Session) -> Iterator[MLClient]:
    """Opens a client that comes here through the proxy, its chatter on stderr, its errors told as ours."""
    os.environ.update(client_environment(session.arm.settings))
    where = session.workspace
    with contextlib.redirect_stdout(sys.stderr):
        try:
            yield MLClient(_Credential(session), where.subscription, where.resource_group, where.workspace)
        except HttpResponseError as error:
            raise _refused(error) from error
        except (AzureError, MlException, ValidationError) as error:
            raise BadRequest(str(error).strip()) from error


def _refused(error: HttpResponseError) -> Refused:
    code = error.error.code if error.error else ""
    message = error.error.message if error.error else error.message
    return Refused(error.status_code or 0, message or str(error), code or "")
