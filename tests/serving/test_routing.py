"""The routing file: what is written is what is read, and what cannot be right is named."""

import json
import stat

import pytest

from lazulite.errors import BadRequest
from lazulite.serving import routing

FULL = routing.Routes(
    7,
    {
        "e": routing.Endpoint(
            deployments={
                "blue": routing.Deployment(
                    (
                        routing.Worker("b0", "unix:/tmp/b0.sock", 12),
                        routing.Worker("b1", "tcp:127.0.0.1:8000", slots=4),
                    ),
                    protocol="http",
                    swagger="/tmp/swagger.json",
                )
            },
            auth="aml_token",
            keys=("a", "b"),
            audience="lazulite:e",
            traffic={"blue": 90},
            mirror={"green": 10},
            cors=("https://a.example",),
        )
    },
)


def test_what_is_written_is_read(tmp_path):
    routing.write(tmp_path / "routing.json", FULL)
    assert routing.read(tmp_path / "routing.json") == FULL


def test_nobody_else_can_read_the_keys(tmp_path):
    routing.write(tmp_path / "routing.json", FULL)
    assert stat.S_IMODE((tmp_path / "routing.json").stat().st_mode) == 0o600


def test_names_are_read_in_lower_case(tmp_path):
    endpoint = routing.Endpoint({"Blue": routing.Deployment(())}, traffic={"BLUE": 100})
    routing.write(tmp_path / "routing.json", routing.Routes(1, {"My-End": endpoint}))
    read = routing.read(tmp_path / "routing.json").endpoints["my-end"]
    assert (list(read.deployments), read.traffic) == (["blue"], {"blue": 100})


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("version",), 2, "version 4"),
        (("generation",), "7", "generation"),
        (("endpoints",), [], "endpoints"),
        (("endpoints", "e"), [], "endpoints"),
        (("endpoints", "e", "auth"), "password", "auth"),
        (("endpoints", "e", "keys"), [1], "keys"),
        (("endpoints", "e", "traffic", "blue"), -1, "traffic.blue"),
        (("endpoints", "e", "deployments", "blue", "protocol"), "grpc", "protocol"),
        (("endpoints", "e", "deployments", "blue", "timeout_ms"), 1.5, "timeout_ms"),
        (("endpoints", "e", "deployments", "blue", "queue"), True, "queue"),
        (("endpoints", "e", "deployments", "blue", "workers", 0), "b0", "workers"),
        (("endpoints", "e", "deployments", "blue", "workers", 0, "address"), "http://h", "address"),
        (("endpoints", "e", "deployments", "blue", "workers", 0, "address"), "tcp:h", "address"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused_with_the_place(tmp_path, path, value, named):
    routing.write(tmp_path / "routing.json", FULL)
    content = json.loads((tmp_path / "routing.json").read_text())
    *outer, last = path
    place = content
    for name in outer:
        place = place[name]
    place[last] = value
    (tmp_path / "routing.json").write_text(json.dumps(content))
    with pytest.raises(BadRequest, match=named):
        routing.read(tmp_path / "routing.json")


def test_half_a_file_is_refused(tmp_path):
    routing.write(tmp_path / "routing.json", FULL)
    content = (tmp_path / "routing.json").read_bytes()
    (tmp_path / "routing.json").write_bytes(content[: len(content) // 2])
    with pytest.raises(BadRequest, match="not JSON"):
        routing.read(tmp_path / "routing.json")
