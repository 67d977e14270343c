"""Containers and blobs by azure-storage-blob, answered in az's shapes. Only storage.py loads this module, late."""

import contextlib
import fnmatch
import mimetypes
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob import (
    BlobProperties,
    BlobServiceClient,
    ContentSettings,
    generate_blob_sas,
    generate_container_sas,
)

from lazulite import clock
from lazulite.cli.grammar import Json, Misuse
from lazulite.cli.rest import Refused
from lazulite.cli.session import token
from lazulite.errors import BadRequest
from lazulite.settings import Settings

_RESOURCE = "https://storage.azure.com"
_TOKEN_LIFETIME_S = 3600


class Account(NamedTuple):
    """A storage account, opened."""

    service: BlobServiceClient
    key: str | None


class _Credential:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Returns a token of these commands' own."""
        return AccessToken(token(self._settings, _RESOURCE), int(clock.now().timestamp()) + _TOKEN_LIFETIME_S)


def open_account(settings: Settings, account: str | None, secret: str | None, connection: str | None) -> Account:
    """Opens an account by a connection string, a key, a signature, or else a token. Asks nothing yet."""
    if connection:
        service = BlobServiceClient.from_connection_string(connection)
        return Account(service, getattr(service.credential, "account_key", None))
    url = account if account and "://" in account else f"https://{account}.blob.core.windows.net"
    is_key = bool(secret) and "sig=" not in str(secret)
    return Account(BlobServiceClient(url, credential=secret or _Credential(settings)), secret if is_key else None)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Tells what the service refuses as our commands tell it."""
    try:
        yield
    except HttpResponseError as error:
        code = getattr(error, "error_code", None) or ""
        said = str(error.message).strip().partition("\nRequestId:")[0]
        raise Refused(error.status_code or 0, said, str(getattr(code, "value", code))) from error
    except (AzureError, ValueError) as error:
        raise BadRequest(str(error).strip()) from error


def create_container(account: Account, container: str) -> Json:
    """Makes a container. Returns `{"created": true}`, false when it is there already."""
    client = account.service.get_container_client(container)
    is_new = not client.exists()
    if is_new:
        client.create_container()
    return {"created": is_new}


def list_containers(account: Account, prefix: str | None) -> Json:
    """Lists containers."""
    rows = account.service.list_containers(name_starts_with=prefix)
    return [{"name": one.name, "properties": _times(one), "metadata": one.metadata or None} for one in rows]


def container_exists(account: Account, container: str) -> Json:
    """Tells whether a container is there."""
    return {"exists": account.service.get_container_client(container).exists()}


def show_container(account: Account, container: str) -> Json:
    """Shows a container."""
    found = account.service.get_container_client(container).get_container_properties()
    return {"name": container, "properties": _times(found), "metadata": found.metadata or {}}


def delete_container(account: Account, container: str) -> Json:
    """Deletes a container. Returns `{"deleted": true}`, false when there was none."""
    client = account.service.get_container_client(container)
    was_there = client.exists()
    if was_there:
        client.delete_container()
    return {"deleted": was_there}


def upload(
    account: Account,
    container: str,
    blob: str | None,
    file: str,
    overwrite: str,
    metadata: list[tuple[str, str]] | None,
    content_type: str | None,
) -> Json:
    """Uploads a file; one that is there already is refused unless it may be replaced."""
    words = dict(metadata or [])
    answer = _upload(
        account, container, blob or Path(file).name, Path(file), overwrite == "true", (words, content_type)
    )
    return {
        "client_request_id": answer.get("client_request_id"),
        "etag": answer["etag"],
        "lastModified": _time(answer["last_modified"]),
        "request_id": answer.get("request_id"),
        "version": answer.get("version"),
    }


def _upload(
    account: Account,
    container: str,
    blob: str,
    file: Path,
    overwrite: bool,
    about: tuple[Mapping[str, str], str | None],
) -> Any:
    metadata, content_type = about
    kind = content_type or mimetypes.guess_type(file.name)[0]
    client = account.service.get_blob_client(container, blob)
    with file.open("rb") as data:
        return client.upload_blob(
            data,
            overwrite=overwrite,
            metadata=dict(metadata) or None,
            content_settings=ContentSettings(content_type=kind) if kind else None,
        )


def upload_folder(
    account: Account,
    destination: str,
    source: str,
    destination_path: str | None,
    pattern: str | None,
    overwrite: str,
    metadata: list[tuple[str, str]] | None,
    content_type: str | None,
) -> Json:
    """Uploads a folder; what is there already is left alone unless it may be replaced."""
    folder = Path(source)
    if not folder.is_dir():
        raise Misuse(f'"{source}" is no folder.')
    container, _, path = _place(destination).partition("/")
    inner = "/".join(part.strip("/") for part in (path, destination_path or "") if part)
    done = []
    for file in sorted(one for one in folder.rglob("*") if one.is_file()):
        name = file.relative_to(folder).as_posix()
        if pattern and not fnmatch.fnmatch(name, pattern):
            continue
        blob = f"{inner}/{name}".lstrip("/")
        client = account.service.get_blob_client(container, blob)
        if overwrite != "true" and client.exists():
            print(f"{blob} is there already; --overwrite replaces it.", file=sys.stderr)
            continue
        answer = _upload(account, container, blob, file, True, (dict(metadata or []), content_type))
        kind = content_type or mimetypes.guess_type(file.name)[0]
        row = {
            "Blob": client.url,
            "Last Modified": _time(answer["last_modified"]),
            "Type": kind,
            "eTag": answer["etag"],
        }
        done.append(row)
    return done


def _place(word: str) -> str:
    """Returns `container/path` of a container's name or of its address."""
    return urlsplit(word).path.strip("/") if "://" in word else word.strip("/")


