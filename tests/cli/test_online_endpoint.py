"""`lazulite online-endpoint` and `online-deployment`, from YAML files to answers, on a real platform."""

import json
import uuid

import pytest

from tests.cli.conftest import in_own_workspace

SCORE = """
import json, os

def init():
    print("ready in", os.environ["COLOR"])

def run(raw_data):
    return {"color": os.environ["COLOR"], "x": json.loads(raw_data)["x"]}
"""
ENDPOINT = "name: {name}\nauth_mode: key\ntags:\n  team: vision\n"
DEPLOYMENT = """
name: {color}
endpoint_name: {name}
code_configuration:
  code: .
  scoring_script: score.py
environment:
  image: python:3.11-slim
environment_variables:
  COLOR: {color}
instance_type: Standard_DS3_v2
instance_count: 1
"""


class Served:
    """An endpoint with a deployment `blue` that takes all traffic."""

    def __init__(self, cli, folder):
        self.cli, self.folder, self.name = cli, folder, f"ep-{uuid.uuid4().hex[:8]}"
        (folder / "score.py").write_text(SCORE)
        (folder / "request.json").write_text('{"x": 3}')
        self.endpoint = cli.json("online-endpoint", "create", "-f", self.file(ENDPOINT))
        self.blue = cli.json("online-deployment", "create", "-f", self.file(DEPLOYMENT, "blue"), "--all-traffic")

    def file(self, text, color=""):
        path = self.folder / f"{color or 'endpoint'}.yml"
        path.write_text(text.format(name=self.name, color=color))
        return str(path)

    def ask(self, *words):
        """Returns the endpoint's answer to `{"x": 3}`."""
        request = ("-r", str(self.folder / "request.json"))
        return json.loads(self.cli.json("online-endpoint", "invoke", "-n", self.name, *request, *words))

    def keys(self):
        return self.cli.json("online-endpoint", "get-credentials", "-n", self.name)


@pytest.fixture(scope="module")
def served(platform, tmp_path_factory):
    made = Served(in_own_workspace(platform), tmp_path_factory.mktemp("served"))
    yield made
    made.cli.json("online-endpoint", "delete", "-n", made.name, "-y")


def test_what_the_files_say_is_shown(served):
    assert (served.endpoint["auth_mode"], served.endpoint["tags"]) == ("key", {"team": "vision"})
    assert (served.blue["instance_count"], served.blue["provisioning_state"]) == (1, "Succeeded")
    shown = served.cli.json("online-endpoint", "show", "-n", served.name)
    assert shown["traffic"] == {"blue": 100}
    assert shown["scoring_uri"].endswith(f"/{served.name}/score")
    assert served.cli.json("online-deployment", "list", "-e", served.name) == [served.blue]
    assert served.cli.json("online-deployment", "show", "-e", served.name, "-n", "blue") == served.blue


def test_it_answers_by_traffic_and_by_name(served):
    assert served.ask() == {"color": "blue", "x": 3}
    assert served.ask("-d", "blue") == {"color": "blue", "x": 3}
    said = served.cli.refused(
        "online-endpoint", "invoke", "-n", served.name, "-r", str(served.folder / "none.json"), code=2
    )
    assert "none.json cannot be read" in said


def test_its_logs_are_printed_as_they_were_written(served):
    words = ("online-deployment", "get-logs", "--endpoint", served.name, "-n", "blue", *served.cli.scope)
    assert any(line.endswith("ready in blue") for line in served.cli.text(*words).splitlines())
    assert len(served.cli.text(*words, "-l", "1").strip().splitlines()) == 1


def test_what_is_there_is_not_created_again_but_changed(served):
    again = served.cli.refused("online-endpoint", "create", "-f", served.file(ENDPOINT), code=1)
    assert "(UserError) An endpoint with this name already exists" in again
    again = served.cli.refused("online-deployment", "create", "-f", served.file(DEPLOYMENT, "blue"), code=1)
    assert "(UserError) A deployment with this name already exists" in again
    where = ("--name", "blue", "--endpoint-name", served.name)
    changed = served.cli.json("online-deployment", "update", *where, "--set", "tags.a=b", "liveness_probe.period=20")
    assert (changed["tags"], changed["liveness_probe"]["period"]) == ({"a": "b"}, 20)
    shown = served.cli.json("online-endpoint", "update", "-n", served.name, "--set", "tags.x=y", "description=Colors")
    assert (shown["tags"], shown["description"]) == ({"team": "vision", "x": "y"}, "Colors")
    assert "no field" in served.cli.refused("online-endpoint", "update", "-n", served.name, "--remove", "nope", code=2)


def test_a_regenerated_key_is_another_and_the_other_stays(served):
    before = served.keys()
    served.cli.json("online-endpoint", "regenerate-keys", "-n", served.name, "--key-type", "secondary")
    after = served.keys()
    assert before["primaryKey"] == after["primaryKey"]
    assert before["secondaryKey"] != after["secondaryKey"]
    given = ("--key-type", "primary", "--key-value", "k" * 40)
    assert served.cli.json("online-endpoint", "regenerate-keys", "-n", served.name, *given)["primaryKey"] == "k" * 40
    assert served.ask()["x"] == 3


def test_traffic_moves(served):
    wrong = served.cli.refused("online-endpoint", "update", "-n", served.name, "--traffic", "blue=x", code=2)
    assert "DEPLOYMENT=PERCENT" in wrong
    unknown = served.cli.refused("online-endpoint", "update", "-n", served.name, "--traffic", "red=100", code=1)
    assert '"red", which this endpoint does not have' in unknown
    moved = served.cli.json("online-endpoint", "update", "-n", served.name, "--traffic", "Blue=0")
    assert moved["traffic"] == {"blue": 0}
    refused = ("online-endpoint", "invoke", "-n", served.name, "-r", str(served.folder / "request.json"))
    assert "error: " in served.cli.refused(*refused, code=3)
    assert served.ask("-d", "blue")["color"] == "blue"
    served.cli.json("online-endpoint", "update", "-n", served.name, "--traffic", "blue=100")


def test_a_second_deployment_takes_its_share_and_goes(served):
    green = served.cli.json("online-deployment", "create", "-f", served.file(DEPLOYMENT, "green"))
    assert green["name"] == "green"
    assert served.ask("-d", "green")["color"] == "green"
    words = ("-n", served.name, "--traffic", "blue=90 green=10")
    assert served.cli.json("online-endpoint", "update", *words)["traffic"] == {"blue": 90, "green": 10}
    busy = served.cli.refused("online-deployment", "delete", "-e", served.name, "-n", "green", "-y", code=1)
    assert "takes 10 % of the traffic" in busy
    served.cli.json("online-endpoint", "update", "-n", served.name, "--traffic", "blue=100,green=0")
    served.cli.json("online-deployment", "delete", "-e", served.name, "-n", "green", "-y")
    assert len(served.cli.json("online-deployment", "list", "-e", served.name)) == 1


def test_a_script_that_raises_is_said_with_its_own_words(served):
    broken = served.folder / "broken"
    broken.mkdir()
    (broken / "score.py").write_text(
        "def init():\n    raise ValueError('no weights here')\n\ndef run(data):\n    pass\n"
    )
    (broken / "d.yml").write_text(DEPLOYMENT.format(name=served.name, color="red"))
    said = served.cli.refused("online-deployment", "create", "-f", str(broken / "d.yml"), code=1)
    assert "no weights here" in said and "score.py" in said
    served.cli.json("online-deployment", "delete", "-e", served.name, "-n", "red", "-y")
