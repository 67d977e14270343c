"""Container images as files: blobs by digest, manifests by repository and tag. Knows no HTTP and runs nothing.

`home/oci/{registry}/blobs/{hex}` is a blob, manifests too; `repositories/{repository}/manifests/{tag or digest}` is a
JSON object `{digest, mediaType}`. Bytes first, then the name that leads to them.
Source: github.com/opencontainers/distribution-spec 1.1, image-spec 1.1.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lazulite.artifacts.files import full_disk_is_an_error
from lazulite.errors import BadRequest, NotFound

_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Manifest:
    """A manifest as it was pushed."""

    digest: str
    media_type: str
    content: bytes


class Images:
    """The images of one registry of a home."""

    def __init__(self, home: Path, registry: str) -> None:
        self.registry = registry
        self._root = home / "oci" / registry
        self._blobs = self._root / "blobs"

    def blob(self, digest: str) -> Path | None:
        """Returns a blob's file, None when there is none. Raises BadRequest when the digest is none."""
        path = self._blobs / _hex(digest)
        return path if path.exists() else None

    def draft(self, upload: str = "") -> Path:
        """Returns where an upload is being written; without an id, of a new one. Raises NotFound for one unknown."""
        folder = self._root / "uploads"
        if not upload:
            with full_disk_is_an_error():
                folder.mkdir(parents=True, exist_ok=True)
                path = folder / uuid.uuid4().hex
                path.touch()
            return path
        path = folder / upload
        if not re.fullmatch(r"[0-9a-f]{32}", upload) or not path.exists():
            raise NotFound(f"There is no upload {upload[:64]!r}.", code="BLOB_UPLOAD_UNKNOWN")
        return path

    def keep(self, draft: Path, digest: str) -> None:
        """Makes a draft a blob. Raises BadRequest (DIGEST_INVALID) when its bytes are others, and removes it then."""
        name, found = _hex(digest), hashlib.sha256()
        with draft.open("rb") as file:
            while piece := file.read(1 << 20):
                found.update(piece)
        if found.hexdigest() != name:
            draft.unlink()
            raise BadRequest(
                f"The bytes that came have the digest sha256:{found.hexdigest()}, not {digest}.", code="DIGEST_INVALID"
            )
        self._blobs.mkdir(parents=True, exist_ok=True)
        draft.rename(self._blobs / name)

    def put_blob(self, content: bytes) -> str:
        """Keeps bytes as a blob and returns its digest."""
        digest = _digest(content)
        if not self.blob(digest):
            draft = self.draft()
            with full_disk_is_an_error():
                draft.write_bytes(content)
            self.keep(draft, digest)
        return digest

    def put_manifest(self, repository: str, reference: str, content: bytes, media_type: str) -> str:
        """Names an image; returns its manifest's digest.

        Raises BadRequest when the manifest is none, or names blobs that were not pushed.
        """
        _check_repository(repository)
        if not _TAG.fullmatch(reference) and not _DIGEST.fullmatch(reference):
            raise BadRequest(f"{reference[:80]!r} is no tag and no digest.", code="TAG_INVALID")
        for digest in _parts(content):
            if not self.blob(digest):
                raise BadRequest(f"The manifest names {digest}, which was not pushed.", code="MANIFEST_BLOB_UNKNOWN")
        digest = self.put_blob(content)
        if ":" in reference and reference != digest:
            raise BadRequest(f"The manifest's digest is {digest}, not {reference}.", code="DIGEST_INVALID")
        folder = self._manifests(repository)
        folder.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"digest": digest, "mediaType": media_type}).encode()
        for name in {digest, reference}:
            draft = self.draft()
            with full_disk_is_an_error():
                draft.write_bytes(line)
            draft.replace(folder / name)
        return digest

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """Returns an image's manifest by tag or digest."""
        _check_repository(repository)
        if not _TAG.fullmatch(reference) and not _DIGEST.fullmatch(reference):
            return None
        try:
            found = json.loads((self._manifests(repository) / reference).read_bytes())
        except FileNotFoundError:
            return None
        blob = self.blob(found["digest"])
        return Manifest(found["digest"], found["mediaType"], blob.read_bytes()) if blob else None

    def forget(self, repository: str, reference: str) -> bool:
        """Removes a name of an image; a digest goes with all of its tags. Tells whether there was one."""
        found = self.manifest(repository, reference)
        if not found:
            return False
        folder = self._manifests(repository)
        for path in list(folder.iterdir()):
            if path.name == reference or (":" in reference and json.loads(path.read_bytes())["digest"] == reference):
                path.unlink()
        return True

    def tags(self, repository: str) -> list[str]:
        """Returns the tags of a repository, sorted."""
        _check_repository(repository)
        folder = self._manifests(repository)
        return sorted(path.name for path in folder.iterdir() if ":" not in path.name) if folder.is_dir() else []

    def repositories(self) -> list[str]:
        """Returns the names of all repositories that have an image."""
        root = self._root / "repositories"
        folders = (path for path in root.glob("**/_manifests") if any(path.iterdir()))
        return sorted(path.parent.relative_to(root).as_posix() for path in folders)

    def _manifests(self, repository: str) -> Path:
        return self._root / "repositories" / repository / "_manifests"


def _parts(content: bytes) -> Iterator[str]:
    """Yields the digests of what a manifest is made of; of an index, of its manifests."""
    found = _json(content)
    if "config" in found:
        yield found["config"]["digest"]
    for part in (*found.get("layers", ()), *found.get("manifests", ())):
        if not part.get("urls"):  # layers that are elsewhere
            yield part["digest"]


def _json(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError as error:
        raise BadRequest(f"The manifest is not JSON: {error}.", code="MANIFEST_INVALID") from error
    if not isinstance(found, dict):
        raise BadRequest("The manifest is not a JSON object.", code="MANIFEST_INVALID")
    return found


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _hex(digest: str) -> str:
    match = _DIGEST.fullmatch(digest)
    if not match:
        raise BadRequest(f"{digest[:80]!r} is not a digest of the form sha256:HEX.", code="DIGEST_INVALID")
    return match[1]


def _check_repository(name: str) -> None:
    if len(name) > 255 or not _REPOSITORY.fullmatch(name):
        raise BadRequest(f"{name[:80]!r} is not a repository's name.", code="NAME_INVALID")
