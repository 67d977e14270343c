"""What an MLTable file must look like, as the JSON schema that azure-ai-ml checks such files by before an upload.

Source: learn.microsoft.com/azure/machine-learning/reference-yaml-mltable. Names of transformations are not checked:
the mltable package knows more of them than that page.
"""

from typing import Any

_ONE_OF_THREE = [{"required": [kind]} for kind in ("file", "folder", "pattern")]
_PATH = {
    "type": "object",
    "properties": {kind: {"type": "string", "minLength": 1} for kind in ("file", "folder", "pattern")},
    "oneOf": _ONE_OF_THREE,
}
_TRANSFORMATION = {"oneOf": [{"type": "string"}, {"type": "object", "minProperties": 1, "maxProperties": 1}]}

SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "MLTable",
    "type": "object",
    "properties": {
        "$schema": {"type": "string"},
        "type": {"const": "mltable"},
        "paths": {"type": "array", "minItems": 1, "items": _PATH},
        "transformations": {"type": "array", "items": _TRANSFORMATION},
        "metadata": {"type": "object"},
    },
    "required": ["paths"],
}
