"""Lent memory: promised when it is lent, returned when nobody wants it, gone with the gateway."""

from pathlib import Path

import pytest

from lazulite.serving.gateway import lend
from lazulite.serving.gateway.lend import Lender

pytestmark = pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="this machine has no /dev/shm")

MB = 1 << 20


@pytest.fixture
def lender(tmp_path):
    lender = Lender(tmp_path)
    yield lender
    lender.close()


def memory_bytes(loan):
    return loan.path.stat().st_blocks * 512


def test_a_loan_has_room_for_the_body_and_a_little_more_and_its_memory_is_there(lender):
    loan = lender.lend(MB)
    assert len(loan.memory) > MB
    assert memory_bytes(loan) >= len(loan.memory)
    assert loan.path.stat().st_mode & 0o777 == 0o600


def test_small_bodies_are_not_worth_it(lender):
    assert lender.lend(1000) is None


def test_what_comes_back_is_lent_again_what_is_given_up_is_not(lender):
    first = lender.lend(MB)
    lender.take_back(first)
    assert lender.lend(MB) is first
    lender.write_off(first)
    assert not first.path.exists()
    second = lender.lend(MB)
    assert second is not first and second.path != first.path


def test_memory_that_nobody_wants_is_returned_and_promised_anew(lender):
    loans = [lender.lend(MB) for _ in range(3)]
    for loan in loans:
        lender.take_back(loan)
    lender.sweep()
    assert lender.lend(MB) is loans[2]
    lender.take_back(loans[2])
    lender.sweep()
    assert [memory_bytes(loan) > 0 for loan in loans] == [False, False, True]
    lender.sweep()
    assert memory_bytes(loans[2]) == 0
    again = lender.lend(MB)
    again.memory[:5] = b"hello"
    assert memory_bytes(again) >= len(again.memory)
    assert again.path.read_bytes()[:5] == b"hello"


def test_there_is_an_end_to_what_is_lent(lender, monkeypatch):
    monkeypatch.setattr(lend, "_ALL_BYTES", 3 * MB)
    first, second = lender.lend(MB), lender.lend(MB)
    assert first and second and lender.lend(MB) is None
    lender.write_off(first)
    assert lender.lend(MB)


def test_no_memory_is_no_loan_and_no_file(lender, monkeypatch):
    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lend.os, "posix_fallocate", fails)
    before = set(Path("/dev/shm").iterdir())
    assert lender.lend(MB) is None
    assert set(Path("/dev/shm").iterdir()) <= before


def test_a_new_lender_of_the_same_home_removes_what_an_old_one_left(lender, tmp_path):
    left = lender.lend(MB)
    Lender(tmp_path)
    assert not left.path.exists()
