"""Holds the documentation to the code: pages made from it, headings for what it names, links, no leaks."""

import importlib.metadata
import re
import subprocess
from pathlib import Path

import pytest

import lazulite
from lazulite import errors
from lazulite.cli import main
from tools import docs
from tools.shape import ROOT

TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
).stdout.splitlines()
PAGES = [name for name in TRACKED if name.endswith(".md")]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def headings(name):
    return [line.lstrip("# ") for line in read(name).splitlines() if line.startswith("#")]


@pytest.mark.parametrize("name", docs.PAGES)
def test_generated_page_is_what_the_code_makes_now(name):
    assert read(name) == docs.PAGES[name](), f"{name} is behind the code: run `make docs` and look at what changed."


def test_every_error_has_its_heading_with_status_and_code():
    missing = {f"{kind.__name__}: {kind.status} {kind.code}" for kind in tree(errors.LazuliteError)}
    missing -= set(headings("docs/errors.md"))
    assert not missing, f"docs/errors.md has no heading for {sorted(missing)}."


def tree(kind):
    """Yields an error class of errors.py and those below it."""
    if kind.__module__ == errors.__name__:
        yield kind
    for below in kind.__subclasses__():
        yield from tree(below)


def test_errors_page_names_no_error_that_is_gone():
    known = {kind.__name__ for kind in tree(errors.LazuliteError)}
    named = {heading.partition(":")[0] for heading in headings("docs/errors.md") if ": " in heading}
    assert named <= known


def test_the_tree_at_the_top_of_errors_is_the_tree():
    drawn = re.findall(r"(\w+) +(\d{3}) (\w+)", errors.__doc__)
    assert sorted(drawn) == sorted((kind.__name__, str(kind.status), kind.code) for kind in tree(errors.LazuliteError))


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    broken = [target for target in links(name) if not leads_somewhere(name, target)]
    assert not broken, f"{name} links to {broken}."


def links(name):
    prose = re.sub(r"```.*?```", "", read(name), flags=re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", prose)


def leads_somewhere(page, target):
    """Tells whether a link within the repository has its file and its heading; links to elsewhere are not followed."""
    if target.startswith(("http://", "https://", "mailto:")):
        return True
    path, _, anchor = target.partition("#")
    found = (ROOT / page).parent / path if path else ROOT / page
    if not found.exists():
        return False
    return not anchor or anchor in {slug(heading) for heading in headings(found.resolve().relative_to(ROOT))}


def slug(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_page_can_be_reached_from_the_readme():
    seen, waiting = set(), ["README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page not in PAGES:
            continue
        seen.add(page)
        folder = (ROOT / page).parent
        waiting += [
            str((folder / target.partition("#")[0]).resolve().relative_to(ROOT)) for target in local_links(page)
        ]
    alone = [page for page in PAGES if page not in seen and not page.startswith("examples/")]
    assert not alone, f"nothing links to {alone}."


def local_links(page):
    return [target for target in links(page) if "://" not in target and leads_somewhere(page, target)]


def test_decisions_are_numbered_and_have_their_three_parts():
    decisions = sorted(name for name in PAGES if name.startswith("docs/decisions/"))
    numbers = [Path(name).name[:4] for name in decisions]
    assert numbers == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    for name in decisions:
        assert headings(name)[1:] == ["Context", "Choice", "Price"], name


def test_no_package_index_and_no_path_of_some_machine_is_named():
    leaks = [
        f"{name}:{number}: {line.strip()[:120]}"
        for name in TRACKED
        for number, line in enumerate(lines(name), 1)
        if any(leak.search(line) for leak in LEAKS)
    ]
    assert not leaks, "\n" + "\n".join(leaks)


# Written so that none of them finds itself.
LEAKS = (
    re.compile(r"(?<![\w.}])/(?:work/(?:main|shared)|opt/wheels|opt/pyp[i]|root/(?!\.cache))"),
    re.compile(r"/(?:home|Users)/(?!(?:azureuser|me)\b)[a-z]\w+/"),
    re.compile(r"pythonhoste[d]\.org|//(?!pyp[i]\.org|example\.)[\w.-]+/simpl[e]\b"),
)


def lines(name):
    """Returns the lines of a text file; none of a binary one, nor of one that was just removed."""
    try:
        return read(name).splitlines()
    except (UnicodeDecodeError, FileNotFoundError):
        return []


def test_the_version_is_one():
    project = re.search(r'^version = "(.+)"$', read("pyproject.toml"), re.MULTILINE)[1]
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)", read("CHANGELOG.md"), re.MULTILINE)[1]
    assert project == newest == lazulite.__version__


@pytest.mark.parametrize(("lock", "has_dev"), [("requirements.lock", False), ("requirements-dev.lock", True)])
def test_lock_file_holds_every_dependency_and_no_address(lock, has_dev):
    wanted = [one for one in importlib.metadata.requires("lazulite") if has_dev or "extra ==" not in one]
    names = {re.match(r"[\w.-]+", one)[0].lower().replace("_", "-") for one in wanted}
    locked = {line.partition("==")[0] for line in read(lock).splitlines()}
    assert names <= locked, f"{lock} lacks {sorted(names - locked)}: run `make lock`."
    assert not re.search(r"://|--|@", read(lock))


def test_the_guest_protocol_writes_down_what_both_sides_pack():
    written = set(re.findall(r"Struct: `(>\w+)`", read("docs/guest-protocol.md")))
    for side in ("src/lazulite/guest/frames.py", "src/lazulite/serving/gateway/frames.py"):
        packed = set(re.findall(r'Struct\("(>\w+)"\)', read(side)))
        assert packed - {">I"} == written, side  # >I: the length before each chunk


@pytest.mark.parametrize("name", PAGES)
def test_commands_that_a_page_shows_exist(name):
    shown = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", read(name), flags=re.DOTALL))
    said = {program: set(re.findall(rf"^[`$ ]*{program} ([a-z][a-z-]*)", shown, re.MULTILINE)) for program in KNOWN}
    for program, words in said.items():
        assert words <= KNOWN[program], f"{name}: {program} knows no {words - KNOWN[program]}."


KNOWN = {
    "lazulite": set(main.GROUPS),
    "make": set(re.search(r"^\.PHONY: (.+)$", read("Makefile"), re.MULTILINE)[1].split()),
}
