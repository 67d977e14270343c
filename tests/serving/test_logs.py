"""A console log is kept within bounds while workers append to it."""

from pathlib import Path

from lazulite.serving import logs


def test_a_large_console_log_is_put_aside_and_goes_on(tmp_path: Path) -> None:
    console = logs.console(tmp_path)
    with console.open("a") as worker:
        worker.write("x" * (65 << 20))
        worker.flush()
        logs.limit(tmp_path)
        worker.write("next line\n")
    assert console.read_text() == "next line\n"
    assert (tmp_path / "console.log.1").stat().st_size == 65 << 20


def test_a_small_one_stays_and_a_missing_one_is_no_error(tmp_path: Path) -> None:
    logs.limit(tmp_path)
    logs.console(tmp_path).write_text("short")
    logs.limit(tmp_path)
    assert logs.console(tmp_path).read_text() == "short"
