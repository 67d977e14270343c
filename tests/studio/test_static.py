"""Studio's own files: colours that can be read, and nothing that is fetched from elsewhere."""

import re
from importlib import resources

import pytest

ASSETS = resources.files("lazulite.studio") / "assets"
PALETTE = dict(re.findall(r"--([\w-]+): light-dark\((#\w{6}), (?:#\w{6})\);", (ASSETS / "studio.css").read_text()))
DARK = dict(re.findall(r"--([\w-]+): light-dark\(#\w{6}, (#\w{6})\);", (ASSETS / "studio.css").read_text()))
TEXTS, GROUNDS = ("ink", "muted", "accent", "good", "bad", "live", "wait"), ("ground", "panel", "raised", "tint")


def luminance(colour: str) -> float:
    """Source: w3.org/TR/WCAG21, relative luminance."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [PALETTE, DARK], ids=["light", "dark"])
def test_every_text_can_be_read_on_every_ground_as_wcag_aa_asks(palette: dict[str, str]) -> None:
    found = {
        (text, ground): round(contrast(palette[text], palette[ground]), 2)
        for text in TEXTS
        for ground in GROUNDS
        if contrast(palette[text], palette[ground]) < 4.5
    }
    assert not found
    assert contrast(palette["accent-ink"], palette["accent"]) >= 4.5


def test_no_file_of_studios_names_another_host() -> None:
    for file in ASSETS.iterdir():
        hosts = set(re.findall(r"https?://[\w.-]+", file.read_text())) - {"http://www.w3.org"}
        assert not hosts, file.name
