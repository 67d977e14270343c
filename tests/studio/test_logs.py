"""Logs as terminals would show them, while they grow, and over a platform that is killed meanwhile."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from lazulite.studio import logs
from tests.conftest import Platform
from tests.studio.conftest import WITHIN_S, Place

# A progress bar that writes over itself, slowly enough to be seen; colours; letters of several bytes cut by flushes.
BAR = r"""
import os, sys, time
out = sys.stdout.buffer
def put(some):
    out.write(some); out.flush()
put(b"\x1b[31mred\x1b[0m \x1b[38;2;10;200;120mgreen\x1b[0m \x1b]0;window\x07plain ab\x08c\n")
put(b"\x00\x01binary\xff\xfe\n" + b"x" * 100_000 + b"\n" + "é".encode()[:1])
time.sleep(1.2)
put("é".encode()[1:] + b"\n")
for part in range(101):
    put(b"\rdownload %3d%%" % part)
    if part == 50:
        while not os.path.exists(os.environ["GO"]):
            time.sleep(0.05)
put(b"\n<b>last</b> line")
"""
# Goes on while its platform is away, and says when it has seen that.
COUNT = """
import os, time
for number in range(10**6):
    print("line", number, "of many", flush=True)
    time.sleep(0.02)
    if os.path.exists(os.environ["GO"]):
        break
print("counted", number + 1, flush=True)
"""


def test_a_growing_log_is_shown_as_a_terminal_shows_it(place: Place, page: Page, tmp_path: Path) -> None:
    go = tmp_path / "go"
    job = place.job("python bar.py", codeId=place.code(bar_py=BAR), environmentVariables={"GO": str(go)})
    page.goto(place.address(f"/runs/{job}?tab=logs"))
    text = page.locator("lz-log .text")
    expect(text).to_contain_text("download  50%", timeout=1000 * WITHIN_S)
    expect(text.locator(".fore1")).to_have_text("red")
    expect(text.locator("span", has_text="green").last).to_have_attribute("style", re.compile(r"rgb\(10,? 200,? 120\)"))
    for shown in ("plain ac", "␀␁binary", "\né\n"):
        expect(text).to_contain_text(shown, use_inner_text=True)
    for hidden in ("download  49%", "window", "31m"):
        expect(text).not_to_contain_text(hidden)
    go.touch()
    expect(text).to_contain_text("download 100%")
    expect(text).to_contain_text("<b>last</b> line")
    assert "download  50%" not in text.inner_text()
    page.get_by_label("Search this log").fill("download 100%")
    page.get_by_role("button", name="↑").click()
    expect(text.locator("mark")).to_have_text("download 100%")


def test_no_line_is_lost_when_the_platform_is_killed_under_an_open_page(
    own_platform: Platform, page: Page, tmp_path: Path
) -> None:
    own_platform.start()
    place, go = Place(own_platform), tmp_path / "go"
    job = place.job("python count.py", codeId=place.code(count_py=COUNT), environmentVariables={"GO": str(go)})
    page.goto(place.address(f"/runs/{job}?tab=logs"))
    text = page.locator("lz-log .text")
    expect(text).to_contain_text("line 20 ", timeout=1000 * WITHIN_S)
    own_platform.kill()
    expect(page.locator(".toast")).to_contain_text("does not answer")
    before = text.inner_text().count("\n")
    own_platform.start()
    expect(text).to_contain_text(f"line {before + 50} ", timeout=1000 * WITHIN_S)
    go.touch()
    expect(text).to_contain_text("counted")
    expect(page.locator(".title .badge")).to_have_text("Completed", timeout=1000 * WITHIN_S)
    lines = text.inner_text().strip().splitlines()
    assert lines[:-1] == [f"line {number} of many" for number in range(len(lines) - 1)]
    assert lines[-1] == f"counted {len(lines) - 1}"


def test_a_range_ends_with_a_whole_letter() -> None:
    for letter in ("a", "é", "€", "𝄞"):
        whole = letter.encode()
        for cut in range(1, len(whole)):
            assert logs._whole_letters(b"x" + whole[:cut]) == b"x"
        assert logs._whole_letters(b"x" + whole) == b"x" + whole
