"""FastAPI on uvicorn, uvloop and httptools, answering on the event loop: its fastest way."""

import work
from fastapi import FastAPI, Request
from fastapi.responses import Response

work.init()
app = FastAPI()

if work.IS_OF_BYTES:

    @app.post("/score")
    async def score(request: Request):
        """Answers bytes."""
        return Response(work.run_bytes(await request.body()), media_type="application/octet-stream")

else:

    @app.post("/score")
    async def score(request: Request):
        """Answers JSON."""
        return work.run_text(await request.body())
