"""The same scripts and requests for our worker and for Azure's own server: the answers must be the same.

Source of every expectation: azureml-inference-server-http 1.5.1 itself, which runs beside ours wherever it can be
installed. Where a case has `ours`, we differ on purpose; the reason stands beside it.
"""

import json
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.guest.azure_server import AzureServer
from tests.guest.deployed import Deployed

JSON = {"Content-Type": "application/json"}
IS_JSON = {"content-type": "application/json", "x-ms-run-function-failed": "False"}
HAS_FAILED = {"content-type": "application/json", "x-ms-run-function-failed": "True"}
ANYTHING = object()
NOTHING = object()

TEXT = """
    import json
    import flask
    from azureml.contrib.services.aml_response import AMLResponse

    RESULTS = {
        "str": lambda: "h\\u00e4llo",
        "list": lambda: [1, 2.5, None, True],
        "dict": lambda: {"a": "\\u00e4", "b": float("nan")},
        "tuple": lambda: ("x", 400),
        "none": lambda: None,
        "number": lambda: 3,
        "bytes": lambda: b"abc",
        "set": lambda: {1},
        "image": lambda: flask.Response(b"\\x89PNG", mimetype="image/png"),
        "bad": lambda: flask.Response("no", status=400, mimetype="text/plain", headers={"X-A": "b"}),
        "worse": lambda: flask.Response("no", status=503, mimetype="text/plain"),
        "empty": lambda: flask.Response(status=204),
        "streamed": lambda: flask.Response((part for part in (b"a", b"", "b")), mimetype="text/plain"),
        "jsonify": lambda: flask.jsonify(a=1),
        "path": lambda: flask.request.full_path,
        "aml": lambda: AMLResponse("text", 201, {"Content-Type": "text/x", "X-L": "a, b"}),
        "aml json": lambda: AMLResponse({"a": 1}, 200, json_str=True),
        "aml bytes": lambda: AMLResponse(b"\\x00\\x01", 200, {}),
        "aml none": lambda: AMLResponse(None, 202),
        "aml failed": lambda: AMLResponse("x", 200, run_function_failed=True),
        "raise": lambda: 1 / 0,
    }

    def init():
        pass

    def run(raw_data):
        found = json.loads(raw_data)
        kind = found.pop("kind")
        return RESULTS[kind]() if kind in RESULTS else found
"""

TYPED = """
    from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
    from inference_schema.schema_decorators import input_schema, output_schema

    def init():
        pass

    @input_schema("name", StandardPythonParameterType("you"))
    @input_schema("count", StandardPythonParameterType(1))
    @output_schema(StandardPythonParameterType(["you"]))
    def run(name, count=2):
        return [name] * count
"""

RAW = """
    from azureml.contrib.services.aml_request import AMLRequest, rawhttp
    from azureml.contrib.services.aml_response import AMLResponse

    def init():
        pass

    @rawhttp
    def run(request: AMLRequest):
        if request.args.get("body") == "raw":
            return AMLResponse(request.get_data(), 200, {"Content-Type": "image/x"})
        files = {name: [file.filename, file.read().decode("latin-1")] for name, file in request.files.items()}
        return {
            "method": request.method,
            "path": request.path,
            "full_path": request.full_path,
            "args": request.args.to_dict(flat=False),
            "form": request.form.to_dict(),
            "files": files,
            "json": request.get_json(silent=True),
            "type": request.headers.get("content-type"),
            "x": request.headers.get("X-Own"),
            "text": request.get_data(as_text=True) if not files else None,
            "mimetype": request.mimetype,
        }
"""

HEADERS = """
    def init():
        pass

    def run(data, request_headers):
        return {name: request_headers[name] for name in ("Content-Type", "X-Own", "Content-Length")}
"""

FORM = b"\r\n".join(
    (
        b"--xyz",
        b'Content-Disposition: form-data; name="word"',
        b"",
        b"caf\xc3\xa9",
        b"--xyz",
        b'Content-Disposition: form-data; name="image"; filename="a b.png"',
        b"Content-Type: image/png",
        b"",
        b"\x89PNG\r\n--not the end",
        b"--xyz--",
        b"",
    )
)


@dataclass(frozen=True)
class Case:
    """A request to a script, and what must come back. body: bytes, or a value sent as JSON."""

    script: str
    request: tuple
    status: int
    body: object = ANYTHING
    headers: dict = field(default_factory=dict)
    ours: dict = field(default_factory=dict)

    def __str__(self):
        method, target, headers, body = self.request
        return f"{method} {target} {dict(headers).get('Content-Type', '')} {body[:40]!r}"


def post(value, headers=JSON, target="/score"):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return ("POST", target, headers, body)


def get(target, method="GET", headers=()):
    return (method, target, headers, b"")


def kind(name, status=200, body=ANYTHING, headers=IS_JSON, **ours):
    return Case(TEXT, post({"kind": name}), status, body, headers, ours)


def says(message):
    return json.dumps({"message": message}).encode()


