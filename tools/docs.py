"""Writes every page that is made from code. tests/test_docs.py holds the pages to it."""

from collections.abc import Callable
from pathlib import Path

from lazulite.cli import reference
from tools import coverage, guesses, routes, settings, variables
from tools.shape import ROOT

PAGES: dict[str, Callable[[], str]] = {
    "docs/cli.md": reference.reference,
    "docs/coverage.md": coverage.text,
    "docs/environment-variables.md": variables.text,
    "docs/guesses.md": guesses.text,
    "docs/settings.md": settings.text,
    "tests/routes.txt": routes.text,
}


def main() -> None:
    """Writes the pages that changed, and says which."""
    for name, made in PAGES.items():
        path, text = ROOT / Path(name), made()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")


if __name__ == "__main__":
    main()
