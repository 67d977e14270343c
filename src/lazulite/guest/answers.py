"""What a scoring worker answers to each path and method, by the rules of Azure's inference server.

Source: azureml-inference-server-http 1.5.1 server/routes.py; its answers stand in tests/guest/test_answers.py.
"""

from __future__ import annotations

import sys
import time
from typing import Any, Callable, NamedTuple
from urllib.parse import parse_qs

from . import failure, inputs, outputs
from .calls import CalledOff, Calls
from .console import Console
from .frames import Request
from .heads import Head, environ
from .outputs import Response
from .script import Script
from .standins.request import Request as PlainRequest
from .swagger import NoSwagger, Swagger

_SCORE_METHODS = ("POST", "GET", "HEAD", "OPTIONS")
_READ_METHODS = ("GET", "HEAD")
_DEFAULT_VERSION = "2"
_NOT_ALLOWED = "The method is not allowed for the requested URL."
_NOT_FOUND = (
    "The requested URL was not found on the server. If you entered the URL manually please check your spelling and "
    "try again."
)


class Answer(NamedTuple):
    """A response, and how many microseconds run() took; None when it was not called or raised."""

    response: Response
    run_us: int | None = None


class Answers:
    """Answers requests with one script. exit: set once run() called sys.exit, which ends the worker."""

    def __init__(self, script: Script, swagger: Swagger, calls: Calls, console: Console, app_root: str) -> None:
        self.exit: SystemExit | None = None
        self._script = script
        self._swagger = swagger
        self._calls = calls
        self._console = console
        self._app_root = app_root
        self._read = inputs.reader(script)
        self._is_raw = script.kind == "raw"
        self._flask_app: Any = None

    def answer(self, head: Head, request: Request) -> Answer:
        """Answers one request. Raises CalledOff; whatever else goes wrong in the script becomes an answer."""
        if head.path == "/score" and head.method in _SCORE_METHODS:
            if self._is_raw or "flask" in sys.modules:
                return self._score_in_context(head, request)
            return self._score(head, request, lambda: environ(head, request.body, request.id))
        if head.path not in ("/", "/swagger.json", "/score"):
            return Answer(outputs.refusal(404, _NOT_FOUND))
        if head.method == "OPTIONS":
            return Answer(outputs.allowing("OPTIONS, GET, HEAD"))
        if head.method not in _READ_METHODS or head.path == "/score":
            return Answer(outputs.refusal(405, _NOT_ALLOWED))
        return Answer(outputs.own_text("Healthy") if head.path == "/" else self._describe(head))

    def _score_in_context(self, head: Head, request: Request) -> Answer:
        """Scores with what Flask keeps per request (flask.request, current_app) at hand, for scripts that use Flask."""
        wsgi = environ(head, request.body, request.id)
        if "flask" not in sys.modules:
            return self._score(head, request, lambda: wsgi, PlainRequest(wsgi))
        if self._flask_app is None:
            self._flask_app = sys.modules["flask"].Flask("azmlinfsrv", root_path=self._app_root, static_folder=None)
            self._flask_app.add_url_rule("/score", "main.handle_score", methods=_SCORE_METHODS)
        with self._flask_app.request_context(wsgi) as context:
            return self._score(head, request, lambda: wsgi, context.request)

    def _score(self, head: Head, request: Request, wsgi: Callable[[], dict[str, Any]], asked: Any = None) -> Answer:
        try:
            arguments = {self._script.parameters[0].name: asked} if self._is_raw else self._read(head, request)
        except inputs.Refused as refused:
            # Pages of other origins ask with OPTIONS; whether they may go on is for the gateway to say.
            is_question = head.method == "OPTIONS" and refused.status == 405
            return Answer(outputs.empty() if is_question else outputs.refusal(refused.status, refused.message))
        began = time.perf_counter()
        try:
            output = self._calls.run(self._script.run, **arguments)
            run_us = int((time.perf_counter() - began) * 1e6)
            return Answer(outputs.response_to(output, wsgi), run_us)
        except outputs.Unsendable as error:
            self._console.error(str(error))
            return Answer(outputs.failure(str(error)))
        except CalledOff:
            raise
        except BaseException as error:  # the script's, whatever it is; the worker goes on
            self.exit = error if isinstance(error, SystemExit) else None
            self._console.error("Encountered Exception: %s" % failure.trace(error).rstrip())
            return Answer(outputs.failure(failure.summary(error, self._app_root)))

    def _describe(self, head: Head) -> Response:
        version = parse_qs(head.query, keep_blank_values=True).get("version", [_DEFAULT_VERSION])[0]
        try:
            return outputs.own_json(self._swagger.get(version))
        except NoSwagger as error:
            return outputs.refusal(404, str(error))
