"""Trains trials side by side in processes: as many as it can in stacks, and the others one by one."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType

from tuner.home import user_cache
from tuner.trainers import Ask, Judge, Stop, memory, processes, single
from tuner.trainers.messages import Round
from tuner.trainers.placing import place
from tuner.trainers.processes import PATIENCE, Child
from tuner.trainers.seats import ALONE, Death, Party, Seats
from tuner.trainers.stacked import worker
from tuner.trainers.suspects import Suspects
from tuner.trainers.work import Work
from tuner.trial import Result, State, Trial


class PoolTrainer:
    """Trains in `workers` processes at a time: stacks of trials, or single ones by `plain.fit`.

    With the trainer `auto` a trial is stacked where the plan of the work has a program for it; with `stacked` any other
    fails, and with `plain` none is. Stacks stay in their processes from run to run, until `close`, or until a run does
    not come to its end. `say` is told in a line of what is worth one; see `Suspects` for `retries`. It has room for
    `most` trials at once, for a search that learns from what has ended.
    """

    def __init__(
        self,
        work: Work,
        workers: int = 1,
        retries: int = 2,
        say: Callable[[str], None] = lambda line: None,
        trainer: str = "auto",
        opener: worker.Opener = worker.xla,
        most: int | None = None,
    ) -> None:
        self.work, self.retries, self.say = work, retries, say
        self._trainer, self._opener, self._most = trainer, opener, most
        self._plan = work.plan if trainer != "plain" else None
        self._suspects = Suspects(retries, say)
        self._seats = Seats(self._fitting(workers), self._stack if self._plan is not None else None, self._single)
        self._waiting: list[Party] = []
        self._reasons: set[str] = set()
        self._warned = self._slow = False
        self._logs = itertools.count()
        # What a seat that is not in use takes: as much as the last that came would let it.
        self._usual = self._plan.room + 1 if self._plan is not None else 1

    def _fitting(self, workers: int) -> int:
        if self._plan is None:
            return workers
        fit = memory.fitting(workers, self._plan, memory.free())
        if fit < workers:
            self.say(f"memory is short: {fit} of {workers} workers train, each with its own stack")
        return fit

    def __enter__(self) -> PoolTrainer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends every process."""
        self._waiting.clear()
        self._seats.end()

    @property
    def workers(self) -> int:
        """How many processes train at a time."""
        return self._seats.most

    @property
    def room(self) -> int:
        """How many trials it has room for, those that it has among them."""
        room = sum(seat.room for seat in self._seats.busy) + self._seats.free * self._usual
        return room if self._most is None else min(room, self._most)

    def run(self, ask: Ask, judge: Judge, stop: Stop) -> Iterator[Result]:
        """As every trainer. Raises WorkerDied where no process can be started at all."""
        more, cold, ended = True, True, False
        self._suspects = Suspects(self.retries, self.say)
        self._warn()
        ready = processes.warm()
        try:
            while not stop():
                left = self.room - self._inside
                if more and left > 0:
                    batch = ask(left)
                    more = batch.more
                    yield from self._receive(batch.trials)
                if not (self._inside or more):
                    ended = True
                    return
                if not ready.wait(0 if self._seats.inside else PATIENCE):
                    continue
                if cold:
                    self._seats.warm()
                    cold = False
                place(self._waiting, self._seats)
                self._seats.send()
                if not self._inside:
                    time.sleep(PATIENCE)  # the driver has nothing yet
                yield from self._listen(judge)
        finally:
            if not ended:
                self.close()

    @property
    def _inside(self) -> int:
        """How many trials have no result yet."""
        return self._seats.inside + sum(len(party.trials) for party in self._waiting)

    def _receive(self, trials: Iterable[Trial]) -> Iterator[Result]:
        """Lets new trials wait; one that is not to be trained has its result at once."""
        for trial in trials:
            reason = self._reason(trial)
            if reason is not None and self._trainer == "stacked":
                error = f"it cannot be stacked: {reason}; with --trainer auto such trials are trained one by one"
                yield Result(trial, State.FAILED, error=error)
                continue
            if reason is not None and self._trainer == "auto" and reason not in self._reasons:
                self._reasons.add(reason)
                self.say(f"trial {trial.number} is trained by the plain trainer: {reason}")
            self._waiting.append(self._party((trial,)))
            self._usual = self._waiting[-1].room

    def _warn(self) -> None:
        """Says before the first trial how many will fail, where only stacks are wanted."""
        refused = self._plan.refused if self._plan is not None and self._trainer == "stacked" else {}
        if refused and not self._warned:
            why = "; ".join(refused)
            self.say(
                f"about {sum(refused.values()):.0%} of this space's trials cannot be stacked and will fail ({why}); "
                f"with --trainer auto they are trained one by one"
            )
        self._warned = True

    def _reason(self, trial: Trial) -> str | None:
        """Why a trial is not stacked."""
        if self._plan is None:
            return None if self._trainer != "stacked" else "there are no programs for this study"
        return self._plan.reason(trial.values)

    def _party(self, trials: tuple[Trial, ...], apart: bool = False) -> Party:
        if self._plan is None or self._plan.reason(trials[0].values) is not None:
            return Party(trials, ALONE, 1, apart)
        bucket = self._plan.bucket(trials[0].values)
        return Party(trials, bucket, bucket.lanes, apart)

    def _listen(self, judge: Judge) -> Iterator[Result]:
        """Takes in what the workers have to say within a moment, and answers before it hands over their results.

        Writing a result takes longer than many an epoch, and the worker would wait for it.
        """
        heard = [(seat, seat.hear()) for seat in self._seats.ready(PATIENCE)]
        rounds = [(seat, said) for seat, said in heard if isinstance(said, Round)]
        reports = [report for _, said in rounds for report in said.reports]
        stopped = frozenset(judge(reports)) if reports else frozenset()
        for seat, _ in rounds:
            seat.answer(stopped)
        for _, said in heard:
            yield from self._noted(said.results) if isinstance(said, Round) else self._bury(said)
        self._seats.leave()

    def _noted(self, results: tuple[Result, ...]) -> tuple[Result, ...]:
        """The results; says once that some are not bit for bit what the same trials give elsewhere."""
        plainly = next((result for result in results if result.program.get("compiler") == "none"), None)
        if plainly is not None and not self._slow:
            self._slow = True
            self.say(
                f"note: XLA cannot compile what trains trial {plainly.trial.number}, or keep it in {user_cache()}: "
                f"such trials are slower, and the same as elsewhere but for rounding; TUNER_CACHE names another folder"
            )
        return results

    def _bury(self, death: Death) -> Iterator[Result]:
        """Trials that a worker took with it wait again, before all others, but for one that has failed."""
        groups, failed = self._suspects.after(death)
        back = [self._party(group, apart=True) for group in groups]
        self._waiting[:0] = [*back, *(self._party((trial,)) for trial in death.others)]
        if failed is not None:
            yield failed

    def _stack(self) -> Child:
        return processes.start(worker.serve, self.work, self._opener, log=self._log())

    def _single(self) -> Child:
        return processes.start(single.serve, self.work, log=self._log())

    def _log(self) -> Path:
        self.work.files.mkdir(parents=True, exist_ok=True)
        return self.work.files / f".worker-{next(self._logs)}.log"
