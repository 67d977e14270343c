"""What MLflow's clients ask of a server itself: is it there, which version, what can it do; and its page for people."""

import lazulite
from lazulite.dataplane.mlflow import wire
from lazulite.http import scopes
from lazulite.http.call import Call, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route

_TEXT = {"content-type": "text/plain; charset=utf-8"}


def health(call: Call, parts: Parts) -> Reply:
    """Answers OK."""
    return Reply(b"OK", headers=_TEXT)


def version(call: Call, parts: Parts) -> Reply:
    """Answers Lazulite's version, below every one from which MLflow's clients would send what is refused here."""
    return Reply(lazulite.__version__.encode(), headers=_TEXT)


def server_info(call: Call, parts: Parts) -> Reply:
    """Answers what of the newer features there is: none."""
    return Reply(
        {
            "store_type": "SqlStore",
            "workspaces_enabled": False,
            "trace_archival_enabled": False,
            "multipart_uploads_enabled": False,
            "multipart_downloads_enabled": False,
        }
    )


def page(call: Call, parts: Parts) -> Reply:
    """Leads a browser to Studio: MLflow's clients print this address with every run, which they name after a `#`."""
    return Reply(status=302, headers={"location": f"{parts.settings.url}/?wsid={scopes.named(call)}"})


ROUTES = (
    Route("GET", wire.ROOT, page),
    Route("GET", f"{wire.ROOT}/health", health),
    Route("GET", f"{wire.ROOT}/version", version),
    Route("GET", f"{wire.ROOT}/api/3.0/mlflow/server-info", server_info),
    Route("GET", f"{wire.ROOT}/api/2.0/mlflow/server-info", server_info),
)
