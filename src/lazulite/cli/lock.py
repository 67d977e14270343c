"""Who holds a home: a lock of the kernel's on `home/lock`, and in that file where the holder listens."""

import dataclasses
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lazulite import __version__, clock
from lazulite.errors import Conflict, NotFound
from lazulite.settings import Settings

# A look by `find` holds the lock for microseconds; a claim that is made this often outlasts any of them.
_CLAIMS = 10
_CLAIM_EVERY_S = 0.02


@dataclass(frozen=True)
class Running:
    """The content of `home/lock`: the platform that holds the home, and where it listens."""

    pid: int
    version: str
    home: str
    host: str
    port: int
    scoring_port: int
    scoring_scheme: str
    started_at: str
    private_network: bool = False

    def settings(self, own: Settings) -> Settings:
        """Returns our settings with the addresses on which the running platform really listens."""
        return dataclasses.replace(
            own,
            host=self.host,
            port=self.port,
            scoring_port=self.scoring_port,
            scoring_scheme=self.scoring_scheme,
            private_network=self.private_network,
        )


@contextmanager
def hold(settings: Settings) -> Iterator[None]:
    """Claims the home for this process, and writes into `home/lock` who holds it.

    The claim ends with the process, however that ends: a file left behind holds nothing.
    Raises Conflict (409) that says who holds it.
    """
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (settings.home / "lock").open("a+") as file:
        _claim(file, settings.home)
        file.truncate(0)
        json.dump(dataclasses.asdict(_this_process(settings)), file)
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _claim(file: IO[str], home: Path) -> None:
    for _ in range(_CLAIMS):
        if _try_lock(file, fcntl.LOCK_EX):
            return
        clock.sleep(_CLAIM_EVERY_S)
    raise _held(home, _read(file))


def _held(home: Path, holder: Running | None) -> Conflict:
    who = "another process"
    if holder:
        who = f"pid {holder.pid}, up since {holder.started_at} on port {holder.port}"
    return Conflict(
        f"{home} is held by {who}: one home has one platform.",
        hint="Stop it with `lazulite down`, or give this one another --home, --port and --scoring-port.",
    )


def refuse_held(home: Path) -> None:
    """Raises the Conflict that `hold` would raise now, without holding anything."""
    holder = find(home)
    if holder:
        raise _held(home, holder)


def _try_lock(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(file: IO[str]) -> Running | None:
    file.seek(0)
    try:
        return Running(**json.load(file))
    except (ValueError, TypeError):  # being written just now, or by another version
        return None


def _this_process(settings: Settings) -> Running:
    return Running(
        pid=os.getpid(),
        version=__version__,
        home=str(settings.home),
        host=settings.host,
        port=settings.port,
        scoring_port=settings.scoring_port,
        scoring_scheme=settings.scoring_scheme,
        private_network=settings.private_network,
        started_at=clock.iso(clock.now()),
    )


def find(home: Path) -> Running | None:
    """Returns the platform that holds a home, whether it answers already or not; None when none does."""
    try:
        with (home / "lock").open() as file:
            return None if _try_lock(file, fcntl.LOCK_SH) else _read(file)
    except (FileNotFoundError, NotADirectoryError):
        return None


def killed(home: Path) -> Running | None:
    """Returns the platform that last held a home, if it was killed: who ends in peace leaves nothing behind."""
    try:
        with (home / "lock").open() as file:
            return _read(file) if _try_lock(file, fcntl.LOCK_SH) else None
    except (FileNotFoundError, NotADirectoryError):
        return None


def found(settings: Settings) -> Settings:
    """Returns the settings with which to reach the platform of this home. Raises NotFound when none is up."""
    running = find(settings.home)
    if not running:
        raise NotFound(f"No platform is up on {settings.home}.", hint="Start one with `lazulite up --detach`.")
    return running.settings(settings)
