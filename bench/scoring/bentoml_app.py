"""BentoML, one worker: its own interface for JSON, and a mounted application for bytes, its cheapest way."""

from typing import Any

import bentoml
import work
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def score(request: Request):
    """Answers bytes."""
    return Response(work.run_bytes(await request.body()))


if work.IS_OF_BYTES:

    @bentoml.asgi_app(Starlette(routes=[Route("/score", score, methods=["POST"])]))
    @bentoml.service(workers=1)
    class Scoring:
        """Answers bytes."""

        def __init__(self):
            work.init()

else:

    @bentoml.service(workers=1)
    class Scoring:
        """Answers rows."""

        def __init__(self):
            work.init()

        @bentoml.api(route="/score")
        def score(self, data: list) -> Any:
            """Answers what the other servers answer."""
            return work.run_rows(data)
