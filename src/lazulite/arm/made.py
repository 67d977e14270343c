"""What an asset's URI means when it is registered: bytes that were uploaded, or that a job made."""

from lazulite.arm import uploads
from lazulite.arm.families import Context
from lazulite.engine import references
from lazulite.errors import BadRequest
from lazulite.ids import WorkspaceId


def place(uri: str, context: Context) -> tuple[str, str]:
    """Returns the URI to keep, and the name of the job that made what is there, or "".

    Raises NotFound when there is no such job, output or file; BadRequest when a registry is to hold what only a
    workspace can name.
    """
    owner = context.owner
    if isinstance(owner, WorkspaceId):
        return references.of_made(context.connection, context.parts.settings.home, owner, uri)
    if references.is_made(uri) or uri.startswith("azureml://datastores/"):
        raise BadRequest(
            f'"{uri}" names something in a workspace, but {owner.described} is in none.',
            hint="Give a local path, or register it in the workspace and share it with the registry.",
        )
    return uploads.uri_of(uri, owner, context.parts), ""
