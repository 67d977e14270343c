"""Plans: which files go into which mini-batch, in what order, whatever is killed."""

import os
import random
import tracemalloc

from lazulite.batch import listing, plan


def test_files_come_in_the_order_of_their_paths_folders_and_odd_names_included(tmp_path, batch):
    odd = ["b.json", "a/z.json", "a.json", "a/b/c.json", "a b", "ä\n", "Z", ".hidden", "a/10", "a/9"]
    job = batch("", dict.fromkeys(odd, "x"))
    (job.root / "in" / "link").symlink_to("nowhere")
    os.mkfifo(job.root / "in" / "pipe")
    (job.root / "in" / "empty").mkdir()
    assert list(listing.files(job.order.source, str(tmp_path))) == sorted([*odd, "link"])


def test_however_many_names_are_ordered_in_little_memory(tmp_path):
    names = [f"{number:07d}" for number in range(220_000)]
    random.Random(1).shuffle(names)
    shuffled, names = iter(names), None
    tracemalloc.start()
    count, last = 0, ""
    for name in listing.ordered(shuffled, str(tmp_path)):
        assert last < name
        count, last = count + 1, name
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 220_000 and peak < 40 << 20


def test_a_plan_once_made_stays_whatever_comes_and_is_made_anew_if_it_was_not_finished(batch):
    (job := batch("", 10)).order.place.mkdir()
    made = plan.ensure(job.order)
    assert (made.mini_batches, made.items) == (3, 10)
    (job.root / "in" / "000a.json").touch()
    assert plan.ensure(job.order) == made
    (job.order.place / "plan.json").unlink()
    assert plan.ensure(job.order).items == 11
    assert next(made.all()).said["files"] == ["000.json", "000a.json", "001.json", "002.json"]
    assert made.get(2).number == 2 and made.get(3) is None


def test_a_single_file_is_a_mini_batch(batch):
    job = batch("import os\ndef run(mini_batch):\n    return mini_batch", {"one.txt": "x"}, mini_batch_size=10)
    told = (job.root / "parallel.json").read_text().replace(f'{job.root}/in"', f'{job.root}/in/one.txt"')
    (job.root / "parallel.json").write_text(told)
    assert job.run() == 0
    assert job.rows == [str(job.root / "in" / "one.txt")]
