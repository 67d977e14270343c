"""What /swagger.json tells."""

import json

import pytest

from tests.guest.azure_server import AzureServer

PLAIN = "def init(): pass\ndef run(data): pass"
TYPED = """
    from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
    from inference_schema.schema_decorators import input_schema, output_schema

    def init():
        pass

    @input_schema("numbers", StandardPythonParameterType([1.5]))
    @output_schema(StandardPythonParameterType({"sum": 1.5}))
    def run(numbers):
        return {"sum": sum(numbers)}
"""
FACTS = {"SERVICE_NAME": "churn", "SERVICE_VERSION": "7", "SERVICE_PATH_PREFIX": "/api/"}


def get(worker, version=None):
    client = worker.connect()
    answer = client.ask("GET", "/swagger.json" + (f"?version={version}" if version else ""))
    client.link.close()
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def without_prose(found):
    """Leaves out what is said in words and examples, of which ours are our own."""
    if isinstance(found, dict):
        dropped = ("description", "example", "examples")
        return {name: without_prose(value) for name, value in found.items() if name not in dropped}
    return [without_prose(value) for value in found] if isinstance(found, list) else found


@pytest.mark.parametrize("script", [PLAIN, TYPED], ids=["plain", "typed"])
def test_description_is_that_of_azures_server(deploy, folder, azure_python, script):
    azure = AzureServer(folder / "azure", script, azure_python, **FACTS).start()
    try:
        worker = deploy(script, azure_python, **FACTS).start()
        for version in ("2", "3", "3.1", "2.0", "3.0"):
            theirs = json.loads(azure.ask("GET", f"/swagger.json?version={version}").body)
            assert without_prose(get(worker, version)) == without_prose(theirs)
        assert get(worker)["swagger"] == "2.0"
    finally:
        azure.stop()


def test_types_of_inference_schema_are_told(deploy, azure_python):
    schemas = get(deploy(TYPED, azure_python).start(), "3")["components"]["schemas"]
    assert schemas["ServiceInput"]["properties"]["numbers"]["items"] == {"type": "number", "format": "double"}
    assert schemas["ServiceOutput"]["properties"]["sum"] == {"type": "number", "format": "double"}


def test_own_files_win_in_app_root_and_beside_the_script(deploy):
    files = {"swagger.json": '{"own": 2}', "code/swagger3.json": '{"own": 3}'}
    worker = deploy(PLAIN, name="code/score.py", files=files).start()
    assert (get(worker, "2"), get(worker, "3")) == ({"own": 2}, {"own": 3})


def test_own_file_that_is_no_json_fails_the_deployment(deploy):
    state = deploy(PLAIN, files={"swagger.json": "{"}).launch().settle()
    assert (state.kind, state.error["type"]) == ("failed", "JSONDecodeError")


def test_file_that_init_makes_is_seen(deploy):
    script = "def init(): open('swagger.json', 'w').write('{\"made\": 1}')\ndef run(data): pass"
    assert get(deploy(script).start()) == {"made": 1}
