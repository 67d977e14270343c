"""`lazulite datastore`: as az ml datastore."""

from lazulite.cli.entities import DATASTORE
from lazulite.cli.grammar import Group
from lazulite.cli.verbs import NEW_NAME, Noun, creating, deleting, listing, showing, updating

_DATASTORE = Noun("datastore", "datastores", DATASTORE)

GROUPS = (
    Group(
        "datastore",
        (
            listing(_DATASTORE),
            showing(_DATASTORE),
            creating(_DATASTORE, (NEW_NAME,), "lazulite datastore create -f blobs.yml"),
            updating(_DATASTORE),
            deleting(_DATASTORE),
        ),
    ),
)
