"""`lazulite up`, `down`, `status` and `logs`: the life of the platform."""

import logging
import os
import signal
import sys
import threading
from collections import deque

from lazulite import clock, settings
from lazulite.cli import late, lock, ports, process
from lazulite.cli.grammar import HOME, OUTPUT, Arguments, Command, Group, Json, flag
from lazulite.cli.lock import Running
from lazulite.containers.boxes import Boxes
from lazulite.errors import Conflict, LazuliteError, NotFound, Unavailable
from lazulite.identity import doors
from lazulite.serving.gateway import control
from lazulite.settings import Settings

log = logging.getLogger(__name__)

_FOLLOW_EVERY_S = 0.2
_LOG_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_GIVEN = ("home", "host", "port", "scoring_port", "strict", "private_network")


def _up(arguments: Arguments) -> None:
    given = {name: getattr(arguments, name) for name in _GIVEN}
    wanted = process.with_free_ports(settings.read(**given))
    lock.refuse_held(wanted.home)
    _refuse_taken_port(wanted)
    if arguments.detach:
        print(_banner(process.start(wanted)))
        return
    with lock.hold(wanted):
        _log_to(wanted)
        threading.Thread(target=_announce, args=[wanted], daemon=True).start()
        raise SystemExit(_serve(wanted))


def _serve(wanted: Settings) -> int:
    try:
        code: int = late.load("platform").serve(wanted)
        return code
    except OSError:
        log.exception("The platform has failed.")
        raise


def _refuse_taken_port(wanted: Settings) -> None:
    if not ports.is_free(wanted.host, wanted.port):
        raise Conflict(
            f"Port {wanted.port} is taken by {ports.taken_by(wanted.host, wanted.port)}.",
            hint="Stop that, or choose another port with --port.",
        )


def _log_to(wanted: Settings) -> None:
    """Logs to the terminal and to the file; to the file alone where stderr is that file already."""
    path = process.log_path(wanted, "platform")
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if not path.exists() or not os.path.samestat(os.fstat(sys.stderr.fileno()), path.stat()):
        handlers.append(logging.FileHandler(process.fresh_log(wanted)))
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT, handlers=handlers)


def _announce(wanted: Settings) -> None:
    """Prints where the platform is as soon as it answers; the process may end before."""
    running = lock.find(wanted.home)
    if running and process.wait(running, wanted):
        print(_banner(running), flush=True)


def _banner(running: Running) -> str:
    return (
        f"Lazulite {running.version} is up: pid {running.pid}, home {running.home}\n"
        f"  Studio, API  http://{settings.reachable(running.host)}:{running.port}\n"
        f"  scoring      {running.scoring_scheme}://{settings.reachable(running.host)}:{running.scoring_port}\n"
        f"{_network(running)}"
        f"  use it       lazulite run -- python deploy.py\n"
        f"  stop it      lazulite down"
    )


def _network(running: Running) -> str:
    if not running.private_network:
        return ""
    if doors.are_possible():
        return "  network      private: builds, jobs and deployments reach this platform and nothing else\n"
    return "  network      private by the proxy alone, which programs may ignore: this system allows no namespaces\n"


def _down(arguments: Arguments) -> None:
    own = settings.read(home=arguments.home)
    running = lock.find(own.home)
    if not running and _endpoints_serve(own) and not arguments.keep_endpoints:
        # only a platform knows which processes are its own
        running = process.start(process.with_free_ports(process.as_before(own)))
    if not running:
        print(f"No platform is up on {own.home}.")
        return
    kind = signal.SIGKILL if arguments.keep_endpoints else signal.SIGTERM
    if not process.stop(running, kind):
        raise LazuliteError(
            f"The platform, pid {running.pid}, was told to end {process.STOP_LIMIT_S:.0f} s ago and has not.",
            hint=f"Look at `lazulite logs platform`, or end it with `kill -9 {running.pid}`: nothing is lost by that.",
        )
    left = "Its endpoints go on serving." if arguments.keep_endpoints else "Its endpoints come back with the next one."
    print(f"The platform of {own.home}, pid {running.pid}, is down. {left}")
    boxes = Boxes(own)
    if local := [box.name for box in boxes.all() if boxes.is_running(box)]:
        print(f"Local containers go on, as docker's do: {', '.join(local)}.")
        print("  end them  lazulite run -- docker rm -f NAME, or online_endpoints.begin_delete(ENDPOINT, local=True)")


