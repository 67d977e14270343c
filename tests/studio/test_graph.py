"""How steps are laid out, which needs no browser."""

from lazulite.studio import graph
from lazulite.studio.graph import Step


def steps(**after: tuple[str, ...]) -> dict[str, Step]:
    return {name: Step(name, name, "", "off", "/", before) for name, before in after.items()}


def test_each_step_stands_right_of_all_that_it_takes_something_from() -> None:
    found = graph.layers(steps(a=(), b=("a",), c=("a",), d=("b", "c"), e=("a", "d")))
    assert [sorted(column) for column in found] == [["a"], ["b", "c"], ["d"], ["e"]]


def test_a_circle_and_a_step_that_is_not_there_stop_nothing() -> None:
    found = graph.layers(steps(a=("b",), b=("a",), c=("gone",)))
    assert sorted(name for column in found for name in column) == ["a", "b", "c"]


def test_groups_are_as_large_as_what_is_in_them_and_names_are_text() -> None:
    inner = steps(x=(), y=("x",))
    outer = Step("group", "<b>", "", "good", "/", within=inner)
    drawn = graph.draw({"group": outer})
    assert drawn.count('class="node') == 2 and "&lt;b&gt;" in drawn and "<b>" not in drawn
