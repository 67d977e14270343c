"""A job's folder laid out: code, inputs seen or copied, inputs from the web, places for outputs."""

import dataclasses
import http.server
import threading
from contextlib import contextmanager

import pytest

from lazulite.engine import prepare, stage
from lazulite.errors import BadRequest, NotImplementedHere

STORED = "azureml://datastores/workspaceblobstore/paths"


@pytest.fixture
def staged(home):
    """Prepares and stages a job, and returns it with what was said of it."""

    def make(has_views=True, told=None, **body):
        said = []
        with home.db.write() as connection:
            job = home.submit(connection, **body)
        made = prepare.prepare(home.settings, home.db, job, said.append)
        found = stage.stage(told or home.settings, made, has_views, said.append)
        return found, "\n".join(said)

    return make


@pytest.fixture
def data(home):
    folder = home.store("data/deep")
    folder.mkdir(parents=True)
    (folder / "x.csv").write_text("a,b\n")
    return folder.parent


def folder_input(mode="ReadOnlyMount", uri=f"{STORED}/data", kind="uri_folder"):
    return {"inputs": {"d": {"jobInputType": kind, "uri": uri, "mode": mode}}}


def test_an_input_is_a_view_of_its_data(staged, data, home):
    found, _ = staged(**folder_input())
    assert found.views == [(data, found.folder / "inputs" / "d")]
    assert found.values == {"inputs.d": str(found.folder / "inputs" / "d")}
    assert home.folder / "storage" in found.readonly and found.writable == [found.artifacts]


@pytest.mark.parametrize("has_views", [True, False])
def test_a_file_keeps_its_name(staged, data, has_views):
    given = {"inputs": {"d": {"jobInputType": "uri_file", "uri": f"{STORED}/data/deep/x.csv"}}}
    found, _ = staged(has_views=has_views, **given)
    assert found.values["inputs.d"] == str(found.folder / "inputs" / "d" / "x.csv")


@pytest.mark.parametrize(("has_views", "mode"), [(False, "ReadOnlyMount"), (True, "Download")])
def test_an_input_is_copied_where_it_cannot_be_shown_or_is_to_be_downloaded(staged, data, has_views, mode):
    found, said = staged(has_views=has_views, **folder_input(mode))
    copy = found.folder / "inputs" / "d"
    assert found.views == [] and (copy / "deep" / "x.csv").read_text() == "a,b\n" and "input d: copied" in said
    (copy / "deep" / "x.csv").write_text("mine")
    assert (data / "deep" / "x.csv").read_text() == "a,b\n"


def test_a_copy_comes_to_an_end_where_a_job_left_links_that_do_not(staged, data):
    (data / "latest").symlink_to("deep")
    (data / "deep" / "all").symlink_to("..")
    found, _ = staged(**folder_input("Download"))
    copy = found.folder / "inputs" / "d"
    assert (copy / "latest" / "x.csv").read_text() == "a,b\n" and (copy / "deep" / "all").is_symlink()


def test_a_copy_leaves_links_out_of_storage_out_and_says_so(staged, data, tmp_path):
    (tmp_path / "secret").write_text("x")
    (data / "deep" / "out").symlink_to(tmp_path)
    (data / "file").symlink_to(tmp_path / "secret")
    found, said = staged(**folder_input("Download"))
    copy = found.folder / "inputs" / "d"
    assert [path.name for path in copy.rglob("*") if path.is_file()] == ["x.csv"]
    assert "input d: deep/out is left out, a link that leads out of its container" in said


def test_an_mltable_is_its_folder(staged, data):
    (data / "MLTable").write_text("paths: [{file: ./deep/x.csv}]")
    found, _ = staged(**folder_input(kind="mltable"))
    assert found.views == [(data, found.folder / "inputs" / "d")]


@pytest.mark.parametrize("mode", ["EvalMount", "EvalDownload"])
def test_an_evaluated_mltable_is_the_files_that_it_names(staged, data, mode):
    (data / "MLTable").write_text("paths:\n- pattern: ./deep/*.csv\ntransformations: [read_delimited]\n")
    (data / "deep" / "notes.txt").write_text("no")
    found, _ = staged(**folder_input(mode, kind="mltable"))
    folder = found.folder / "inputs" / "d"
    assert [path.relative_to(folder).as_posix() for path in folder.rglob("*.*")] == ["deep/x.csv"]
    assert found.views == ([(folder, folder)] if mode == "EvalMount" else [])