NOT_FOUND = says(
    "The requested URL was not found on the server. If you entered the URL manually please check your spelling and "
    "try again."
)
NOT_ALLOWED = says("The method is not allowed for the requested URL.")
INTERNAL = says("An unexpected internal error occurred. Check the logs for more info.")
SCRIPT_FAILED = "An unexpected error occurred in scoring script. Check the logs for more info."

CASES = [
    kind("str", body=b'"h\\u00e4llo"'),
    kind("list", body=b"[1, 2.5, null, true]"),
    kind("dict", body=b'{"a": "\\u00e4", "b": NaN}'),
    kind("tuple", body=b'["x", 400]'),
    kind("none", body=b"{}"),
    kind("number", body=b"3"),
    # Azure's server cannot send bytes. A script that returns an image needs no more than this here.
    kind("bytes", 500, INTERNAL, ours_status=200, ours_body=b"abc", ours_type="application/octet-stream"),
    # The message says which type it was, and that it was run's doing.
    kind(
        "set",
        500,
        INTERNAL,
        ours_body=says(
            f"{SCRIPT_FAILED} run() returned a value of type set that cannot be sent as JSON: Object of type set is "
            "not JSON serializable"
        ),
        ours_failed="True",
    ),
    kind("image", body=b"\x89PNG", headers={"content-type": "image/png", "x-ms-run-function-failed": NOTHING}),
    kind("bad", 400, b"no", {"content-type": "text/plain; charset=utf-8", "x-a": "b"}),
    kind("worse", 503, b"no", {"content-type": "text/plain; charset=utf-8", "x-ms-run-function-failed": "True"}),
    kind("empty", 204, b"", {}),
    kind("streamed", body=b"ab", headers={"content-type": "text/plain; charset=utf-8"}),
    kind("jsonify", body=b'{"a":1}\n', headers={"content-type": "application/json"}),
    kind("path", body=b'"/score?"'),
    kind("aml", 201, b"text", {"content-type": "text/x", "x-l": "b", "x-ms-run-function-failed": "False"}),
    kind("aml json", 200, b'{"a": 1}'),
    kind("aml bytes", 200, b"\0\1", {"content-type": "text/html; charset=utf-8"}),
    kind("aml none", 202, b"{}"),
    kind("aml failed", 200, b"x", {"x-ms-run-function-failed": "True"}),
    # Azure's message leaves the user to look for the log; ours names the exception and the user's own line.
    kind(
        "raise",
        500,
        says(SCRIPT_FAILED),
        HAS_FAILED,
        ours_body=says(f"{SCRIPT_FAILED} ZeroDivisionError: division by zero (score.py, line 27)"),
    ),
    Case(TEXT, post(b"\xff"), 400, headers=IS_JSON),
    Case(TEXT, post(b"{"), 500, headers=HAS_FAILED),
    Case(TEXT, post({"kind": "?", "a": "\u00e4"}, {"Content-Type": "text/plain"}), 200, b'{"a": "\\u00e4"}'),
    # Azure's server takes a form apart and gives run() an empty text, which is what `curl -d` without -H meets.
    Case(
        TEXT,
        post({"kind": "number"}, {"Content-Type": "application/x-www-form-urlencoded"}),
        500,
        ours={"status": 200, "body": b"3", "failed": "False"},
    ),
    Case(
        TEXT, get("/score?kind=%3F&a=1&b=%5B1%5D&c=x&a=two&d="), 200, b'{"a": [1, "two"], "b": [1], "c": "x", "d": ""}'
    ),
    Case(TEXT, get("/score?kind=str"), 200, b'"h\\u00e4llo"', IS_JSON),
    Case(TEXT, get("/score", "PUT"), 405, NOT_ALLOWED, IS_JSON),
    Case(TEXT, get("/score", "DELETE"), 405, NOT_ALLOWED, IS_JSON),
    Case(TEXT, get("/score", "HEAD"), 405, b""),
    Case(TEXT, get("/score", "OPTIONS"), 200, b"", {"content-type": "text/html; charset=utf-8"}),
    Case(TEXT, get("/score/"), 404, NOT_FOUND, IS_JSON),
    Case(TEXT, get("/nothing"), 404, NOT_FOUND, IS_JSON),
    Case(TEXT, get("/sc%6Fre?kind=number"), 200, b"3"),
    Case(TEXT, get("/"), 200, b"Healthy", {"content-type": "text/html; charset=utf-8"}),
    Case(TEXT, get("/", "HEAD"), 200, b""),
    Case(TEXT, get("/", "POST"), 405, NOT_ALLOWED),
    Case(TEXT, get("/", "OPTIONS"), 200, b"", {"content-type": "text/html; charset=utf-8"}),
    Case(TEXT, get("/swagger.json?version="), 404, headers=IS_JSON),
    Case(TEXT, post({}, target="/swagger.json"), 405, NOT_ALLOWED),
    Case(TEXT, get("/swagger.json", "HEAD"), 200, b"", IS_JSON),
    Case(
        TEXT,
        get("/swagger.json?version=4"),
        404,
        says("Swagger version [4] is not valid. Supported versions: [2, 3, 3.1]."),
        IS_JSON,
    ),
    Case(TEXT, post({"kind": "number"}, {**JSON, "TraceId": "t1"}), 200, b"3", {"traceid": "t1"}),
    Case(TYPED, post({"name": "x", "count": 2}), 200, b'["x", "x"]', IS_JSON),
    Case(TYPED, post({"name": "x"}), 200, b'["x", "x"]', IS_JSON),
    Case(TYPED, post({"name": "x"}, {"Content-Type": "application/vnd.x+json; charset=utf-8"}), 200, b'["x", "x"]'),
    Case(TYPED, get("/score?name=x&count=3"), 200, b'["x", "x", "x"]', IS_JSON),
    Case(TYPED, post({"count": 1}), 400, says("A value is not provided for the 'name' parameter."), IS_JSON),
    Case(TYPED, post([1]), 400, says("POST body should be a JSON dictionary."), IS_JSON),
    Case(TYPED, post(b""), 400, says("POST body is empty. Expecting a JSON dictionary."), IS_JSON),
    Case(
        TYPED,
        post(b"{"),
        400,
        says(
            "POST body could not be decoded as JSON: Expecting property name enclosed in double quotes: line 1 column "
            "2 (char 1)"
        ),
        IS_JSON,
    ),
    Case(TYPED, post({}, {}), 415, says("Expects Content-Type to be application/json"), IS_JSON),
    Case(TYPED, post({"name": 1}), 500, headers=HAS_FAILED),
    Case(TYPED, get("/score", "OPTIONS"), 200, b""),
    Case(RAW, post({"a": 1}, {**JSON, "X-Own": "me"}), 200),
    Case(RAW, post({"a": 1}, {"Content-Type": "text/plain; charset=x"}, "/score?a=1&a=2&b=%C3%A9"), 200),
    Case(RAW, post(b"a=1&b=%C3%A9+x", {"Content-Type": "application/x-www-form-urlencoded"}), 200),
    Case(RAW, post(FORM, {"Content-Type": "multipart/form-data; boundary=xyz"}), 200),
    Case(RAW, post(b"\x89\0", {}, "/score?body=raw"), 200, b"\x89\0", {"content-type": "image/x"}),
    Case(RAW, get("/score?x"), 200),
    Case(RAW, get("/score", "OPTIONS"), 200),
    Case(RAW, get("/score", "PATCH"), 405, NOT_ALLOWED),
    Case(
        HEADERS,
        post(b"ab", {"content-type": "text/x", "x-own": "me"}),
        200,
        b'{"Content-Type": "text/x", "X-Own": "me", "Content-Length": "2"}',
    ),
]


