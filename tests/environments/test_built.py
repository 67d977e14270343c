"""Environments on disk: built once, whole or not at all, shared by content."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest

from lazulite.environments import built, interpreters
from lazulite.environments.spec import EnvironmentSpec, spec_of
from lazulite.errors import UserCodeError

COMPILE_LATER = built._compile_later


def spec(*lines, **more):
    dependencies = json.dumps([{"pip": list(lines)}])
    return spec_of({"image": "python:3", "condaFile": f"dependencies: {dependencies}", **more})


def ask(python, code):
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_an_environment_holds_what_was_asked_for_and_says_what_it_is(tmp_path, offline):
    lines = []
    environment = built.ensure(tmp_path, spec("polite"), lines.append)
    folder = tmp_path / "environments" / environment.key
    assert environment.python == folder / "bin" / "python"
    assert ask(environment.python, "import greeting, polite; print(greeting.__version__)") == "1.0"
    lock = environment.lock.read_text().splitlines()
    assert {"greeting==1.0", "polite==1.0"} <= set(lock) and all("==" in line for line in lock)
    recipe = json.loads((folder / "recipe.json").read_text())
    assert recipe["requirements"] == ["polite"] and recipe["python"]["version"].startswith("3.")
    log = (folder / "build.log").read_text().splitlines()
    assert [line for line in lines if line not in log] == []
    assert any("polite==1.0" in line for line in log) and log[-1].startswith("Built in")


def test_console_scripts_work_where_the_environment_ended_up(tmp_path, offline):
    environment = built.ensure(tmp_path, spec("greeting"), lambda line: None)
    script = environment.python.with_name("greet")
    assert subprocess.run([script], capture_output=True, text=True, check=True).stdout == "2.0\n"


def test_pip_is_there_for_scripts_that_call_it(tmp_path, offline):
    environment = built.ensure(tmp_path, spec("greeting"), lambda line: None)
    assert ask(environment.python, "import pip; print('yes')") == "yes"


def test_a_second_use_is_immediate_and_builds_nothing(tmp_path, offline, monkeypatch):
    first = built.ensure(tmp_path, spec("greeting"), lambda line: None)
    monkeypatch.setenv("PIP_FIND_LINKS", os.environ["PIP_FIND_LINKS"] + "/")  # another place is another recipe
    assert built.ensure(tmp_path, spec("greeting"), lambda line: None).key != first.key
    monkeypatch.setenv("PIP_FIND_LINKS", os.environ["PIP_FIND_LINKS"].rstrip("/"))
    lines, started = [], time.perf_counter()
    assert built.ensure(tmp_path, spec("greeting"), lines.append) == first
    assert time.perf_counter() - started < 0.1
    assert lines == [f"Environment {first.key} stands already."]


def test_the_same_content_is_one_environment_whatever_its_name(tmp_path, offline):
    first = built.ensure(tmp_path, spec("greeting==1.0", "polite"), lambda line: None)
    other = spec_of(
        {
            "image": "mcr.microsoft.com/azureml/base:latest",
            "condaFile": "name: other\ndependencies: [{pip: [polite, greeting==1.0]}]\nvariables: {A: b}",
        }
    )
    second = built.ensure(tmp_path, other, lambda line: None)
    assert second.key == first.key and second.variables == {"A": "b"} and first.variables == {}


def test_pins_that_contradict_each_other_give_the_resolvers_reason(tmp_path, offline):
    lines = []
    with pytest.raises(UserCodeError) as caught:
        built.ensure(tmp_path, spec("polite", "greeting==2.0"), lines.append)
    error = caught.value
    assert error.code == "ImageBuildFailure"
    assert "polite" in error.message and "greeting<2" in error.message and "greeting==2.0" in error.message
    failed = next((tmp_path / "environments").glob("*.failed/build.log"))
    assert str(failed) in error.hint
    assert failed.read_text().splitlines() == lines
    assert not list((tmp_path / "environments").glob("*/recipe.json"))


def test_a_missing_package_is_named_and_found_once_it_exists(tmp_path, offline, wheel):
    with pytest.raises(UserCodeError, match="farewell"):
        built.ensure(tmp_path, spec("farewell"), lambda line: None)
    wheel(offline, "farewell", "1.0")
    assert built.ensure(tmp_path, spec("farewell"), lambda line: None).lock.exists()


def test_a_failing_build_of_a_package_shows_what_it_said(tmp_path, offline):
    slow_package(tmp_path / "context", "raise SystemExit('no compiler for the job')")
    with pytest.raises(UserCodeError, match="no compiler for the job"):
        built.ensure(tmp_path, dockerfile_spec(tmp_path / "context"), lambda line: None)


def put_stubborn_source(folder):
    """Puts a source distribution there whose build fails."""
    members = {
        "PKG-INFO": "Metadata-Version: 2.1\nName: stubborn\nVersion: 1.0\n",
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": "def build_wheel(*words): raise SystemExit('no compiler for the job')\n",
    }
    with tarfile.open(folder / "stubborn-1.0.tar.gz", "w:gz") as archive:
        for name, text in members.items():
            about = tarfile.TarInfo(f"stubborn-1.0/{name}")
            about.size = len(text)
            archive.addfile(about, io.BytesIO(text.encode()))


def test_where_a_source_cannot_be_built_another_python_that_has_a_wheel_is_used(tmp_path, offline, wheel):
    put_stubborn_source(offline)
    with pytest.raises(UserCodeError, match="no compiler for the job") as raised:
        built.ensure(tmp_path, spec("stubborn==1.0"), lambda line: None)
    assert "Name a version of stubborn that has a wheel" in str(raised.value.hint)
    others = list(interpreters.beside(interpreters.find(sys.version_info[1])))
    if not others:
        pytest.skip("this machine has one Python")
    wheel(offline, "stubborn", "1.0", tag=f"cp3{others[-1].minor}-none-any")
    environment = built.ensure(tmp_path, spec("stubborn==1.0", "greeting"), lambda line: None)
    assert ask(environment.python, "import greeting, stubborn, sys; print(sys.version_info[1])") == str(
        others[-1].minor
    )
    assert any("The source of stubborn cannot be built here" in note for note in environment.notes)


def test_an_unreachable_index_says_so(tmp_path, offline, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://user:secret@127.0.0.1:9/index")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    lines = []
    with pytest.raises(UserCodeError) as caught:
        built.ensure(tmp_path, spec("farewell"), lines.append)
    assert "127.0.0.1:9" in caught.value.message and "pip config list" in caught.value.hint
    assert "secret" not in str(lines) + caught.value.message + caught.value.hint


def test_an_environment_whose_python_went_away_is_built_again(tmp_path, offline):
    first = built.ensure(tmp_path, spec("greeting"), lambda line: None)
    first.python.unlink()
    first.python.symlink_to(tmp_path / "gone")
    assert built.find(tmp_path, first.key) is None
    assert built.ensure(tmp_path, spec("greeting"), lambda line: None) == first
    assert ask(first.python, "import greeting; print('yes')") == "yes"


def test_bytecode_is_compiled_after_the_build(tmp_path, offline, monkeypatch):
    monkeypatch.setattr(built, "_compile_later", COMPILE_LATER)
    environment = built.ensure(tmp_path, spec("greeting"), lambda line: None)
    library = environment.python.parent.parent / "lib"
    deadline = time.monotonic() + 30
    while not list(library.rglob("greeting.*.pyc")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(library.rglob("greeting.*.pyc"))


BACKEND = """
import pathlib, time, zipfile

