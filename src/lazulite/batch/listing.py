"""The files below a folder in the order of their names, however many there are, in memory that does not grow."""

import heapq
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from typing import IO, Any

_CHUNK = 100_000  # texts held at a time


def files(root: str, scratch: str) -> Iterator[str]:
    """Yields the paths of all files below root, relative to it, sorted as blobs are listed; of a file, its own name.

    scratch: a folder for temporary files. Source: guess that folders within the input are entered; the documentation
    of MLflow deployments (how-to-mlflow-batch) says they are not, and that of scripts does not say.
    """
    if os.path.isfile(root):
        return iter((os.path.basename(root),))
    return ordered(_walk(root), scratch)


def ordered(texts: Iterable[Any], scratch: str) -> Iterator[Any]:
    """Yields texts, or lists of texts, in order: sorted in memory while they are few, merged from files when many."""
    texts = iter(texts)
    chunk = sorted(islice(texts, _CHUNK))
    if len(chunk) < _CHUNK:
        yield from chunk
        return
    with ExitStack() as held:
        spilled = []
        while chunk:
            spilled.append(held.enter_context(_spill(chunk, scratch)))
            chunk = sorted(islice(texts, _CHUNK))
        yield from heapq.merge(*(map(json.loads, file) for file in spilled))


def _spill(chunk: list[Any], scratch: str) -> IO[str]:
    file = tempfile.TemporaryFile("w+", dir=scratch, encoding="utf-8", buffering=1 << 16)  # noqa: SIM115 - handed on
    file.writelines(json.dumps(one) + "\n" for one in chunk)
    file.seek(0)
    return file


def _walk(root: str) -> Iterator[str]:
    waiting = [""]
    while waiting:
        base = waiting.pop()
        with os.scandir(os.path.join(root, base)) as entries:
            for entry in entries:
                if entry.is_dir():
                    waiting.append(f"{base}{entry.name}/")
                elif entry.is_file() or entry.is_symlink():  # a link that leads nowhere is for the script to meet
                    yield base + entry.name
