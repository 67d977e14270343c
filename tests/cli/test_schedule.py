"""`lazulite schedule`, `connection` and `registry`, against a real platform."""

import uuid

from tests.cli.conftest import Cli
from tests.conftest import SUBSCRIPTION

SCHEDULE = """\
name: nightly
trigger: {type: cron, expression: "0 3 * * *", time_zone: UTC}
create_job: {type: pipeline, job: ./pipeline.yml}
"""
PIPELINE = """\
type: pipeline
settings: {default_compute: azureml:serverless}
jobs:
  say: {type: command, command: echo hello, environment: {image: "python:3.11"}}
"""


def test_a_schedule_is_made_changed_switched_triggered_and_deleted(cli, tmp_path):
    (tmp_path / "schedule.yml").write_text(SCHEDULE)
    (tmp_path / "pipeline.yml").write_text(PIPELINE)
    made = cli.json("schedule", "create", "-f", str(tmp_path / "schedule.yml"))
    assert (made["is_enabled"], made["trigger"]["expression"], made["create_job"]["type"]) == (
        True,
        "0 3 * * *",
        "pipeline",
    )
    words = ("--set", "trigger.expression=30 4 * * *", "description=Half past four", "tags.team=vision")
    changed = cli.json("schedule", "update", "-n", "nightly", *words)
    assert (changed["trigger"]["expression"], changed["description"]) == ("30 4 * * *", "Half past four")
    assert changed["create_job"] == made["create_job"]
    said = cli.refused("schedule", "update", "-n", "nightly", "--set", "create_job.display_name=x", code=2)
    assert "not changed by --set" in said
    assert cli.json("schedule", "disable", "-n", "nightly")["is_enabled"] is False
    assert cli.json("schedule", "list") == []
    assert [one["name"] for one in cli.json("schedule", "list", "--disabled-only")] == ["nightly"]
    assert cli.json("schedule", "enable", "-n", "nightly")["is_enabled"] is True
    job = cli.json("schedule", "trigger", "-n", "nightly")["job_name"]
    assert cli.json("job", "show", "-n", job)["type"] == "pipeline"
    cli.json("schedule", "delete", "-n", "nightly", "-y")
    assert cli.json("schedule", "list", "--include-disabled") == []


def test_a_connection_keeps_its_secret_through_changes(cli, tmp_path):
    file = tmp_path / "connection.yml"
    file.write_text("name: search\ntype: api_key\napi_base: https://search.example\napi_key: secret\n")
    made = cli.json("connection", "create", "-f", str(file))
    assert (made["type"], made["target"], "key" in made["credentials"]) == ("api_key", "https://search.example", False)
    changed = cli.json("connection", "update", "-n", "search", "--set", "tags.owner=me", "target=https://other.example")
    assert (changed["tags"], changed["target"]) == ({"owner": "me"}, "https://other.example")
    shown = cli.json("connection", "show", "-n", "search", "--populate-secrets")
    assert shown["credentials"] == {"type": "api_key", "key": "secret"}
    assert cli.text("connection", "list", "-o", "table", *cli.scope).split() == [
        *("Name", "Target", "------", "---------------------"),
        *("search", "https://other.example"),
    ]
    cli.json("connection", "delete", "-n", "search", "--yes")
    assert cli.json("connection", "list") == []


def test_a_registry_is_made_shown_changed_and_deleted(cli):
    alone, name = Cli(cli.platform), f"reg{uuid.uuid4().hex[:8]}"
    where = ("-g", "registries", "--subscription", SUBSCRIPTION)
    made = alone.json("registry", "create", "-n", name, *where, "--tags", "a=b", "--set", "location=westus")
    assert (made["location"], made["tags"]) == ("westus", {"a": "b"})
    assert made == alone.json("registry", "show", "-n", name, *where)
    assert alone.json("registry", "update", "-n", name, *where, "--set", "description=Ours")["description"] == "Ours"
    assert name in alone.text("registry", "list", *where, "-o", "table")
    alone.json("registry", "delete", "-n", name, *where, "--yes")
    assert name in alone.refused("registry", "show", "-n", name, *where, code=3)
