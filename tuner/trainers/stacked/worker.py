"""The worker's side of a stack: trains the trials that it is given side by side, and refills lanes as they free up.

It does not wait while the owner judges: the next epoch is trained meanwhile, and taken in only when the answer to the
last one is there. What a trial did after the epoch at which it was told to stop is thrown away, so that to the owner
every epoch was judged before the next one began. A trial that ends of itself leaves its lane at once, and has its
result when its last epoch is judged.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from importlib import metadata
from multiprocessing.connection import Connection

from tuner.errors import TrialFailed
from tuner.trainers.course import Course, Kept
from tuner.trainers.messages import Answer, Round
from tuner.trainers.stacked import Engine, Epoch, Key, Stack, key_of
from tuner.trainers.work import Work
from tuner.trial import Report, Result, Trial

# Makes the engine in the worker; known by name, so that the owner does not import what it needs.
Opener = Callable[[Work], Engine]


def xla(work: Work) -> Engine:
    """The engine for a search's trials."""
    from tuner.trainers.stacked import engine

    return engine.open_(work)


def serve(line: Connection, work: Work, opener: Opener) -> None:
    """Trains what comes over the line, until the owner hangs up."""
    worker = _Worker(line, work, opener(work))
    while True:
        worker.round()


class _Worker:
    """One stack at a time, a queue of trials, and what the owner is still to be told."""

    def __init__(self, line: Connection, work: Work, engine: Engine) -> None:
        self._line, self._work, self._engine = line, work, engine
        self._versions = {name: metadata.version(name) for name in ("keras", "tensorflow")}
        self._queue: list[Trial] = []
        self._bucket: Hashable = None
        self._stack: Stack | None = None
        self._courses: dict[Key, Course] = {}  # those in lanes
        self._reported: list[Course] = []  # those whose last epoch is being judged
        self._results: list[Result] = []
        self._answered = True

    def round(self) -> None:
        """One epoch of the trials in lanes, and what follows from it and from the answer to the one before."""
        epochs = self._stack.epoch() if self._stack is not None and self._courses else {}
        if not (self._answered and epochs):
            self._hear()
        reports = self._take(epochs)
        new = self._next()
        if reports or new or self._results:
            # The results and weights of those that are being judged come with what is done next.
            judged = (course.trial for course in self._reported)
            training = (*self._courses, *map(key_of, judged), *map(key_of, new))
            self._line.send(Round(tuple(reports), tuple(self._results), training))
            self._answered = False
            self._results.clear()
        for trial in new:
            self._admit(trial)

    def _hear(self) -> None:
        """Waits for the owner's answer to the last round, or for trials where there is nothing to do."""
        answer: Answer = self._line.recv()
        self._answered = True
        self._queue += answer.trials
        for course in self._reported:
            course.judged(course.trial.number not in answer.stopped)
            if course.state is not None:
                self._leave(course)
                self._end(course)
        self._reported.clear()

    def _take(self, epochs: Mapping[Key, Epoch]) -> list[Report]:
        """Takes in one more epoch of those that were not told to stop before it."""
        reports = []
        for key, course in list(self._courses.items()):
            assert self._stack is not None
            now = epochs[key]
            report = course.takes(now.metrics, now.finite, partial(_kept, self._stack, key))
            if course.over:
                self._leave(course)
            if report is None:
                self._end(course)
            else:
                reports.append(report)
                self._reported.append(course)
        return reports

    def _leave(self, course: Course) -> None:
        """Frees the trial's lane, if it still has one."""
        key = key_of(course.trial)
        if self._courses.pop(key, None) is not None and self._stack is not None:
            self._stack.drop(key)

    def _end(self, course: Course) -> None:
        program = self._program(course.trial)
        try:
            self._results.append(course.result(program))
        except OSError:  # its weights cannot be written
            self._results.append(course.result(program, traceback.format_exc()))

    def _next(self) -> list[Trial]:
        """Takes those from the queue for whom there is a lane. An empty stack makes room for another one."""
        if self._queue and not self._courses:
            self._bucket = self._engine.bucket(self._queue[0])
            self._stack = None  # another one may need its memory
            self._stack = self._engine.stack(self._queue[0])
        fit = [trial for trial in self._queue if self._engine.bucket(trial) == self._bucket]
        new = fit[: self._stack.free] if self._stack is not None else []
        self._queue = [trial for trial in self._queue if trial not in new]
        return new

    def _admit(self, trial: Trial) -> None:
        from tuner.trainers.weights import inherited  # imports numpy, which the owner of a search gets through without

        assert self._stack is not None
        course = Course(self._work, trial)
        try:
            self._stack.admit(trial, inherited(self._work, trial))
        except TrialFailed as why:
            self._results.append(course.result(self._program(trial), str(why)))
            return
        except Exception:  # noqa: BLE001 - whatever is wrong with a trial is its failure, and is kept
            self._results.append(course.result(self._program(trial), traceback.format_exc()))
            return
        self._courses[key_of(trial)] = course

    def _program(self, trial: Trial) -> dict[str, str]:
        """What trained a trial, as far as a replay must know it."""
        compiler = "xla" if self._stack is None or self._stack.compiled else "none"
        bucket = str(self._engine.bucket(trial))
        return {"trainer": "stacked", **self._versions, "compiler": compiler, "bucket": bucket}


def _kept(stack: Stack, key: Key) -> Kept:
    return Kept(stack.weights(key), stack.outputs(key))
