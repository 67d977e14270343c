"""The platform's own word on itself: `/_lazulite/status` for programs, `/` for people."""

import html
import os

import lazulite
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.serving import wanted
from lazulite.store import resources

_COUNTED = ("workspaces", "computes", "data", "environments", "models", wanted.ENDPOINTS, wanted.DEPLOYMENTS)

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Lazulite</title>
<meta name="viewport" content="width=device-width"><style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 3rem auto; padding: 0 1rem; color: #16324f }}
h1 {{ color: #0b5cad }} table {{ border-collapse: collapse }} td, th {{ text-align: left; padding-right: 1.5rem }}
code {{ background: #eef4fb; padding: .1rem .3rem; border-radius: 4px }}
@media (prefers-color-scheme: dark) {{ body {{ background: #0e1620; color: #d6e4f2 }} code {{ background: #1c2b3c }} }}
</style></head><body><h1>Lazulite {version}</h1>
<p>The platform is up. Run any Azure ML program against it: <code>lazulite run -- python deploy.py</code></p>
<table><tr><th>Endpoint</th><th>Deployment</th><th>State</th><th>Instances</th></tr>{rows}</table>
<p>Everything lies in <code>{home}</code>.</p></body></html>"""


def get(call: Call, parts: Parts) -> Reply:
    """Answers `{version, pid, home, url, scoringUrl, strict, counts: {kind: number}}`."""
    return Reply(_status(parts))


def page(call: Call, parts: Parts) -> Reply:
    """Answers a page that lists the endpoints with their deployments' states."""
    with parts.db.read() as connection:
        deployments = wanted.all_deployments(connection)
    rows = "".join(
        f"<tr><td>{html.escape(one.endpoint)}</td><td>{html.escape(one.name)}</td>"
        f"<td>{one.state}</td><td>{one.spec.instances}</td></tr>"
        for one in deployments
    )
    shown = _PAGE.format(
        version=lazulite.__version__,
        home=html.escape(str(parts.settings.home)),
        rows=rows or "<tr><td colspan=4>none yet</td></tr>",
    )
    policy = "default-src 'self' 'unsafe-inline'"
    headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": policy}
    return Reply(shown.encode(), 200, headers)


def _status(parts: Parts) -> JsonObject:
    with parts.db.read() as connection:
        counts = {kind: resources.count(connection, kind) for kind in _COUNTED}
    return {
        "version": lazulite.__version__,
        "pid": os.getpid(),
        "home": str(parts.settings.home),
        "url": parts.settings.url,
        "scoringUrl": parts.settings.scoring_url,
        "strict": parts.settings.strict,
        "counts": counts,
    }


ROUTES = (Route("GET", "/_lazulite/status", get), Route("GET", "/", page))
