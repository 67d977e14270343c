"""Heads of answers and bodies of errors, as Azure's endpoints write them."""

import json
import re
from functools import lru_cache
from http import HTTPStatus

from lazulite.errors import (
    LazuliteError,
    MethodNotAllowed,
    ModelFailed,
    RequestTimeout,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from lazulite.serving.gateway.heads import HOP_BY_HOP

JSON_LINE = b"content-type: application/json\r\n"
TEXT_LINE = b"content-type: text/plain; charset=utf-8\r\n"

# Source: learn.microsoft.com, Troubleshoot online endpoints, HTTP status codes: 424 for whatever is not 200.
# That 201 or 302 pass all the same: Source: guess.
_FIRST_ERROR = 400
_FAILED = 424

_LINES = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00-\x08\x0a-\x1f\x7f]*\r\n)*")
_OWN_LINES = HOP_BY_HOP | frozenset(
    b"content-length transfer-encoding date server x-request-id x-ms-request-id x-ms-client-request-id "
    b"azureml-model-deployment".split()
)
_TIME_LINE = b"x-ms-run-fn-exec-ms"
_REMEMBERED = 512

# Reasons that Azure gives. Source: Azure/azureml-assets, batch_score scoring_utils.py ("model_not_ready"); recorded
# answers ("model_error"). Of "model_timeout": Source: guess.
_REASONS: dict[type[LazuliteError], bytes] = {
    ModelFailed: b"ms-azureml-model-error-reason: model_error\r\nms-azureml-model-error-statuscode: 502\r\n",
    RequestTimeout: b"ms-azureml-model-error-reason: model_timeout\r\n",
    Unavailable: b"ms-azureml-model-error-reason: model_not_ready\r\nretry-after: 1\r\n",
    TooManyRequests: b"retry-after: 1\r\n",
    Unauthorized: b'www-authenticate: Bearer realm="online endpoint"\r\n',
    MethodNotAllowed: b"allow: GET, HEAD\r\n",
}


@lru_cache(_REMEMBERED)
def reply_head(status: int, lines: bytes, deployment: str, is_timed: bool) -> bytes:
    """Returns the beginning of an answer's head, up to the lines that differ from call to call.

    status, lines: the worker's. deployment: who answered, so that an error becomes 424; "" for the gateway itself.
    is_timed: x-ms-run-fn-exec-ms is written by the gateway. Raises ModelFailed when the lines are not header lines.
    Source: learn.microsoft.com, Troubleshoot online endpoints; recorded answers of managed endpoints (x-request-id,
    azureml-model-deployment, x-ms-run-fn-exec-ms).
    """
    if not _LINES.fullmatch(lines):
        raise ModelFailed("The worker answered with a head that is not made of header lines.")
    own = _OWN_LINES | {_TIME_LINE} if is_timed else _OWN_LINES
    kept = [line for line in lines.splitlines(keepends=True) if line.partition(b":")[0].lower() not in own]
    if deployment:
        kept.append(f"azureml-model-deployment: {deployment}\r\n".encode())
        if status >= _FIRST_ERROR:
            kept.append(f"ms-azureml-model-error-statuscode: {status}\r\n".encode())
            kept.append(b"ms-azureml-model-error-reason: model_error\r\n")
            status = _FAILED
    return b"".join((_status_line(status), *kept))


def wire_status(status: int) -> int:
    """Returns the status that a client gets when a worker answers with this one."""
    return _FAILED if status >= _FIRST_ERROR else status


def error_reply(error: LazuliteError) -> tuple[bytes, bytes]:
    """Returns header lines and body for an error: ARM's `{"error": {code, message, target, details}}`.

    Azure's front door answers in text. JSON of this form is what azure-ai-ml turns into its own exceptions.
    Source: azure-ai-ml 1.35.2 _utils/_endpoint_utils.py, validate_response.
    """
    return JSON_LINE + _REASONS.get(type(error), b""), json.dumps({"error": error.wire()}).encode()


def _status_line(status: int) -> bytes:
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = ""
    return f"HTTP/1.1 {status} {reason}\r\n".encode()