@pytest.fixture(scope="module")
def servers(azure_python, bare_python):
    """Makes `servers(who, script)`, one server per script for all cases."""
    root = Path(tempfile.mkdtemp(prefix="lz-"))
    running = {}

    def get(who, script):
        if (who, script) not in running:
            folder = root / str(len(running))
            if who == "azure":
                running[who, script] = AzureServer(folder, script, azure_python).start()
            else:
                python = bare_python if who == "bare" else azure_python
                running[who, script] = Deployed(folder, script, python).start()
        return running[who, script]

    yield get
    for server in running.values():
        server.stop()
    shutil.rmtree(root)


def ask(server, request):
    if isinstance(server, AzureServer):
        return server.ask(*request)
    client = server.connect()
    try:
        return client.ask(*request)
    finally:
        client.link.close()


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("who", ["azure", "lazulite"])
def test_answer(who, case, servers):
    answer = ask(servers(who, case.script), case.request)
    assert_answers(case, answer, is_ours=who == "lazulite")


@pytest.mark.parametrize("case", [case for case in CASES if case.script in (RAW, HEADERS)], ids=str)
def test_answer_without_flask_is_that_with_flask(case, servers):
    """Our stand-in's request against Flask's own, seen by a script that looks at all of it."""
    answer = ask(servers("bare", case.script), case.request)
    assert_answers(case, answer, is_ours=True)
    assert answer.body == ask(servers("azure", case.script), case.request).body


def assert_answers(case, answer, is_ours):
    ours = {name.removeprefix("ours_"): value for name, value in case.ours.items()} if is_ours else {}
    headers = dict(case.headers)
    for name, header in (("type", "content-type"), ("failed", "x-ms-run-function-failed")):
        if name in ours:
            headers[header] = ours[name]
    assert answer.status == ours.get("status", case.status), answer.body
    body = ours.get("body", case.body)
    assert body is ANYTHING or answer.body == body
    for name, value in headers.items():
        assert answer.headers.get(name, NOTHING) == value, answer.headers


def test_time_in_run_is_told_when_it_returned(servers):
    server = servers("lazulite", TEXT)
    assert ask(server, post({"kind": "number"})).run_us >= 0
    assert ask(server, post({"kind": "raise"})).run_us is None
    assert ask(server, get("/")).run_us is None
