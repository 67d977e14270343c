"""The command as a whole: what it loads, how it says what is wrong, and its exit codes."""

import os
import subprocess
import sys

import pytest

from lazulite.cli import grammar, main
from lazulite.cli.az import dispatch

# What takes longer to import than a list may take to print.
SLOW = {
    "asyncio",
    "azure",
    "cryptography",
    "jmespath",
    "jwt",
    "logging.config",
    "msal",
    "psutil",
    "requests",
    "rich",
    "sqlalchemy",
    "starlette",
    "subprocess",
    "uv",
    "uvicorn",
    "yaml",
}
QUICK = [
    ("workspace", "list"),
    ("workspace", "show"),
    ("compute", "list"),
    ("datastore", "list"),
    ("datastore", "show", "-n", "workspaceblobstore"),
    ("data", "list"),
    ("environment", "list"),
    ("model", "list"),
    ("online-endpoint", "list"),
    ("component", "list"),
    ("registry", "list"),
    ("az", "account", "show"),
    ("az", "group", "list"),
    ("az", "ml", "model", "list"),
]


def loaded(cli, *words):
    """Returns the modules that a command has imported."""
    scope = cli.scope if "registry" not in words and words[:2] != ("az", "group") and "account" not in words else ()
    done = cli.run(*words, *scope, env={**cli.environ, "PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize("words", QUICK, ids=" ".join)
def test_lists_and_shows_load_nothing_slow(cli, words):
    modules = loaded(cli, *words) if words[0] != "workspace" else loaded_scoped(cli, *words)
    assert "lazulite.cli.session" in modules
    assert not [name for name in modules if name in SLOW or name.partition(".")[0] in SLOW]


def loaded_scoped(cli, *words):
    cli.text("model", "list", *cli.scope)
    name = ("-n", cli.scope[-1]) if words[1] == "show" else ()
    cli.scope = (*cli.scope[:4], *name)
    return loaded(cli, *words)


def test_a_query_loads_jmespath_and_yaml_output_yaml(cli):
    modules = loaded(cli, "model", "list", "--query", "[0]", "-o", "yaml")
    assert "jmespath" in modules and "azure" not in modules


@pytest.mark.parametrize("table", [main.GROUPS, dispatch.COMMANDS], ids=["lazulite", "az"])
def test_every_command_can_be_parsed_and_explained(table):
    for name in table:
        for command in main.load(name, table).commands:
            help = grammar.parser(f"az {name} {command.name}", command).format_help()
            assert command.help.split()[0] in help


def test_help_lists_every_group(cli):
    printed = cli.text("--help")
    assert all(f"  {name} " in printed for name in main.GROUPS)
    assert cli.text() == printed


def test_help_of_a_group_lists_its_verbs_and_of_a_verb_its_flags(cli):
    assert "  get-credentials  " in cli.text("online-endpoint")
    assert "--deployment-name" in cli.text("online-endpoint", "invoke", "-h")


def test_a_mistyped_word_is_answered_with_the_one_meant(cli):
    cli.scope = ()
    assert cli.refused("modle", code=2) == (
        'error: lazulite has no command "modle".\n\nhint: Did you mean `lazulite model`?\n'
    )
    assert "`lazulite model list`" in cli.refused("model", "lst", code=2)


def test_a_missing_flag_is_named(cli):
    assert "--name/-n" in cli.refused("model", "show", code=2)


def test_what_is_not_there_has_an_exit_code_of_its_own(cli):
    said = cli.refused("model", "show", "-n", "none", code=3)
    assert said.startswith('error: (ResourceNotFound) models "none" was not found')


def test_what_the_platform_refuses_is_said_with_its_code(cli):
    said = cli.refused("compute", "start", "-n", "../x", code=1)
    assert said.startswith("error: (UserError) name is")


def test_without_a_platform_the_way_to_one_is_said(own_cli):
    assert "lazulite up --detach" in own_cli.refused("model", "list", code=3)


def test_a_reader_who_leaves_early_gets_no_traceback(cli):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "lazulite.cli.main", "compute", "list-sizes", *cli.scope]
    done = subprocess.run(command, env=cli.environ, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=30)
    os.close(writing)
    assert done.stderr == ""
