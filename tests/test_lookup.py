"""Searches in tables of trained trials: what is looked up is what the table has, and figures mean what they say."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, ClassVar

import numpy as np
import pytest

from tests.benchmarks import curves, drivers, figures, standings
from tests.benchmarks.curves import EPOCHS, Ground, Table, grounds, searched, steps
from tests.benchmarks.lookup import Lookup
from tests.benchmarks.standings import Baseline
from tests.benchmarks.ways import WAYS, Course, Kept, courses, search
from tuner.trial import Batch, Report, Result, State, Trial, Value

GROUND = Ground(
    "wine",
    "Wine",
    "log loss",
    """
[data]
source = "sklearn:wine"
[objective]
metric = "val_loss"
[space]
layers        = { int = [1, 2] }
units         = { choice = [8, 16], each = "layers" }
optimizer     = { choice = ["adam", "sgd"] }
learning_rate = { choice = [0.001, 0.01, 0.1] }
momentum      = { float = [0.0, 0.9], step = 0.9, when = { optimizer = "sgd" } }
[training]
epochs = 9
""",
)
# Points: (2 + 4) × 3 × (1 + 2)
POINTS = 54
# Those of a point that has layers = 1, units_1 = 16, adam, 0.01, as samplers see it, and of the one after it.
VALUES: dict[str, Value] = {"layers": 1, "units_1": 1, "optimizer": "adam", "learning_rate": 1}
LINE = 10


@pytest.fixture
def table() -> Table:
    """Curves that fall to a score which tells their line: line i ends at 1 + i / 100."""
    lines = 1.0 + np.arange(POINTS, dtype=np.float32)[:, None] / 100
    return Table(GROUND, lines + np.arange(8, -1, -1, dtype=np.float32), np.ones(POINTS, bool))


def proposing(*trials: Trial) -> Callable[[int], Batch]:
    left = iter(trials)

    def ask(n: int) -> Batch:
        batch = tuple(itertools.islice(left, n))
        return Batch(batch, more=len(batch) == n)

    return ask


def looked_up(
    table: Table, *trials: Trial, room: int = 1, judge: Callable[[Sequence[Report]], set[int]] = lambda reports: set()
) -> tuple[list[Result], Lookup]:
    trainer = Lookup(table, room)
    return list(trainer.run(proposing(*trials), judge, lambda: False)), trainer


def test_numbers_of_a_choice_are_steps_in_their_order() -> None:
    space = searched(GROUND.study.space)
    assert {p.name: p.choices() for p in space.parameters} == {
        "layers": (1, 2), "units": (0, 1), "optimizer": ("adam", "sgd"), "learning_rate": (0, 1, 2),
        "momentum": (0.0, 0.9),
    }  # fmt: skip
    assert space.parameter("units").each == "layers"
    assert space.parameter("momentum").when == (("optimizer", ("sgd",)),)


def test_every_point_that_samplers_may_propose_has_its_own_line(table: Table) -> None:
    assert len(GROUND.points) == POINTS
    ends = [round(float(table.curve(values)[-1]), 2) for values in searched(GROUND.study.space).grid()]
    assert ends == [round(1 + i / 100, 2) for i in range(POINTS)]
    assert GROUND.points[LINE] == {"layers": 1, "units_1": 16, "optimizer": "adam", "learning_rate": 0.01}
    assert steps(GROUND.study.space, GROUND.points[LINE]) == VALUES


def test_a_trial_has_the_curve_of_its_point(table: Table) -> None:
    (result,), trainer = looked_up(table, Trial(0, VALUES, 1, 9))
    assert [each["val_loss"] for each in result.history] == pytest.approx([9.1, 8.1, 7.1, 6.1, 5.1, 4.1, 3.1, 2.1, 1.1])
    assert (result.state, result.score, result.best_epoch) == (State.COMPLETE, pytest.approx(1.1), 9)
    assert trainer.spent == 9


def test_a_trial_that_goes_on_does_so_along_its_curve(table: Table) -> None:
    trials = (Trial(0, VALUES, 1, 3), Trial(1, VALUES, 1, 9, first_epoch=4, parent=0))
    (first, second), trainer = looked_up(table, *trials)
    assert [each["val_loss"] for each in first.history] == pytest.approx([9.1, 8.1, 7.1])
    assert [each["val_loss"] for each in second.history] == pytest.approx([6.1, 5.1, 4.1, 3.1, 2.1, 1.1])
    assert second.best_epoch == 9
    assert trainer.spent == 9  # each epoch once


def test_a_trial_that_is_stopped_has_spent_what_it_trained(table: Table) -> None:
    (first, second), trainer = looked_up(
        table,
        Trial(0, VALUES, 1, 9),
        Trial(1, VALUES, 1, 9),
        judge=lambda reports: {0} if reports[0].epoch == 3 else set(),
    )
    assert (first.state, len(first.history), second.state) == (State.PRUNED, 3, State.COMPLETE)
    assert trainer.spent == 3 + 9


def test_a_curve_that_breaks_is_of_a_trial_that_diverged(table: Table) -> None:
    table.curves[LINE, 4:] = np.nan
    judged: list[int] = []
    (result,), trainer = looked_up(
        table, Trial(0, VALUES, 1, 9), judge=lambda reports: {judged.append(each.epoch) for each in reports} and set()
    )
    assert (result.state, len(result.history), trainer.spent) == (State.DIVERGED, 5, 5)
    assert judged == [1, 2, 3, 4]
    assert np.isnan(table.scores[LINE])


def test_trials_side_by_side_go_through_their_epochs_together(table: Table) -> None:
    heard: list[tuple[int, int]] = []

    def judge(reports: Sequence[Report]) -> set[int]:
        heard.extend((each.trial, each.epoch) for each in reports)
        return set()

    trials = [Trial(i, VALUES, 1, epochs) for i, epochs in enumerate((3, 1, 1))]
    results, _ = looked_up(table, *trials, room=2, judge=judge)
    assert heard == [(0, 1), (1, 1), (0, 2), (2, 1), (0, 3)]
    assert [each.trial.number for each in results] == [1, 2, 0]


def test_a_driver_that_waits_for_nothing_is_not_waited_for(table: Table) -> None:
    with pytest.raises(RuntimeError, match="the driver waits, and there is nothing to wait for"):
        list(Lookup(table).run(lambda n: Batch(more=True), lambda reports: set(), lambda: False))


# Tables


def result_of(trial: Trial, state: State = State.COMPLETE) -> Result:
    history = tuple({"val_loss": trial.number + 1 / epoch} for epoch in range(1, 10))
    return Result(trial, state, history=history, error="no memory")


class Pretending:
    """A pool that trains nothing, and notes what it was asked for. From `fails` on, trials fail."""

    asked: ClassVar[list[int]] = []
    fails = POINTS

    def __init__(self, *given: Any, **named: Any) -> None: ...

    def __enter__(self) -> Pretending:
        return self

    def __exit__(self, *given: Any) -> None: ...

    def run(self, ask: Callable[[int], Batch], judge: Any, stop: Any) -> Iterator[Result]:
        more = True
        while more:
            batch = ask(4)
            more = batch.more
            for trial in batch.trials:
                self.asked.append(trial.number)
                yield result_of(trial, State.FAILED if trial.number >= self.fails else State.COMPLETE)


@pytest.fixture
def pretending(monkeypatch: pytest.MonkeyPatch) -> type[Pretending]:
    monkeypatch.setattr("tuner.trainers.pool.PoolTrainer", Pretending)
    monkeypatch.setattr(curves.opening, "split", lambda *given: None)
    monkeypatch.setattr(curves.opening, "work", lambda *given: None)
    monkeypatch.setattr(Pretending, "asked", [])
    return Pretending


def test_only_what_is_missing_is_trained(tmp_path: Path, pretending: type[Pretending]) -> None:
    curves.train(Table.open(GROUND, tmp_path), tmp_path, 1, lambda line: None, most=10)
    half = Table.open(GROUND, tmp_path)
    assert (int(half.trained.sum()), half.whole) == (10, False)
    curves.train(half, tmp_path, 1, lambda line: None)
    assert pretending.asked == list(range(POINTS))
    whole = Table.open(GROUND, tmp_path)
    assert whole.whole
    assert whole.curves[3] == pytest.approx([3 + 1 / epoch for epoch in range(1, 10)], rel=2**-15)


def test_a_trial_that_fails_is_no_point_of_a_table(
    tmp_path: Path, pretending: type[Pretending], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pretending, "fails", 7)
    with pytest.raises(RuntimeError, match="wine: point 7 failed:\nno memory"):
        curves.train(Table.open(GROUND, tmp_path), tmp_path, 1, lambda line: None)


def test_a_table_of_another_training_is_not_taken(tmp_path: Path, table: Table) -> None:
    table.save(tmp_path)
    assert Table.open(GROUND, tmp_path).whole
    longer = Ground("wine", "Wine", "log loss", GROUND.document.replace("epochs = 9", "epochs = 9\nbatch_size = 16"))
    assert not Table.open(longer, tmp_path).trained.any()


@pytest.mark.parametrize("name", list(grounds()))
def test_the_tables_of_the_page_are_whole(name: str) -> None:
    """Where what they are made of is changed, `make bench-drivers` trains them again."""
    ground = grounds()[name]
    table = Table.open(ground, Path(drivers.__file__).parent / "tables")
    assert table.whole
    assert table.curves.shape == (len(ground.points), EPOCHS)
    assert 2000 <= len(ground.points) <= 5000
    # Each point by itself: neither one curve for all, nor noise alone.
    assert len(np.unique(table.scores)) > 500


# Figures


def test_random_searches_are_those_of_the_driver(table: Table) -> None:
    """With the chances that points have there: a layer more has four times the points, and no greater chance."""
    best = [min(search(table, WAYS["random"], seed, 6).after_trials(6)) for seed in range(100)]
    drawn = Baseline(table, POINTS)
    shares = [drawn.beaten(each, 6) for each in best]
    assert fmean(shares) == pytest.approx(0.5, abs=standings.noise(100))
    # Were all points as likely as each other, the median search would be another.
    assert drawn.expected(6, 0.5) == pytest.approx(float(np.median(best)), abs=0.015)
    assert drawn.expected(6, 0.5) < 1.07


def test_what_random_searches_beat(table: Table) -> None:
    drawn = Baseline(table, POINTS)
    assert drawn.beaten(0.5, 6) == 1.0
    assert drawn.beaten(None, 6) == 0.0
    assert drawn.beaten(float(table.scores[0]), POINTS) == 0.5  # all have tried all
    table.curves[:] = np.nan
    assert Baseline(Table(GROUND, table.curves, table.trained), POINTS).beaten(None, 6) == 0.5


def test_a_larger_score_is_better_where_it_is_to_be_maximised(table: Table) -> None:
    metric = GROUND.document.replace("val_loss", "val_accuracy")
    other = Table(Ground("wine", "Wine", "accuracy", metric), -table.curves, table.trained)
    for n in (1, 6):
        assert Baseline(other, 9).expected(n, 0.3) == -Baseline(table, 9).expected(n, 0.3)
        assert Baseline(other, 9).beaten(-1.1, n) == Baseline(table, 9).beaten(1.1, n)
    assert (other.best, standings.regret(other, -1.5)) == (-1.0, 0.5)


def test_how_many_random_trials_a_score_is_worth(table: Table) -> None:
    drawn = Baseline(table, POINTS)
    assert drawn.worth(float(table.scores[-1])) == 1
    for n in (3, 10):
        assert drawn.worth(drawn.expected(n, 0.5)) <= n < drawn.worth(drawn.expected(n + 5, 0.5))
    assert drawn.worth(0.5) == POINTS  # no search comes to it


def course(**named: Any) -> Course:
    given = {
        "ground": "wine", "identity": GROUND.identity, "way": "random", "seed": 0, "room": 1, "exhausted": False,
        "scores": (3.0, None, 1.0, 2.0), "epochs": (9, 12, 21, 30), "seconds": (0.1, 0.2, 0.3, 0.4),
    }  # fmt: skip
    return Course(**{**given, **named})


def test_what_has_not_ended_does_not_count() -> None:
    assert course().after_trials(2) == [3.0]
    assert course().after_trials(9) == [3.0, 1.0, 2.0]
    assert course().after_epochs(20) == [3.0]
    assert course().after_epochs(21) == [3.0, 1.0]


def test_the_median_search_is_one_that_there_was(table: Table) -> None:
    made = standings.standing(Baseline(table, 9), [course(scores=(s,), epochs=(9,)) for s in (1.5, 1.2, None)], 1)
    assert (made.score, made.regrets[0]) == (1.5, pytest.approx(0.5))
    assert made.regrets[2] == np.inf


def test_a_search_that_is_kept_is_not_made_again(tmp_path: Path, table: Table) -> None:
    file = tmp_path / "kept.jsonl"

    def made(trials: int, room: int = 1) -> int:
        before = len(file.read_text().splitlines()) if file.exists() else 0
        courses([table], [WAYS["random"]], 2, trials, room, Kept(file), lambda line: None)
        return len(file.read_text().splitlines()) - before

    assert [made(5), made(5), made(4), made(6), made(6, room=2)] == [2, 0, 0, 2, 2]


def test_every_table_has_seeds_of_its_own(table: Table) -> None:
    """Else the random trials of one would be those of all, and so few searches would be no three times as many."""
    made = courses([table, table], [WAYS["random"]], 2, 5, 1, Kept(None), lambda line: None)
    assert [each.seed for each in made] == [0, 1, 2, 3]
    assert len({each.scores for each in made}) == 4


def test_a_search_that_stops_early_goes_on_until_its_epochs_are_spent(table: Table) -> None:
    way = WAYS["random+hyperband"]
    made = search(table, way, 0, 4, way.epochs(4, GROUND.epochs))
    assert len(made.scores) > 4
    assert made.epochs[-1] >= 4 * 9
    assert made.epochs[-2] < 4 * 9


def test_the_whole_space_is_tried_and_nothing_twice(table: Table) -> None:
    made = search(table, WAYS["qmc"], 0, POINTS + 1)
    assert made.exhausted
    assert sorted(made.after_trials(POINTS)) == pytest.approx([1 + i / 100 for i in range(POINTS)])


def test_a_quick_run_prints_and_draws_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ways = "random,tpe,random+hyperband"
    drivers.main(["--quick", "--ways", ways, "--pictures", str(tmp_path), "--output", str(tmp_path / "tables.md")])
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "tables.md").read_text(encoding="utf-8")
    assert printed.count("| Optuna `random` + hyperband |") == 5
    for table in printed.split("### ")[1:]:
        assert len({line.count("|") for line in table.splitlines() if line.startswith("|")}) == 1
    assert sorted(each.name for each in tmp_path.glob("*.png")) == [
        "drivers-beaten.png", "drivers-epochs.png", "drivers-trials.png",
    ]  # fmt: skip


def test_a_share_comes_with_its_standard_error() -> None:
    found = [standings.Standing((1.0,), (0.0,), (each,), (1,)) for each in (0.2, 0.4, 0.9)]
    assert standings.share(found) == pytest.approx(0.5)
    assert standings.error(found) == pytest.approx(np.std([0.2, 0.4, 0.9], ddof=1) / np.sqrt(3))


def test_a_way_that_takes_too_long_has_no_figures_beyond_its_trials(table: Table) -> None:
    made = [course(way="kt-bayesian"), course(way="tpe+hyperband")]
    shown = figures.Figures(
        [Baseline(table, 300)], [WAYS["kt-bayesian"], WAYS["tpe+hyperband"]], figures.grouped(made), (30, 100)
    )
    bayesian, pruned = shown.ways
    assert shown.standings(bayesian, 300) is None
    assert shown.standings(bayesian, 100) is not None
    assert shown.standings(pruned, 30, by_epochs=True) is not None
    assert shown.standings(pruned, 100, by_epochs=True) is None
    assert shown.standings(pruned, 100) is not None
    assert shown.standings(pruned, 300) is None
    assert {name: list(each) for name, each in shown.shares().items()} == {
        "kt-bayesian": [30, 100],
        "tpe+hyperband": [30],
    }
