"""Endpoint keys."""

from hypothesis import given
from hypothesis import strategies as st

from lazulite.identity import keys


def test_keys_have_84_letters_and_digits_and_are_never_the_same():
    made = [keys.new_key() for _ in range(50)]
    assert all(len(key) == 84 and key.isascii() and key.isalnum() for key in made)
    assert len(set(made)) == 50


@given(st.text(), st.text())
def test_comparing_takes_any_text(one, other):
    assert keys.equal(one, other) is (one == other)
    assert keys.equal(one, one)
