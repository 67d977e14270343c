"""Granian's own interface, RSGI, without a framework."""

import json

import work

work.init()


async def app(_scope, protocol):
    """Answers one request."""
    body = await protocol()
    if work.IS_OF_BYTES:
        protocol.response_bytes(200, [("content-type", "application/octet-stream")], work.run_bytes(body))
    else:
        answer = json.dumps(work.run_text(body)).encode()
        protocol.response_bytes(200, [("content-type", "application/json")], answer)
