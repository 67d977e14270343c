"""Search over everything that has a name: jobs, assets, endpoints, computes, and Studio's own pages."""

from collections.abc import Iterator

from lazulite.http.call import JsonObject, Reply
from lazulite.studio import jobs, layout, records
from lazulite.studio.inside import segment
from lazulite.studio.visit import Visit, data

_MOST = 24
_A_KIND = 6
# What is looked through: the API's plural, its word, and where one of it is shown.
_KINDS = (
    ("onlineEndpoints", "endpoint", "/endpoints/realtime/{}/detail"),
    ("batchEndpoints", "batch endpoint", "/endpoints/batch/{}/detail"),
    ("models", "model", "/models/{}"),
    ("data", "data", "/assets/data/{}"),
    ("components", "component", "/components/{}"),
    ("computes", "compute", "/compute/{}"),
    ("environments", "environment", "/environments/{}"),
    ("datastores", "datastore", "/datastores/{}"),
    ("schedules", "schedule", "/schedules/{}"),
)


def get(visit: Visit) -> Reply:
    """Answers `{found: [{words, kind, link}]}`: what has that very name first, then pages, jobs, all else."""
    words = visit.asked("q").strip().lower()
    found = [*_pages(visit, words), *_found(visit, words)] if words else [*_pages(visit, ""), *_jobs(visit, "")]
    found.sort(key=lambda one: one["words"].lower() != words)
    return Reply({"found": found[:_MOST]})


def _pages(visit: Visit, words: str) -> Iterator[JsonObject]:
    for name, path in layout.pages():
        if words in name.lower():
            yield {"words": name, "kind": "page", "link": visit.link(path)}


def _found(visit: Visit, words: str) -> Iterator[JsonObject]:
    if not visit.workspace:
        return
    yield from _jobs(visit, words)
    for kind, word, path in _KINDS:
        for one in records.assets(visit, kind, words=words, limit=_A_KIND):
            yield {"words": one["name"], "kind": word, "link": visit.link(path.format(segment(one["name"])))}


def _jobs(visit: Visit, words: str) -> Iterator[JsonObject]:
    for one in records.listed(visit, records.Wanted(words=words), limit=_A_KIND):
        yield {"words": one["shown"], "kind": f"job · {one['status']}", "link": jobs.address(visit, one["name"])}


ROUTES = (data("GET", "/_studio/search", get),)
