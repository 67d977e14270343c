"""What a run logged besides numbers: pictures, tables, and the charts that SDK v1 describes as JSON."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from lazulite.errors import LazuliteError
from lazulite.studio import places, records
from lazulite.studio import shown as s
from lazulite.studio.html import Child, Html, a, div, img, join, path_, rect, span, svg, table, tbody, td, text_, th, tr
from lazulite.studio.run import Run

_FOLDERS = ("", "images", "outputs")  # where SDK v1 and MLflow put pictures
_MOST_PICTURES, _MOST_ROWS, _MOST_BYTES = 120, 200, 4 << 20
# Source: azureml-core 1.61 core/_metrics.py: cells of these kinds name a file that has the value.
_FILE = "aml://artifactId/"
_TABLES = "mlflow.loggedArtifacts"  # Source: mlflow 3 utils/mlflow_tags.py, MLFLOW_LOGGED_ARTIFACTS
# Source: mlflow 3 tracking/client.py, log_image: key%step%1%timestamp%2%uuid.png, with `+` where `%` is not allowed.
_STEPPED = re.compile(
    r"(?P<key>.+)[%+]step[%+](?P<step>\d+)[%+]timestamp[%+]\d+[%+][^%+]+?(?P<small>[%+]compressed)?\.\w+"
)
_SHADES, _SIDE = 10, 260


def show(found: Run) -> Html | None:
    """Shows all that a run logged besides numbers; None where that is nothing."""
    cells = records.cells(found.visit, found.name)
    named = {path: key for key, kind, rows in cells if kind.endswith(".image") for path in _files(found, rows)}
    cards = [
        *(_card(found, key, kind, rows) for key, kind, rows in cells if not kind.endswith(".image")),
        *(_mlflow_table(found, path) for path in _mlflow_tables(found)),
        _pictures(found, named),
    ]
    shown = [card for card in cards if card]
    return join(*shown) if shown else None


def _pictures(found: Run, named: Mapping[str, str]) -> Html | None:
    """Shows the pictures at the top of a run's artifacts and in a few folders. named: those that have other names."""
    listed = {**named, **{path: _title(path) for path in _lying(found) if path not in named and _title(path)}}
    pictures = [_picture(found, path, title) for path, title in list(listed.items())[:_MOST_PICTURES]]
    return s.card("Images", div(pictures, class_="gallery")) if pictures else None


def _lying(found: Run) -> Iterator[str]:
    for folder in _FOLDERS:
        try:
            listing = places.listed(places.find(found.visit, places.below(found.artifacts, folder)))
        except LazuliteError:
            continue
        yield from (f"{folder}/{one.name}".strip("/") for one in listing.entries if one.is_image)


def _title(path: str) -> str:
    """Returns what stands below a picture, "" for the small copies that MLflow makes."""
    name = path.rpartition("/")[2]
    stepped = _STEPPED.fullmatch(name)
    if not stepped:
        return name
    return "" if stepped["small"] else f"{stepped['key'].replace('#', '/')} · step {stepped['step']}"


def _picture(found: Run, path: str, title: str) -> Html:
    source = places.raw(found.visit, places.below(found.artifacts, path))
    picture = img(src=source, alt=title, loading="lazy", decoding="async")
    return a(picture, span(title), href=found.link(tab="files", path=path), title=path, data_key=path)


def _files(found: Run, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Lists the paths below the run's artifacts that cells name."""
    own = f"{_FILE}ExperimentRun/dcid.{found.name}/"
    for row in rows:
        yield from (str(value).removeprefix(own) for value in row.values() if str(value).startswith(own))


def _card(found: Run, key: str, kind: str, rows: Sequence[Mapping[str, Any]]) -> Html:
    path = next(_files(found, rows), "")
    if not path:
        return s.card(key, _table(rows), class_="flush")
    told = _read(found, path)
    draw = _DRAWN.get(kind.rpartition(".")[2])
    try:
        shown = draw(told["data"]) if draw else None
    except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError):
        shown = None  # not as its schema says
    link = a("Open", href=found.link(tab="files", path=path), class_="button quiet")
    return s.card(key, shown or (s.json_source(told) if told else s.muted("The file is gone.")), beside=link)


