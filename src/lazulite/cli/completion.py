"""`lazulite completion`: what bash and zsh complete of `lazulite` and, inside `lazulite run`, of `az`."""

from collections.abc import Sequence

from lazulite.cli import main
from lazulite.cli.az import dispatch
from lazulite.cli.grammar import Arguments, Command, Group, Json, flag

# Asks the command itself for the words that may come next. zsh takes bash's way.
_BASH = """\
_lazulite_complete() {
    local IFS=$'\\n'
    COMPREPLY=($(lazulite completion words -- "${COMP_WORDS[@]:0:COMP_CWORD}" "${COMP_WORDS[COMP_CWORD]}" 2>/dev/null))
}
complete -o default -F _lazulite_complete lazulite az
"""
_ZSH = "autoload -U +X bashcompinit && bashcompinit\n"


def _bash(arguments: Arguments) -> None:
    print(_BASH, end="")


def _zsh(arguments: Arguments) -> None:
    print(_ZSH + _BASH, end="")


def _words(arguments: Arguments) -> Json:
    words = arguments.words[1:] if arguments.words[:1] == ["--"] else arguments.words
    for word in following(words[:-1], words[-1] if words else ""):
        print(word)


def following(before: Sequence[str], begun: str) -> list[str]:
    """Returns the words that may stand after others: groups, verbs, flags, values. before: the program first."""
    return sorted({word for word in _possible(list(before)) if word.startswith(begun)})


def _possible(before: list[str]) -> list[str]:
    if not before:
        return []
    table, words = main.GROUPS, before[1:]
    if before[0].rpartition("/")[2] == "az":
        words = ["az", *words]
    if words[:1] == ["az"]:
        words, table = words[1:], {"ml": ("", ""), **dispatch.COMMANDS}
        if words[:1] == ["ml"]:
            words, table = words[1:], main.NOUNS
    if not words:
        return list(table)
    if words[0] not in table or words[0] == "ml":
        return []
    commands = main.load(words[0], table).commands
    return _of_commands(commands, words[1:])


def _of_commands(commands: Sequence[Command], words: list[str]) -> list[str]:
    verbs = [command.name.split() for command in commands]
    plain = [word for word in words if not word.startswith("-")]
    chosen = [command for command in commands if plain[: len(command.name.split())] == command.name.split()]
    if chosen and (chosen[0].name or words):
        return _of_flags(max(chosen, key=lambda command: len(command.name)), words)
    here = len(words)
    return [verb[here] for verb in verbs if len(verb) > here and verb[:here] == words] or (
        _of_flags(commands[0], words) if not commands[0].name else []
    )


def _of_flags(command: Command, words: list[str]) -> list[str]:
    last = words[-1] if words else ""
    for one in command.flags:
        if last in one.names and one.options.get("choices"):
            return [str(choice) for choice in one.options["choices"]]
    return [name for one in command.flags for name in one.names if name.startswith("--")]


GROUPS = (
    Group(
        "completion",
        (
            Command(
                "bash",
                "Print what lets bash complete commands and flags; for eval in ~/.bashrc.",
                _bash,
                (),
                'eval "$(lazulite completion bash)"',
            ),
            Command("zsh", "The same, for zsh.", _zsh, (), 'eval "$(lazulite completion zsh)"'),
            Command(
                "words",
                "List the words that may come next; the shells ask this.",
                _words,
                (flag("words", nargs="*", metavar="WORD", help="The words there are, the program's first."),),
            ),
        ),
    ),
)
