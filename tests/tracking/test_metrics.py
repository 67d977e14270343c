"""Points of metrics, the latest of each, pages of history; rows and tables of SDK v1."""

import itertools
import math

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lazulite.tracking import metrics
from lazulite.tracking.metrics import Cell, Point


def test_the_latest_has_the_highest_step_then_the_last_moment_then_the_highest_value(connection, run):
    points = [Point("m", 9.0, 50, 1), Point("m", 1.0, 10, 3), Point("m", 2.0, 20, 3), Point("m", 3.0, 20, 3)]
    for point in (points[3], *points):
        metrics.log(connection, run.number, [point])
    assert metrics.latest(connection, [run.number]) == {run.number: [points[3]]}


def test_an_older_point_of_a_batch_does_not_win(connection, run):
    metrics.log(connection, run.number, [Point("m", 1.0, 0, 5), Point("m", 2.0, 0, 4)])
    assert metrics.latest(connection, [run.number])[run.number] == [Point("m", 1.0, 0, 5)]


def test_numbers_that_json_lacks_survive(connection, run):
    given_ = [Point("m", value, 0, step) for step, value in enumerate((math.inf, -math.inf, math.nan, 5e-324))]
    metrics.log(connection, run.number, given_)
    values = [point.value for point in metrics.history(connection, run.number, "m")]
    assert values[:2] == [math.inf, -math.inf] and math.isnan(values[2]) and values[3] == 5e-324


def test_a_request_that_is_repeated_adds_nothing(connection, run):
    points = [Point("m", 0.5, 10, step) for step in range(3)] + [Point("m", math.nan, 10, 1)]
    for _ in range(2):
        metrics.log(connection, run.number, points)
    assert len(metrics.history(connection, run.number, "m")) == 4


def test_history_goes_on_where_a_page_has_ended(connection, run):
    points = [Point("m", float(n % 3), n % 5, n % 7) for n in range(60)]
    metrics.log(connection, run.number, points)
    whole = metrics.history(connection, run.number, "m")
    assert whole == sorted(set(points), key=lambda point: (point.step, point.at_ms, point.value))
    paged: list[Point] = []
    while page := metrics.history(connection, run.number, "m", after=paged[-1] if paged else None, limit=7):
        paged += page
    assert paged == whole


def test_a_long_history_is_sampled_evenly_with_both_ends(connection, run):
    metrics.log(connection, run.number, [Point("m", float(step), 0, step) for step in range(1000)])
    for limit in (1, 2, 7, 999, 1000, 5000):
        steps = [one.step for one in metrics.sample(connection, run.number, "m", first=0, last=999, limit=limit)]
        assert len(steps) == min(limit, 1000) and steps[-1] == 999 and (limit == 1 or steps[0] == 0)
        assert limit < 3 or max(after - before for before, after in itertools.pairwise(steps)) <= 1000 / (limit - 1) + 1
    within = metrics.sample(connection, run.number, "m", first=10, last=12, limit=100)
    assert [one.step for one in within] == [10, 11, 12]


def test_runs_and_metrics_do_not_mix(connection, run):
    metrics.log(connection, run.number, [Point("a", 1.0, 0), Point("b", 2.0, 0)])
    metrics.log(connection, run.number + 1, [Point("a", 3.0, 0)])
    assert metrics.history(connection, run.number, "a") == [Point("a", 1.0, 0)]
    assert metrics.latest(connection, [run.number, 99]) == {
        run.number: [Point("a", 1.0, 0), Point("b", 2.0, 0)],
        99: [],
    }


def test_cells_keep_their_order_and_their_data(connection, run):
    cells = [Cell("table", "azureml.v1.table", {"a": [1, None], "b": ["x"]}, 5), Cell("rows", "azureml.v1.row", [], 4)]
    for cell in cells:
        metrics.log_cells(connection, run.number, [cell])
    assert metrics.cells(connection, run.number) == cells


NUMBERS = itertools.count(1000)
POINTS = st.lists(
    st.builds(
        Point,
        st.sampled_from("ab"),
        st.floats(allow_nan=False),
        st.integers(-(1 << 62), 1 << 62),
        st.integers(-(1 << 62), 1 << 62),
    ),
    max_size=20,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(points=POINTS)
def test_any_points_come_back_as_they_went_in(connection, points):
    number = next(NUMBERS)
    metrics.log(connection, number, points)
    found = [point for key in "ab" for point in metrics.history(connection, number, key)]
    assert set(found) == set(points)
    latest = metrics.latest(connection, [number])[number]
    for point in latest:
        rank = max((one.step, one.at_ms, one.value) for one in points if one.key == point.key)
        assert (point.step, point.at_ms, point.value) == rank
