"""A platform's port in a thread of the test's process, with an app that tells what it was asked."""

import asyncio
import dataclasses
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop

from lazulite import settings
from lazulite.edge import listen
from lazulite.identity.authority import Authority


async def echo(scope, receive, send):
    """Answers with the scope and the body; `/slow` first waits for the test to let it go."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if scope["path"] == "/slow":
        await asyncio.sleep(0.3)
    seen = {
        "scheme": scope["scheme"],
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode(),
        "headers": {name.decode(): value.decode() for name, value in scope["headers"]},
        "size": len(body),
    }
    content = json.dumps(seen).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


class Running:
    """A listener on a loop of its own thread, where `call` runs coroutines. told: its settings, port and all."""

    def __init__(self, told, app, environ):
        self.loop = uvloop.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.authority = Authority.open(told.home, {})
        self.listener = self.call(listen.start(told, self.authority, app, environ))
        self.port = self.listener.port
        self.told = dataclasses.replace(told, port=self.port)
        self.bundle = str(self.authority.bundle)
        self.url = f"http://127.0.0.1:{self.port}"
        self.proxies = {"http": self.url, "https": self.url}

    def call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def close(self, grace_s=1.0):
        if self.thread.is_alive():
            self.call(self.listener.close(grace_s))
            self.told.sockets.rmdir()
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join()
            self.loop.close()


@contextmanager
def running(home, app_of=lambda told: echo, environ=None, **given) -> Iterator[Running]:
    """Serves an app on a free port until the end of the block. app_of: makes it; environ: the platform's own."""
    told = settings.read({}, home=home, **{"port": 0, **given})
    front = Running(told, app_of(told), environ or {})
    try:
        yield front
    finally:
        front.close()