def download(account: Account, container: str, blob: str, file: str | None) -> Json:
    """Downloads a blob into a file and shows its properties; without a file, prints it."""
    stream = account.service.get_blob_client(container, blob).download_blob()
    if not file:
        stream.readinto(sys.stdout.buffer)
        return None
    target = Path(file)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        stream.readinto(out)
    return _shown(stream.properties, container)


def download_folder(account: Account, source: str, destination: str, pattern: str | None) -> Json:
    """Downloads the blobs that fit. Returns their names. Raises Misuse when the folder is not there, as az does."""
    root = Path(destination).resolve()
    if not root.is_dir():
        raise Misuse(f'"{destination}" is no folder.')
    client = account.service.get_container_client(_place(source))
    done = []
    for one in client.list_blobs():
        if pattern and not fnmatch.fnmatch(one.name, pattern):
            continue
        target = (root / one.name).resolve()
        if root not in target.parents:
            raise BadRequest(f'Blob "{one.name}" would be written outside {destination}.')
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as out:
            client.download_blob(one.name).readinto(out)
        done.append(one.name)
    return done


def list_blobs(account: Account, container: str, prefix: str | None, num_results: str) -> Json:
    """Lists blobs."""
    rows = account.service.get_container_client(container).list_blobs(name_starts_with=prefix)
    limit = None if num_results == "*" else int(num_results)
    return [_shown(one, container) for number, one in enumerate(rows) if limit is None or number < limit]


def blob_exists(account: Account, container: str, blob: str) -> Json:
    """Tells whether a blob is there."""
    return {"exists": account.service.get_blob_client(container, blob).exists()}


def show_blob(account: Account, container: str, blob: str) -> Json:
    """Shows a blob's properties."""
    return _shown(account.service.get_blob_client(container, blob).get_blob_properties(), container)


def blob_url(account: Account, container: str, blob: str) -> Json:
    """Returns a blob's address, without any signature."""
    return str(account.service.get_blob_client(container, blob).url).partition("?")[0]


def delete_blob(account: Account, container: str, blob: str) -> None:
    """Deletes a blob."""
    account.service.get_blob_client(container, blob).delete_blob()


def delete_blobs(account: Account, source: str, pattern: str | None) -> None:
    """Deletes the blobs that fit."""
    client = account.service.get_container_client(_place(source))
    for one in list(client.list_blobs()):
        if not pattern or fnmatch.fnmatch(one.name, pattern):
            client.delete_blob(one.name)


def container_sas(account: Account, container: str, permissions: str, expiry: str | None) -> Json:
    """Signs for a container."""
    key = _key_of(account)
    name = str(account.service.account_name)
    return generate_container_sas(name, container, account_key=key, permission=permissions, expiry=_expiry(expiry))


def blob_sas(account: Account, container: str, blob: str, permissions: str, expiry: str | None) -> Json:
    """Signs for a blob."""
    key, until = _key_of(account), _expiry(expiry)
    name = str(account.service.account_name)
    return generate_blob_sas(name, container, blob, account_key=key, permission=permissions, expiry=until)


def _key_of(account: Account) -> str:
    if not account.key:
        raise Misuse("A signature is made with the account's key.", hint="Give it by --account-key.")
    return account.key


def _expiry(text: str | None) -> datetime:
    if not text:
        return clock.now() + timedelta(hours=1)
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise Misuse(f'"{text}" is no time.', hint="Write 2030-01-01T00:00Z.") from error


def _shown(found: BlobProperties, container: str) -> Json:
    settings = found.content_settings
    return {
        "container": container,
        "deleted": bool(found.deleted),
        "metadata": found.metadata or {},
        "name": found.name,
        "properties": {
            **_times(found),
            "blobType": str(getattr(found.blob_type, "value", found.blob_type)),
            "contentLength": found.size,
            "contentSettings": {"contentType": settings.content_type, "contentMd5": _hex(settings.content_md5)},
            "creationTime": _time(found.creation_time),
        },
    }


def _hex(digest: Any) -> str | None:
    return bytes(digest).hex() if digest else None


def _times(found: Any) -> Json:
    return {"etag": found.etag, "lastModified": _time(found.last_modified)}


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
