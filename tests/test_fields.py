"""Fields of bodies: read by type, refused by their path."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from lazulite import fields
from lazulite.errors import BadRequest

BODY = {"text": "a", "no": None, "texts": {"a.b": "c", "d": None}, "flag": True, "count": 7}


def test_fields_are_found_by_the_last_part_of_their_path() -> None:
    assert fields.text(BODY, "properties.text", required=True) == "a"
    assert fields.texts(BODY, "texts") == {"a.b": "c"}
    assert fields.flag(BODY, "properties.flag")
    assert fields.count(BODY, "count", 1) == 7


def test_what_is_absent_or_null_is_the_default() -> None:
    for name in ("no", "nothing"):
        assert (fields.text(BODY, name), fields.nested(BODY, name), fields.texts(BODY, name)) == ("", {}, {})
        assert (fields.flag(BODY, name), fields.count(BODY, name, 3)) == (False, 3)


@pytest.mark.parametrize(
    ("read", "path"),
    [
        (fields.text, "properties.count"),
        (fields.nested, "properties.text"),
        (fields.texts, "properties.flag"),
        (fields.flag, "properties.count"),
        (lambda body, path: fields.count(body, path, 1), "properties.flag"),
        (lambda body, path: fields.count(body, path, 1, most=6), "properties.count"),
        (lambda body, path: fields.text(body, path, required=True), "properties.no"),
    ],
)
def test_another_type_is_refused_with_its_path(read: Callable[[Mapping[str, Any], str], Any], path: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(BODY, path)
    assert refused.value.target == path and refused.value.message.startswith(path)
