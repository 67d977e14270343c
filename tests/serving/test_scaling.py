"""How many instances a deployment should have, by its settings and what the gateway counts."""

import pytest

from lazulite.errors import BadRequest
from lazulite.serving.scaling import Scale, Scaler, scale_of

MOVING = Scale(1, 4, target=0.5, interval_s=1.0)


def counts(requests=0, busy_s=0.0, in_flight=0, waiting=0):
    return {"requests": requests, "busy_s": busy_s, "in_flight": in_flight, "waiting": waiting}


def wishes(scale, *seen, concurrency=1):
    """Returns what is wished for, second by second."""
    scaler = Scaler()
    return [scaler.wish("e/d", scale, concurrency, one, float(now)) for now, one in enumerate(seen)]


def test_more_at_once_and_fewer_when_it_has_been_calm():
    busy = [counts(0), counts(10, 1.0), *(counts(10, 1.0) for _ in range(6))]
    assert wishes(MOVING, *busy) == [None, 2, 2, 2, 2, 2, 1, 1]
    assert wishes(MOVING, counts(0), counts(99, 50.0)) == [None, 4], "never over the most"
    assert wishes(MOVING, counts(0), counts(10, 3.0), concurrency=2) == [None, 3]


def test_a_gateway_that_counts_anew_is_no_load():
    assert wishes(MOVING, counts(50, 9.0), counts(0, 0.0), counts(0, 0.0)) == [None, None, 1]


def test_who_is_not_asked_sleeps_and_who_is_does_not():
    sleepy = Scale(1, 1, idle_s=2.0)
    assert wishes(sleepy, counts(5), counts(5), counts(5)) == [None, None, 0]
    assert wishes(sleepy, counts(5), counts(6), counts(6), counts(6)) == [None, None, None, 0]
    assert wishes(sleepy, counts(5), counts(5, in_flight=1), counts(5, in_flight=1), counts(6)) == [None] * 4


def test_settings_are_read_with_azures_defaults():
    moving = {"scaleSettings": {"scaleType": "TargetUtilization", "minInstances": 0, "maxInstances": 3}}
    assert scale_of({}, 2) == Scale(2, 2)
    assert scale_of(moving, 1) == Scale(0, 3, 0.7, 1.0, 600.0)
    assert scale_of({"properties": {"lazulite.idleTimeout": "PT5M"}}, 1) == Scale(1, 1, idle_s=300.0)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"scaleType": "Auto"}, "Default or TargetUtilization"),
        ({"scaleType": "TargetUtilization", "minInstances": 3, "maxInstances": 2}, "less than minInstances"),
        ({"scaleType": "TargetUtilization", "targetUtilizationPercentage": 0}, "from 1 to 100"),
        ({"scaleType": "TargetUtilization", "pollingInterval": "often"}, "must be a duration"),
    ],
)
def test_settings_that_cannot_be_are_refused(given, reason):
    with pytest.raises(BadRequest, match=reason):
        scale_of({"scaleSettings": given}, 1)
