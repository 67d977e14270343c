"""The workspace's container registry, by its wire and by skopeo, docker and podman's own copier of images."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import requests

from tests.conftest import Platform

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
KEY = ("anyone", "any")


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def part(kind: str, content: bytes) -> dict:
    return {"mediaType": kind, "size": len(content), "digest": digest(content)}


def manifest_of(config: bytes, layer: bytes) -> bytes:
    parts = {"config": part(CONFIG_TYPE, config), "layers": [part(LAYER_TYPE, layer)]}
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST_TYPE, **parts}).encode()


def test_an_image_is_pushed_in_pieces_and_pulled(environ: Platform) -> None:
    url = "https://pieces.azurecr.io/v2"
    assert requests.get(f"{url}/", timeout=60).headers["www-authenticate"].startswith("Basic ")
    assert requests.get(f"{url}/", auth=KEY, timeout=60).status_code == 200
    config, layer = b'{"config": {"Cmd": ["true"]}}', os.urandom(3 << 20)
    manifest = manifest_of(config, layer)
    typed = {"content-type": MANIFEST_TYPE}
    early = requests.put(f"{url}/team/app/manifests/1", manifest, headers=typed, auth=KEY, timeout=60)
    assert (early.status_code, early.json()["errors"][0]["code"]) == (400, "MANIFEST_BLOB_UNKNOWN")
    for content in (config, layer):
        begun = requests.post(f"{url}/team/app/blobs/uploads/", auth=KEY, timeout=60)
        at = f"https://pieces.azurecr.io{begun.headers['location']}"
        sent = requests.patch(at, content[: 1 << 20], auth=KEY, timeout=60)
        assert (sent.status_code, sent.headers["range"]) == (202, f"0-{min(len(content), 1 << 20) - 1}")
        ended = requests.put(f"{at}?digest={digest(content)}", content[1 << 20 :], auth=KEY, timeout=60)
        assert ended.status_code == 201
    begun = requests.post(f"{url}/team/app/blobs/uploads/", auth=KEY, timeout=60)
    at = f"https://pieces.azurecr.io{begun.headers['location']}?digest={digest(config)}"
    wrong = requests.put(at, b"other bytes", auth=KEY, timeout=60)
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (400, "DIGEST_INVALID")
    pushed = requests.put(f"{url}/team/app/manifests/1", manifest, headers=typed, auth=KEY, timeout=60)
    assert pushed.headers["docker-content-digest"] == digest(manifest)
    found = requests.get(f"{url}/team/app/manifests/{digest(manifest)}", auth=KEY, timeout=60)
    assert (found.content, found.headers["content-type"]) == (manifest, MANIFEST_TYPE)
    assert requests.get(f"{url}/team/app/blobs/{digest(layer)}", auth=KEY, timeout=60).content == layer
    assert requests.get(f"{url}/team/app/tags/list", auth=KEY, timeout=60).json()["tags"] == ["1"]
    # Engines that know neither proxy nor authority push to this machine's own name.
    here = requests.get(f"{environ.url}/v2/pieces/team/app/manifests/1", auth=KEY, timeout=60)
    assert here.content == manifest
    assert requests.get(f"{url}/_catalog", auth=KEY, timeout=60).json() == {"repositories": ["team/app"]}
    assert requests.delete(f"{url}/team/app/manifests/{digest(manifest)}", auth=KEY, timeout=60).status_code == 202
    gone = requests.get(f"{url}/team/app/manifests/1", auth=KEY, timeout=60)
    assert (gone.status_code, gone.json()["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize(
    "path", ["a%2F..%2F..%2Fb/manifests/1", "UPPER/manifests/1", "a/blobs/sha256:zz", "a/manifests/%00"]
)
def test_names_that_none_can_have_are_refused(environ: Platform, path: str) -> None:
    url = f"{environ.url}/v2/pieces/{path}"
    answer = requests.Session().send(requests.Request("GET", url, auth=KEY).prepare(), timeout=60)
    assert answer.status_code in (400, 404)


def test_skopeo_copies_an_image_there_and_back(environ: Platform, tmp_path: Path) -> None:
    skopeo = shutil.which("skopeo")
    if not skopeo:
        pytest.skip("skopeo is not installed here (apt-get install skopeo)")
    image = tmp_path / "image"
    (image / "blobs" / "sha256").mkdir(parents=True)
    layer = b"\0" * 10240  # an empty tar file
    rootfs = {"type": "layers", "diff_ids": [digest(layer)]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
    manifest = manifest_of(config, layer)
    for content in (layer, config, manifest):
        (image / "blobs" / "sha256" / digest(content).removeprefix("sha256:")).write_bytes(content)
    (image / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    index = {"schemaVersion": 2, "manifests": [part(MANIFEST_TYPE, manifest)]}
    (image / "index.json").write_text(json.dumps(index))
    there, back = "docker://copied.azurecr.io/app:1", tmp_path / "back"
    policy = ("--insecure-policy", "copy")
    subprocess.run([skopeo, *policy, "--dest-creds", "a:b", f"oci:{image}", there], check=True, env=environ.environ)
    subprocess.run([skopeo, *policy, "--src-creds", "a:b", there, f"oci:{back}"], check=True, env=environ.environ)
    assert (back / "blobs" / "sha256" / digest(config).removeprefix("sha256:")).read_bytes() == config
