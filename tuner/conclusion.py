"""How a search ends: the finalists meet again, one is the champion, and it is scored once on the test rows."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from pathlib import Path
from statistics import fmean
from typing import cast

from tuner import drivers, lineage, packaging, wording
from tuner.errors import SearchFailed, TunerError
from tuner.evaluate import Verdict
from tuner.ledger import Owned
from tuner.ledger.reading import retaken
from tuner.study import Study
from tuner.trackers import Closing, Tracker
from tuner.trainers import Stop, Trainer, processes
from tuner.trainers.pool import PoolTrainer
from tuner.trainers.processes import Child
from tuner.trainers.stacked import Key, key_of
from tuner.trainers.work import Work
from tuner.trial import PARAMS, Objective, Result, State, Trial, derive_seed
from tuner.watch import Watch

# How often each finalist is trained again. Its first score was chosen for being high; fresh ones were not.
RETAKES = 2


def packed_in_a_worker(order: packaging.Order, folder: Path, stop: Stop) -> Verdict:
    return processes.call(packaging.pack, order, folder, stop=stop)


class Packer:
    """A worker that packs, and prepares for it while the finalists train again, so that the verdict need not wait.

    Beside the trials themselves it took a tenth of a short search's time. It is there while the block runs. Where it
    cannot be begun or has died, `pack` begins another.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._child: Child | None = None
        self._closing = threading.Lock()
        self._closed = False
        self._begins = threading.Thread(target=self._begin, name="packer", daemon=True)

    def __enter__(self) -> Packer:
        self._begins.start()
        return self

    def __exit__(self, *raised: object) -> None:
        with self._closing:
            self._closed = True
            if self._child is not None:
                self._child.kill()

    def _begin(self) -> None:
        processes.warm().wait()  # where all trials are known already, Keras may still be on its way
        with self._closing, suppress(processes.WorkerDied):
            if not self._closed:
                self._child = processes.start(packaging.serve, self._work)

    def pack(self, order: packaging.Order, folder: Path, stop: Stop) -> Verdict:
        """As `packaging.pack`. Raises Stopped within a moment of `stop()` turning true, and as `processes.call`."""
        while self._begins.is_alive():
            self._begins.join(processes.PATIENCE)
            _look(stop)
        if self._child is None:
            return packed_in_a_worker(order, folder, stop)
        self._child.say((order, folder))
        while not wait([self._child.line], timeout=processes.PATIENCE):
            _look(stop)
        answer = self._child.hear()
        if isinstance(answer, TunerError):
            raise answer
        if not isinstance(answer, tuple):
            return packed_in_a_worker(order, folder, stop)  # which says why, where it was not just this process
        (verdict,) = answer
        return cast(Verdict, verdict)


def _look(stop: Stop) -> None:
    if stop():
        raise processes.Stopped("stopped")


