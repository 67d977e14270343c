"""Where uncommitted blocks stand: in one file per blob, in slots, so that committing them copies little or nothing.

Clients send blocks in parallel, about in their order and mostly of one size, under ids that tell nothing. Each gets the
next slot as it arrives; at the commit the few that came out of turn are put right, and the file becomes the blob.
"""

import heapq
import os
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from lazulite.artifacts.files import Draft, Staging
from lazulite.artifacts.refs import BlobRef


@dataclass(frozen=True)
class Part:
    """A range of a file that becomes the next bytes of a blob."""

    path: str
    offset: int
    size_bytes: int


@dataclass(eq=False)
class Assembly:
    """The file of one blob's uncommitted blocks. free: slots given back; end: the first never used; in bytes."""

    path: str
    slot_bytes: int
    end: int = 0
    free: list[int] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)
    writers: int = 0
    is_closed: bool = False


@dataclass(frozen=True)
class Slot:
    """A place to write one block to; assembly None means a file of its own."""

    path: str
    offset: int
    assembly: Assembly | None


class Assemblies:
    """The assemblies of this process; after a restart a new one begins beside what is in the old files."""

    def __init__(self, folder: str, waiting: Iterable[BlobRef] = ()) -> None:
        """waiting: the blobs that an earlier process has taken blocks for."""
        self._folder = folder
        self._open: dict[BlobRef, Assembly] = {}
        self._waiting = set(waiting)
        self._lock = threading.Lock()

    def may_wait(self, ref: BlobRef) -> bool:
        """Tells whether a blob may have uncommitted blocks; most never had, and need not be asked for in the index."""
        return ref in self._waiting

    def reserve(self, ref: BlobRef, size_bytes: int, offset: int | None = None) -> Slot:
        """Returns a place for a block that no other has. offset: where in the blob it belongs, if that is known."""
        with self._lock:
            self._waiting.add(ref)
            assembly = self._open.get(ref)
            if not assembly:
                assembly = self._open[ref] = Assembly(self.new_path(), size_bytes)
            if offset is None:
                offset = self._next_slot(assembly) if size_bytes <= assembly.slot_bytes else None
            elif offset in assembly.taken:
                offset = None
            if offset is None:
                return Slot(self.new_path(), 0, None)
            assembly.taken.add(offset)
            assembly.writers += 1
            return Slot(assembly.path, offset, assembly)

    def _next_slot(self, assembly: Assembly) -> int:
        if assembly.free:
            return heapq.heappop(assembly.free)
        assembly.end += assembly.slot_bytes
        return assembly.end - assembly.slot_bytes

    def release(self, slot: Slot, *, is_kept: bool) -> None:
        """Says that the block is written, or, if it is not kept, that it never will be."""
        if not slot.assembly:
            return
        with self._lock:
            slot.assembly.writers -= 1
            if not is_kept:
                slot.assembly.taken.discard(slot.offset)
                heapq.heappush(slot.assembly.free, slot.offset)

    def close(self, ref: BlobRef) -> str | None:
        """Ends a blob's assembly; returns its file if nobody is writing into it, and so nobody ever will."""
        with self._lock:
            assembly = self._open.pop(ref, None)
            if not assembly:
                return None
            assembly.is_closed = True
            return None if assembly.writers else assembly.path

    def new_path(self) -> str:
        """Returns a path beside the assemblies that nobody else has."""
        return f"{self._folder}/{uuid.uuid4().hex}"


def assemble(
    parts: Sequence[Part], base: str | None, staging: Staging, step_aside: Callable[[Sequence[Part]], Sequence[Part]]
) -> Draft:
    """Makes one file of the parts in their order, as a draft to be moved into place.

    base: a file that may become the draft: parts that stand where they belong stay, the others are copied in. Before
    that, step_aside copies those of base elsewhere, for good, and returns them there: a crash then loses none.
    Raises OutOfSpace (507), FileNotFoundError and EOFError where a part is not there.
    """
    places = _places(parts)
    total = sum(part.size_bytes for part in parts)
    wrong = [(part, at) for part, at in places if (part.path, part.offset) != (base, at)]
    draft = _linked(base, staging) if 2 * sum(part.size_bytes for part, _ in wrong) <= total else None
    try:
        if not draft:
            return _filled(staging.draft(), places, total)
        inside = [(part, at) for part, at in wrong if part.path == base]
        moved = step_aside([part for part, _ in inside]) if inside else []
        outside = [(part, at) for part, at in wrong if part.path != base]
        return _filled(draft, [*outside, *zip(moved, (at for _, at in inside), strict=True)], total)
    except BaseException:
        if draft:
            draft.discard()
        raise


def _places(parts: Sequence[Part]) -> list[tuple[Part, int]]:
    places, at = [], 0
    for part in parts:
        places.append((part, at))
        at += part.size_bytes
    return places


def _linked(base: str | None, staging: Staging) -> Draft | None:
    """Gives the base a second name, so that a crash before the commit leaves its blocks where they are."""
    path = staging.new_path()
    try:
        os.link(base or "", path)
    except OSError:  # no base, or a file system without links
        return None
    return Draft(path)


def _filled(draft: Draft, places: Sequence[tuple[Part, int]], total: int) -> Draft:
    try:
        for part, at in places:
            copy_part(part, draft, at)
        draft.resize(total)
    except BaseException:
        draft.discard()
        raise
    return draft


def copy_part(part: Part, draft: Draft, at: int) -> None:
    """Copies a part to a place in a draft. Raises OutOfSpace (507), FileNotFoundError, EOFError."""
    source = os.open(part.path, os.O_RDONLY)
    try:
        draft.copy_from(source, part.offset, part.size_bytes, at)
    finally:
        os.close(source)
