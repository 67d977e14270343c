"""What a handler is given and what it gives back. Nothing here knows starlette."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lazulite.artifacts.files import Draft
from lazulite.errors import BadRequest

Json = Any
_TEXT_OR_LAST_COMMA = re.compile(r'"(?:\\.|[^"\\])*"|(?<=["}\]\w]),(?=\s*[}\]])')
JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Caller:
    """Who is asking: `oid` (object id), `tid` (tenant), `name` as the token says them. "" where no token is needed."""

    oid: str = ""
    tid: str = ""
    name: str = ""


@dataclass(frozen=True)
class Call:
    """One request, whole.

    ids: the path's variables, decoded, `azureml:` prefixes dropped. query: the last value of each parameter, keys
    lower-cased. headers: lower-cased. base_url: scheme and host as the client sees them, no trailing slash.
    pairs: every parameter in the order sent, keys lower-cased. file: where the body is, for routes that take a file.
    """

    method: str
    path: str
    ids: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes
    who: Caller
    now: datetime
    base_url: str
    pairs: tuple[tuple[str, str], ...] = ()
    file: Draft | None = None

    @property
    def body(self) -> JsonObject:
        """Returns the JSON object sent, `{}` when nothing was. Raises BadRequest for anything else."""
        if not self.raw.strip():
            return {}
        try:
            parsed = _parsed(self.raw)
            json.dumps(parsed, ensure_ascii=False).encode()  # halves of surrogate pairs could never be sent back
        except RecursionError as error:
            raise BadRequest("The body is nested too deeply.", code="InvalidRequestContent") from error
        except ValueError as error:
            raise BadRequest(f"The body is not JSON: {error}.", code="InvalidRequestContent") from error
        if not isinstance(parsed, dict):
            raise BadRequest(
                f"The body must be a JSON object, but is {type(parsed).__name__}.", code="InvalidRequestContent"
            )
        return parsed


@dataclass(frozen=True)
class Reply:
    """One response. body: anything that JSON can say; bytes, a file or an iterator of bytes sent as they are; or None
    for no body at all.
    """

    body: Json = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def _parsed(raw: bytes) -> Json:
    """Reads JSON; a comma before a closing bracket is passed over, and text may have line breaks in it, as Azure's own
    examples rely on.

    Source: Azure/azureml-examples cli/batch-score-rest.sh, the body of the deployment, and cli/deploy-rest.sh, that of
    the environment.
    """
    try:
        return json.loads(raw, parse_constant=_refuse_constant, strict=False)
    except json.JSONDecodeError as error:
        bare = _TEXT_OR_LAST_COMMA.sub(lambda found: "" if found[0] == "," else found[0], raw.decode())
        if len(bare) == len(raw.decode()):
            raise error
        return json.loads(bare, parse_constant=_refuse_constant, strict=False)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
