"""Stacks of trials in real processes, with an engine of a few numbers: schedule, deaths, and who trains what."""

from __future__ import annotations

import itertools
import multiprocessing
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.contracts.trainer import ENDLESS, Case, Play, TrainerContract, alone
from tests.trainers import numbers
from tests.trainers.numbers import LANES, trial, whole
from tuner.sections import EarlyStopping, TrainingSection
from tuner.trainers import Trainer, weights
from tuner.trainers.pool import PoolTrainer
from tuner.trainers.work import Work
from tuner.trial import Batch, Objective, Report, Result, State, Trial, Value


@dataclass
class Stacks:
    """Each trainer writes into a folder of its own, and is closed when there is another one."""

    work: Work
    trainers: list[PoolTrainer] = field(default_factory=list)

    @property
    def objective(self) -> Objective:
        return self.work.objective

    def trainer(self, room: int) -> Trainer:
        for each in self.trainers:
            each.close()
        files = self.work.files / str(len(self.trainers))
        self.trainers.append(PoolTrainer(replace(self.work, files=files), room, opener=numbers.open_))
        return self.trainers[-1]

    def room(self, room: int) -> int:
        return room * (LANES + 1)

    def trial(self, number: int, epochs: int) -> Trial:
        return trial(number, epochs)

    def broken(self, number: int) -> Trial:
        return trial(number, 1, broken=True)

    def left_behind(self) -> Sequence[object]:
        return multiprocessing.active_children()


