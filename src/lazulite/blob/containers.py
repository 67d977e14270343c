"""The account and its containers: create, delete, describe, list, list the blobs in one.

Source: learn.microsoft.com/rest/api/storageservices operations-on-the-account and operations-on-containers.
"""

from datetime import timedelta

from sqlalchemy import Connection

from lazulite.artifacts import refs
from lazulite.blob import index, listing, refusals, sas, xml
from lazulite.blob.call import BlobCall, BlobReply, read_body
from lazulite.blob.index import Container
from lazulite.blob.storage import Storage, etag_of, http_date, now_ns
from lazulite.errors import BadRequest, Conflict
from lazulite.identity import accounts

_XML = {"content-type": "application/xml"}
_KEY_LIMIT = timedelta(days=7)
_DOCUMENT_LIMIT_BYTES = 64 << 10


def create(call: BlobCall, storage: Storage) -> BlobReply:
    """Create Container. 201. Raises ContainerAlreadyExists, PublicAccessNotPermitted (409)."""
    _refuse_public_access(call)
    path = refs.container_path(storage.home, call.ref.account, call.ref.container)
    with storage.db.write() as connection:
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            raise Conflict(
                f'The specified container already exists: "{call.ref.container}".', code="ContainerAlreadyExists"
            ) from None
        container = _put(call, connection)
    return BlobReply(201, _written(container))


def _refuse_public_access(call: BlobCall) -> None:
    if call.headers.get("x-ms-blob-public-access"):
        raise Conflict("Public access is not permitted on this storage account.", code="PublicAccessNotPermitted")


def _put(call: BlobCall, connection: Connection) -> Container:
    moment = now_ns()
    container = Container(call.ref.account, call.ref.container, etag_of(moment), moment, call.metadata)
    index.put_container(connection, container)
    return container


def _written(container: Container) -> dict[str, str]:
    return {"etag": container.etag, "last-modified": http_date(container.modified_ns)}


def delete(call: BlobCall, storage: Storage) -> BlobReply:
    """Delete Container, with all in it. 202."""
    storage.delete_container(call.ref.account, call.ref.container)
    return BlobReply(202)


def describe(call: BlobCall, storage: Storage) -> BlobReply:
    """Get Container Properties, also as Get Container Metadata. 200."""
    container = storage.container(call.ref.account, call.ref.container)
    return BlobReply(
        200,
        {
            **_written(container),
            "x-ms-lease-status": "unlocked",
            "x-ms-lease-state": "available",
            "x-ms-has-immutability-policy": "false",
            "x-ms-has-legal-hold": "false",
            "x-ms-namespace-enabled": "true",
            **{f"x-ms-meta-{name}": value for name, value in container.metadata.items()},
        },
    )


def set_metadata(call: BlobCall, storage: Storage) -> BlobReply:
    """Set Container Metadata: replaces all of it. 200."""
    with storage.db.write() as connection:
        storage.check_container(call.ref)
        return BlobReply(200, _written(_put(call, connection)))


def get_acl(call: BlobCall, storage: Storage) -> BlobReply:
    """Get Container ACL: there is no public access and there are no stored policies. 200."""
    container = storage.container(call.ref.account, call.ref.container)
    return BlobReply(200, {**_written(container), **_XML}, xml.document("<SignedIdentifiers />"))


async def set_acl(call: BlobCall, storage: Storage) -> BlobReply:
    """Set Container ACL: takes only what is so already, no public access and no stored policies. 200."""
    _refuse_public_access(call)
    body = await read_body(call, _DOCUMENT_LIMIT_BYTES)
    if body and xml.read_texts(body):
        raise refusals.not_implemented("stored access policies")
    return BlobReply(200, _written(storage.container(call.ref.account, call.ref.container)))


def list_blobs(call: BlobCall, storage: Storage) -> BlobReply:
    """List Blobs, flat or by a delimiter, a page of at most 5000. 200."""
    for name in ("startfrom", "endbefore", "showonly"):
        if call.query.get(name):
            raise refusals.not_implemented(f"List Blobs with {name}")
    page = listing.page(
        storage,
        call.ref,
        prefix=call.query.get("prefix", ""),
        delimiter=call.query.get("delimiter", ""),
        marker=call.query.get("marker", ""),
        limit=limit_of(call, "maxresults"),
    )
    body = xml.blob_list(
        _endpoint(call),
        call.ref.container,
        call.query,
        page.entries,
        page.next_marker,
        with_metadata="metadata" in call.query.get("include", "").split(","),
    )
    return BlobReply(200, _XML, body)


