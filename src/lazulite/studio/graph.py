"""Draws steps and what flows between them as SVG: in layers from left to right, groups within groups. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lazulite.studio.html import Html, a, g, join, path_, rect, svg, text_, title_, tspan

_WIDTH, _HEIGHT = 180, 58
_GAP_X, _GAP_Y = 40, 20
_MARGIN, _HEAD = 14, 30
_LETTERS, _SMALL_LETTERS = 21, 26


@dataclass(frozen=True)
class Step:
    """A step to draw. after: the steps whose results it takes; tone: of its state.

    toggle: the address that opens or closes it, "" where there is nothing in it; within: the steps inside, if open.
    """

    name: str
    words: str
    about: str
    tone: str
    link: str
    after: Sequence[str] = ()
    is_chosen: bool = False
    toggle: str = ""
    within: Mapping[str, "Step"] = field(default_factory=dict)


@dataclass(frozen=True)
class _Drawn:
    width: float
    height: float
    content: Html


def draw(steps: Mapping[str, Step]) -> Html:
    """Returns the drawing of steps, as large as it needs to be."""
    drawn = _group(steps)
    return svg(
        drawn.content,
        width=drawn.width,
        height=drawn.height,
        viewBox=f"0 0 {drawn.width:g} {drawn.height:g}",
        role="img",
        aria_label="Graph of the pipeline",
    )


def layers(steps: Mapping[str, Step]) -> list[list[str]]:
    """Sorts steps into columns: each stands right of all that it takes something from. A circle is cut anywhere."""
    depth: dict[str, int] = {}

    def depth_of(name: str, above: frozenset[str]) -> int:
        if name not in depth:
            before = [one for one in steps[name].after if one in steps and one not in above]
            depth[name] = 1 + max((depth_of(one, above | {name}) for one in before), default=-1)
        return depth[name]

    for name in steps:
        depth_of(name, frozenset((name,)))
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in steps:
        columns[depth[name]].append(name)
    place = {name: row for column in columns for row, name in enumerate(column)}
    for column in columns[1:]:
        column.sort(key=lambda name: _middle([place[one] for one in steps[name].after if one in place]))
        place.update({name: row for row, name in enumerate(column)})
    return columns


def _middle(rows: Sequence[int]) -> float:
    return sum(rows) / len(rows) if rows else 0.0


def _group(steps: Mapping[str, Step]) -> _Drawn:
    inner = {name: _node(step) for name, step in steps.items()}
    columns = layers(steps)
    heights = [sum(inner[name].height for name in column) + _GAP_Y * (len(column) - 1) for column in columns]
    height = max(heights, default=0.0)
    at: dict[str, tuple[float, float]] = {}
    x = float(_MARGIN)
    for column, tall in zip(columns, heights, strict=True):
        y = _MARGIN + (height - tall) / 2
        for name in column:
            at[name] = (x, y)
            y += inner[name].height + _GAP_Y
        x += max(inner[name].width for name in column) + _GAP_X
    edges = [
        _edge(at[before], inner[before], at[name], inner[name])
        for name, step in steps.items()
        for before in step.after
        if before in at and before != name
    ]
    nodes = [g(inner[name].content, transform=f"translate({x:g} {y:g})") for name, (x, y) in at.items()]
    return _Drawn(x - _GAP_X + _MARGIN, height + 2 * _MARGIN, join(edges, nodes))


def _node(step: Step) -> _Drawn:
    chosen = " chosen" if step.is_chosen else ""
    if step.within:
        inside = _group(step.within)
        width, height = max(inside.width, _WIDTH), inside.height + _HEAD
        words = text_(_cut(step.words, _LETTERS), " ", tspan(step.about, class_="small"), x=14, y=20)
        box = g(
            rect(width=width, height=height, rx=10),
            a(title_(step.words), words, href=step.link),
            _toggle(step, width),
            g(inside.content, transform=f"translate(0 {_HEAD})"),
            class_=f"frame {step.tone}{chosen}",
            data_key=step.name,
        )
        return _Drawn(width, height, box)
    box = a(
        title_(f"{step.words}: {step.about}"),
        rect(width=_WIDTH, height=_HEIGHT, rx=9),
        rect(class_="strip", x=0, y=12, width=4, height=_HEIGHT - 24, rx=2),
        text_(_cut(step.words, _LETTERS), x=16, y=25),
        text_(_cut(step.about, _SMALL_LETTERS), class_="small", x=16, y=44),
        href=step.link,
    )
    return _Drawn(
        _WIDTH, _HEIGHT, g(box, _toggle(step, _WIDTH), class_=f"node {step.tone}{chosen}", data_key=step.name)
    )


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"


def _toggle(step: Step, width: float) -> Html | None:
    """Draws what opens or closes a group."""
    if not step.toggle:
        return None
    x = width - 26
    return a(
        title_(f"{'Close' if step.within else 'Open'} {step.words}"),
        rect(x=x, y=6, width=18, height=18, rx=5),
        text_("−" if step.within else "+", x=x + 9, y=20),
        href=step.toggle,
        class_="toggle",
    )


def _edge(begin: tuple[float, float], source: _Drawn, end: tuple[float, float], target: _Drawn) -> Html:
    x1, y1 = begin[0] + source.width, begin[1] + source.height / 2
    x2, y2 = end[0], end[1] + target.height / 2
    bend = max(24.0, (x2 - x1) / 2)
    return path_(class_="edge", d=f"M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}")
