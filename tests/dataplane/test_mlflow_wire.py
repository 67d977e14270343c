"""MLflow's wire: error codes, numbers, tokens; nothing that a client may send fails the platform."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lazulite import errors
from lazulite.dataplane import mlflow
from lazulite.dataplane.mlflow import wire
from lazulite.errors import BadRequest, LazuliteError
from lazulite.tracking import runs


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (errors.NotFound("x"), "RESOURCE_DOES_NOT_EXIST", 404),
        (errors.Conflict("x"), "RESOURCE_ALREADY_EXISTS", 400),
        (errors.BadRequest("x"), "INVALID_PARAMETER_VALUE", 400),
        (errors.InvalidName("x"), "INVALID_PARAMETER_VALUE", 400),
        (errors.Unauthorized("x"), "UNAUTHENTICATED", 401),
        (errors.Forbidden("x"), "PERMISSION_DENIED", 403),
        (errors.NotImplementedHere("x"), "NOT_IMPLEMENTED", 501),
        (errors.Unavailable("x"), "TEMPORARILY_UNAVAILABLE", 503),
        (errors.TooLarge("x"), "BAD_REQUEST", 413),
        (errors.LazuliteError("x"), "INTERNAL_ERROR", 500),
    ],
)
def test_errors_have_mlflows_codes(error, code, status):
    reply = wire.refuse(error)
    assert (reply.status, reply.body) == (status, {"error_code": code, "message": "x"})


def test_every_status_of_azure_is_one_of_mlflows_and_back():
    for azure in runs.STATUSES:
        assert azure in wire.STATUSES[wire.status_of(azure)]
    for name in wire.STATUSES:
        assert wire.status_of(wire.status_from({"status": name})) == name


@pytest.mark.parametrize("given_", [0.5, "NaN", "Infinity", "-Infinity", 1e308, 3, "2.5"])
def test_numbers_go_out_as_they_came_in(given_):
    value = wire.number({"value": given_}, "value")
    assert str(wire.shown(value)) in (str(given_), str(float(given_)))


@pytest.mark.parametrize("given_", [None, True, "x", [], {}, "1" * 400 + "x"])
def test_what_is_no_number_is_refused(given_):
    with pytest.raises(BadRequest):
        wire.number({"value": given_}, "value")


@pytest.mark.parametrize(
    ("given_", "value"), [(5, 5), ("5", 5), (5.0, 5), (None, 7), ("-3", -3), (-(1 << 63), -(1 << 63))]
)
def test_whole_numbers_may_come_as_text(given_, value):
    assert wire.whole({"step": given_}, "step", 7) == value


@pytest.mark.parametrize("given_", [1 << 63, 0.5, "x", True, [], math.inf, "９" * 30])
def test_what_is_no_whole_number_is_refused(given_):
    with pytest.raises(BadRequest):
        wire.whole({"step": given_}, "step")


def test_page_tokens_are_read_back_and_others_refused():
    token = wire.page("runs", [1, 2, 3], 10, 2).body["next_page_token"]
    assert wire.offset_of({"page_token": token}) == 12
    assert "next_page_token" not in wire.page("runs", [1, 2], 10, 2).body
    for bad in ("x", wire.sealed(-5), wire.sealed(1 << 70), wire.sealed([]), "\N{SNOWMAN}", "=" * 500, "W1tb" * 999):
        with pytest.raises(BadRequest, match="page_token"):
            wire.offset_of({"page_token": bad})


SCALARS = st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.floats() | st.text(max_size=8)
NAMES = (
    "run_id run_uuid experiment_id experiment_ids name new_name key value tags params metrics models datasets "
    "dataset model_json status end_time start_time timestamp step filter order_by max_results page_token "
    "run_view_type view_type source version stage alias model_id source_run_id metric_key path field_name "
    "dataset_name description digest"
)
FIELDS = st.sampled_from(NAMES.split())
KNOWN = st.sampled_from(["0", "known", "digits", "1", "ACTIVE_ONLY", "FINISHED", "metrics.a > 1", "runs:/known/x"])
VALUES = st.recursive(
    SCALARS | KNOWN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
)
ROUTES = [route for part in mlflow.PARTS for route in part.ROUTES if "/api/2.0/mlflow/" in route.template]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.template.rpartition('mlflow/')[2]}")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(body=st.dictionaries(FIELDS, VALUES, max_size=6))
def test_no_body_and_no_query_fails_the_platform(tracking, route, body):
    path = route.template.rpartition("/api/2.0/mlflow/")[2].replace("{model}", "m-1").replace("{key}", "k")
    query = "&".join(f"{name}={value}" for name, value in body.items() if isinstance(value, str) and value.isalnum())
    try:
        tracking.ask(route.method, f"{path}?{query}", None if route.method == "GET" else body)
    except LazuliteError as error:
        assert error.status < 500
