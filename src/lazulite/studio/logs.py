"""Logs by ranges and by search, whatever their size; and the element that shows one."""

import mmap
import os
import re
from pathlib import Path
from urllib.parse import quote

from lazulite.environments import built
from lazulite.errors import BadRequest, NotFound
from lazulite.http.call import Reply
from lazulite.serving import logs as serving_logs
from lazulite.serving import stage
from lazulite.studio import builds, places
from lazulite.studio.html import Html, element
from lazulite.studio.inside import segment
from lazulite.studio.visit import Visit, data

_MOST_BYTES = 1 << 20
_SCANNED_BYTES = 64 << 20  # at a time: a search goes on by itself, and can be left
_LINE_BYTES = 8 << 10  # how far a range is cut to end at a line
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_LOG = element("lz-log")


def viewer(address: str, *, live: bool = False, key: str = "") -> Html:
    """Shows a log that opens at its tail. live: whether it may still grow."""
    return _LOG(src=address, live=live, id=key or None)


def of_file(visit: Visit, uri: str) -> str:
    """Returns the address of a file in storage, for the viewer."""
    return visit.link("/_studio/log", uri=uri)


def of_deployment(visit: Visit, endpoint: str, deployment: str, kind: str) -> str:
    """Returns the address of a deployment's log. kind: `console` or `storage`."""
    return visit.link("/_studio/log", endpoint=endpoint, deployment=deployment, kind=kind)


def of_build(visit: Visit, key: str) -> str:
    """Returns the address of the log of an environment's build."""
    return visit.link("/_studio/log", build=key)


def get(visit: Visit) -> Reply:
    """Answers a range of a log, or with `q` where the next match is.

    `at`: where to begin, below 0 from the end; `length`; `whole=1` begins at a line. The header `x-range` tells
    `{start} {end} {size}`. A range ends with a line if it can, unless the log ends there.
    """
    path = _path(visit)
    if visit.asked("save"):
        name = f"attachment; filename*=utf-8''{quote(path.name)}"
        return Reply(path, 200, {"content-type": "text/plain; charset=utf-8", "content-disposition": name})
    if visit.asked("q"):
        return _search(path, visit.asked("q"), _number(visit, "from"), _number(visit, "direction", 1))
    at, length = _number(visit, "at"), min(max(_number(visit, "length", _MOST_BYTES), 0), _MOST_BYTES)
    with path.open("rb") as file:
        total = os.fstat(file.fileno()).st_size
        start = max(0, total + at) if at < 0 else min(at, total)
        file.seek(start)
        content = file.read(length)
    if visit.asked("whole") == "1" and start:
        skipped = content.find(b"\n", 0, _LINE_BYTES) + 1
        start, content = start + skipped, content[skipped:]
    if start + len(content) < total:
        line = content.rfind(b"\n", max(0, len(content) - _LINE_BYTES)) + 1
        content = content[:line] if line else _whole_letters(content)
    headers = {"content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff"}
    return Reply(content, 200, {**headers, "x-range": f"{start} {start + len(content)} {total}"})


def _whole_letters(content: bytes) -> bytes:
    """Returns UTF-8 without the letter that its end has cut in two."""
    for back in range(1, min(4, len(content)) + 1):
        first = content[-back]
        if first >= 0xC0:  # begins a letter of 2, 3 or 4 bytes
            return content if back >= (2 if first < 0xE0 else 3 if first < 0xF0 else 4) else content[:-back]
        if first < 0x80:
            break
    return content


def _search(path: Path, words: str, begin: int, direction: int) -> Reply:
    """Answers `{at, next}`: the place of the next match, or where to go on looking; both None at the end."""
    size = path.stat().st_size
    if not size:
        return Reply({"at": None, "next": None})
    wanted = re.compile(re.escape(words.encode()), re.IGNORECASE)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as log:
        if direction > 0:
            end = min(size, begin + _SCANNED_BYTES)
            found = wanted.search(log, begin, min(size, end + len(words.encode()) - 1))
            if found:
                return Reply({"at": found.start(), "next": None})
            return Reply({"at": None, "next": end if end < size else None})
        low = max(0, min(begin, size) - _SCANNED_BYTES)
        last = None
        for match in wanted.finditer(log, low, min(begin + len(words.encode()) - 1, size)):
            last = match.start()
        return Reply({"at": last, "next": low if last is None and low else None})


def _path(visit: Visit) -> Path:
    home = visit.parts.settings.home
    if visit.asked("endpoint"):
        return _deployments(visit)
    if visit.asked("environment"):
        return _asked_for(visit)
    if visit.asked("build"):
        found = built.build_log(home, Path(visit.asked("build")).name)
        if not found:
            raise NotFound("There is no log of that build.")
        return found
    path = places.find(visit, visit.asked("uri"))
    if not path.is_file():
        raise NotFound(f"{path.name} is a folder.")
    return path


def _asked_for(visit: Visit) -> Path:
    name, version = visit.asked("environment"), visit.asked("version")
    visit.api.get(f"environments/{segment(name)}/versions/{segment(version)}")
    path = builds.log_path(visit.parts.settings.home, name, version)
    if not path.exists():
        raise NotFound("Nothing was built here yet.")
    return path


def _deployments(visit: Visit) -> Path:
    endpoint, deployment = visit.asked("endpoint"), visit.asked("deployment")
    visit.api.get(f"onlineEndpoints/{segment(endpoint)}/deployments/{segment(deployment)}")
    folder = stage.folder_of(visit.parts.settings.home, f"{endpoint}/{deployment}")
    path = serving_logs.storage(folder) if visit.asked("kind") == "storage" else serving_logs.console(folder)
    if not path.exists():
        raise NotFound("Nothing was printed yet.")
    return path


def _number(visit: Visit, name: str, default: int = 0) -> int:
    given = visit.asked(name)
    if not given:
        return default
    if not _WHOLE_NUMBER.fullmatch(given):
        raise BadRequest(f"{name} must be a whole number, but is {given[:40]!r}.", target=name)
    return int(given)


ROUTES = (data("GET", "/_studio/log", get),)
