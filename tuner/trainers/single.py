"""The worker's side of a trial that is trained by itself, in a process of its own."""

from __future__ import annotations

from multiprocessing.connection import Connection

from tuner.trainers.messages import Answer, Round
from tuner.trainers.stacked import key_of
from tuner.trainers.work import Work
from tuner.trial import Report


def serve(line: Connection, work: Work) -> None:
    """Trains the one trial that comes over the line, and waits for the verdict after each epoch."""
    if work.model is None:
        from tuner.trainers.plain import fit
    else:
        from tuner.trainers.own import fit

    first: Answer = line.recv()
    (trial,) = first.trials

    def report(now: Report) -> bool:
        line.send(Round(reports=(now,), training=(key_of(trial),)))
        answer: Answer = line.recv()
        return now.trial not in answer.stopped

    line.send(Round(results=(fit(work, trial, report),)))