class TestStacks(TrainerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def case(cls, work: Work) -> Iterator[Case]:
        case = Stacks(work)
        yield case
        case.trainer(1)  # ends the processes of the one before

    def test_only_the_weights_of_the_best_epoch_are_kept(self, case: Case, results: dict[int, Result]) -> None:
        path = results[0].weights
        assert path is not None
        assert sorted(each.name for each in path.parent.glob("*.npz")) == [
            "trial-00000.weights.npz",
            "trial-00002.weights.npz",
        ]
        (kept,) = weights.load(path)
        assert 1 - kept[0] / 2 == results[0].score
        outputs = weights.outputs(path)
        assert outputs is not None
        assert outputs.tolist() == [[kept[0] * 2]]
        again = alone(case, case.trial(0, 3)).weights
        assert again is not None
        assert (weights.load(again)[0] == kept).all()

    def test_what_trained_it_is_said(self, results: dict[int, Result]) -> None:
        assert results[0].program.keys() == {"trainer", "keras", "tensorflow", "compiler", "bucket"}
        assert (results[0].program["trainer"], results[0].program["compiler"]) == ("stacked", "xla")


def log(pool: PoolTrainer) -> list[list[int]]:
    """What was trained in order: process, trial, retake, epoch."""
    path = pool.work.files.parent / "log"
    return [[int(word) for word in line.split()] for line in path.read_text().splitlines()] if path.exists() else []


def wait_for(trainer: PoolTrainer, epoch: list[int]) -> None:
    while epoch not in [line[1:] for line in log(trainer)]:  # the test's own time limit ends it
        time.sleep(0.001)


def test_the_next_epoch_is_trained_while_the_last_is_judged_and_told_only_then(
    pool: Callable[..., PoolTrainer],
) -> None:
    trainer = pool()
    seen: list[tuple[int, int]] = []

    def judge(reports: Sequence[Report]) -> set[int]:
        for report in reports:
            seen.append((report.trial, report.epoch))
            if report.epoch < 4:
                wait_for(trainer, [report.trial, 0, report.epoch + 1])
        return {report.trial for report in reports if (report.trial, report.epoch) == (1, 2)}

    play = Play(trainer, whole([trial(0, 4), trial(1, 4)]))
    play.judge = judge  # type: ignore[method-assign]
    results = play.results()
    assert seen == [(0, 1), (1, 1), (0, 2), (1, 2), (0, 3), (0, 4)]
    assert (results[1].state, len(results[1].history), results[1].best_epoch) == (State.PRUNED, 2, 1)
    assert [line[1:] for line in log(trainer)].count([1, 0, 3]) == 1  # it was trained, and is nowhere to be seen


def told(trainer: PoolTrainer, trials: Sequence[Trial], stops: dict[int, int], pause: float) -> dict[int, Result]:
    """Results by number, with a judge who takes so long."""
    play = Play(trainer, whole(trials), stops)
    judge = play.judge

    def slowly(reports: Sequence[Report]) -> set[int]:
        time.sleep(pause)
        return judge(reports)

    play.judge = slowly  # type: ignore[method-assign]
    return {number: replace(result, seconds=0.0) for number, result in play.results().items()}


def test_a_slow_judge_changes_nothing(pool: Callable[..., PoolTrainer]) -> None:
    """Trials that end in all ways, more than there are lanes."""
    fates: list[dict[str, Value]] = [{}, {"diverges_at": 3}, {}, {"spoilt_at": 2}, {"broken": True}, {}, {}]
    trials = [trial(number, 3 + number % 3, **fate) for number, fate in enumerate(fates)]
    training = TrainingSection(early_stopping=EarlyStopping(patience=2))
    stops = {2: 1, 5: 3, 6: 1}
    lines: list[str] = []
    results = told(pool(training=training, say=lines.append), trials, stops, 0.0)
    assert lines == []  # whatever is wrong with a trial, the worker lives
    slow = told(pool(training=training), trials, stops, 0.03)
    assert {number: repr(each) for number, each in slow.items()} == {n: repr(each) for n, each in results.items()}
    assert {number: result.state.value for number, result in results.items()} == {
        0: "complete", 1: "diverged", 2: "pruned", 3: "diverged", 4: "failed", 5: "pruned", 6: "pruned",
    }  # fmt: skip
    assert [len(results[number].history) for number in (1, 2, 3, 4, 6)] == [3, 1, 2, 0, 1]
    for number, result in results.items():
        assert (result.weights is not None) == (result.state is State.COMPLETE), number


def test_trials_of_a_stack_have_epochs_and_patience_of_their_own_as_they_have_alone(
    pool: Callable[..., PoolTrainer],
) -> None:
    own: list[dict[str, Value]] = [{"patience": 1}, {"patience": 0}, {"patience": 3}, {}, {"patience": 1}, {}]
    trials = [trial(number, 6 + 5 * (number % 3), **values) for number, values in enumerate(own)]
    trainer = pool(training=TrainingSection(early_stopping=EarlyStopping(patience=2)))
    together = Play(trainer, whole(trials)).results()
    for each in trials:
        result, patience = together[each.number], int(each.values.get("patience", 2))
        (alone,) = Play(trainer, whole([each])).run()
        assert replace(alone, seconds=0.0) == replace(result, seconds=0.0)
        values = [epoch["val_accuracy"] for epoch in result.history]
        since = len(values) - 1 - values.index(max(values))
        assert (since == patience > 0) or (len(values) == each.last_epoch and (since < patience or patience == 0))
    assert len({len(result.history) for result in together.values()}) > 2


def happened(trainer: PoolTrainer, pauses: random.Random) -> list[tuple[object, ...]]:
    """Everything that was asked and said, in order, by an owner who takes now and then a little longer."""
    trials = iter([trial(n, 1 + n % 5, size=n % 2) for n in range(14)])
    events: list[tuple[object, ...]] = []

    def ask(n: int) -> Batch:
        time.sleep(pauses.choice([0.0, 0.0, 0.01]))
        batch = tuple(itertools.islice(trials, n))
        events.append(("ask", n, *(each.number for each in batch)))
        return Batch(batch, more=len(batch) == n)

    def judge(reports: Sequence[Report]) -> set[int]:
        time.sleep(pauses.choice([0.0, 0.0, 0.01]))
        events.append(("reports", *((report.trial, report.epoch) for report in reports)))
        return {report.trial for report in reports if report.trial % 4 == 3 and report.epoch == 2}

    for result in trainer.run(ask, judge, lambda: False):
        events.append(("result", result.trial.number, result.state))
    return events


def test_with_one_worker_all_happens_in_the_same_order_whoever_takes_how_long(
    pool: Callable[..., PoolTrainer],
) -> None:
    """So that a search with one worker is the same every time."""
    first = happened(pool(), random.Random(0))
    assert sum(event[0] == "result" for event in first) == 14
    assert all(happened(pool(), random.Random(seed)) == first for seed in range(1, 4))


def test_a_lane_is_refilled_while_its_neighbours_go_on(pool: Callable[..., PoolTrainer]) -> None:
    play = Play(pool(), whole([trial(0, 30), *(trial(n, 2) for n in range(1, 8))]))
    assert len(play.results()) == 8
    order = [(report.trial, report.epoch) for report in play.said("report") if isinstance(report, Report)]
    ends = {number: order.index((number, 30 if number == 0 else 2)) for number in range(8)}
    assert max(ends, key=lambda number: ends[number]) == 0
    # One waits in the worker: its first epoch comes right after the last of the two that left their lanes.
    assert order[:8] == [(0, 1), (1, 1), (2, 1), (0, 2), (1, 2), (2, 2), (0, 3), (3, 1)]


def test_trials_of_different_kinds_are_never_in_one_stack_and_all_have_their_turn(
    pool: Callable[..., PoolTrainer],
) -> None:
    """The stack itself sees to it that they fit."""
    trials = [trial(n, 2 + n % 4, size=n % 3) for n in range(20)]
    results = Play(pool(), whole(trials)).results()
    assert [results[n].state for n in range(20)] == [State.COMPLETE] * 20


def test_a_trial_and_its_retakes_share_a_stack(pool: Callable[..., PoolTrainer]) -> None:
    retakes = [replace(trial(0, 3), seed=retake, retake=retake) for retake in range(3)]
    found = {result.trial.retake: result for result in Play(pool(), whole(retakes)).run()}
    assert {result.state for result in found.values()} == {State.COMPLETE}
    assert [found[retake].weights.name for retake in range(3)] == [  # type: ignore[union-attr]
        f"trial-00000{own}.weights.npz" for own in ("", ".retake-1", ".retake-2")
    ]
    assert len({result.score for result in found.values()}) == 3


def test_workers_are_the_same_from_run_to_run(pool: Callable[..., PoolTrainer]) -> None:
    trainer = pool(2)
    for number in (0, 2):
        assert len(Play(trainer, whole([trial(number, 2), trial(number + 1, 2)])).results()) == 2
    assert len({line[0] for line in log(trainer)}) == 2
    assert len(multiprocessing.active_children()) == 2


def test_a_stop_in_the_middle_of_an_epoch(pool: Callable[..., PoolTrainer]) -> None:
    trainer = pool()
    play = Play(trainer, whole([trial(0, 9, slow=1000.0), trial(1, 9)]), end=lambda play: bool(log(trainer)))
    assert list(play.run()) == []
    assert play.said("report") == []
    assert not multiprocessing.active_children()


def test_after_a_run_that_was_stopped_there_is_another(pool: Callable[..., PoolTrainer]) -> None:
    trainer = pool()
    assert list(Play(trainer, whole([trial(0, ENDLESS)]), end=lambda play: bool(play.said("report"))).run()) == []
    assert Play(trainer, whole([trial(1, 2)])).results().keys() == {1}


def test_the_stacked_trainer_refuses_what_it_has_no_program_for(pool: Callable[..., PoolTrainer]) -> None:
    results = Play(pool(trainer="stacked"), whole([trial(0, 2), trial(1, 2, odd=True)])).results()
    assert (results[0].state, results[1].state) == (State.COMPLETE, State.FAILED)
    assert results[1].error == (
        "it cannot be stacked: it is odd; with --trainer auto such trials are trained one by one"
    )


@pytest.mark.parametrize(("chosen", "told"), [("stacked", 1), ("auto", 0)])
def test_it_is_said_before_the_first_trial_that_some_will_be_refused(
    pool: Callable[..., PoolTrainer], chosen: str, told: int
) -> None:
    lines: list[str] = []
    trainer = pool(trainer=chosen, say=lines.append, refused={"it is odd": 0.25, "it is even": 0.1})
    for number in (0, 1):  # the second run says nothing new
        Play(trainer, whole([trial(number, 1)])).results()
    assert lines == told * [
        "about 35% of this space's trials cannot be stacked and will fail (it is odd; it is even); "
        "with --trainer auto they are trained one by one"
    ]


def test_what_is_not_stacked_is_trained_by_the_plain_trainer(
    pool: Callable[..., PoolTrainer], saved_split: Callable[[str], Path]
) -> None:
    lines: list[str] = []
    trainer = pool(2, say=lines.append)
    trainer.work = replace(trainer.work, split=saved_split("wine"))
    trials = [trial(n, 3, layers=0, odd=n in (2, 5)) for n in range(8)]
    results = Play(trainer, whole(trials)).results()
    assert {result.state for result in results.values()} == {State.COMPLETE}
    assert [results[n].program["trainer"] for n in range(8)] == [
        "plain" if n in (2, 5) else "stacked" for n in range(8)
    ]
    assert lines == ["trial 2 is trained by the plain trainer: it is odd"]


def test_programs_that_cannot_be_compiled_are_recorded_and_told_of_once(pool: Callable[..., PoolTrainer]) -> None:
    lines: list[str] = []
    trainer = pool(2, say=lines.append)
    for first in (0, 6):  # workers are the same in the second run, and it says nothing new
        trials = [trial(n, 3, size=n % 2, **({"uncompiled": True} if n % 2 else {})) for n in range(first, first + 6)]
        results = Play(trainer, whole(trials)).results()
        compilers = [results[n].program["compiler"] for n in range(first, first + 6)]
        assert compilers == ["xla", "none"] * 3
    (line,) = lines
    assert re.match(r"note: XLA cannot compile what trains trial [135], or keep it in .*: such trials are slower", line)


def test_the_plain_trainer_stacks_nothing(pool: Callable[..., PoolTrainer], saved_split: Callable[[str], Path]) -> None:
    trainer = pool(trainer="plain")
    trainer.work = replace(trainer.work, split=saved_split("wine"))
    assert trainer.room == 1
    (result,) = Play(trainer, whole([trial(0, 1, layers=0)])).run()
    assert (result.state, result.program["trainer"]) == (State.COMPLETE, "plain")