def _read(found: Run, path: str) -> dict[str, Any]:
    """Returns the object in a file of JSON that the run logged, {} where there is none, or too large a one."""
    try:
        file = places.find(found.visit, f"{found.artifacts}/{quote(path)}")
        told = json.loads(file.read_bytes()) if file.stat().st_size <= _MOST_BYTES else {}
    except (LazuliteError, OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _mlflow_tables(found: Run) -> list[str]:
    """Lists the tables that `mlflow.log_table` wrote, which a tag of the run tells of."""
    tag = next((one["value"] for one in found.tracked["data"]["tags"] if one["key"] == _TABLES), "[]")
    try:
        told = json.loads(tag)
    except ValueError:
        return []
    return [str(one["path"]) for one in told if isinstance(one, dict) and one.get("type") == "table" and "path" in one]


def _mlflow_table(found: Run, path: str) -> Html | None:
    told = _read(found, path)
    columns, data = told.get("columns"), told.get("data")
    if not isinstance(columns, list) or not isinstance(data, list):
        return None
    rows = [dict(zip(map(str, columns), row, strict=False)) for row in data if isinstance(row, list)]
    link = a("Open", href=found.link(tab="files", path=path), class_="button quiet")
    return s.card(path, _table(rows), beside=link, class_="flush")


def _table(rows: Sequence[Mapping[str, Any]]) -> Html:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    listed = [s.row(*(_cell(row.get(column)) for column in columns)) for row in rows[:_MOST_ROWS]]
    more = s.muted(f"The first {_MOST_ROWS} of {len(rows)} rows.") if len(rows) > _MOST_ROWS else None
    return join(s.grid(columns, listed, empty=s.muted("No rows."), class_="dense"), more)


def _cell(value: object) -> Child:
    if isinstance(value, float):
        return s.number(value)
    return "" if value is None else json.dumps(value) if isinstance(value, dict | list) else str(value)


def _confusion(data: Mapping[str, Any]) -> Html:
    """Draws a confusion matrix: true classes down, predicted ones across, each row shaded by its shares."""
    names, matrix = [str(name) for name in data["class_labels"]], data["matrix"]
    head = tr(th("true ↓  predicted →"), [th(name) for name in names])
    rows = []
    for name, counts in zip(names, matrix, strict=True):
        total = sum(counts) or 1
        cells = [
            td(count, class_=f"h{round(_SHADES * count / total)}", title=f"{name}: {count / total:.1%}")
            for count in counts
        ]
        rows.append(tr(th(name), cells))
    return div(table(tbody(head, rows), class_="matrix"), class_="scroll")


def _accuracy(data: Mapping[str, Any]) -> Html:
    """Draws the receiver operating curve and precision over recall, a line for each class.

    data.probability_tables: for each class and threshold, [true positives, false positives, true and false negatives].
    """
    classes = [str(name) for name in data["class_labels"]]
    rates: list[list[tuple[float, float]]] = []
    precisions: list[list[tuple[float, float]]] = []
    for counts in data["probability_tables"]:
        rates.append([(_share(fp, tn), _share(tp, fn)) for tp, fp, tn, fn in counts])
        precisions.append([(_share(tp, fn), _share(tp, fp)) for tp, fp, tn, fn in counts if tp + fp])
    keys = [
        span(svg(path_(d="M0 2h14", class_=f"curve c{n % 8}"), viewBox="0 0 14 4"), name, class_="key")
        for n, name in enumerate(classes)
    ]
    return div(
        _square("true positives over false ones", rates),
        _square("precision over recall", precisions),
        div(keys, class_="keys"),
        class_="squares chart",
    )


def _share(part: float, rest: float) -> float:
    return part / (part + rest) if part + rest else 0.0


def _square(words: str, lines: Sequence[Sequence[tuple[float, float]]]) -> Html:
    """Draws lines within 0 and 1."""
    at = [[(28 + x * (_SIDE - 40), _SIDE - 24 - y * (_SIDE - 40)) for x, y in sorted(line)] for line in lines]
    drawn = [
        path_(d="M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in line), class_=f"curve c{n % 8}")
        for n, line in enumerate(at)
        if line
    ]
    frame = rect(x=28, y=16, width=_SIDE - 40, height=_SIDE - 40, class_="frame")
    marks = [text_(0, x=20, y=_SIDE - 8), text_(1, x=_SIDE - 14, y=_SIDE - 8), text_(1, x=18, y=20)]
    told = text_(words, x=28 + (_SIDE - 40) / 2, y=_SIDE - 8, class_="axis")
    return svg(frame, drawn, marks, told, viewBox=f"0 0 {_SIDE} {_SIDE}", role="img", aria_label=words, class_="square")


def _residuals(data: Mapping[str, Any]) -> Html:
    """Shows how many residuals lie between each two edges."""
    edges, counts = data["bin_edges"], data["bin_counts"]
    rows = [{"from": low, "to": high, "count": n} for low, high, n in zip(edges, edges[1:], counts, strict=False)]
    return _table(rows)


def _predictions(data: Mapping[str, Any]) -> Html:
    """Shows the mean prediction of each bin of true values, with its error."""
    columns = ("bin_edges", "bin_averages", "bin_errors", "bin_counts")
    edges, averages, errors, counts = (data[name] for name in columns)
    bins = zip(edges, edges[1:], averages, errors, counts, strict=False)
    return _table(
        [
            {"true, from": low, "to": high, "predicted": mean, "error": error, "count": n}
            for low, high, mean, error, n in bins
        ]
    )


_DRAWN = {
    "confusion_matrix": _confusion,
    "accuracy_table": _accuracy,
    "residuals": _residuals,
    "predictions": _predictions,
}
