"""The routing table: who answers, who waits how long, and whose pages may call."""

from datetime import datetime, timezone
from pathlib import Path

import pytest

from lazulite.ids import WorkspaceId
from lazulite.serving import wanted
from lazulite.serving.crew import Crew, Member
from lazulite.serving.table import table
from lazulite.serving.wanted import Wanted, WantedEndpoint
from lazulite.serving.workers import Worker, WorkerSpec, WorkerState

HERE = WorkspaceId("sub", "rg", "ws")
NOW = datetime(2026, 1, 31, tzinfo=timezone.utc)


def endpoint(auth: str = "Key", **more: object) -> WantedEndpoint:
    given = {"keys": ("k1", "k2"), "traffic": {"blue": 100}, "mirror": {}, **more}
    return WantedEndpoint(HERE, "Ep", auth, **given)  # type: ignore[arg-type]


def deployment(
    generation: int = 3, first: int = 1, live: int = 3, variables: dict[str, str] | None = None, **properties: object
) -> Wanted:
    body = {"sku": {"capacity": 2}, "properties": {"environmentVariables": variables or {}, **properties}}
    return Wanted(HERE, "Ep", "Blue", wanted.spec_of(body), generation, first, live, "Succeeded", "operation")


def workers(generation: int, *kinds: str) -> Crew:
    members = []
    for number, kind in enumerate(kinds):
        folder = Path(f"/w/{number}")
        spec = WorkerSpec(f"w{number}", folder, folder / "s", folder / "c", folder / "p", folder, {})
        members.append(Member(spec, Worker(spec, 100 + number), NOW, WorkerState(kind, NOW)))  # type: ignore[arg-type]
    return Crew(generation, members)


def test_only_ready_workers_of_the_live_generation_answer() -> None:
    crews = {"ep/blue": workers(3, "ready", "starting", "dead", "ready")}
    routes = table([endpoint()], [deployment()], crews)["ep"].deployments["blue"]
    assert [worker.id for worker in routes.workers] == ["w0", "w3"]


def test_a_crew_of_a_deleted_deployment_does_not_answer_for_its_successor() -> None:
    crews = {"ep/blue": workers(3, "ready")}
    routes = table([endpoint()], [deployment(generation=9, first=9, live=0)], crews)["ep"].deployments["blue"]
    assert routes.workers == ()


@pytest.mark.parametrize("asked_for", [4, 5], ids=["not yet recorded", "another asked for meanwhile"])
def test_a_new_generation_answers_from_the_moment_it_is_ready(asked_for: int) -> None:
    crews = {"ep/blue": workers(4, "ready")}
    routes = table([endpoint()], [deployment(generation=asked_for, live=3)], crews)["ep"].deployments["blue"]
    assert len(routes.workers) == 1


def test_azures_queue_holds_twice_what_may_be_worked_on() -> None:
    crews = {"ep/blue": workers(3, "ready", "ready")}
    scarce = table([endpoint()], [deployment()], crews)["ep"].deployments["blue"]
    assert (scarce.queue, scarce.max_wait_ms) == (2, 500)
    settings = {"maxConcurrentRequestsPerInstance": 50, "requestTimeout": "PT30S"}
    wide = table([endpoint()], [deployment(requestSettings=settings)], crews)["ep"].deployments["blue"]
    assert (wide.queue, wide.max_wait_ms) == (198, 30_000)


@pytest.mark.parametrize(
    ("mode", "auth", "keys", "audience"),
    [
        ("Key", "key", ("k1", "k2"), "https://ml.azure.com"),
        ("AMLToken", "aml_token", (), wanted.token_audience(HERE, "Ep")),
        ("AADToken", "aad_token", (), "https://ml.azure.com"),
    ],
)
def test_each_auth_mode_opens_by_its_own_means(mode: str, auth: str, keys: tuple[str, ...], audience: str) -> None:
    found = table([endpoint(mode)], [], {})["ep"]
    assert (found.auth, found.keys, found.audience) == (auth, keys, audience)


def test_pages_may_call_from_the_origins_that_a_deployment_names() -> None:
    routes = table(
        [endpoint()], [deployment(variables={"AML_CORS_ORIGINS": "https://a.example, https://b.example"})], {}
    )
    assert routes["ep"].cors == ("https://a.example", "https://b.example")
    assert table([endpoint()], [deployment()], {})["ep"].cors == ()
