"""Interactive services: what is started beside a job's command, and who may know its secrets."""

from pathlib import Path

from lazulite.engine import services
from lazulite.engine.services import InteractiveProgram


def test_a_token_is_in_the_environment_and_on_no_command_line(tmp_path: Path) -> None:
    wanted = [InteractiveProgram("nb", "JupyterLab"), InteractiveProgram("board", "TensorBoard", "outputs/logs")]
    notebook, board = services.plan(tmp_path, tmp_path, wanted, [7001, 7002])
    token = notebook["variables"]["JUPYTER_TOKEN"]
    assert len(token) == 48 and token not in notebook["command"] and not board["variables"]
    assert f"http://127.0.0.1:7001/lab?token={token}" in (tmp_path / "services.json").read_text()
