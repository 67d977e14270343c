"""The route tree: case, variables, rests, methods, and what is unknown."""

import pytest

from lazulite.errors import BadRequest, MethodNotAllowed, NotImplementedHere
from lazulite.http.call import Call, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route, Router


def handler(call: Call, parts: Parts) -> Reply:
    return Reply()


ROUTER = Router(
    [
        Route("GET", "/subscriptions/{sub}/resourceGroups/{group}", handler),
        Route("PUT", "/subscriptions/{sub}/resourceGroups/{group}", handler),
        Route("GET", "/subscriptions/{sub}/providers", handler),
        Route("GET", "/files/{rest:path}", handler),
    ]
)


def test_literals_ignore_case_and_variables_keep_it() -> None:
    route, ids = ROUTER.find("GET", "/SUBSCRIPTIONS/Ab/resourcegroups/Rg/")
    assert route.template == "/subscriptions/{sub}/resourceGroups/{group}"
    assert ids == {"sub": "Ab", "group": "Rg"}


def test_prefixes_that_the_sdk_leaves_in_are_dropped() -> None:
    assert ROUTER.find("GET", "/subscriptions/a/resourceGroups/azureml%3Ak8s")[1]["group"] == "k8s"


def test_a_rest_keeps_its_slashes() -> None:
    assert ROUTER.find("GET", "/files/a/b%20c")[1] == {"rest": "a/b c"}


def test_a_known_path_with_another_method_says_which_it_takes() -> None:
    with pytest.raises(MethodNotAllowed, match="takes GET, PUT, not DELETE"):
        ROUTER.find("DELETE", "/subscriptions/a/resourceGroups/b")


def test_an_unknown_path_is_not_implemented() -> None:
    with pytest.raises(NotImplementedHere, match="does not know GET /subscriptions/a/nothing"):
        ROUTER.find("GET", "/subscriptions/a/nothing")


@pytest.mark.parametrize("name", ["a%2Fb", "%00", "..", "."])
def test_variables_that_no_name_may_be_are_refused(name: str) -> None:
    with pytest.raises(BadRequest):
        ROUTER.find("GET", f"/subscriptions/{name}/providers")


def test_two_handlers_for_one_route_are_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="two routes"):
        Router([Route("GET", "/a", handler), Route("GET", "/A", handler)])
