"""Trains trials side by side, a process each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import cast

from tuner.trainers import Ask, Judge, Stop, processes
from tuner.trainers.processes import PATIENCE, Child, Raised
from tuner.trainers.work import Work
from tuner.trial import Report, Result, State, Trial


@dataclass(slots=True)
class _Running:
    child: Child
    trial: Trial
    attempt: int
    since: float


# By our end of the line, because two retakes of a trial have one number.
_Pool = dict[Connection, _Running]


class PoolTrainer:
    """Room for `workers` trials, each trained by `plain.fit` in a process of its own.

    A worker waits after each epoch for the judge's verdict, so that a trial stops where it was told to. A process
    that dies is tried again `retries` times; `say` is told, in one line.
    """

    def __init__(
        self, work: Work, workers: int = 1, retries: int = 2, say: Callable[[str], None] = lambda line: None
    ) -> None:
        self.work, self.workers, self.retries, self.say = work, workers, retries, say

    def run(self, ask: Ask, judge: Judge, stop: Stop) -> Iterator[Result]:
        """As every trainer. Raises WorkerDied where no process can be started at all."""
        pool: _Pool = {}
        waiting: list[Trial] = []
        more = True
        ready = processes.warm()
        try:
            while not stop():
                room = self.workers - len(pool) - len(waiting)
                if more and room:
                    batch = ask(room)
                    waiting += batch.trials
                    more = batch.more
                if not (pool or waiting or more):
                    return
                if not ready.wait(0 if pool else PATIENCE):
                    continue
                while waiting:
                    self._launch(pool, waiting.pop(0), attempt=0)
                if not pool:
                    time.sleep(PATIENCE)  # the driver has nothing yet
                yield from self._listen(pool, judge)
        finally:
            for running in pool.values():
                running.child.kill()

    def _launch(self, pool: _Pool, trial: Trial, attempt: int) -> None:
        log = self.work.files / f".trial-{trial.number:05d}-{trial.retake}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        child = processes.start(_train, self.work, trial, log=log)
        pool[child.line] = _Running(child, trial, attempt, time.perf_counter())

    def _listen(self, pool: _Pool, judge: Judge) -> Iterator[Result]:
        """Takes in what the workers have to say within a moment."""
        reported: list[tuple[Child, Report]] = []
        for ready in wait(list(pool), timeout=PATIENCE):
            line = cast(Connection, ready)  # on Windows it is a class of its own
            message = pool[line].child.hear()
            if isinstance(message, Report):
                reported.append((pool[line].child, message))
            elif result := self._outcome(pool, pool.pop(line), message):
                yield result
        if reported:
            stopped = judge([report for _, report in reported])
            for child, report in reported:
                child.say(report.trial not in stopped)

    def _outcome(self, pool: _Pool, ended: _Running, message: Result | Raised | None) -> Result | None:
        """The result of a worker that ended, or None where its trial is tried again."""
        how = ended.child.death() if message is None else ""
        ended.child.kill()
        if isinstance(message, Result):
            return message
        if message is None and ended.attempt < self.retries:
            attempt = ended.attempt + 1
            self.say(f"trial {ended.trial.number}: {how.splitlines()[-1]}, retry {attempt} of {self.retries}")
            self._launch(pool, ended.trial, attempt)
            return None
        error = message.traceback if isinstance(message, Raised) else how
        return Result(ended.trial, State.FAILED, seconds=time.perf_counter() - ended.since, error=error)


def _train(line: Connection, work: Work, trial: Trial) -> None:
    """The worker's side: trains, and waits for the verdict after each epoch."""
    from tuner.trainers import plain

    def report(now: Report) -> bool:
        line.send(now)
        return bool(line.recv())

    line.send(plain.fit(work, trial, report))
