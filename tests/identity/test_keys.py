"""Endpoint keys and passwords."""

import base64

import pytest
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


@pytest.mark.parametrize(
    ("credentials", "is_good"),
    [
        ("Basic " + base64.b64encode(b"x:open sesame").decode(), True),
        ("basic " + base64.b64encode(b":open sesame").decode(), True),
        ("Basic " + base64.b64encode(b"open sesame").decode(), False),
        ("Basic " + base64.b64encode(b"open sesame:").decode(), False),
        ("Basic " + base64.b64encode(b"x:\xff\xfe").decode(), False),
        ("Basic not base64!", False),
        ("Basic", False),
        ("Bearer open sesame", False),
        ("", False),
    ],
)
def test_a_password_is_presented_by_basic_authentication_only(credentials, is_good):
    assert keys.presents(credentials, "open sesame") is is_good
