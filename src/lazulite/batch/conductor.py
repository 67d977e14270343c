"""Conducts one batch job: hands mini-batches to workers, keeps what they return, and says how it ended.

One thread, one event at a time. Whatever is killed, the job folder's `batch/` tells the next conductor where to go on:
docs/architecture/batch.md.
"""

import json
import signal
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lazulite import clock
from lazulite.artifacts import lines
from lazulite.batch import deaths, failures, outputs, plan
from lazulite.batch.crew import Crew
from lazulite.batch.failures import Failures
from lazulite.batch.journal import Journal
from lazulite.batch.order import Order
from lazulite.batch.outputs import Outputs
from lazulite.batch.plan import MiniBatch, Plan
from lazulite.batch.progress import Progress
from lazulite.batch.relay import Relay
from lazulite.batch.results import Results
from lazulite.batch.workers import Message, Worker
from lazulite.errors import LazuliteError, OutOfSpace, UserCodeError

_MOST_EARLY = 100_000  # finished before their turn; more would be held in memory
_MOST_STARTS = 3  # of conductors that were killed before a mini-batch was finished
_LAST_STACK_S = 0.3
_QUICK_S = 0.1  # a worker whose mini-batches take less is sent the next one before it has finished
_SHORT_BYTES = 1 << 15  # what fits into a socket's buffer, whether the worker listens or not
_QUEUED_IF_LEFT = 4  # mini-batches per worker: near the end, who is free takes what is left
_SHUTDOWN_S = 30.0
_TO_EXIT_S = 5.0


@dataclass(frozen=True)
class Verdict:
    """How a job ended. state: completed, failed or canceled; warnings: what its user should see all the same."""

    state: str
    code: str = ""
    message: str = ""
    warnings: tuple[str, ...] = ()


