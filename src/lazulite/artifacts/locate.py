"""From a URI in a body to the file or folder on this machine that holds its bytes."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lazulite.artifacts.refs import blob_path, read_url
from lazulite.errors import BadRequest, NotFound
from lazulite.ids import WorkspaceId, parse_datastore

# Source: learn.microsoft.com/azure/storage/blobs/data-lake-storage-introduction-abfs-uri.
_HADOOP = re.compile(r"(?:wasb|abf)ss?://(?P<container>[^@/]+)@(?P<account>[^/]+)/(?P<path>.*)")

DatastoreProperties = Callable[[WorkspaceId | None, str], dict[str, Any]]


def locate(home: Path, uri: str, datastore: DatastoreProperties) -> Path:
    """Returns where a URI's bytes lie.

    Forms: `azureml://…datastores/{name}/paths/{path}`, short or long; `https://{account}.blob.core.windows.net/…`;
    `wasbs://{container}@{account}…/…`, and `abfss:` alike; `http://127.0.0.1:8765/_blob/{account}/…`; `file:///…`.
    datastore: the properties of a datastore by workspace (None: this one) and name. Raises NotFound when nothing is
    there, BadRequest when the form is unknown.
    """
    path = path_of(home, uri, datastore)
    if not path.exists():
        raise NotFound(f'Nothing is at "{uri}".', hint="Was the upload finished, and is the path spelled right?")
    return path


def path_of(home: Path, uri: str, datastore: DatastoreProperties) -> Path:
    """Returns where a URI's bytes would lie, as `locate` does, whether anything is there or not."""
    reference = parse_datastore(uri)
    if reference:
        account, container = _container(datastore(reference.workspace, reference.datastore), reference.datastore)
        return blob_path(home, account, container, unquote(reference.path).strip("/"))
    if uri.startswith("file://"):
        return Path(unquote(urlsplit(uri).path))
    try:
        blob = read_url(home, web_form(uri))
    except BadRequest as error:
        raise BadRequest(
            f'"{uri}" does not lie in blob storage, and Lazulite reads nothing else in place.',
            hint="Download it and register the local copy.",
        ) from error
    return blob_path(home, blob.account, blob.container, blob.name.strip("/"))


def web_form(uri: str) -> str:
    """Returns the https address that a `wasbs:` or `abfss:` URI means; any other URI as it is."""
    hadoop = _HADOOP.match(uri)
    if not hadoop:
        return uri
    account = hadoop["account"].replace(".dfs.", ".blob.", 1)
    return f"https://{account}/{hadoop['container']}/{hadoop['path']}"


def _container(properties: dict[str, Any], name: str) -> tuple[str, str]:
    container = properties.get("containerName") or properties.get("filesystem") or properties.get("fileShareName")
    if not container:
        raise BadRequest(f'Datastore "{name}" is of type {properties["datastoreType"]}, whose bytes are elsewhere.')
    return str(properties["accountName"]), str(container)
