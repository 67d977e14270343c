"""A cluster of Ray for one job: a node of Ray for each node of the job, all on this machine; then the job's command.

What is asked for is in the variable LAZULITE_RAY, JSON: `{"command", "nodes", "port", "address", "has_dashboard",
"dashboard_port", "head_args", "worker_args"}`, with 0 and "" for what nobody asked for. The exit status is the
command's; daemons that the cluster leaves are ended by the job's guest, as all that a command leaves.
"""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from typing import Any

_LEAST_STORE_BYTES = 80 << 20  # Ray refuses less than 75 MiB
_STORE_SHARE = 0.3  # of memory, Ray's own default for a machine


class _Unstarted(Exception):
    """Ray did not come up; the message is for the user."""


def main(arguments: list[str]) -> int:
    """Starts the cluster, runs the command in it, and returns the command's exit status."""
    asked = json.loads(os.environ.pop("LAZULITE_RAY"))
    signal.signal(signal.SIGTERM, lambda number, frame: None)  # all are told to end: the command says when it has
    folder = tempfile.mkdtemp(prefix="ray-")  # sockets lie in it, so that its path must be short
    try:
        os.environ["RAY_ADDRESS"] = _started(asked, folder)
        code = subprocess.call([shutil.which("bash") or "sh", "-c", asked["command"]])
    except _Unstarted as error:
        sys.stderr.write("%s\n" % error)
        return 1
    finally:
        _clear(folder)
    return 128 - code if code < 0 else code


def _started(asked: dict[str, Any], folder: str) -> str:
    """Starts all nodes and returns the address of the first."""
    address, joining = asked["address"], asked["nodes"]
    if not address:
        address, joining = _start_head(asked, folder), joining - 1
    flags = ["--address=" + address, *_own_share(asked), *shlex.split(asked["worker_args"])]
    nodes = [_ray([*flags, "--dashboard-agent-listen-port=%d" % _port(0)]) for _ in range(joining)]
    for node in nodes:
        _await(node)
    print("Ray runs at %s on %d node(s)." % (address, asked["nodes"]), flush=True)
    return str(address)


def _start_head(asked: dict[str, Any], folder: str) -> str:
    # Ray listens beyond this machine; only who has the token gets in. Older releases know no tokens.
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    port, dashboard_port = _port(asked["port"]), _port(asked["dashboard_port"])
    flags = [
        "--head",
        "--port=%d" % port,
        "--temp-dir=" + folder,
        "--include-dashboard=%s" % ("true" if asked["has_dashboard"] else "false"),
        "--dashboard-port=%d" % dashboard_port,
        "--dashboard-agent-listen-port=%d" % _port(0),
    ]
    if importlib.util.find_spec("grpc"):  # else Ray has no server for clients, and refuses the flag
        flags.append("--ray-client-server-port=%d" % _port(0))
    _await(_ray([*flags, *_own_share(asked), *shlex.split(asked["head_args"])]))
    if asked["has_dashboard"]:
        print("Ray's dashboard: http://127.0.0.1:%d" % dashboard_port, flush=True)
    return "127.0.0.1:%d" % port


def _own_share(asked: dict[str, Any]) -> list[str]:
    """Returns what a node has of this machine, which Ray would count once for each node."""
    nodes = asked["nodes"]
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return [
        "--node-ip-address=127.0.0.1",
        "--disable-usage-stats",
        "--num-cpus=%d" % max(1, (os.cpu_count() or 1) // nodes),
        "--object-store-memory=%d" % max(_LEAST_STORE_BYTES, int(_STORE_SHARE * memory_bytes / nodes)),
    ]


def _ray(flags: list[str]) -> subprocess.Popen[bytes]:
    program = os.path.join(os.path.dirname(sys.executable), "ray")
    try:
        # Daemons keep its output, so that a pipe would never end.
        said = tempfile.TemporaryFile()
        process = subprocess.Popen([program, "start", *flags], stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    except OSError as error:
        raise _Unstarted("Ray cannot be started: %s: %s" % (program, error.strerror)) from error
    process.stdout = said
    return process


def _await(node: subprocess.Popen[bytes]) -> None:
    code = node.wait()
    assert node.stdout
    if code:
        node.stdout.seek(0)
        raise _Unstarted("Ray cannot be started:\n%s" % node.stdout.read().decode("utf-8", "replace"))


def _port(wanted: int) -> int:
    """Returns the port that is wanted if nobody has it: jobs that would not meet elsewhere share this machine."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                print("Port %d is taken on this machine: Ray uses another." % port, flush=True)
                continue
            return int(probe.getsockname()[1])
    raise _Unstarted("This machine has no free port.")


def _clear(folder: str) -> None:
    """Ends the daemons that have their files in a folder, and removes it."""
    for name in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else ()):
        try:
            with open("/proc/%s/cmdline" % name, "rb") as file:
                if folder.encode() in file.read():
                    os.kill(int(name), signal.SIGKILL)
        except OSError:  # it has ended meanwhile
            pass
    shutil.rmtree(folder, ignore_errors=True)
