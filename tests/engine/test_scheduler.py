"""The scheduler by itself, at moments that the test chooses."""

from datetime import timedelta

import pytest

from lazulite.engine import schedules, states, submit
from lazulite.engine.courses import NewJob
from lazulite.engine.scheduler import Scheduler
from lazulite.store.resources import Place
from tests.engine.conftest import BORN, HERE

COMMAND = {"jobType": "Command", "command": "true", "environmentId": "plain:1", "computeId": "cpu"}


@pytest.fixture
def plan(home):
    """Makes a schedule that is due at once and then every hour."""

    def make(name, definition, trigger=None):
        hourly = {"triggerType": "Recurrence", "frequency": "Hour", "interval": 1}
        action = {"actionType": "CreateJob", "jobDefinition": definition}
        home.put("schedules", name, {"properties": {"trigger": trigger or hourly, "action": action}})
        with home.db.write() as connection:
            schedules.plan(connection, Place(HERE.scope, "schedules", name), BORN)

    return make


def test_a_schedule_that_cannot_be_kept_holds_up_no_other(home, plan):
    plan("broken", COMMAND, {"triggerType": "Recurrence", "frequency": 7})
    plan("sound", COMMAND)
    made = []
    scheduler = Scheduler(home.folder, home.db, lambda: made.append(1))
    assert scheduler.tick(BORN + timedelta(seconds=1)) >= 1  # and it is not tried again at once
    with home.db.read() as connection:
        assert states.find(connection, HERE.scope, "sound-20260101T000000Z")
    assert made


def test_a_name_that_is_part_of_other_words_stays_where_it_is_no_folder(home):
    outputs = {
        "o": {"jobOutputType": "uri_folder", "uri": "azureml://datastores/workspaceblobstore/paths/databases/data/o/"}
    }
    with home.db.write() as connection:
        new = NewJob({**COMMAND, "outputs": outputs}, name="data", created_by="tester")
        submit.submit(connection, home.folder, HERE, new, home.now)
        body = schedules.definition_of(connection, HERE, {"sourceJobId": "data"}, home.now, "next")
    kept = "azureml://datastores/workspaceblobstore/paths/databases/${{name}}/o/"
    assert body["outputs"]["o"]["uri"] == kept
