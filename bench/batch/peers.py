"""`python peers.py PEER DATA`: bench/batch/score.py over a folder by one runner, rows to standard output.

PEER: loop, pool, joblib, dask or ray. Two processes each, but for the loop; mini-batches of ten.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from multiprocessing import get_context
from pathlib import Path

import score

SIZE, PROCESSES = 10, 2


class Model:
    """Whether this process has loaded the model: runners without an initializer of their own need to know."""

    is_loaded = False


def run(mini_batch):
    """Runs one mini-batch, after `init` in a process that has not begun yet."""
    if not Model.is_loaded:
        score.init()
        Model.is_loaded = True
    return score.run(mini_batch)


def loop(batches):
    """No runner at all."""
    return map(run, batches)


def pool(batches):
    """multiprocessing.Pool, started as a program with threads must."""
    with get_context("spawn").Pool(PROCESSES) as workers:
        yield from workers.imap_unordered(run, batches, 1)


def joblib(batches):
    """joblib with its default backend, loky."""
    from joblib import Parallel, delayed

    yield from Parallel(n_jobs=PROCESSES)(delayed(run)(one) for one in batches)


def dask(batches):
    """dask.bag over processes."""
    import dask.bag

    workers = ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"))
    bag = dask.bag.from_sequence(batches, partition_size=1).map(run)
    yield from bag.compute(scheduler="processes", pool=workers)


def ray(batches):
    """Ray's tasks."""
    import ray as engine

    engine.init(num_cpus=PROCESSES, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    remote = engine.remote(run)
    yield from engine.get([remote.remote(one) for one in batches])


def main():
    """Runs one peer."""
    files = sorted(str(path) for path in Path(sys.argv[2]).iterdir())
    batches = [files[start : start + SIZE] for start in range(0, len(files), SIZE)]
    rows = chain.from_iterable(globals()[sys.argv[1]](batches))
    print("\n".join(rows))


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    main()
