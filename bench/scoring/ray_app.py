"""Ray Serve, one replica."""

import json
import os
import signal

import ray
import work
from ray import serve
from starlette.requests import Request
from starlette.responses import Response


@serve.deployment(num_replicas=1, max_ongoing_requests=100, ray_actor_options={"num_cpus": 0.5})
class Scoring:
    """Answers on the replica's event loop."""

    def __init__(self):
        work.init()

    async def __call__(self, request: Request):
        """Answers one request."""
        body = await request.body()
        if work.IS_OF_BYTES:
            return Response(work.run_bytes(body))
        return Response(json.dumps(work.run_text(body)), media_type="application/json")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: exit())
    ray.init(
        _node_ip_address="127.0.0.1", num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False
    )
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(os.environ["BENCH_PORT"])},
        logging_config={"log_level": "WARNING", "enable_access_log": False},
    )
    serve.run(Scoring.bind(), name="bench", route_prefix="/score")
    while True:
        signal.pause()