def plain_trainer(work: Work, say: Callable[[str], None]) -> Trainer:
    return PoolTrainer(work, say=say, trainer="plain")


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The ending of a search, with the parts that it takes."""

    record: Owned
    study: Study
    work: Work
    trainer: Trainer
    tracker: Tracker
    watch: Watch
    stop: Stop
    pack: Callable[[packaging.Order, Path, Stop], Verdict] = packed_in_a_worker
    plain: Callable[[Work, Callable[[str], None]], Trainer] = plain_trainer
    needs: Callable[[], frozenset[int]] = frozenset  # as the driver has it

    def conclude(self, ended: str) -> Verdict | None:
        """Names the champion and scores it on the test rows, once; None where `stop()` came in between.

        A search that was concluded and has nothing new since keeps its verdict. Raises SearchFailed where no trial
        completed.
        """
        ranked = self.work.objective.ranked(self.record.results)
        if not ranked:
            self.tracker.end(None)
            raise self._nothing_completed(ended)
        verdict = self._known() or self._decide(ranked, ended)
        if verdict is not None:
            self.tracker.end(self._closing(verdict))
        return verdict

    @property
    def _own(self) -> list[Result]:
        """The results of what was trained here."""
        return [result for result in self.record.results if not result.imported]

    def _nothing_completed(self, ended: str) -> SearchFailed:
        label, own = self.record.search.label, self._own
        if ended == "done" and not own and self.record.results:
            imported = wording.count(len(self.record.results), "trial")
            more = len(self.record.results) + self.study.search.trials
            return SearchFailed(
                f"{label}: {imported} imported and none trained here, which is what a champion comes from. Type: "
                f"tuner search {label} --trials {more}"
            )
        if ended == "time":
            return SearchFailed(f"{label}: the time was up before a trial completed; go on with a longer --time")
        failed = next((result for result in own if result.error), None)
        first = f"; the first that failed was trial {failed.trial.number}:" if failed else ""
        line = f"{label}: none of {len(own)} trials completed{first}"
        return SearchFailed(line, failed.error or "" if failed else "")

    def _known(self) -> Verdict | None:
        """The verdict of an earlier command, while no trial has ended since."""
        known = self.record.search.verdict
        return Verdict.from_json(known) if known and known["trials"] == len(self._own) else None

    def _decide(self, ranked: list[Result], ended: str) -> Verdict | None:
        finalists = self._finalists()
        most = max(self.study.search.finalists, self.study.search.keep_models)
        kept = [result for place, result in enumerate(ranked) if place < most or result in finalists]
        self._meet_again(finalists)
        kept = self._with_weights(kept)
        if self.stop():
            return None
        try:
            return self._elect(finalists, kept, ended)
        except packaging.Unfaithful as error:
            kept = self._by_plain(kept, error)
        return None if self.stop() else self._elect(finalists, kept, ended)

    def _finalists(self) -> list[Result]:
        """The best trials; of those that went on from one another, which are one training, the best one."""
        trials = {result.trial.number: result.trial for result in self.record.results}
        found: dict[int, Result] = {}
        for result in self.work.objective.front(self.record.results):
            found.setdefault(lineage.line(result.trial, trials.get)[0].number, result)
        return list(found.values())[: self.study.search.finalists]

    def _elect(self, finalists: list[Result], kept: list[Result], ended: str) -> Verdict | None:
        """Names the champion among the finalists, packs the models, and scores it."""
        numbers = {finalist.trial.number for finalist in finalists}
        standing = [result for result in kept if result.trial.number in numbers]
        if not standing:
            raise SearchFailed(
                f"{self.record.search.label}: the weights of the best trials are gone, and trained again they give "
                f"other scores here; begin anew with --fresh"
            )
        means = fresh_scores(self.record, standing)
        champion = elect(standing, means, self.work.objective)
        if champion is not standing[0]:
            first = standing[0]
            self.watch.say(f"trial {first.trial.number} did not hold its {wording.score(first.score)} with fresh seeds")
        self.watch.say(f"trial {champion.trial.number} is the champion; scoring it on the test rows")
        record = self.record
        order = packaging.Order(
            subject=packaging.Subject(
                self.work, self.study.name, record.search.label, record.search.data, self.study.data.rename
            ),
            champion=champion,
            kept=tuple(kept),
            results=tuple(self._own),
            fresh=means,
            looks=record.looking(champion.trial.number),
            ended=ended,
            importance=drivers.importance(self.study, self.work.objective, self._own),
        )
        try:
            verdict = self.pack(order, record.folder, self.stop)
        except processes.Stopped:
            return None
        record.concluded(verdict.to_json())
        _forget_others(record, kept, self.needs())
        return verdict

    def _meet_again(self, finalists: list[Result]) -> None:
        """Trains the finalists again with fresh seeds. A single one has nobody to meet.

        A retake of one that goes on from others goes on from their retakes, and is the whole of its training anew: with
        the old weights of its parent most of what it is worth would not have met a fresh seed.
        """
        if len(finalists) < 2:
            return
        done = {(r.trial.number, r.trial.retake) for r in self.record.retakes}
        wanted = [
            self._again(finalist.trial, retake)
            for finalist in finalists
            for retake in range(1, RETAKES + 1)
            if (finalist.trial.number, retake) not in done
        ]
        trials = self._with_parents(wanted)
        if trials:
            self.watch.say(f"training the best {len(finalists)} again with fresh seeds, {len(trials)} fits")
        for result in self._train(trials):
            if result.trial in wanted:
                self.record.retaken(result)

    def _again(self, trial: Trial, retake: int) -> Trial:
        seed = derive_seed(self.study.search.seed, trial.number, retake)
        return retaken(trial, retake, seed) if retake else trial

    def _with_parents(self, trials: list[Trial]) -> list[Trial]:
        """The trials, and those that they go on from whose weights are not there any more."""
        known = {result.trial.number: result.trial for result in self.record.results}
        found: dict[Key, Trial] = {}
        for trial in trials:
            retakes = {number: self._again(each, trial.retake) for number, each in known.items()}
            line = lineage.line(trial, retakes.get, lambda parent: self.work.weights(parent).exists())
            found |= {key_of(each): each for each in line}
        return list(found.values())

    def _with_weights(self, kept: list[Result]) -> list[Result]:
        """Those whose weights are there; ones that are not, because others were better once, are trained again."""
        lost = {r.trial.number: r for r in kept if r.weights is None or not r.weights.exists()}
        if not lost:
            return kept
        trials = self._with_parents([result.trial for result in lost.values()])
        before = f", after {len(trials) - len(lost)} that they go on from" if len(trials) > len(lost) else ""
        self.watch.say(f"training {len(lost)} again whose weights were not kept{before}")
        again = {result.trial.number: result for result in self._train(trials)}
        whole = []
        for result in kept:
            if result.trial.number not in lost:
                whole.append(result)
                continue
            now = again.get(result.trial.number)
            if now is not None and now.score == result.score and now.weights is not None:
                whole.append(replace(result, weights=now.weights))
            elif not self.stop():
                self.watch.say(f"trial {result.trial.number} does not give its score again here, and is passed over")
        return whole

    def _by_plain(self, kept: list[Result], error: packaging.Unfaithful) -> list[Result]:
        """The kept ones, best first, with those trained anew one by one whose weights are not in Keras what they were
        in a stack. Their scores are then those of the plain trainer.
        """
        for problem in error.problems:
            self.watch.say(f"{problem}; the plain trainer trains it again")
        trials = [result.trial for result in kept if result.trial.number in error.trials]
        before = {result.trial.number: result for result in kept}
        again = (
            self._with_further(result, before[result.trial.number])
            for result in self._train(self._with_parents(trials), self.plain(self.work, self.watch.say))
            if result.trial in trials
        )
        whole = [result for result in kept if result.trial.number not in error.trials]
        return self.work.objective.ranked([*whole, *(result for result in again if result.weights is not None)])

    def _with_further(self, result: Result, before: Result) -> Result:
        """A trial that was trained anew, with its own further values; the network has as many weights as before."""
        objective = self.work.objective
        known = dict(zip((aim.metric for aim in objective.further), before.further, strict=False))
        return replace(result, further=objective.also(result, lambda _: int(known.get(PARAMS, 0))))

    def _train(self, trials: list[Trial], trainer: Trainer | None = None) -> Iterator[Result]:
        order = lineage.InOrder(trials)
        judge = self.watch.judges(lambda reports: set())
        for result in (trainer or self.trainer).run(self.watch.asks(order.ask), judge, self.stop):
            order.tell(result)
            self.watch.retrained(result)
            yield result

    def _closing(self, verdict: Verdict) -> Closing:
        """What the record says of an ended search; its files are those in the search's folder."""
        folder, objective = self.record.folder, self.work.objective
        kept = {
            result.trial.number: tuple(sorted(packed.iterdir()))
            for result in self.record.results
            if (packed := packaging.folder_of(folder, result.trial.number)).is_dir()
        }
        return Closing(
            champion=verdict.champion,
            values=verdict.values,
            scores=verdict.scores(),
            summary=verdict.to_json(),
            plots=tuple(sorted((folder / packaging.PLOTS).iterdir())),
            model=folder / packaging.MLFLOW,
            kept=kept,
            front=tuple(each.trial.number for each in objective.front(self.record.results))
            if objective.further
            else (),
        )


