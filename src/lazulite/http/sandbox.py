"""Keeps what users stored from running beside Studio: a browser gives such answers no origin of their own."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Source: w3.org/TR/CSP3, the directive sandbox: a document that is shown has a unique origin and runs no script.
_HEADERS = (
    (b"content-security-policy", b"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"),
    (b"x-content-type-options", b"nosniff"),
)


def sandboxed(app: ASGIApp) -> ASGIApp:
    """Wraps the app of a mount that shares Studio's address: blobs and artifacts are anything that users wrote."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        await app(scope, receive, send_on)

    return answer
