"""A batch job as it goes: how many mini-batches are done, which failed and why; its results as tables and pictures."""

import json
from typing import Any

from lazulite.errors import LazuliteError
from lazulite.http.call import JsonObject
from lazulite.studio import files, places, run
from lazulite.studio import shown as s
from lazulite.studio.html import Html, a, div, join, pre, progress, strong
from lazulite.studio.places import Entry
from lazulite.studio.run import Run

# Where a parallel job tells of itself, below its artifacts; docs/architecture/batch.md has the fields.
_PROGRESS, _FAILED, _COLLISIONS = "logs/batch/progress.json", "logs/batch/failed.jsonl", "logs/batch/collisions.jsonl"
_STEP, _OUTPUT = "batchscoring", "score"
_FAILURES, _PICTURES, _TABLES = 50, 60, 3
_TABLE_ENDS = (".csv", ".txt", ".jsonl", ".parquet")


def cards(found: Run) -> Html | None:
    """Shows a parallel job's progress and failures, or of a batch endpoint's job its step's, and the results."""
    step = found
    if found.kind == "Pipeline":
        child = next((one for one in found.children if one["shown"] == _STEP), None)
        if not child:
            return None
        step = run.find(found.visit, child["name"])
    told = _read(step, _PROGRESS)
    if not told:
        return None
    return join(_progress(step, told), _failures(step), _collisions(step), _results(found))


def _read(found: Run, path: str) -> JsonObject | None:
    lines = _lines(found, path)
    return lines[0] if lines else None


def _lines(found: Run, path: str) -> list[JsonObject]:
    try:
        text = places.find(found.visit, places.below(found.artifacts, path)).read_text(encoding="utf-8")
        return (
            [json.loads(line) for line in text.splitlines()[:_FAILURES]] if path.endswith("l") else [json.loads(text)]
        )
    except (LazuliteError, OSError, ValueError):
        return []


def _progress(found: Run, told: JsonObject) -> Html:
    total, done, failed = told.get("mini_batches"), told.get("done") or 0, told.get("failed") or 0
    bar = progress(max=total or 1, value=done + failed, aria_label="Mini-batches done") if total else None
    eta = told.get("eta_s")
    workers = told.get("workers") or []
    about = s.facts(
        ("Mini-batches", f"{done:,} of {total:,} done" if total else "being planned"),
        ("Failed", f"{failed:,}" if failed else None),
        ("Tried again", f"{told['retried']:,}" if told.get("retried") else None),
        ("Items", f"{told.get('items_done') or 0:,}" + (f" of {told['items']:,}" if told.get("items") else "")),
        ("Rate", f"{told['rate']:.2f} mini-batches a second" if told.get("rate") else None),
        ("Left", s.duration(eta) if eta and not found.is_over else None),
        ("Workers", join(*(div(_worker(one)) for one in workers)) if workers and not found.is_over else None),
        ("Said", told.get("message") or None),
    )
    return s.card("Progress", div(bar, data_poll=not found.is_over), about)


def _worker(one: JsonObject) -> str:
    at = f", mini-batch {one['mini_batch']}" if one.get("mini_batch") is not None else ""
    return f"{one['worker']}: {one['state']}{at}"


def _failures(found: Run) -> Html | None:
    rows = []
    for one in _lines(found, _FAILED):
        error: dict[str, Any] = one.get("error") or {}
        where = f"{error['file']}:{error['line']}" if error.get("file") else ""
        names = ", ".join(one.get("files") or [])
        trace = s.fold(strong(error.get("message") or error.get("kind")), pre(error.get("traceback") or "no traceback"))
        rows.append(
            s.row(
                str(one["mini_batch"]), names, trace, s.mono(where), f"{one['tries']} tries", key=str(one["mini_batch"])
            )
        )
    table = s.grid(["Mini-batch", "Files", "What happened", "Where", ""], rows)
    return s.card("Failed mini-batches", table, class_="flush") if rows else None


def _collisions(found: Run) -> Html | None:
    rows = [s.row(str(one["mini_batch"]), one["name"], s.mono(one["kept_as"])) for one in _lines(found, _COLLISIONS)]
    said = s.muted("Two mini-batches wrote files of one name. Both are kept: name files after their input.")
    table = s.grid(["Mini-batch", "Name", "Kept as"], rows)
    return s.card("Names that were taken", said, s.fold(f"{len(rows)} files", table, id="collisions")) if rows else None


def _results(found: Run) -> Html | None:
    """Shows what the job's output holds: the first tables, and its pictures."""
    uri = str((found.outputs.get(_OUTPUT) or {}).get("uri") or "")
    if not uri:
        return None
    try:
        folder = places.find(found.visit, uri)
        pictures = places.listed(folder, places.is_image).entries[:_PICTURES]
        tables = places.listed(folder, lambda name: name.lower().endswith(_TABLE_ENDS)).entries[:_TABLES]
    except LazuliteError:
        return None

    def link(path: str) -> str:
        return found.link(tab="files", output=_OUTPUT, path=path)

    shown = [_table(found, uri, one) for one in tables if not one.is_folder]
    gallery = files.gallery(found.visit, uri, "", pictures, link) if pictures else None
    return s.card("Results", *shown, gallery, beside=a("All files", href=link(""))) if shown or gallery else None


def _table(found: Run, uri: str, one: Entry) -> Html:
    at = places.below(uri, one.name)
    return div(s.muted(one.name), files.preview(found.visit, places.find(found.visit, at), at, may_name=False))