def elect(finalists: list[Result], means: Mapping[int, float], objective: Objective) -> Result:
    """The finalist with the best mean over fresh seeds; the better first score wins a tie.

    One whose retakes all went wrong stands behind all others; where that is everyone, the first scores decide.
    """
    met = [finalist for finalist in finalists if finalist.trial.number in means]
    best = (met or finalists)[0]
    for each in met[1:]:
        if objective.better(means[each.trial.number], means[best.trial.number]):
            best = each
    return best


def fresh_scores(record: Owned, finalists: list[Result]) -> dict[int, float]:
    """The mean score of each finalist's retakes, of those with one in every retake."""
    scores: dict[int, list[float]] = {}
    for retake in record.retakes:
        if retake.state is State.COMPLETE and retake.score is not None:
            scores.setdefault(retake.trial.number, []).append(retake.score)
    numbers = [finalist.trial.number for finalist in finalists]
    return {n: fmean(scores[n]) for n in numbers if len(scores.get(n, [])) >= RETAKES}


def _forget_others(record: Owned, kept: list[Result], needed: frozenset[int]) -> None:
    """Deletes the models of trials that are not among the best any more, and all weights but theirs and those `needed`
    by a search that may go on.
    """
    best = {result.trial.number for result in kept}
    needed |= {trial.parent for trial in record.waiting if trial.parent is not None}
    for folder, numbers in ((record.folder / "weights", best | needed), (record.folder / "models", best)):
        for path in folder.iterdir() if folder.is_dir() else ():
            # A hidden one is what a killed process left unfinished; `trial-00003.retake-1` is of no use any more.
            name, _, rest = path.name.removeprefix("trial-").partition(".")
            if name and not rest.startswith("retake-") and int(name) in numbers:
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink()
