"""Which words count as an admission, and under which name they are listed."""

from pathlib import Path

from tools import guesses
from tools.shape import Module

TEXT = '''"""Sizes. Source: a page."""

LIMIT = 5  # Source: guess.

# Nothing says how long Azure waits.
# Source: guess.
WAIT_S = 3


def take(count):
    """Takes at most LIMIT.

    Azure refuses zero. Source: guess, from one answer | quoted in a forum.
    """
    return min(count, LIMIT)  # a guess at nothing


class Line:
    def stand(self):
        # People stand. Source: guess.
        return "guess"
'''


def test_guesses_are_found_in_docstrings_and_comments_and_named():
    assert list(guesses.guesses(Module(Path("src/lazulite/arm/x.py"), TEXT))) == [
        ("arm/x.py LIMIT", "Source: guess."),
        ("arm/x.py WAIT_S", "Nothing says how long Azure waits. Source: guess."),
        ("arm/x.py take", "Azure refuses zero. Source: guess, from one answer \\| quoted in a forum."),
        ("arm/x.py Line", "People stand. Source: guess."),
    ]
