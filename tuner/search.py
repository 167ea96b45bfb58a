"""The loop: a driver proposes, a trainer trains, the ledger and the record are kept. It is all here, on one screen.

The only module that knows every part. The process that runs it owns the search: it alone asks, judges, tells and
writes; what needs TensorFlow happens in processes of the trainer's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tuner import discovering, drivers, opening
from tuner.conclusion import Conclusion, Packer
from tuner.drivers import Driver
from tuner.drivers.ordered import WINDOW
from tuner.errors import SearchFailed
from tuner.evaluate import Verdict
from tuner.home import Home
from tuner.ledger import Ledger, Owned, own
from tuner.study import Study
from tuner.trackers import Tracker, address, store
from tuner.trainers import Trainer, processes
from tuner.trainers.pool import PoolTrainer
from tuner.trial import Batch, Result, State
from tuner.watch import Watch


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: the search, why it ended, and what it found, unless it was stopped before its end."""

    label: str
    ended: str  # "done", "time", "exhausted" or "stopped"
    verdict: Verdict | None


def search(
    study: Study,
    home: Home,
    watch: Watch,
    *,
    number: int | None = None,
    fresh: bool = False,
    workers: int = 1,
    stop: Callable[[], bool] = lambda: False,
    late: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Begins a search or goes on with it, up to the study's number of trials, and names its champion.

    The newest search of the study, or the one with that `number`, as in diabetes@1; `fresh` begins another beside it.
    `stop()` turning true interrupts it: the same call goes on. `late()` turning true ends its trials early, and what
    was found until then is concluded. Raises DataError, StudyError, LedgerError, processes.Stopped where it is stopped
    before it begins, or SearchFailed where too many trials in a row fail, or none completes.
    """
    address.check(home.tracking_uri)
    # Keras and MLflow take seconds to import: begin now, beside reading the rows.
    processes.preload()
    store.preload(home.tracking_uri)
    split = opening.split(study, home, stop)
    study = discovering.discovered(study, split, watch.say, stop)
    ledger = Ledger(home)
    found = opening.claim(ledger, study, split, number, fresh)
    study = opening.begun(study, found)
    with own(ledger, found) as record, opening.recording(home, record, study, split, watch, stop) as tracker:
        record.continued(study.document)
        work = opening.work(record.folder, study, split)
        # A search that learns has few trials at once, or it would have asked for all before it knows of any.
        most = max(WINDOW, workers) if study.search.learns else None
        with PoolTrainer(work, workers, say=watch.say, trainer=study.search.trainer, most=most) as trainer:
            known = ledger.driver_state(found)
            counted = opening.weights(split)
            driver = drivers.build(
                study, work.objective, record.results, record.waiting, known, record.next_number, counted
            )
            watch.begins(found.label, study, split, record)
            for remark in () if record.results or record.waiting else drivers.remarks(study):
                watch.say(remark)
            if not (record.results or record.waiting or repeats(study, trainer.workers)):
                watch.say("note: each trial of this search replays, the search does not; with --deterministic it would")
            ended = loop(
                study, record, driver, trainer, tracker, watch, stop, late,
                lambda result: replace(result, further=work.objective.also(result, counted)),
            )  # fmt: skip
            if ended == "stopped":
                return Outcome(found.label, ended, None)
            with Packer(work) as packer:
                ending = Conclusion(record, study, work, trainer, tracker, watch, stop, packer.pack, needs=driver.needs)
                verdict = ending.conclude(ended)
            return Outcome(found.label, ended if verdict else "stopped", verdict)


def loop(
    study: Study,
    record: Owned,
    driver: Driver,
    trainer: Trainer,
    tracker: Tracker,
    watch: Watch,
    stop: Callable[[], bool],
    late: Callable[[], bool],
    whole: Callable[[Result], Result] = lambda trained: trained,
) -> str:
    """Trains trials until there are as many as the study asks for, and says why it ended, as `Outcome.ended` does.

    `whole(result)` has the values of objectives that no trainer knows.
    """
    budget = Budget(study.search.trials - len(record.results), record.asks(driver.ask, driver.state))
    failures = Failures(study.search.max_failures)
    judge = watch.judges(record.judges(driver.judge, driver.state))
    for trained in trainer.run(watch.asks(budget.ask), judge, lambda: stop() or late() or failures.too_many):
        result = whole(trained)
        driver.tell(result)
        record.told(result, driver.state(), tracker.recorded())
        tracker.record(result)
        watch.told(result)
        watch.tracking(tracker.offline, tracker.waiting)
        failures.count(result)
    record.recorded(tracker.recorded())
    if failures.too_many:
        tracker.end(None)
        raise failures.error()
    left = study.search.trials > len(record.results)
    return "stopped" if stop() else "time" if left and late() else budget.ended


def repeats(study: Study, workers: int) -> bool:
    """Whether a search that nothing interrupts comes out the same again. What one worker says has one order."""
    return workers == 1 or study.search.deterministic or not study.search.learns


class Budget:
    """Hands out at most `left` trials, those that were put back among them, and knows why there are no more."""

    def __init__(self, left: int, ask: Callable[[int], Batch]) -> None:
        self.left, self._ask, self.ended = max(left, 0), ask, "done"

    def ask(self, n: int) -> Batch:
        if self.left == 0:
            return Batch(more=False)
        batch = self._ask(min(n, self.left))
        self.left -= len(batch.trials)
        if not batch.more and self.left:
            self.ended = "exhausted"
        return batch


class Failures:
    """Counts failed trials in a row, because a search in which nothing works should end."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._row: list[Result] = []

    def count(self, result: Result) -> None:
        self._row = [*self._row, result] if result.state is State.FAILED else []

    @property
    def too_many(self) -> bool:
        return len(self._row) >= self.most

    def error(self) -> SearchFailed:
        """What to raise, with the first traceback."""
        first = self._row[0]
        line = f"{self.most} trials in a row failed; the first of them was trial {first.trial.number}:"
        return SearchFailed(line, first.error or "")
