"""The file of results: in order and whole, whatever order mini-batches end in and wherever the machine stops."""

import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lazulite.batch.results import Results


def rows(number):
    """Returns what mini-batch `number` makes; some make nothing."""
    return b"" if number % 5 == 3 else f"{number}:{'x' * (number * 7 % 40)}\n".encode()


def finish(results, journal, number):
    record = {"k": number, **results.place(number, rows(number))}
    journal.append(record)
    results.finish(record)


@settings(max_examples=150, deadline=None)
@given(st.permutations(range(14)), st.integers(0, 14), st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_rows_are_in_order_and_whole_after_a_stop_anywhere(order, stop, target_part, spool_part, is_power_failure):
    with tempfile.TemporaryDirectory() as folder:
        target, spool = f"{folder}/predictions.csv", Path(folder, "spool")
        journal = []
        results = Results(target, spool)
        for number in order[:stop]:
            finish(results, journal, number)
        written = Path(target).read_bytes()
        assert written == b"".join(map(rows, range(results.turn)))
        if is_power_failure:  # what was written last was still on its way to the disk
            os.truncate(target, int(len(written) * target_part))
            os.truncate(spool, int(spool.stat().st_size * spool_part))
        else:
            with Path(target).open("ab") as file:
                file.write(b"of a mini-batch that the jour")
        again = Results(target, spool)
        for record in journal:
            again.replay(record)
        lost = again.settle()
        assert is_power_failure or not lost
        finished = {number for number in range(14) if again.is_finished(number)}
        assert finished == set(order[:stop]) - set(lost)
        for number in order:
            if number not in finished:
                finish(again, journal, number)
        assert again.close() == 0
        assert Path(target).read_bytes() == b"".join(map(rows, range(14)))


def test_a_job_that_ends_early_leaves_the_rows_of_all_that_is_finished(tmp_path):
    results, journal = Results(str(tmp_path / "out" / "rows"), tmp_path / "spool"), []
    for number in (4, 0, 6):
        finish(results, journal, number)
    assert (tmp_path / "out" / "rows").read_bytes() == rows(0)
    assert results.close() == 0
    assert (tmp_path / "out" / "rows").read_bytes() == rows(0) + rows(4) + rows(6)
