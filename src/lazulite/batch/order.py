"""What a batch job is asked to do, as `parallel.json` says it. Written by whoever starts a conductor, never by one."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Order:
    """One batch job.

    folder: where the conductor keeps plan, journal and spool. logs: where progress, failures and the workers' own logs
    go. python, code, script, arguments: what workers run; script "" is a model of MLflow by itself. source: the input
    as the conductor sees it; input: as workers see it. mini_batch_size: files, or of a table bytes; 0 for the default.
    workers: how many there are at a time. tries: how often a mini-batch is tried at most. timeout_s: of `run`;
    load_timeout_s: for reading a table before; init_timeout_s: of `init`. The thresholds are how many failures are
    borne, -1 for any number. append_to: the file of results, "" where `run` returns are only counted.
    outputs: folders that scripts write to; output: the one they are told of. isolated, views, readonly, writable:
    what workers may see and change, docs/guest-protocol.md; without isolation each has outputs by other names.
    variables: set for workers beside those that the conductor itself has. parent_log: of the job that this is a step
    of, which is told what the conductor says, under the step's name; "" for none.
    """

    folder: str
    logs: str
    python: str
    code: str
    source: str
    input: str
    script: str = ""
    arguments: tuple[str, ...] = ()
    is_table: bool = False
    mini_batch_size: int = 0
    partition_keys: tuple[str, ...] = ()
    workers: int = 1
    tries: int = 3
    timeout_s: float = 60.0
    load_timeout_s: float = 600.0
    init_timeout_s: float = 210.0
    error_threshold: int = -1
    mini_batch_error_threshold: int = -1
    allowed_failed_percent: float = 100.0
    logging_level: str = "INFO"
    append_to: str = ""
    outputs: tuple[str, ...] = ()
    output: str = ""
    isolated: bool = False
    views: tuple[tuple[str, str], ...] = ()
    readonly: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    parent_log: str = ""
    name: str = ""

    @property
    def place(self) -> Path:
        """Returns the conductor's own folder."""
        return Path(self.folder)


def read(path: Path) -> Order:
    """Reads an order."""
    return of(json.loads(path.read_bytes()))


def of(told: Mapping[str, Any]) -> Order:
    """Makes an order of what JSON says, whose lists are tuples here."""
    return Order(**{name: _frozen(value) for name, value in told.items()})


def write(order: Order, path: Path) -> None:
    """Writes an order, for a conductor or a worker at a terminal to read."""
    path.write_text(json.dumps(asdict(order), indent=1), encoding="utf-8")


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