here = pathlib.Path(__file__).parent

def build_wheel(folder, config_settings=None, metadata_directory=None):
    CODE
    info = "slow-1.0.dist-info/"
    with zipfile.ZipFile(pathlib.Path(folder) / "slow-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("slow.py", "")
        archive.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: slow\\nVersion: 1.0\\n")
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(info + "RECORD", "")
    return "slow-1.0-py3-none-any.whl"
"""


def slow_package(context, code):
    """Makes a build context with a package whose build runs a piece of Python."""
    package = context / "package"
    package.mkdir(parents=True)
    (package / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "slow"\nversion = "1.0"\n'
    )
    (package / "backend.py").write_text(BACKEND.replace("CODE", code))
    (context / "Dockerfile").write_text("FROM python:3.11\nCOPY package /package\nRUN pip install /package\n")


def dockerfile_spec(context) -> EnvironmentSpec:
    return spec_of({"build": {"contextUri": "https://a/b", "dockerfilePath": "Dockerfile"}}, context)


WAITING = (
    "(here.parent.parent / 'started').touch()\n    while not (here.parent.parent / 'go').exists(): time.sleep(0.02)"
)
ENSURE = (
    "import sys, pathlib; from lazulite.environments import built; from lazulite.environments.spec import spec_of\n"
    "home, context = map(pathlib.Path, sys.argv[1:])\n"
    "spec = spec_of({'build': {'contextUri': 'x', 'dockerfilePath': 'Dockerfile'}}, context)\n"
    "print(built.ensure(home, spec, lambda line: print(line, flush=True)).key)\n"
)


def wait_for(path, seconds=20):
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


def test_a_build_that_is_killed_leaves_nothing_that_looks_built(tmp_path, offline):
    slow_package(tmp_path / "context", WAITING)
    command = [sys.executable, "-c", ENSURE, tmp_path, tmp_path / "context"]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        wait_for(tmp_path / "started")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    left = [path.name for path in (tmp_path / "environments").iterdir() if path.is_dir()]
    assert len(left) == 1 and ".building-" in left[0]
    key = left[0].partition(".")[0]
    assert built.find(tmp_path, key) is None
    assert "Building environment" in built.build_log(tmp_path, key).read_text()
    (tmp_path / "go").touch()
    environment = built.ensure(tmp_path, dockerfile_spec(tmp_path / "context"), lambda line: None)
    assert environment.key == key and ask(environment.python, "import slow; print('yes')") == "yes"
    assert [path.name for path in (tmp_path / "environments").iterdir() if path.is_dir()] == [key]


def test_of_several_builders_one_builds_and_the_others_wait(tmp_path, offline):
    slow_package(tmp_path / "context", WAITING)
    command = [sys.executable, "-c", ENSURE, tmp_path, tmp_path / "context"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    wait_for(tmp_path / "started")
    lines, keys = [], []

    def wait_for_it():
        keys.append(built.ensure(tmp_path, dockerfile_spec(tmp_path / "context"), lines.append).key)

    threads = [threading.Thread(target=wait_for_it) for _ in range(2)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 20
    while len(lines) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    (tmp_path / "go").touch()
    output, _ = process.communicate(timeout=60)
    for thread in threads:
        thread.join(timeout=60)
    assert keys == [output.splitlines()[-1]] * 2
    assert lines == ["The same environment is being built for another; waiting for it ..."] * 2


def test_what_was_not_used_for_long_is_removed_and_what_is_in_use_stays(tmp_path, offline):
    old = built.ensure(tmp_path, spec("greeting==1.0"), lambda line: None)
    used = built.ensure(tmp_path, spec("greeting==2.0"), lambda line: None)
    fresh = built.ensure(tmp_path, spec("polite"), lambda line: None)
    (tmp_path / "environments" / "0123.building-x").mkdir()
    long_ago = time.time() - 90 * 86_400
    for environment in (old, used):
        os.utime(environment.python.parent.parent / "recipe.json", (long_ago, long_ago))
    month_ago = datetime.now(timezone.utc) - timedelta(days=30)
    assert built.remove_stale(tmp_path, month_ago, keep=[used.key]) == sorted(["0123", old.key])
    assert built.find(tmp_path, old.key) is None
    assert built.find(tmp_path, used.key) and built.find(tmp_path, fresh.key)


def test_constraints_of_a_requirements_file_are_obeyed(tmp_path, offline):
    context = tmp_path / "context"
    context.mkdir()
    (context / "limits.txt").write_text("greeting<2\n")
    (context / "Dockerfile").write_text("FROM python:3\nCOPY limits.txt .\nRUN pip install -c limits.txt greeting\n")
    environment = built.ensure(tmp_path, dockerfile_spec(context), lambda line: None)
    assert "greeting==1.0" in environment.lock.read_text()


def test_a_hash_that_does_not_match_is_refused(tmp_path, offline):
    with pytest.raises(UserCodeError, match="Hash mismatch"):
        built.ensure(tmp_path, spec(f"greeting==1.0 --hash=sha256:{'0' * 64}"), lambda line: None)


def test_a_python_that_is_missing_is_said_once(tmp_path, offline):
    lines = []
    wanted = EnvironmentSpec("python:3.20", "==3.20.*", spec("greeting").requirements)
    environment = built.ensure(tmp_path, wanted, lines.append)
    said = [line for line in lines if "Python 3.20 is asked for" in line]
    assert len(said) == 1 and said[0] in environment.notes
    assert said[0] in built.build_log(tmp_path, environment.key).read_text()
