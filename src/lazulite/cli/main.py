"""The `lazulite` command: loads the module of the command that is meant and no other, prints, says errors."""

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from lazulite import __version__, settings
from lazulite.cli import grammar, late, output, profile
from lazulite.cli.grammar import Command, Group, Misuse
from lazulite.errors import LazuliteError

# Groups by name, in the order of the help: the module whose GROUPS hold one, and what it is for.
Table = Mapping[str, tuple[str, str]]

COMMANDS: Table = {
    "up": ("lazulite.cli.platform", "Start the platform."),
    "down": ("lazulite.cli.platform", "Stop the platform, with the endpoints that it serves."),
    "status": ("lazulite.cli.platform", "Say whether the platform is up, and where."),
    "logs": ("lazulite.cli.platform", "Show what the platform or the gateway has logged."),
    "doctor": ("lazulite.cli.doctor", "Check what the platform needs of this machine."),
    "run": ("lazulite.cli.run", "Run a program with its Azure clients pointed here."),
    "env": ("lazulite.cli.run", "Print the environment that `run` gives, for eval."),
    "serve": ("lazulite.cli.serve", "Serve one scoring script by itself."),
    "batch-test": ("lazulite.cli.batch_test", "Run one batch script over a folder."),
    "completion": ("lazulite.cli.completion", "Let bash or zsh complete commands and flags."),
    "az": ("lazulite.cli.az.dispatch", "Answer as Azure's own command line does; `run` puts it first on PATH."),
}
NOUNS: Table = {
    "workspace": ("lazulite.cli.workspace", "Workspaces: where everything else lies."),
    "compute": ("lazulite.cli.compute", "Computes: clusters and instances."),
    "datastore": ("lazulite.cli.datastore", "Datastores: where bytes are."),
    "data": ("lazulite.cli.data", "Data assets: named, versioned files and folders."),
    "environment": ("lazulite.cli.environment", "Environments: what a script runs in."),
    "model": ("lazulite.cli.model", "Models: named, versioned files and folders to serve."),
    "component": ("lazulite.cli.component", "Components: named, versioned steps of pipelines."),
    "job": ("lazulite.cli.job", "Jobs: commands that run on a compute, and what they leave."),
    "schedule": ("lazulite.cli.schedule", "Schedules: jobs that start by themselves."),
    "online-endpoint": ("lazulite.cli.online_endpoint", "Online endpoints: addresses that score."),
    "online-deployment": ("lazulite.cli.online_deployment", "Online deployments: what answers at an endpoint."),
    "registry": ("lazulite.cli.registry", "Registries: assets that several workspaces share."),
    "connection": ("lazulite.cli.connection", "Connections: addresses elsewhere, and how to log in there."),
    "batch-endpoint": ("lazulite.cli.batch_endpoint", "Batch endpoints: addresses that start jobs over many files."),
    "batch-deployment": ("lazulite.cli.batch_deployment", "Batch deployments: what scores the files."),
}
GROUPS: Table = {**COMMANDS, **NOUNS}

EXIT_FAILED, EXIT_MISUSED, EXIT_NOT_FOUND = 1, 2, 3


def main(words: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code: 0, 1 failed, 2 misused, 3 not found, as az has them.

    A command that needs azure-ai-ml is begun again by a process that has it loaded, or here once it is.
    """
    words = sys.argv[1:] if words is None else list(words)
    if words[:1] == ["az"]:
        words = ["az", *map(grammar.with_files, words[1:])]
    try:
        return answer(words)
    except late.Wanted:
        own, warm = settings.read(), late.load("warm")
        where = warm.address_of(own)
    code: int | None = warm.ask(where, words)
    if code is None:
        late.load("sdk")
        code = answer(words)
        warm.stay(own, where, answer)
    return code


def answer(words: Sequence[str]) -> int:
    """Runs one command line whose words are final. Raises late.Wanted when it needs azure-ai-ml first."""
    try:
        _run(words)
        sys.stdout.flush()
    except LazuliteError as error:
        print(explain(error, "ERROR" if words[:1] == ["az"] else "error"), file=sys.stderr)
        if isinstance(error, Misuse):
            return EXIT_MISUSED
        return EXIT_NOT_FOUND if error.status == 404 else EXIT_FAILED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone: `lazulite … | head`
        return EXIT_FAILED
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)  # a file or folder, with its name
        return EXIT_FAILED
    except KeyboardInterrupt:
        return 128 + 2
    return 0


def _run(words: Sequence[str]) -> None:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
    elif words[0] in ("--version", "version"):
        print(__version__)
    else:
        run_group("lazulite", words, GROUPS)


def _help() -> str:
    title = f"Lazulite {__version__}: Azure Machine Learning on your own machine.\n\nlazulite COMMAND --help says more."
    return f"{list_groups(title, COMMANDS)}\n\n{list_groups('As az ml has them:', NOUNS)}"


def list_groups(title: str, groups: Mapping[str, tuple[str, str]]) -> str:
    """Lays out groups with what they are for."""
    return grammar.overview(title, [(name, purpose) for name, (_, purpose) in groups.items()])


def run_group(program: str, words: Sequence[str], table: Table, other: Callable[[], None] | None = None) -> None:
    """Runs the command that the words name, its group first, and prints its result.

    other: does what no verb of the group fits, in place of the group's own `other`.
    """
    if words[0] not in table:
        raise grammar.unknown(words[0], program, table)
    group, program, words = load(words[0], table), f"{program} {words[0]}", words[1:]
    verbs = [(command.name, command.help) for command in group.commands]
    found = grammar.find(group, words)
    if found:
        _run_command(program, *found)
    elif (not words or words[0] in ("-h", "--help")) and verbs:
        print(grammar.overview(table[group.name][1], verbs))
    elif other:
        other()
    elif group.other:
        group.other(words)
    else:
        raise grammar.unknown(words[0], program, [name for name, _ in verbs])


def _run_command(program: str, command: Command, words: Sequence[str]) -> None:
    arguments = grammar.parser(f"{program} {command.name}".rstrip(), command).parse_args(words)
    result = command.run(arguments)
    given = vars(arguments)
    form = given.get("output") or (result is not None and _configured_form()) or None
    sys.stdout.write(output.render(result, form, given.get("query"), command.columns))


def _configured_form() -> str:
    """Returns the format that AZURE_CORE_OUTPUT or `az config set core.output=` names."""
    form = profile.get(settings.read().home, "core", "output")
    return form if form in grammar.FORMATS else ""


def load(name: str, table: Table = GROUPS) -> Group:
    """Returns a group by its name, from the one module that defines it."""
    groups: tuple[Group, ...] = importlib.import_module(table[name][0]).GROUPS
    return next(group for group in groups if group.name == name)


def explain(error: LazuliteError, word: str = "error") -> str:
    """Prints an error for people: what and where, an empty line, what to do. word: what it begins with."""
    code = f"({error.code}) " if error.code and error.code != type(error).code else ""
    hint = f"\n\nhint: {error.hint}" if error.hint else ""
    return f"{word}: {code}{error.message}{hint}"


if __name__ == "__main__":
    sys.exit(main())
