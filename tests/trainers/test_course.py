"""The course of one trial: which epoch is the best, how it ends, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from tuner.errors import TrialFailed
from tuner.sections import EarlyStopping, TrainingSection
from tuner.trainers import weights
from tuner.trainers.course import Course, Kept
from tuner.trainers.work import Work
from tuner.trial import Objective, Report, Result, State, Trial, Value

PROGRAM = {"trainer": "by hand"}
NAN = float("nan")


@pytest.fixture
def begin(tmp_path: Path) -> Callable[..., Course]:
    def begun(
        epochs: int,
        patience: int | None = None,
        objective_epoch: str = "best",
        values: Mapping[str, Value] | None = None,
        min_delta: float = 0.0,
        **more: int,
    ) -> Course:
        rule = EarlyStopping(patience=patience, min_delta=min_delta) if patience or min_delta else None
        objective = Objective("val_loss", "minimize", objective_epoch)
        work = Work(TrainingSection(early_stopping=rule), objective, tmp_path / "split", tmp_path / "weights")
        return Course(work, Trial(7, values or {}, 0, epochs, **more))

    return begun


def nothing() -> Kept:
    return Kept([])


def train(course: Course, losses: Sequence[float], stop: int | None = None) -> list[Report]:
    """Trains it to its end; after epoch n each of its weights is n. It is told to stop after epoch `stop`."""
    reports = []
    for epoch, loss in enumerate(losses, course.trial.first_epoch):
        report = course.takes({"val_loss": loss}, True, lambda now=epoch: Kept([np.full(2, now)]))
        if report is not None:
            reports.append(report)
            course.judged(report.epoch != stop)
        if course.state is not None:
            break
    return reports


def kept(result: Result) -> int:
    """The epoch of the weights that were kept."""
    assert result.weights is not None
    (found,) = weights.load(result.weights)
    return int(found[0])


@pytest.mark.parametrize(
    ("losses", "epoch", "best"),
    [([3.0, 1.0, 2.0], "best", 2), ([3.0, 1.0, 1.0], "best", 2), ([1.0, 2.0, 3.0], "best", 1), ([1, 2, 3], "last", 3)],
)
def test_it_keeps_the_weights_of_the_epoch_that_the_objective_reads(
    begin: Callable[..., Course], losses: list[float], epoch: str, best: int
) -> None:
    course = begin(3, objective_epoch=epoch)
    reports = train(course, losses)
    result = course.result(PROGRAM)
    assert (result.state, result.best_epoch, result.score) == (State.COMPLETE, best, losses[best - 1])
    assert kept(result) == best
    assert reports == [Report(7, i, {"val_loss": loss}) for i, loss in enumerate(losses, 1)]
    assert (result.history, result.error, result.program) == (tuple(r.metrics for r in reports), None, PROGRAM)


def test_epochs_count_from_its_first(begin: Callable[..., Course]) -> None:
    course = begin(6, first_epoch=4)
    assert [report.epoch for report in train(course, [3.0, 1.0, 2.0])] == [4, 5, 6]
    result = course.result(PROGRAM)
    assert (result.best_epoch, kept(result)) == (5, 5)


@pytest.mark.parametrize(
    ("epochs", "patience", "stop", "state", "trained"),
    [
        (4, None, 2, State.PRUNED, 2),
        (4, None, 4, State.COMPLETE, 4),  # too late
        (4, 2, None, State.COMPLETE, 3),
        (4, 2, 3, State.PRUNED, 3),  # at the epoch at which its patience runs out: the judge wins
        (3, 2, 3, State.COMPLETE, 3),
    ],
)
def test_how_it_ends(
    begin: Callable[..., Course], epochs: int, patience: int | None, stop: int | None, state: State, trained: int
) -> None:
    course = begin(epochs, patience)
    train(course, [1.0, 2.0, 3.0, 4.0], stop)
    result = course.result(PROGRAM)
    assert (result.state, len(result.history), result.score) == (state, trained, 1.0)
    assert (result.weights is not None) == (state is State.COMPLETE)


@pytest.mark.parametrize(
    ("study", "own", "trained"),
    [(None, 2, 3), (3, 1, 2), (1, 3, 4), (1, 0, 6), (None, 0, 6), (2, None, 3)],
)
def test_its_own_patience_comes_before_that_of_the_study(
    begin: Callable[..., Course], study: int | None, own: int | None, trained: int
) -> None:
    course = begin(6, study, values={} if own is None else {"patience": own})
    assert len(train(course, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])) == trained
    assert course.result(PROGRAM).state is State.COMPLETE


@pytest.mark.parametrize(("patience", "min_delta", "trained"), [(None, 0.0, 4), (None, 0.5, 3), (1, 0.5, 3)])
def test_what_counts_as_better_is_the_studys_also_where_the_patience_is_its_own(
    begin: Callable[..., Course], patience: int | None, min_delta: float, trained: int
) -> None:
    course = begin(4, patience, values={"patience": 2}, min_delta=min_delta)
    assert len(train(course, [1.0, 0.75, 0.625, 0.5])) == trained


def test_whether_it_is_over_is_known_before_it_is_judged(begin: Callable[..., Course]) -> None:
    for course, losses in ((begin(2), [2.0, 1.0]), (begin(9, patience=1), [1.0, 2.0])):
        over = []
        for loss in losses:
            assert course.takes({"val_loss": loss}, True, nothing) is not None
            over.append(course.over)
            assert course.state is None
            course.judged(True)
        assert over == [False, True]


@pytest.mark.parametrize(("last", "finite", "score"), [(NAN, True, 2.0), (float("inf"), True, 2.0), (1.0, False, 1.0)])
def test_what_is_not_finite_has_diverged_and_is_not_reported(
    begin: Callable[..., Course], last: float, finite: bool, score: float
) -> None:
    course = begin(2)
    train(course, [2.0])
    assert course.takes({"val_loss": last}, finite, nothing) is None
    result = course.result(PROGRAM)
    assert (result.state, len(result.history), result.score, result.weights) == (State.DIVERGED, 2, score, None)


def test_a_retake_keeps_weights_of_its_own(begin: Callable[..., Course]) -> None:
    """Another retake may go on from them."""
    courses = [begin(1), begin(2, retake=1), begin(3, retake=2)]
    for course in courses:
        train(course, [3.0, 2.0, 1.0])
    assert [kept(course.result(PROGRAM)) for course in courses] == [1, 2, 3]
    assert [kept(course.result(PROGRAM)) for course in courses] == [1, 2, 3]  # none is over that of another


def test_one_that_failed_has_no_score(begin: Callable[..., Course]) -> None:
    failed = begin(3)
    train(failed, [1.0])
    result = failed.result(PROGRAM, "Traceback")
    assert (result.state, result.score, result.best_epoch, len(result.history)) == (State.FAILED, None, None, 1)
    assert (result.error, result.weights) == ("Traceback", None)


def test_weights_are_whole_or_not_loaded(tmp_path: Path) -> None:
    """Wherever a byte of their file is another: what is read is what was written, or nothing."""
    work = Work(TrainingSection(), Objective("val_loss", "minimize"), tmp_path / "split", tmp_path)
    later = Trial(8, {}, 0, 4, first_epoch=2, parent=7)
    written = [np.arange(12.0).reshape(3, 4), np.full(3, 0.5)]
    path = weights.save(work.weights(Trial(7, {}, 0, 1)), written, np.ones((2, 1)))
    whole, refused = path.read_bytes(), list[str]()
    for at in range(0, len(whole), 2):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x11]) + whole[at + 1 :])
        own = [np.zeros_like(each) for each in written]
        try:
            weights.take_over(own, later, weights.inherited(work, later) or [])
        except TrialFailed as error:
            refused.append(str(error))
        else:
            assert all(np.array_equal(*pair) for pair in zip(own, written, strict=True)), at
    assert len(refused) > len(whole) / 4
    assert all(line.startswith("the weights of trial 7, which it goes on from, ") for line in refused)
    path.write_bytes(whole)
    with pytest.raises(TrialFailed, match=r"^the weights of trial 7, which it goes on from, are of another network$"):
        weights.take_over([np.zeros((3, 4)), np.zeros(1)], later, written)
    path.write_bytes(whole[:-30])
    with pytest.raises(TrialFailed, match=r"cannot be read: trial-00007.weights.npz is damaged$"):
        weights.inherited(work, later)
