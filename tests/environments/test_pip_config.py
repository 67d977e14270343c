"""pip's configuration: read where pip reads it, obeyed in builds."""

import functools
import http.server
import json
import os
import threading

import pytest

from lazulite.environments import built, pip_config
from lazulite.environments.pip_config import PipConfig
from lazulite.environments.requirements import PipOptions
from lazulite.environments.spec import spec_of
from lazulite.errors import UserCodeError


def spec(*lines):
    return spec_of({"condaFile": json.dumps({"dependencies": [{"pip": list(lines)}]})})


def read(tmp_path, **variables):
    return pip_config.read({"XDG_CONFIG_DIRS": str(tmp_path / "xdg"), "VIRTUAL_ENV": "/nowhere", **variables}, tmp_path)


def test_files_are_laid_over_each_other_as_pip_does(tmp_path):
    shared, own = tmp_path / "xdg" / "pip" / "pip.conf", tmp_path / ".config" / "pip" / "pip.conf"
    for file in (shared, own):
        file.parent.mkdir(parents=True)
    shared.write_text(
        "[global]\nindex-url = https://a\nextra-index-url = https://b\n  https://c\n[install]\npre = yes\n"
    )
    own.write_text("[global]\nindex_url = https://d\npre = no\nno-index = true\n[wheel]\nfind-links = /x\n")
    found = read(tmp_path, PIP_FIND_LINKS="/y /z", PIP_ONLY_BINARY="numpy,scipy pandas", PIP_CERT="/ca.pem")
    assert found.options == PipOptions(
        index_url="https://d",
        extra_index_urls=("https://b", "https://c"),
        find_links=("/y", "/z"),
        only_binary=("numpy", "scipy", "pandas"),
        no_index=True,
        pre=True,  # of [install], which goes before [global] whatever the file
    )
    assert found.cert == "/ca.pem"
    assert set(found.files) >= {str(shared), str(own)}


def test_a_file_that_is_named_takes_the_users_place(tmp_path):
    (tmp_path / ".pip").mkdir()
    (tmp_path / ".pip" / "pip.conf").write_text("[global]\nindex-url = https://own\n")
    (tmp_path / "named.conf").write_text("[global]\nproxy = http://p:1\n")
    assert read(tmp_path).options.index_url == "https://own"
    found = read(tmp_path, PIP_CONFIG_FILE=str(tmp_path / "named.conf"))
    assert (found.options.index_url, found.proxy) == (None, "http://p:1")
    assert read(tmp_path, PIP_CONFIG_FILE=os.devnull) == PipConfig()


def test_a_broken_file_is_left_to_pip_to_complain_of(tmp_path):
    (tmp_path / ".pip").mkdir()
    (tmp_path / ".pip" / "pip.conf").write_text("no section\n")
    assert read(tmp_path).options == PipOptions()


def test_a_build_obeys_a_file(tmp_path, offline, monkeypatch):
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.delenv("PIP_NO_INDEX")
    (tmp_path / "pip.conf").write_text(f"[global]\nfind-links = {offline}\n[install]\nno-index = 1\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    lines = []
    assert built.ensure(tmp_path, spec("polite"), lines.append).lock.exists()
    assert any("pip.conf" in line for line in lines)


def test_a_build_obeys_constraints_and_their_content_counts(tmp_path, offline, monkeypatch):
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("greeting<2\n")
    monkeypatch.setenv("PIP_CONSTRAINT", str(constraints))
    first = built.ensure(tmp_path, spec("greeting"), lambda line: None)
    assert "greeting==1.0" in first.lock.read_text()
    constraints.write_text("greeting<9\n")
    second = built.ensure(tmp_path, spec("greeting"), lambda line: None)
    assert second.key != first.key and "greeting==2.0" in second.lock.read_text()


def test_a_build_obeys_only_binary(tmp_path, offline, monkeypatch):
    monkeypatch.setenv("PIP_NO_BINARY", "greeting")  # and there is no source of it
    with pytest.raises(UserCodeError, match="greeting"):
        built.ensure(tmp_path, spec("greeting"), lambda line: None)


def test_uvs_own_settings_go_before_pips(tmp_path, offline, monkeypatch):
    monkeypatch.setenv("UV_FIND_LINKS", str(offline))
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere/at/all")
    assert built.ensure(tmp_path, spec("greeting"), lambda line: None).lock.exists()


@pytest.fixture
def index(offline):
    """A package index on loopback, which asks for a password; yields its address and what it was asked."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, "Authorization" in self.headers))
            name = self.path.strip("/").split("/")[-1]
            if "Authorization" not in self.headers:
                self.send_response(401)
                self.end_headers()
            elif self.path.startswith("/index/"):
                links = "".join(f'<a href="/{file.name}">{file.name}</a>' for file in offline.glob(f"{name}-*.whl"))
                self.send_response(200 if links else 404)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(f"<html><body>{links}</body></html>".encode())
            else:
                super().do_GET()

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=offline)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://jo:secret@127.0.0.1:{server.server_port}/index/", asked
        server.shutdown()


@pytest.fixture
def no_pip_settings(monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")


def test_a_private_index_is_asked_with_its_password_which_shows_nowhere(tmp_path, index, no_pip_settings, monkeypatch):
    address, asked = index
    monkeypatch.setenv("PIP_INDEX_URL", address)
    lines = []
    environment = built.ensure(tmp_path, spec("polite", "pip", "setuptools"), lines.append)
    assert "polite==1.0" in environment.lock.read_text()
    assert ("/index/polite/", True) in asked
    folder = environment.python.parent.parent
    shown = "\n".join([*lines, *(file.read_text() for file in folder.iterdir() if file.is_file())])
    assert "polite" in shown and "secret" not in shown


def test_a_password_is_no_part_of_the_key(tmp_path, index, no_pip_settings, monkeypatch):
    address, _ = index
    monkeypatch.setenv("PIP_INDEX_URL", address)
    first = built.ensure(tmp_path, spec("greeting"), lambda line: None)
    monkeypatch.setenv("PIP_INDEX_URL", address.replace("secret", "another"))
    assert built.ensure(tmp_path, spec("greeting"), lambda line: None) == first


def test_an_index_in_the_conda_file_goes_before_the_configured_one(tmp_path, index, no_pip_settings, monkeypatch):
    address, asked = index
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/nothing")
    built.ensure(tmp_path, spec(f"--index-url {address}", "greeting"), lambda line: None)
    assert ("/index/greeting/", True) in asked