@pytest.mark.parametrize("text", ["{", "paths: no", "paths: [{file: 1}]", "paths: [x]", "paths: [{file: /etc/passwd}]"])
def test_a_table_that_cannot_be_evaluated_is_refused_beforehand(staged, data, text):
    (data / "MLTable").write_text(text)
    with pytest.raises((BadRequest, NotImplementedHere), match="MLTable of the input"):
        staged(**folder_input("EvalMount", kind="mltable"))


def test_a_local_folder_is_protected_where_it_is(staged, tmp_path):
    (tmp_path / "mine").mkdir()
    found, _ = staged(**folder_input(uri=f"file://{tmp_path}/mine"))
    assert tmp_path / "mine" in found.readonly


def test_folders_of_the_code_that_are_outputs_become_artifacts(staged, home):
    code = home.store("src")
    for name in ("outputs", "logs"):
        (code / name).mkdir(parents=True)
        (code / name / "old.txt").write_text(name)
    home.put_asset("codes", "c", "1", codeUri=f"{STORED}/src")
    found, _ = staged(codeId="c:1")
    assert (found.artifacts / "outputs" / "old.txt").read_text() == "outputs"
    (found.code / "logs" / "new.txt").write_text("x")
    assert (found.artifacts / "logs" / "new.txt").exists() and not (code / "logs" / "new.txt").exists()


class Web(http.server.SimpleHTTPRequestHandler):
    """Serves one file, and counts how often it is asked."""

    def do_GET(self):
        self.server.asked.append(self.path)
        is_there = self.path.startswith("/data/x%20y.csv")
        self.send_response(200 if is_there else 404)
        self.end_headers()
        self.wfile.write(b"a,b\n" if is_there else b"")

    def log_message(self, *words):
        pass


@pytest.fixture
def web():
    with serving() as server:
        yield server


@contextmanager
def serving():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def address(web, path="/data/x%20y.csv?version=2"):
    return f"http://127.0.0.1:{web.server_address[1]}{path}"


def test_a_file_from_the_web_is_fetched_once_and_keeps_its_name(staged, web):
    for _ in range(2):
        found, _ = staged(**folder_input(uri=address(web), kind="uri_file"))
        ((source, target),) = found.views
        assert (source.name, target.name, source.read_text()) == ("x y.csv", "x y.csv", "a,b\n")
        assert source in found.readonly
    assert web.asked == ["/data/x%20y.csv?version=2"]


@pytest.mark.parametrize("scheme", ["wasbs://c@there.blob.core.windows.net", "abfss://c@there.dfs.core.windows.net"])
def test_a_blob_of_an_account_that_is_not_here_is_fetched_from_the_web(home, scheme):
    with home.db.write() as connection:
        job = home.submit(connection, **folder_input(uri=f"{scheme}/a/b.csv", kind="uri_file"))
    (found,) = prepare.prepare(home.settings, home.db, job, print).sources.inputs
    assert (found.uri, found.path) == ("https://there.blob.core.windows.net/c/a/b.csv", None)


def test_what_the_web_does_not_have_is_told_with_its_reason(staged, web, home):
    with pytest.raises(BadRequest, match="cannot be fetched: Not Found"):
        staged(**folder_input(uri=address(web, "/none.csv"), kind="uri_file"))
    assert not list((home.folder / "downloads").rglob("*.csv"))


def test_a_folder_cannot_be_had_from_the_web(staged, web):
    with pytest.raises(BadRequest, match="only single files"):
        staged(**folder_input(uri=address(web)))


@pytest.mark.parametrize("uri", ["http://x.invalid:99999/a.csv", "https://x.invalid:port/a.csv", "https://[x/a.csv"])
def test_what_can_be_no_address_is_told_with_its_field(staged, home, uri):
    told = dataclasses.replace(home.settings, private_network=True)
    with pytest.raises(BadRequest, match=r"inputs\.d: .*cannot be an address: ") as refused:
        staged(told=told, **folder_input(uri=uri, kind="uri_file"))
    assert uri in refused.value.message and "65535" in refused.value.hint


def test_nothing_is_fetched_on_a_private_network(staged, web, home):
    told = dataclasses.replace(home.settings, private_network=True)
    with pytest.raises(BadRequest, match="--private-network"):
        staged(told=told, **folder_input(uri=address(web), kind="uri_file"))
    assert web.asked == []
