"""Containers of a real engine while nothing may leave this machine."""

from pathlib import Path

import pytest
from azure.ai.ml.entities import BuildContext, Environment
from azure.core.exceptions import HttpResponseError

from tests.conftest import Platform
from tests.containers.conftest import RealEngine
from tests.containers.test_engine_real import ROUTES, Endpoint, containers, endpoint, image, running, until

__all__ = ["endpoint", "running"]  # fixtures
pytestmark = pytest.mark.slow

BOX = "/bin/busybox"
# Asks for somebody outside all the time, with the proxy and without one; shows what came of it.
LEAVER = r"""
BOX=/bin/busybox
while true; do
  $BOX nc -w 2 192.0.2.1 80 < /dev/null > /www/bare 2>&1
  $BOX printf "CONNECT example.org:443 HTTP/1.1\r\n\r\n" | $BOX nc -w 2 127.0.0.1 ${HTTPS_PROXY##*:} > /www/proxied
  $BOX sleep 1
done &
exec $BOX httpd -f -p 8123 -h /www
"""


def refused(platform: Platform) -> set[tuple[str, int, str]]:
    status = platform.status() or {}
    return {(one["host"], one["port"], one["who"]) for one in status["refused"]}  # type: ignore[attr-defined]


def test_containers_and_builds_reach_the_platform_and_nobody_else(
    real_engine: RealEngine, running: Platform, endpoint: Endpoint, tmp_path: Path
) -> None:
    own = image(tmp_path / "own", real_engine.base, "there", f"{BOX} sh /www/leave.sh")
    (own / "www" / "leave.sh").write_text(LEAVER)
    environment = Environment(build=BuildContext(path=str(own)), inference_config=ROUTES)
    endpoint.put(environment)
    open_one = containers(real_engine, running)
    running.kill()
    running.flags = ("--private-network",)
    running.start()
    until(lambda: containers(real_engine, running) not in ([], open_one) and endpoint.get("/score").status_code == 200)
    who = f"{endpoint.name} blue"
    until(lambda: {("192.0.2.1", 80, who), ("example.org", 443, who)} <= refused(running))
    until(lambda: "403 example.org:443 is outside" in endpoint.get("/proxied").text)
    until(lambda: "refused" in endpoint.get("/bare").text)
    assert endpoint.get("/score").text == "there"
    # What an engine would fetch by itself, whatever network a build's steps have.
    absent = image(tmp_path / "absent", "quay.io/lazulite/absent:1", "absent", "true")
    with pytest.raises(HttpResponseError, match=r"quay\.io is outside the private network"):
        endpoint.put(Environment(build=BuildContext(path=str(absent)), inference_config=ROUTES))
    with (own / "Dockerfile").open("a") as file:
        file.write("\nADD https://data.example.org/weights.bin /weights\n")
    with pytest.raises(HttpResponseError, match=r"adds https://data\.example\.org/weights\.bin"):
        endpoint.put(Environment(build=BuildContext(path=str(own)), inference_config=ROUTES))
    with pytest.raises(HttpResponseError, match="is not here, and registry-1"):
        endpoint.put(Environment(image="lazulite/absent:1", inference_config=ROUTES))
    assert {("quay.io", 443, who), ("registry-1.docker.io", 443, who)} <= refused(running)
    (own / "Dockerfile").write_text(
        f"FROM {real_engine.base}\nRUN ['{BOX}', 'wget', 'http://192.0.2.9/']\n".replace("'", '"')
    )
    with pytest.raises(HttpResponseError, match="build` failed"):
        endpoint.put(Environment(build=BuildContext(path=str(own)), inference_config=ROUTES))
    assert endpoint.get("/score").text == "there", "what ran goes on"
