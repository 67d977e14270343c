"""What stands in for packages that an environment lacks, and that it does only then."""

import io

import pytest

from lazulite.guest.standins.headers import Headers, MultiDict
from lazulite.guest.standins.multipart import parse
from lazulite.guest.standins.request import Request
from lazulite.guest.standins.response import Response

TYPE = "multipart/form-data; boundary=B"


def part(disposition, content, *lines):
    return b"\r\n".join((b"--B", b"Content-Disposition: " + disposition, *lines, b"", content, b""))


def test_form_is_taken_apart():
    body = part(b'form-data; name="a"', b"1") + part(b'form-data; name="a"', b"2") + b"--B--\r\nafter"
    assert parse(body, TYPE) == ([("a", "1"), ("a", "2")], [])


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b'form-data; name="f"; filename="a;b \\"c\\".png"', 'a;b "c".png'),
        (b"form-data; name=f; filename=plain.png", "plain.png"),
        (b"form-data; filename*=UTF-8''caf%C3%A9; name=f; filename=ascii", "caf\u00e9"),
        ('form-data; name="f"; filename="caf\u00e9"'.encode(), "caf\u00e9"),
        (b'form-data; name="f"; filename=""', ""),
    ],
)
def test_file_names_are_read_as_clients_write_them(disposition, name):
    _, [(field, file)] = parse(
        part(disposition, b"\r\n--B but not alone", b"Content-Type: image/x; a=b") + b"--B--", TYPE
    )
    assert (field, file.filename, file.mimetype, file.content_length) == ("f", name, "image/x", 19)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", TYPE),
        (b"--B--", TYPE),
        (b"no form at all", TYPE),
        (part(b"form-data", b"nameless") + b"--B--", TYPE),
        (part(b'form-data; name="a"', b"1") + b"--B--", "multipart/form-data"),
        (part(b'form-data; name="a"', b"1") + b"--B--", "multipart/form-data; boundary="),
        (b"--B\r\n\xff\xfe: \xff\r\n\r\n", TYPE),
    ],
)
def test_what_is_no_form_holds_nothing(body, content_type):
    assert parse(body, content_type) == ([], [])


def test_file_is_read_saved_and_iterated(tmp_path):
    _, [(_, file)] = parse(part(b'form-data; name="f"; filename="x"', b"one\ntwo") + b"--B--", TYPE)
    assert file.read(3) == b"one"
    file.save(tmp_path / "rest")
    file.seek(0)
    file.save(buffer := io.BytesIO())
    file.seek(0)
    assert ((tmp_path / "rest").read_bytes(), buffer.getvalue(), list(file)) == (
        b"\ntwo",
        b"one\ntwo",
        [b"one\n", b"two"],
    )


def test_header_names_ignore_case_and_values_hold_no_second_line():
    headers = Headers({"Content-Type": "a"})
    headers["content-type"] = "b"
    headers.add("X", 1)
    assert headers.items(multi=True) == [("content-type", "b"), ("X", "1")]
    with pytest.raises(ValueError, match="newline"):
        headers["X"] = "a\r\nSet-Cookie: b"


def test_multidict_gives_the_first_of_several():
    values = MultiDict([("a", "1"), ("b", "x"), ("a", "2")])
    assert (values["a"], values.getlist("a"), values.get("b", 7, type=int), values.get("c")) == (
        "1",
        ["1", "2"],
        7,
        None,
    )
    assert values.to_dict() == {"a": "1", "b": "x"} and list(values) == ["a", "b"] and len(values) == 2
    with pytest.raises(KeyError):
        values["c"]


def environ(body=b"", **more):
    plain = {"REQUEST_METHOD": "POST", "PATH_INFO": "/score", "QUERY_STRING": "", "REMOTE_ADDR": "127.0.0.1"}
    wsgi = {"wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    return {**plain, **wsgi, "SERVER_NAME": "localhost", **more}


def test_request_that_is_no_json_says_so():
    with pytest.raises(ValueError, match="Content-Type"):
        Request(environ(b"{}")).get_json()
    assert Request(environ(b"{}")).get_json(force=True) == {}
    assert Request(environ(b"{", CONTENT_TYPE="application/json")).get_json(silent=True) is None


def test_request_tells_its_address():
    request = Request(environ(QUERY_STRING="a=%20", HTTP_HOST="h:1"))
    assert (request.url, request.full_path) == ("http://h:1/score?a=%20", "/score?a=%20")


def test_response_is_what_it_is_given():
    response = Response(["a", b"b"], "201 CREATED", {"X": "1"}, mimetype="text/plain")
    assert (response.status, response.data, response.content_type) == (
        "201 CREATED",
        b"ab",
        "text/plain; charset=utf-8",
    )
    response.data = "c"
    assert response.get_data() == b"c" and not response.is_streamed
    assert Response(status=599).status == "599 UNKNOWN"


PACKAGE = "def rawhttp(function):\n    function.is_rawhttp = True\n    return lambda request: 'of the package'\n"


def test_what_is_installed_is_not_hidden(deploy):
    script = """
        import azureml.contrib.services.aml_request as real
        from azureml.contrib.services.aml_response import AMLResponse

        def init():
            pass

        def run(data):
            try:
                import azureml.core
            except ModuleNotFoundError as error:
                return [real.__file__.rpartition("app")[2], AMLResponse.__module__, str(error)]
    """
    installed = ("azureml/__init__.py", "azureml/contrib/__init__.py", "azureml/contrib/services/__init__.py")
    files = {**dict.fromkeys(installed, ""), "azureml/contrib/services/aml_request.py": PACKAGE}
    answer = deploy(script, files=files).start().score()
    assert answer.body == (
        b'["/azureml/contrib/services/aml_request.py", "lazulite_guest.standins.aml_response", '
        b"\"No module named 'azureml.core'\"]"
    )
