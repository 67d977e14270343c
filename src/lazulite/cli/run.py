"""`lazulite run` and `lazulite env`: programs whose Azure clients are led here."""

import argparse
import os
import shlex
import shutil
import signal
import sys
from pathlib import Path

from lazulite import settings
from lazulite.cli import lock, process, subscriptions
from lazulite.cli.grammar import HOME, Arguments, Command, Group, Misuse, flag
from lazulite.environments import engines
from lazulite.identity.environment import client_environment
from lazulite.settings import Settings, reachable

# Bash and POSIX sh say so of a program that is not there, and of one that may not be run.
_EXIT_NOT_THERE, _EXIT_NOT_ALLOWED = 127, 126

# Reads as shell and as Python: paths with blanks in them cannot stand on a `#!` line.
_AZ = """\
#!/bin/sh
''':'
exec {python} "$0" "$@"
'''
import sys

from lazulite.cli.main import main

sys.exit(main(["az", *sys.argv[1:]]))
"""


def _run(arguments: Arguments) -> None:
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not command:
        raise Misuse("There is no command to run.", hint="Write `lazulite run -- python deploy.py`.")
    own = settings.read(home=arguments.home)
    found = process.ensure(process.with_free_ports(own)).settings(own)
    environment = {**os.environ, **_environment(found, arguments.no_proxy), "PATH": _path_with_az(found)}
    subscriptions.introduce(found, command, os.environ, Path.cwd())
    program = shutil.which(command[0], path=environment["PATH"])
    try:
        signal.signal(
            signal.SIGPIPE, signal.SIG_DFL
        )  # Python ignores it, and `cat /dev/urandom | head` would never end
        os.execvpe(program or command[0], command, environment)  # signals and the exit code are the program's own
    except FileNotFoundError:
        code, problem = _EXIT_NOT_THERE, "was not found"
    except OSError as error:
        code, problem = _EXIT_NOT_ALLOWED, f"cannot be run: {error.strerror}"
    print(f"error: {command[0]} {problem}.", file=sys.stderr)
    raise SystemExit(code)


def _environment(found: Settings, no_proxy: bool) -> dict[str, str]:
    own = {"LAZULITE_HOME": str(found.home), "AZURE_CONFIG_DIR": str(found.home / "azure")}
    if not engines.has_docker_api(os.environ):  # local=True deployments are built and run here then
        own["DOCKER_HOST"] = f"tcp://{reachable(found.host)}:{found.port}{engines.STAND_IN}"
        own["DOCKER_BUILDKIT"] = "0"
    elif front := engines.find_front(found.sockets, os.environ):
        own["DOCKER_HOST"] = f"unix://{front}"
    return {**client_environment(found, no_proxy), **own}


def _path_with_az(found: Settings) -> str:
    """Returns PATH with a folder before it that holds our `az`, and writes that."""
    folder = found.home / "bin"
    folder.mkdir(exist_ok=True)
    write_az(folder / "az")
    rest = [one for one in os.environ.get("PATH", os.defpath).split(os.pathsep) if one != str(folder)]
    return os.pathsep.join([str(folder), *rest])


def write_az(path: Path) -> None:
    """Writes the program `az` that answers as `lazulite az` does, whole or not at all: another shell may run it now."""
    content = _AZ.format(python=shlex.quote(sys.executable))
    if path.exists() and path.read_text() == content:
        return
    draft = path.with_name(f".az.{os.getpid()}")
    draft.write_text(content)
    draft.chmod(0o755)
    draft.replace(path)


def _env(arguments: Arguments) -> None:
    found = lock.found(settings.read(home=arguments.home))
    for name, value in _environment(found, arguments.no_proxy).items():
        print(f"export {name}={shlex.quote(value)}")


_NO_PROXY = flag("--no-proxy", action="store_true", help="Lead clients by addresses of this machine, not by a proxy.")

GROUPS = (
    Group(
        "run",
        (
            Command(
                "",
                "Run a program with its Azure clients pointed here; starts the platform if none is up.",
                _run,
                (
                    HOME,
                    _NO_PROXY,
                    flag(
                        "command",
                        nargs=argparse.REMAINDER,
                        metavar="-- COMMAND ...",
                        help="The program and its arguments.",
                    ),
                ),
                "lazulite run -- python deploy.py",
            ),
        ),
    ),
    Group(
        "env",
        (
            Command(
                "",
                "Print the environment that `run` gives, as export lines for a shell to eval.",
                _env,
                (HOME, _NO_PROXY),
                'eval "$(lazulite env)"',
            ),
        ),
    ),
)
