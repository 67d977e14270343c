"""Data assets: versioned, pointing at a file, a folder or an MLTable."""

from lazulite import fields
from lazulite.arm import made
from lazulite.arm.families import Asset, Context, one_of
from lazulite.http.call import JsonObject

_TYPES = ("uri_file", "uri_folder", "mltable")


def accept(given: JsonObject, context: Context) -> JsonObject:
    """Checks the uri and the type; what a job made is found."""
    uri, _ = made.place(fields.text(given, "properties.dataUri", required=True), context)
    return {
        "isAnonymous": False,
        **given,
        "dataUri": uri,
        "dataType": one_of(given, "dataType", _TYPES),
        "tags": given.get("tags") or {},
        "properties": given.get("properties") or {},
    }


DATA = Asset("data", accept, fixed=("dataUri", "dataType"))

ROUTES = DATA.routes()
