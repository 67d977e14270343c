"""The exception tree. Every error that a client may see is one of these; nothing else knows HTTP statuses.

    LazuliteError                 500 InternalServerError
    ├── BadRequest                400 UserError             a body, query or header that cannot be right
    │   └── InvalidName           400 ValidationError       a name that Azure would refuse
    ├── Unauthorized              401 AuthenticationFailed
    ├── Forbidden                 403 AuthorizationFailed
    ├── NotFound                  404 ResourceNotFound
    ├── MethodNotAllowed          405 MethodNotAllowed
    ├── RequestTimeout            408 RequestTimeout        the client or its model took longer than it may
    ├── Conflict                  409 Conflict
    ├── PreconditionFailed        412 PreconditionFailed
    ├── TooLarge                  413 RequestEntityTooLarge
    ├── ModelFailed               424 ModelError            a deployed model crashed or answered nonsense
    ├── TooManyRequests           429 TooManyRequests
    ├── HeadersTooLarge           431 RequestHeaderFieldsTooLarge
    ├── NotImplementedHere        501 NotImplemented        Azure has it, Lazulite does not (yet)
    ├── Unavailable               503 ServiceUnavailable    nothing is ready to answer; asking again later may help
    ├── OutOfSpace                507 InsufficientStorage
    └── UserCodeError             400 UserScriptError       the user's own script, environment or image failed

Source of status and code: the ARM resource provider contract, common API details, error response content.
"""

from collections.abc import Sequence
from typing import Any


class LazuliteError(Exception):
    """An error with a place and a remedy.

    message: what happened and where, one or two sentences. hint: what to do, one sentence, appended on the wire.
    target: the field path, header or resource that is wrong. details: nested errors, the first one first.
    """

    status = 500
    code = "InternalServerError"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        target: str | None = None,
        hint: str | None = None,
        details: Sequence["LazuliteError"] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.target = target
        self.hint = hint
        self.details = tuple(details)

    def wire(self) -> dict[str, Any]:
        """Returns the inner ARM error object: `{code, message, target, details}`."""
        end = "" if self.message.endswith((".", "?", "!", ":")) else "."  # what is quoted from elsewhere may lack one
        message = f"{self.message}{end} {self.hint}" if self.hint else self.message
        return {
            "code": self.code,
            "message": message,
            "target": self.target,
            "details": [detail.wire() for detail in self.details],
        }


class BadRequest(LazuliteError):
    status = 400
    code = "UserError"


class InvalidName(BadRequest):
    code = "ValidationError"


class UserCodeError(BadRequest):
    code = "UserScriptError"


class Unauthorized(LazuliteError):
    status = 401
    code = "AuthenticationFailed"


class Forbidden(LazuliteError):
    status = 403
    code = "AuthorizationFailed"


class NotFound(LazuliteError):
    status = 404
    code = "ResourceNotFound"


class MethodNotAllowed(LazuliteError):
    status = 405
    code = "MethodNotAllowed"


class RequestTimeout(LazuliteError):
    status = 408
    code = "RequestTimeout"


class Conflict(LazuliteError):
    status = 409
    code = "Conflict"


class PreconditionFailed(LazuliteError):
    status = 412
    code = "PreconditionFailed"


class TooLarge(LazuliteError):
    status = 413
    code = "RequestEntityTooLarge"


class ModelFailed(LazuliteError):
    status = 424
    code = "ModelError"


class TooManyRequests(LazuliteError):
    status = 429
    code = "TooManyRequests"


class HeadersTooLarge(LazuliteError):
    status = 431
    code = "RequestHeaderFieldsTooLarge"


class NotImplementedHere(LazuliteError):
    status = 501
    code = "NotImplemented"


class Unavailable(LazuliteError):
    status = 503
    code = "ServiceUnavailable"


class OutOfSpace(LazuliteError):
    status = 507
    code = "InsufficientStorage"
