"""The schema that clients fetch before they upload an MLTable; without an answer they wait, and then check nothing."""

from lazulite.catalog import mltable_schema
from lazulite.http.call import Call, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route


def get_mltable(call: Call, parts: Parts) -> Reply:
    """Answers the JSON schema. Source: azure-ai-ml 1.35.2 constants/_common.py, MLTABLE_METADATA_SCHEMA_URL."""
    return Reply(mltable_schema.SCHEMA)


ROUTES = (Route("GET", "/{version}/MLTable.schema.json", get_mltable),)
