"""Azure Storage's own errors, by its code and in its words.

Source: learn.microsoft.com/rest/api/storageservices/blob-service-error-codes and common-rest-api-error-codes.
"""

from lazulite.errors import BadRequest, Conflict, Forbidden, LazuliteError, NotFound, NotImplementedHere


class NotModified(LazuliteError):
    """The client has this very state already (304); its answer has no body."""

    status = 304
    code = "ConditionNotMet"


class LengthRequired(BadRequest):
    """A request whose body does not say how long it is (411)."""

    status = 411
    code = "MissingContentLengthHeader"


class RangeNotSatisfiable(BadRequest):
    """A range that begins behind the end of the blob (416)."""

    status = 416
    code = "InvalidRange"


class Busy(LazuliteError):
    """Something that the client does best to send once more (503); its SDK does so by itself."""

    status = 503
    code = "ServerBusy"


def blob_not_found(name: str) -> NotFound:
    """Returns the error for a blob that is not there."""
    return NotFound(f'The specified blob does not exist: "{name}".', code="BlobNotFound")


def path_not_found(name: str) -> NotFound:
    """Returns the same in the words of Data Lake Storage."""
    return NotFound(f'The specified path does not exist: "{name}".', code="PathNotFound")


def container_not_found(name: str) -> NotFound:
    """Returns the error for a container that is not there."""
    return NotFound(f'The specified container does not exist: "{name}".', code="ContainerNotFound")


def blob_exists(name: str) -> Conflict:
    """Returns the error for a blob that should not have been there."""
    return Conflict(f'The specified blob already exists: "{name}".', code="BlobAlreadyExists")


def wrong_kind(name: str, kind: str) -> Conflict:
    """Returns the error for an operation on a blob of another type."""
    return Conflict(f'The blob type is invalid for this operation: "{name}" is a {kind}.', code="InvalidBlobType")


def bad_header(name: str, value: str, expected: str) -> BadRequest:
    """Returns the error for a header whose value cannot be right."""
    return BadRequest(
        f"The value for one of the HTTP headers is not in the correct format: {name} is {value[:100]!r}, "
        f"but must be {expected}.",
        code="InvalidHeaderValue",
        target=name,
    )


def bad_query(name: str, value: str, expected: str) -> BadRequest:
    """Returns the error for a query parameter whose value cannot be right."""
    return BadRequest(
        f"Value for one of the query parameters specified in the request URI is invalid: {name} is {value[:100]!r}, "
        f"but must be {expected}.",
        code="InvalidQueryParameterValue",
        target=name,
    )


def missing_header(name: str) -> BadRequest:
    """Returns the error for a header that the operation cannot do without."""
    return BadRequest(
        f"An HTTP header that's mandatory for this request is not specified: {name}.",
        code="MissingRequiredHeader",
        target=name,
    )


def missing_query(name: str) -> BadRequest:
    """Returns the error for a query parameter that the operation cannot do without."""
    return BadRequest(
        f"A query parameter that's mandatory for this request is not specified: {name}.",
        code="MissingRequiredQueryParameter",
        target=name,
    )


def not_authentic(detail: str, code: str = "AuthenticationFailed") -> Forbidden:
    """Returns the error for a request whose signature, key or time is wrong; detail says which."""
    return Forbidden(
        "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly "
        f"including the signature. {detail}",
        code=code,
    )


def not_permitted() -> Forbidden:
    """Returns the error for a shared access signature that does not permit the operation."""
    return Forbidden(
        "This request is not authorized to perform this operation using this permission.",
        code="AuthorizationPermissionMismatch",
    )


def not_implemented(operation: str) -> NotImplementedHere:
    """Returns the error for one of Azure's operations that is not here."""
    return NotImplementedHere(
        f"The requested operation is not implemented on the specified resource: {operation}.",
        hint="docs/architecture/blob.md lists what is.",
    )
