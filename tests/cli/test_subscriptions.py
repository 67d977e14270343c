"""Subscriptions that programs name are known to the platform before the programs ask."""

import json
import uuid

import pytest

from lazulite.cli import subscriptions
from tests.cli.conftest import Cli

ONE = "10000000-aaaa-0000-0000-00000000000b"


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        (f'Workspace("{ONE}", "rg", "ws")', True),
        (f"Workspace.get('x', subscription_id='{ONE}')", True),
        (f'subscription_id = "{ONE.upper()}"', True),
        (f'{{"subscription_id": "{ONE}"}}', True),
        (f"az account set --subscription {ONE}", True),
        (f'tenant_id = "{ONE}"', False),
        ("subscription_id = input()", False),
    ],
)
def test_a_subscription_is_known_by_the_word_before_it(tmp_path, text, is_named):
    (tmp_path / "script.py").write_text(text)
    assert subscriptions.named_by(["python", "script.py"], {}, tmp_path) == ({ONE} if is_named else set())


def test_a_subscription_is_found_in_the_environment_and_in_the_configs_above(tmp_path):
    (tmp_path / ".azureml").mkdir()
    (tmp_path / ".azureml" / "config.json").write_text(json.dumps({"subscription_id": ONE}))
    (tmp_path / "below").mkdir()
    assert subscriptions.named_by(["true"], {}, tmp_path / "below") == {ONE}
    assert subscriptions.named_by(["true"], {"AZURE_SUBSCRIPTION_ID": ONE}, tmp_path / "none") >= {ONE}


def test_a_program_finds_its_subscription_in_the_list(cli: Cli, tmp_path):
    mine = str(uuid.uuid4())
    (tmp_path / "script.sh").write_text(f"# subscription: {mine}\naz account list\n")
    done = cli.run("run", "--", "sh", "script.sh", cwd=tmp_path)
    assert mine in {one["id"] for one in json.loads(done.stdout)}, done.stderr
