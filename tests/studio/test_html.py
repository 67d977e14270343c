"""What becomes of text and attributes."""

import pytest

from lazulite.studio.html import Html, a, div, input_, join, text


@pytest.mark.parametrize(
    ("made", "printed"),
    [
        (div("<b>", class_="x"), '<div class="x">&lt;b&gt;</div>'),
        (div(Html("<b>")), "<div><b></div>"),
        (a("x", href='"><script>', data_key="k"), '<a href="&quot;&gt;&lt;script&gt;" data-key="k">x</a>'),
        (input_(name="n", required=True, checked=False, value=None), '<input name="n" required>'),
        (join("a", None, False, [1, [2.5, "<"]]), "a12.5&lt;"),
    ],
)
def test_only_what_is_markup_already_stays_markup(made: Html, printed: str) -> None:
    assert made == printed and text(made) == printed
