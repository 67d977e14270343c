"""What a guest's console shows: whole lines, at once, in the form of Azure's inference server."""

from __future__ import annotations

import builtins
import faulthandler
import json
import logging
import logging.config
import os
import sys
import time
from typing import Any, Callable

# Source: azureml-inference-server-http 1.5.1, its logging.json and what it prints (times are UTC).
FORMAT = "%(asctime)s %(levelname).1s [%(process)d] %(name)s - %(message)s"
OWN_NAME = "azmlinfsrv"
PRINT_NAME = "azmlinfsrv.print"

_STDOUT, _STDERR = 1, 2
_LINES_A_SECOND = 100


class Formatter(logging.Formatter):
    """Formats records as Azure's inference server does: `2026-01-31 12:00:00,123 I [42] name - message`."""

    converter = time.gmtime  # type: ignore[assignment]

    def __init__(self, fmt: str = FORMAT, datefmt: str | None = None, style: Any = "%") -> None:
        super().__init__(fmt, datefmt, style)


class Console:
    """Writes lines to standard output, each by one write: workers that share a file never mix within a line."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._second = -1
        self._time = ""
        self._is_logging = False

    def use_logging(self) -> None:
        """Hands every line to logging from now on: the script's own logging.json says what becomes of them."""
        self._is_logging = True

    def note_pid(self) -> None:
        """Learns the process's id anew; a forked child has another."""
        self._pid = os.getpid()

    def info(self, message: str, name: str = OWN_NAME) -> None:
        """Writes a line of level INFO."""
        self._write("I", name, message) if not self._is_logging else logging.getLogger(name).info("%s", message)

    def error(self, message: str, name: str = OWN_NAME) -> None:
        """Writes a line of level ERROR."""
        self._write("E", name, message) if not self._is_logging else logging.getLogger(name).error("%s", message)

    def _write(self, level: str, name: str, message: str) -> None:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._time = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(second))
            self._second = second
        line = "%s,%03d %s [%d] %s - %s\n" % (self._time, (now - second) * 1000, level, self._pid, name, message)
        data = line.encode("utf-8", "backslashreplace")
        try:
            while data:
                data = data[os.write(_STDOUT, data) :]
        except OSError:
            pass  # the disk is full: a line is lost, the request is not


class AccessLog:
    """Writes a line per answer, `POST /score 200 1.234ms 17`; of a flood of good ones a part, and how many more."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._second = 0
        self._written = 0
        self._left_out = 0

    def note(self, method: str, target: str, status: int, duration_s: float, size: object) -> None:
        """Notes one answer. size: bytes of the body, or `N/A`. What failed is always written."""
        second = int(time.time())
        if second != self._second:
            if self._left_out:
                self._console.info("%d more requests were answered in that second" % self._left_out)
            self._second, self._written, self._left_out = second, 0, 0
        if self._written >= _LINES_A_SECOND and status < 400:
            self._left_out += 1
            return
        self._written += 1
        self._console.info("%s %s %d %.3fms %s" % (method, target, status, duration_s * 1000, size))


def open_console(app_root: str, level: str, entry_script: str = "") -> Console:
    """Takes over standard output and error, `print` and logging for the rest of the process.

    - Output appears line by line, whatever it is redirected to; text that cannot be encoded does no harm.
    - `print(...)` to standard output becomes a line of the logger `azmlinfsrv.print`, as on Azure.
    - Loggers without handlers of their own show everything from `level` on. On Azure they show nothing below WARNING,
      which is why so much logging "appears nowhere". A script's own `logging.basicConfig` works as ever.
    - A `logging.json` in app_root, or else beside the script, is applied, as on Azure, to the server's own lines too.
    - A crash in C code prints where the script was. Source of all "as on Azure": azureml-inference-server-http 1.5.1.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    faulthandler.enable(file=_STDERR, all_threads=True)
    console = Console()
    os.register_at_fork(after_in_child=console.note_pid)
    builtins.print = _print_to(console, builtins.print)
    _show_logging(level)
    if _configure_logging((app_root, os.path.dirname(os.path.join(app_root, entry_script)))):
        console.use_logging()
    return console


def _print_to(console: Console, default: Callable[..., None]) -> Callable[..., None]:
    own = sys.stdout

    def print(*values: object, file: Any = None, sep: str | None = " ", **rest: Any) -> None:
        if sys.stdout is own and (file is None or file is own):
            console.info((" " if sep is None else sep).join(map(str, values)), PRINT_NAME)
        else:
            default(*values, file=file, sep=sep, **rest)

    print.__doc__ = default.__doc__
    return print


def _show_logging(level: str) -> None:
    last_resort = logging.StreamHandler(sys.stdout)
    last_resort.setFormatter(Formatter())
    logging.lastResort = last_resort
    known = logging.getLevelName(level.upper())
    logging.getLogger().setLevel(known if isinstance(known, int) else logging.INFO)


def _configure_logging(folders: tuple[str, ...]) -> bool:
    """Applies the first logging.json; returns whether it says something of the server's own loggers."""
    path = next((path for path in (os.path.join(one, "logging.json") for one in folders) if os.path.isfile(path)), None)
    if path is None:
        return False
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    logging.config.dictConfig(config)
    return OWN_NAME in config.get("loggers", {}) or "root" in config