class Conductor:
    """One run of a batch job, from the plan or from where an earlier conductor was killed."""

    def __init__(self, order: Order, log: int) -> None:
        """log: the descriptor of the job's log."""
        self._order = order
        self._is_canceled = False
        order.place.mkdir(parents=True, exist_ok=True)
        Path(order.logs, "batch").mkdir(parents=True, exist_ok=True)
        self._relay = Relay(log)
        self._tell_parent = lines.writer(Path(order.parent_log)) if order.parent_log else None
        self._journal = Journal(order.place / "journal.jsonl")
        began, starts = self._earlier()
        self._starts = starts
        self._progress = Progress(Path(order.logs, "batch", "progress.json"), began)
        self._outputs = Outputs(order.place, order.outputs, began)
        self._failures = Failures(Path(order.logs))
        self._crew = Crew(order, self._outputs)
        self._results = Results(order.append_to, order.place / "spool")
        self._waiting: Iterator[MiniBatch] = iter(())
        self._again: deque[tuple[MiniBatch, int]] = deque()  # with the tries that there were
        self._plan: Plan | None = None
        self._kills_before = deaths.kills_for_memory()

    def cancel(self, *_: Any) -> None:
        """Ends the job soon; may be called by a signal."""
        self._is_canceled = True

    def run(self) -> Verdict:
        """Runs the job to its end."""
        try:
            self._resume()
            self._work()
            verdict = self._verdict()
        except LazuliteError as error:
            verdict = Verdict("failed", error.code, error.message)
        return self._conclude(verdict)

    def _earlier(self) -> tuple[float, int]:
        """Returns when the job began, and how many conductors began since a mini-batch was last finished."""
        began, starts = clock.now().timestamp(), 0
        for number, record in enumerate(self._journal.records()):
            began = record["start"] if not number else began
            starts = starts + 1 if "start" in record else 0 if "k" in record else starts
        return began, starts

    def _resume(self) -> None:
        """Makes the plan or finds it, and takes up what the journal tells of."""
        if self._starts >= _MOST_STARTS:
            raise LazuliteError(
                f"The job was killed {self._starts} times before it had finished a mini-batch.", code="BatchJobLost"
            )
        self._progress.write(())
        is_first = not plan.is_made(self._order)
        if is_first:  # else the journal's last record may tell of moves that were cut short
            self._note_start()
        self._plan = plan.ensure(self._order)
        self._progress.mini_batches, self._progress.items = self._plan.mini_batches, self._plan.items
        self._replay(self._plan)
        if not is_first:
            self._note_start()
        self._outputs.clear()
        count = self._plan.mini_batches
        if not count:
            raise UserCodeError(f"The input is empty: there is no file in {self._order.input}.", code="EmptyInput")
        self._say(
            f"{count} mini-batches{f' of {self._plan.items} files' if self._plan.items else ''}, "
            f"{min(self._order.workers, count)} workers"
        )
        if self._progress.counts.finished:
            self._say(f"Going on: {self._progress.summary()}.")
        self._waiting = (one for one in self._plan.all() if not self._results.is_finished(one.number))

    def _note_start(self) -> None:
        self._journal.write({"start": clock.now().timestamp()})

    def _replay(self, made: Plan) -> None:
        lost: Counter[int] = Counter()
        last: dict[str, Any] = {}
        for last in self._journal.records():
            lost.update(last.get("lost", ()))
        outputs.move(last.get("moves", ()))  # cut short if nothing comes after; the paths are used again and again
        for record in self._finished(Counter(lost)):
            self._results.replay(record)
        again = self._results.settle()
        if again:
            self._journal.write({"lost": again})
        lost.update(again)
        failed = {}
        for record in self._finished(lost):
            self._progress.counts.add(record)
            if "error" in record:
                failed[record["k"]] = record
            self._failures.note_collisions(record["k"], record.get("collisions", {}))
        for mini_batch in made.all() if failed else ():
            if mini_batch.number in failed:
                self._failures.note(mini_batch, failed[mini_batch.number])

    def _finished(self, lost: Counter[int]) -> Iterator[dict[str, Any]]:
        """Yields the journal's mini-batches, but for those whose rows were lost afterwards."""
        for record in self._journal.records():
            if "k" not in record:
                continue
            if lost[record["k"]]:
                lost[record["k"]] -= 1
            else:
                yield record

    def _work(self) -> None:
        """Hands out mini-batches until all are finished, too many have failed, or the job is canceled."""
        self._progress.state = "starting"
        while self._left() and not self._is_canceled and not self._too_many():
            self._crew.fill(min(self._order.workers, self._left()))
            if not len(self._crew):
                raise self._no_workers()
            for event in self._crew.listen():
                if self._is_canceled:  # workers are told to end as well, and die of it
                    break
                if event.message is None:
                    self._lost(event.worker)
                else:
                    self._hear(event.worker, event.message)
            self._look_at_clock()

    def _left(self) -> int:
        return (self._progress.mini_batches or 0) - self._progress.counts.finished

    def _too_many(self) -> str:
        return failures.too_many(self._order, self._progress.counts, self._progress.mini_batches or 0)

    def _no_workers(self) -> LazuliteError:
        return UserCodeError(f"No worker could be started. {self._failures.first}", code="InitFailed")

    def _hear(self, worker: Worker, message: Message) -> None:
        said = message.said
        if said["state"] == "ready":
            self._crew.note_ready(worker)
            self._publish(worker)
            self._relay.show(worker)
            self._hand_out(worker)
        elif worker.state == "starting":
            worker.failure = said["error"]
            worker.deadline = clock.monotonic() + _TO_EXIT_S
        elif said["state"] == "begun":
            worker.state = "running"
            worker.deadline = clock.monotonic() + self._order.timeout_s
        elif worker.state != "stopping":
            self._relay.show(worker, said["log_bytes"], is_last=True)
            self._take(worker, said, message.rows)
            self._hand_out(worker)

    def _hand_out(self, worker: Worker) -> None:
        """Gives a worker its next mini-batch, if there is one for it; one more, if it would soon wait for that."""
        handed, worker.queued = worker.queued or self._next(worker), None
        worker.mini_batch, worker.state = None, "idle"
        if handed is None:
            return
        worker.mini_batch, worker.tries = handed[0], handed[1] + 1
        is_table = "table" in worker.mini_batch.said
        worker.state = "loading" if is_table else "running"
        worker.deadline = clock.monotonic() + (self._order.load_timeout_s if is_table else self._order.timeout_s)
        self._progress.state = "running"
        if (
            worker.was_quick
            and worker.sent_bytes < _SHORT_BYTES
            and self._left() > _QUEUED_IF_LEFT * self._order.workers
        ):
            worker.queued = self._next(worker)

    def _next(self, worker: Worker) -> tuple[MiniBatch, int] | None:
        """Sends a worker what comes next; returns it with the tries that there were."""
        if self._is_canceled or self._too_many():
            return None
        if self._again:
            found = self._again.popleft()
        else:
            mini_batch = next(self._waiting, None) if self._results.early < _MOST_EARLY else None
            if mini_batch is None:
                return None
            found = mini_batch, 0
        worker.send(found[0].message(self._order.input))
        return found

    def _take(self, worker: Worker, said: dict[str, Any], rows: bytes) -> None:
        """Takes what came of a mini-batch: it is finished, or tried again."""
        items, count = said["items"], said.get("count", 0)
        error = said.get("error")
        if error is None and count < items:
            error = deaths.too_few(said)
        worker.was_quick = said.get("run_s", _QUICK_S) < _QUICK_S
        worker.has_written = said["wrote"]
        self._settle(worker, error, items, min(count, items or 0), rows, said.get("run_s"))
        if said["wrote"]:
            worker.send({"go": True})

    def _settle(
        self,
        worker: Worker,
        error: dict[str, Any] | None,
        items: int | None,
        ok: int,
        rows: bytes = b"",
        run_s: float | None = None,
    ) -> None:
        mini_batch = worker.mini_batch
        assert mini_batch is not None
        if items is None and "files" in mini_batch.said:
            items = len(mini_batch.said["files"])
        if error and worker.tries < self._order.tries:
            self._outputs.discard(worker.process)
            self._again.append((mini_batch, worker.tries))
            what = failures.described(mini_batch, items)
            self._say(f"{what}, try {worker.tries} of {self._order.tries}: {failures.in_words(error)}")
            return
        moves = self._outputs.planned(worker.process, f"mini-batch-{mini_batch.number}") if worker.has_written else []
        collided = outputs.collisions(moves)
        rows = self._outputs.named(worker.process, rows, moves)
        record: dict[str, Any] = {
            "k": mini_batch.number,
            "items": items,
            "ok": ok,
            "tries": worker.tries,
            "worker": worker.slot,
            "run_s": run_s,
            **self._results.place(mini_batch.number, rows),
            **({"moves": [(one.source, one.target) for one in moves]} if moves else {}),
            **({"collisions": collided} if collided else {}),
            **({"error": error} if error else {}),
        }
        self._journal.write(record)
        if moves:
            outputs.move(record["moves"])
            self._journal.write({"moved": mini_batch.number})
        self._results.finish(record)
        self._progress.counts.add(record)
        if error:
            self._say(self._failures.note(mini_batch, record))
        if collided:
            self._say(*self._failures.note_collisions(mini_batch.number, collided))

    def _publish(self, worker: Worker) -> None:
        """Moves what a worker wrote before its first mini-batch, or after its last one."""
        moves = self._outputs.planned(worker.process, worker.process)
        outputs.move([(one.source, one.target) for one in moves])
        collided = outputs.collisions(moves)
        self._progress.counts.collisions += len(collided)
        self._say(*self._failures.note_collisions(None, collided))

    def _lost(self, worker: Worker, error: dict[str, Any] | None = None) -> None:
        """Hears that a worker is gone, and sees to what it was doing. error: why it was ended, if by us."""
        self._relay.show(worker, is_last=True)
        was = worker.state_before
        code = self._crew.remove(worker)
        kills = deaths.kills_for_memory()
        error = error or worker.failure or deaths.of_code(code, kills > self._kills_before)
        self._kills_before = kills
        if worker.queued:
            self._again.appendleft(worker.queued)
        if was == "starting":
            self._did_not_start(worker, error)
        elif worker.mini_batch is not None:
            worker.has_written = True  # it may have
            self._settle(worker, error, None, 0)

    def _did_not_start(self, worker: Worker, error: dict[str, Any]) -> None:
        self._crew.note_failure(worker)
        told = f"init() failed: {failures.in_words(error)}"
        self._failures.first = self._failures.first or told
        self._say(f"Worker {worker.slot}: {told}")
        is_hopeless = self._crew.failures >= _MOST_STARTS or error["kind"] == "timeout"
        if not self._crew.was_ever_ready and is_hopeless:
            raise UserCodeError(f"The entry script does not start. {told}", code="InitFailed")

    def _look_at_clock(self) -> None:
        """Ends what has taken too long, shows what was printed, tells how far it is."""
        now = clock.monotonic()
        for worker in self._crew:
            self._relay.show(worker)
            if worker.state == "idle":
                self._hand_out(worker)
            elif now < worker.deadline:
                continue
            elif worker.state == "stopping":
                self._time_out(worker)
            else:
                worker.stop()
                worker.deadline = now + _LAST_STACK_S
        self._progress.write(self._crew)
        line = self._progress.line()
        if line:
            self._say(line)

    def _time_out(self, worker: Worker) -> None:
        what, limit_s = {
            "starting": ("init()", self._order.init_timeout_s),
            "loading": ("Reading the rows", self._order.load_timeout_s),
        }.get(worker.state_before, ("run()", self._order.timeout_s))
        self._lost(worker, deaths.of_time(limit_s, what, worker.log_path, self._order.code))

    def _verdict(self) -> Verdict:
        counts, made = self._progress.counts, self._progress.mini_batches or 0
        if self._is_canceled and self._left():
            return Verdict("canceled", "Canceled", f"The job was canceled: {self._progress.summary()}.")
        first = f" The first: {self._failures.first}" if self._failures.first else ""
        too_many = self._too_many()
        if too_many:
            return Verdict("failed", "TooManyFailures", f"{too_many}{first} {_LISTED}")
        if not counts.items_done:
            return Verdict("failed", "NothingSucceeded", f"{failures.NOTHING_SUCCEEDED}{first} {_LISTED}")
        warnings = []
        if counts.items_failed or counts.failed:
            what = f"{counts.failed} of {made} mini-batches failed, {counts.items_failed} items"
            warnings.append(f"{what}.{first} {_LISTED}")
        if counts.collisions:
            files = "output file" if counts.collisions == 1 else "output files"
            warnings.append(
                f"{counts.collisions} {files} had a name that was taken. All are kept, under the names in "
                f"logs/batch/collisions.jsonl. {failures.ADVICE}"
            )
        return Verdict("completed", warnings=tuple(warnings))

    def _conclude(self, verdict: Verdict) -> Verdict:
        """Ends the workers, completes the file of results, and writes down how the job ended."""
        with suppress(OutOfSpace):
            self._dismiss(is_orderly=verdict.state == "completed")
        missing = self._results.close()
        if missing:
            lost = f" The results of {missing} mini-batches could not be appended."
            verdict = Verdict("failed", verdict.code, verdict.message + lost)
        self._progress.state, self._progress.message = verdict.state, verdict.message
        self._progress.write((), is_due=True)
        if self._progress.mini_batches:
            self._say(f"{self._progress.summary()}.")
        self._say(*verdict.warnings, *filter(None, [verdict.message]))
        told = {"state": verdict.state, "code": verdict.code, "message": verdict.message, "warnings": verdict.warnings}
        with suppress(OSError):
            (self._order.place / "result.json").write_text(json.dumps(told))
        self._journal.close()
        return verdict

    def _dismiss(self, is_orderly: bool) -> None:
        """Ends all workers; an orderly end lets scripts clean up."""
        deadline = clock.monotonic() + _SHUTDOWN_S
        for worker in self._crew:
            if is_orderly and worker.state == "idle":
                worker.send({"end": True})
            else:
                self._crew.remove(worker)
        while len(self._crew):
            for event in self._crew.listen():
                if event.message is None:
                    self._relay.show(event.worker, is_last=True)
                    self._publish(event.worker)
                    self._crew.remove(event.worker)
            for worker in self._crew if clock.monotonic() > deadline else ():
                self._say(f"Worker {worker.slot}: shutdown() took longer than {_SHUTDOWN_S:g} s.")
                self._crew.remove(worker)
        self._outputs.clear()

    def _say(self, *texts: str) -> None:
        for text in texts:
            self._relay.say(text)
            if self._tell_parent:
                with suppress(OSError):  # the disk is full
                    self._tell_parent(f"{self._order.name}: {text}")


_LISTED = "All are listed in logs/batch/failed.jsonl."


def conduct(order: Order, log: int) -> Verdict:
    """Runs a batch job to its end, or until SIGTERM."""
    conductor = Conductor(order, log)
    signal.signal(signal.SIGTERM, conductor.cancel)
    return conductor.run()
