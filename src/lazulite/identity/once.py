"""Small files that are made once and kept, and that two processes may want at the same moment."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def make_once(path: Path, make: Callable[[], bytes], mode: int = 0o600) -> bytes:
    """Returns the file's bytes, writing what `make` gives when there is none.

    Of several processes that find nothing, one writes and all return what it wrote; nobody sees a part of it.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = _write_draft(path, make(), mode)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was quicker: its bytes are the ones that count
    finally:
        draft.unlink()
    return path.read_bytes()


def replace(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Puts new bytes in the file's place, so that a reader sees the old or the new ones, never a part."""
    _write_draft(path, content, mode).replace(path)


def _write_draft(path: Path, content: bytes, mode: int) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)  # whatever the umask
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return draft
