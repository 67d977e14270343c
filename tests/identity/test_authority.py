"""The certificate authority: kept, shared, renewed, and trusted by what reads its bundle."""

import re
import socket
import ssl
import stat
import subprocess
import sys
import threading
from datetime import timedelta

import certifi
import pytest
from cryptography import x509

from lazulite import clock
from lazulite.errors import BadRequest
from lazulite.identity import authority
from lazulite.identity.authority import Authority


def leaf_seen(context, bundle, name):
    """Does a handshake over a socket pair; returns the certificate that a client with this bundle accepts."""
    near, far = socket.socketpair()

    def serve():
        with near, context.wrap_socket(near, server_side=True) as tls:
            tls.recv(1)

    served = threading.Thread(target=serve)
    served.start()
    client = ssl.create_default_context(cafile=str(bundle))
    client.set_alpn_protocols(["h2", "http/1.1"])
    try:
        with client.wrap_socket(far, server_hostname=name) as tls:
            assert tls.selected_alpn_protocol() == "http/1.1"
            seen = tls.getpeercert(binary_form=True)
            tls.sendall(b".")
    finally:
        far.close()
        served.join()
    return x509.load_der_x509_certificate(seen)


@pytest.mark.parametrize("name", ["management.azure.com", "a.b.inference.ml.azure.com", "169.254.169.254", "ab--c_d.x"])
def test_a_leaf_is_good_for_its_very_name(tmp_path, name):
    own = Authority.open(tmp_path, {})
    leaf = leaf_seen(own.context_for(name), own.bundle, name)
    assert timedelta(days=300) < leaf.not_valid_after_utc - clock.now() < timedelta(days=398)


def test_contexts_are_minted_once(tmp_path, monkeypatch):
    own = Authority.open(tmp_path, {})
    one = own.context_for("a.azure.com")
    assert own.context_for("a.azure.com") is one
    assert own.context_for("b.azure.com") is not one
    later = clock.now() + timedelta(days=181)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert own.context_for("a.azure.com") is not one


def test_only_so_many_contexts_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(authority, "_CACHED_CONTEXTS", 2)
    own = Authority.open(tmp_path, {})
    first, second = own.context_for("1.net"), own.context_for("2.net")
    assert own.context_for("1.net") is first
    own.context_for("3.net")
    assert own.context_for("1.net") is first
    assert own.context_for("2.net") is not second


def test_clients_choose_the_leaf_by_name(tmp_path):
    own = Authority.open(tmp_path, {})
    context = own.server_context(lambda name: name.endswith(".azure.com"), "192.168.7.7")
    for name in ("ep.eastus.inference.ml.azure.com", "localhost", "127.0.0.1", "192.168.7.7"):
        leaf_seen(context, own.bundle, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        leaf_seen(context, own.bundle, "pypi.org")


def test_it_is_the_same_one_after_a_restart(tmp_path):
    one, two = Authority.open(tmp_path, {}), Authority.open(tmp_path, {})
    leaf_seen(two.context_for("x.azure.com"), one.bundle, "x.azure.com")


def test_its_key_is_its_owners_and_its_certificate_everybodys(tmp_path):
    Authority.open(tmp_path, {})
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "ca").iterdir()}
    assert modes == {"ca.key": 0o600, "ca.pem": 0o644, "bundle.pem": 0o644}


def test_two_processes_that_make_it_at_once_agree(tmp_path):
    script = "import sys; from pathlib import Path; from lazulite.identity.authority import Authority as A;"
    script += "A.open(Path(sys.argv[1]), {})"
    both = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    own = Authority.open(tmp_path, {})
    leaf_seen(own.context_for("x.azure.com"), own.bundle, "x.azure.com")


def test_near_its_end_it_is_renewed_with_the_same_key(tmp_path, monkeypatch):
    old = Authority.open(tmp_path, {})
    before = (tmp_path / "ca" / "ca.pem").read_bytes()
    later = clock.now() + timedelta(days=3600)
    monkeypatch.setattr(clock, "now", lambda: later)
    new = Authority.open(tmp_path, {})
    after = (tmp_path / "ca" / "ca.pem").read_bytes()
    assert after != before
    assert after.strip() in new.bundle.read_bytes()
    assert before.strip() not in new.bundle.read_bytes()
    monkeypatch.undo()
    # Programs that were started with the old bundle go on.
    assert old.bundle == new.bundle


@pytest.mark.parametrize("name", ["ca.key", "ca.pem"])
def test_files_that_are_not_its_own_are_named(tmp_path, name):
    Authority.open(tmp_path, {})
    (tmp_path / "ca" / name).write_text("something else")
    with pytest.raises(BadRequest, match="does not hold what Lazulite wrote there") as refused:
        Authority.open(tmp_path, {})
    assert str(tmp_path / "ca") in refused.value.hint


def test_a_name_that_no_certificate_can_bear_is_refused(tmp_path):
    with pytest.raises(BadRequest, match="is not a host name"):
        Authority.open(tmp_path, {}).context_for("grüße.example")


def certificates(path):
    return re.findall(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", path.read_text(), re.DOTALL)


def test_the_bundle_has_the_public_roots_the_shells_own_and_ours(tmp_path):
    theirs = Authority.open(tmp_path / "company", {})
    environ = {"REQUESTS_CA_BUNDLE": str(theirs.bundle), "SSL_CERT_FILE": certifi.where(), "CURL_CA_BUNDLE": ""}
    own = Authority.open(tmp_path / "own", environ)
    found = certificates(own.bundle)
    assert len(found) == len(set(found)) == len(set(certificates(theirs.bundle))) + 1
    leaf_seen(theirs.context_for("inside.net"), own.bundle, "inside.net")
    leaf_seen(own.context_for("ml.azure.com"), own.bundle, "ml.azure.com")


def test_the_bundle_does_not_grow_by_itself(tmp_path):
    own = Authority.open(tmp_path, {})
    before = own.bundle.read_bytes()
    assert Authority.open(tmp_path, {"SSL_CERT_FILE": str(own.bundle)}).bundle.read_bytes() == before


def test_a_bundle_that_is_not_there_is_left_out_and_said(tmp_path, caplog):
    own = Authority.open(tmp_path, {"SSL_CERT_FILE": "/no/such/bundle.pem"})
    assert len(certificates(own.bundle)) > 50
    assert "/no/such/bundle.pem" in caplog.text