def limit_of(call: BlobCall, name: str) -> int:
    """Reads how many results a page may have, 5000 at most. Raises OutOfRangeQueryParameterValue (400)."""
    text = call.query.get(name)
    if not text:
        return listing.PAGE
    if not text.isdecimal() or len(text) > 9 or not int(text):
        raise BadRequest(
            f"One of the query parameters specified in the request URI is outside the permissible range: {name} is "
            f'"{text[:20]}", but must be 1 to {listing.PAGE}.',
            code="OutOfRangeQueryParameterValue",
            target=name,
        )
    return min(int(text), listing.PAGE)


def _endpoint(call: BlobCall) -> str:
    host = call.headers.get("host", "localhost")
    account = "" if refs.host_account(host.partition(":")[0]) else f"{refs.PATH_PREFIX[1:]}{call.ref.account}/"
    return f"{call.scheme}://{host}/{account}"


def list_containers(call: BlobCall, storage: Storage) -> BlobReply:
    """List Containers. 200."""
    prefix, marker, limit = call.query.get("prefix", ""), call.query.get("marker", ""), limit_of(call, "maxresults")
    names = [name for name in storage.container_names(call.ref.account, prefix) if name > marker]
    containers = [storage.container(call.ref.account, name) for name in names[:limit]]
    body = xml.container_list(
        _endpoint(call),
        call.query,
        containers,
        names[limit - 1] if len(names) > limit else "",
        with_metadata="metadata" in call.query.get("include", "").split(","),
    )
    return BlobReply(200, _XML, body)


def account_information(call: BlobCall, storage: Storage) -> BlobReply:
    """Get Account Information. 200."""
    headers = {"x-ms-sku-name": "Standard_LRS", "x-ms-account-kind": "StorageV2", "x-ms-is-hns-enabled": "true"}
    return BlobReply(200, headers)


def service_properties(call: BlobCall, storage: Storage) -> BlobReply:
    """Get Blob Service Properties: nothing is logged, shared, kept after deletion or served as a site. 200."""
    kept, version = "<RetentionPolicy><Enabled>false</Enabled></RetentionPolicy>", "<Version>1.0</Version>"
    metrics = f"{version}<Enabled>false</Enabled>{kept}"
    return BlobReply(
        200,
        _XML,
        xml.document(
            "<StorageServiceProperties>"
            f"<Logging>{version}<Delete>false</Delete><Read>false</Read><Write>false</Write>{kept}</Logging>"
            f"<HourMetrics>{metrics}</HourMetrics><MinuteMetrics>{metrics}</MinuteMetrics><Cors />"
            "<DeleteRetentionPolicy><Enabled>false</Enabled></DeleteRetentionPolicy>"
            "<StaticWebsite><Enabled>false</Enabled></StaticWebsite></StorageServiceProperties>"
        ),
    )


async def user_delegation_key(call: BlobCall, storage: Storage) -> BlobReply:
    """Get User Delegation Key: signs for whoever holds a bearer token, seven days at most. 200."""
    times = xml.read_texts(await read_body(call, _DOCUMENT_LIMIT_BYTES))
    if not call.who:
        raise refusals.not_authentic("Only a bearer token gets a user delegation key.", "AuthorizationFailure")
    start, expiry = times.get("Start", ""), times.get("Expiry", "")
    if not sas.moment(start) < sas.moment(expiry) <= sas.moment(start) + _KEY_LIMIT:
        raise BadRequest("Start and Expiry must be at most seven days apart.", code="InvalidXmlNodeValue")
    version = call.headers.get("x-ms-version", "")
    key = accounts.account_key(storage.signing_key, call.ref.account)
    fields = {
        "SignedOid": call.who.oid,
        "SignedTid": call.who.tid,
        "SignedStart": start,
        "SignedExpiry": expiry,
        "SignedService": "b",
        "SignedVersion": version,
        "Value": sas.user_delegation_key(key, call.who.oid, call.who.tid, start, expiry, version),
    }
    return BlobReply(200, _XML, xml.user_delegation_key(fields))