def _endpoints_serve(own: Settings) -> bool:
    """Tells whether a gateway has outlived its platform."""
    try:
        control.ask(own.sockets, "stats")
    except Unavailable:
        return False
    return True


def _status(arguments: Arguments) -> Json:
    own = settings.read(home=arguments.home)
    running = lock.find(own.home)
    if not running:
        raise NotFound(f"No platform is up on {own.home}.", hint="Start one with `lazulite up --detach`.")
    said = process.status(running.settings(own))
    if said is None:
        raise LazuliteError(
            f"A platform holds {own.home}, pid {running.pid}, but does not answer on port {running.port}.",
            hint="It may be starting; `lazulite logs platform` shows what it does.",
        )
    if arguments.output or arguments.query:
        return {**said, "startedAt": running.started_at}
    print(_banner(running))
    print("  it holds     " + ", ".join(f"{number} {kind}" for kind, number in said["counts"].items()))
    for one in said["refused"]:
        print(f"  refused      {one['host']}:{one['port']} to {one['who']}, {one['count']} times")
    return None


def _logs(arguments: Arguments) -> None:
    path = process.log_path(settings.read(home=arguments.home), arguments.part)
    try:
        file = path.open(errors="replace")
    except FileNotFoundError as error:
        raise NotFound(f"There is no {path}: nothing was logged yet.") from error
    with file:
        sys.stdout.writelines(deque(file, arguments.lines))
        while arguments.follow:
            sys.stdout.write(file.read())
            sys.stdout.flush()
            clock.sleep(_FOLLOW_EVERY_S)


_SWITCH = {"action": "store_const", "const": True}

GROUPS = (
    Group(
        "up",
        (
            Command(
                "",
                "Start the platform, in this terminal or detached, and say where it answers.",
                _up,
                (
                    HOME,
                    flag("--host", metavar="ADDRESS", help="Where to listen: LAZULITE_HOST, or 127.0.0.1."),
                    flag("--port", type=int, metavar="N", help="LAZULITE_PORT, or 8765; 0 takes any that is free."),
                    flag("--scoring-port", type=int, metavar="N", help="LAZULITE_SCORING_PORT, or 8766; 0 as above."),
                    flag("--strict", help="Answer as Azure does: nothing comes into being when named.", **_SWITCH),
                    flag(
                        "--private-network",
                        help="Let no build, job or deployment leave this machine; list what was asked for.",
                        **_SWITCH,
                    ),
                    flag("--detach", "-d", action="store_true", help="Return when it answers; it logs to HOME/logs."),
                ),
                "lazulite up --detach",
            ),
        ),
    ),
    Group(
        "down",
        (
            Command(
                "",
                "Stop the platform, with the endpoints that it serves; they come back with the next `up`.",
                _down,
                (
                    HOME,
                    flag(
                        "--keep-endpoints",
                        action="store_true",
                        help="Stop the platform alone: endpoints go on serving, and the next `up` finds them.",
                    ),
                ),
            ),
        ),
    ),
    Group(
        "status",
        (
            Command(
                "", "Say whether the platform is up, and where. Exit code 3 when it is not.", _status, (HOME, *OUTPUT)
            ),
        ),
    ),
    Group(
        "logs",
        (
            Command(
                "",
                "Show what the platform or the gateway has logged.",
                _logs,
                (
                    flag("part", nargs="?", choices=("platform", "gateway"), default="platform", help="Whose log."),
                    flag("--follow", "-f", action="store_true", help="Go on showing what is added, until Ctrl-C."),
                    flag("--lines", "-n", type=int, default=100, metavar="N", help="The last so many lines: 100."),
                    HOME,
                ),
                "lazulite logs gateway -f",
            ),
        ),
    ),
)
