"""What went wrong in a user's code, told from the user's side: type, message, file, line, and no frame of ours."""

from __future__ import annotations

import itertools
import os
import re
import traceback
from types import TracebackType
from typing import Any, Iterator

_OURS = os.path.dirname(os.path.abspath(__file__))
_LIBRARIES = re.compile(r"[/\\](site|dist)-packages[/\\]")
_TREE_LINES = 200
_TRACEBACK_LIMIT = 100  # frames; a recursion without end has a thousand that say the same


def describe(error: BaseException, app_root: str) -> dict[str, Any]:
    """Returns `{type, message, file, line, traceback}` of an exception that came out of a user's code.

    file, line: the last frame that lies in app_root, which is the user's own; without one, the frame that raised. Of a
    SyntaxError, where the syntax is wrong. file is None when nothing of the kind is known.
    """
    file, line = _place(error, app_root)
    return {
        "type": type(error).__name__,
        "message": error.msg if isinstance(error, SyntaxError) else _message(error),
        "file": file,
        "line": line,
        "traceback": trace(error),
    }


def summary(error: BaseException, app_root: str) -> str:
    """Returns one line, `ValueError: bad shape (score.py, line 12)`."""
    file, line = _place(error, app_root)
    message = _message(error).strip().partition("\n")[0]
    what = "%s: %s" % (type(error).__name__, message) if message else type(error).__name__
    if isinstance(error, SyntaxError) or not file:
        return what  # its message names the place already
    return "%s (%s, line %s)" % (what, _short(file, app_root), line)


def trace(error: BaseException) -> str:
    """Returns the traceback as Python prints it, causes included, beginning with the user's first frame."""
    whole = traceback.TracebackException(type(error), error, _user_part(error.__traceback__), limit=_TRACEBACK_LIMIT)
    return "".join(whole.format())


def tree(folder: str) -> str:
    """Returns a folder's content, indented by depth, at most 200 lines."""
    lines = list(itertools.islice(_walk(folder, 0), _TREE_LINES + 1))
    if len(lines) > _TREE_LINES:
        lines[-1] = "(and more: the first %d lines are shown)" % _TREE_LINES
    return "\n".join(lines)


def _place(error: BaseException, app_root: str) -> tuple[str | None, int | None]:
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    root = os.path.join(os.path.realpath(app_root), "")
    last: tuple[str | None, int | None] = (None, None)
    users: tuple[str | None, int | None] = (None, None)
    for frame, line in traceback.walk_tb(_user_part(error.__traceback__)):
        last = (frame.f_code.co_filename, line)
        if os.path.realpath(frame.f_code.co_filename).startswith(root) and not _LIBRARIES.search(last[0] or ""):
            users = last
    return users if users[0] else last


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as another:
        return "(its own __str__ raised %s)" % type(another).__name__


def _short(file: str, app_root: str) -> str:
    root = os.path.join(os.path.realpath(app_root), "")
    real = os.path.realpath(file)
    return real[len(root) :] if real.startswith(root) else _LIBRARIES.split(file)[-1]


def _user_part(tb: TracebackType | None) -> TracebackType | None:
    """Skips the frames that led to the user's code: ours and the import machinery's."""
    while tb:
        file = tb.tb_frame.f_code.co_filename
        if not file.startswith("<frozen importlib") and os.path.dirname(file) != _OURS:
            break
        tb = tb.tb_next
    return tb


def _walk(path: str, depth: int) -> Iterator[str]:
    name = os.path.basename(os.path.normpath(path))
    is_folder = os.path.isdir(path)
    yield "    " * depth + name + ("/" if is_folder else "")
    try:
        children = sorted(os.listdir(path)) if is_folder else []
    except OSError as error:
        yield "    " * (depth + 1) + "(%s)" % error.strerror
        return
    for child in children:
        yield from _walk(os.path.join(path, child), depth + 1)
