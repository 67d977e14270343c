"""Settings: what is given wins over the variable, the variable over the default; nonsense is refused."""

from pathlib import Path

import pytest

from lazulite import settings
from lazulite.errors import BadRequest, Conflict


def test_given_values_win_over_variables_over_defaults(tmp_path: Path) -> None:
    environ = {"LAZULITE_PORT": "9000", "LAZULITE_STRICT": "yes", "LAZULITE_HOME": str(tmp_path)}
    read = settings.read(environ, port=9001)
    assert (read.port, read.strict, read.scoring_port, read.home) == (9001, True, 8766, tmp_path)


def test_the_home_folder_is_expanded() -> None:
    assert settings.read({}).home == Path("~/.lazulite").expanduser()


def test_a_port_that_is_no_number_is_refused_by_name() -> None:
    with pytest.raises(BadRequest, match="LAZULITE_PORT is 'many'"):
        settings.read({"LAZULITE_PORT": "many"})


def test_a_wide_address_is_reached_by_loopback() -> None:
    assert settings.read({}, host="0.0.0.0").url == "http://127.0.0.1:8765"


def test_sockets_are_not_put_where_others_may_change_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    own = settings.read({}, home=tmp_path / "home")
    assert own.make_sockets().stat().st_mode & 0o777 == 0o700
    own.sockets.chmod(0o777)
    with pytest.raises(Conflict, match="is not yours alone"):
        own.make_sockets()


def test_sockets_lie_in_a_path_short_enough_for_linux(tmp_path: Path) -> None:
    deep = settings.read({}, home=tmp_path / ("x" * 200))
    assert len(str(deep.sockets / "gateway.sock")) < 100
