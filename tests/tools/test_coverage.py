"""What coverage counts, on the installed SDK, and how it judges an operation."""

import pytest

from lazulite.http.call import Reply
from lazulite.http.routes import Route, Router
from tools import coverage, storage
from tools.coverage import Operation


def handle(call, parts):
    return Reply()


ROUTER = Router(
    [
        Route("GET", "/things/{name}", handle),
        Route("PUT", "/things/{name}", handle, partial="no tags"),
        Route("GET", "/{rest:path}", handle),
    ]
)


def verdict(method, template):
    return coverage._verdict(coverage.answer(ROUTER, Operation("group", "name", method, template)))


@pytest.mark.parametrize(
    ("method", "template", "said"),
    [
        ("GET", "/things/{thingName}", "Full"),
        ("GET", "/Things/{thingName}", "Full"),
        ("PUT", "/things/{thingName}", "Partial: no tags"),
        ("DELETE", "/things/{thingName}", "None"),
        ("GET", "/things/{thingName}/parts", "None"),  # the route that takes anything does not count
        ("GET", "/things/all", "None"),  # nor one that takes a word for a name
    ],
)
def test_an_operation_is_full_partial_or_none(method, template, said):
    assert verdict(method, template) == said


@pytest.mark.parametrize("client", [name for name, _, _ in coverage.CLIENTS])
def test_every_operation_of_the_sdk_is_read_whole(client):
    found = coverage.operations(client)
    assert found
    for operation in found:
        assert operation.group and operation.name and operation.template.startswith("/"), operation
        assert operation.method in ("GET", "PUT", "POST", "PATCH", "DELETE"), operation


def test_operations_bear_the_sdks_own_names():
    found = {(one.group, one.name, one.method) for one in coverage.operations("arm_ml_service")}
    assert ("online_deployments", "get_logs", "POST") in found
    assert ("model_versions", "create_or_update", "PUT") in found


def test_the_counts_add_up():
    rows = [line.split("|")[2:6] for line in coverage.text().splitlines() if line.startswith("| ") and "**" not in line]
    counts = [[int(cell) for cell in row] for row in rows if all(cell.strip().isdecimal() for cell in row)]
    assert len(counts) == len(coverage.CLIENTS) + 1  # and blob storage
    for total, *parts in counts:
        assert total == sum(parts)


def test_storage_operations_are_told_apart_by_what_the_table_cannot_see():
    answered = {(one.group, one.name): storage.is_answered(one) for one in storage.operations()}
    assert answered["block_blob", "stage_block"] and not answered["block_blob", "stage_block_from_url"]
    assert answered["blob", "set_http_headers"] and not answered["page_blob", "resize"]
    assert answered["service", "submit_batch"] and answered["container", "get_account_info"]
    assert answered["container", "list_blob_flat_segment"] and not answered["blob", "acquire_lease"]
