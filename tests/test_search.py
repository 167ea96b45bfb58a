"""The loop and the ending, with a driver, a trainer and a tracker that only pretend, and a real ledger."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fakes.driver import FakeDriver
from tests.fakes.trainer import FakeTrainer
from tuner import conclusion, drivers, opening, packaging, search
from tuner.conclusion import RETAKES, Conclusion
from tuner.drivers import ordered
from tuner.errors import SearchFailed, StudyError
from tuner.evaluate import Verdict
from tuner.home import Home
from tuner.ledger import Ledger, own
from tuner.study import Study, TrainingSection, from_document
from tuner.trackers import Closing
from tuner.trainers.work import Work
from tuner.trial import Batch, Objective, Report, Result, State, Trial
from tuner.watch import Watch

OBJECTIVE = Objective("val_accuracy", "maximize")
DOCUMENT: dict[str, Any] = {
    "data": {"source": "sklearn:wine"},
    "space": {"layers": 1, "units": {"int": [1, 512]}},
    "search": {"sampler": "random", "pruner": "none", "finalists": 2, "keep_models": 2, "max_failures": 3},
    "training": {"epochs": 2},
}
DATA = {"name": "sklearn:wine", "fingerprint": "f", "rows": 178, "task": "multiclass"}


def study(**settings: Any) -> Study:
    return from_document("wine", {**DOCUMENT, "search": {**DOCUMENT["search"], **settings}})


class Trains:
    """Gives every trial what `fate` says; one at a time, so that the order is plain."""

    def __init__(self, fate: Callable[[Trial], Result]) -> None:
        self.fate, self.trained = fate, list[Trial]()

    def run(self, ask: Any, judge: Any, stop: Any) -> Iterator[Result]:
        while not stop():
            batch: Batch = ask(1)
            for trial in batch.trials:
                self.trained.append(trial)
                judge([Report(trial.number, 1, {"val_accuracy": 0.5})])
                yield self.fate(trial)
            if not batch.trials and not batch.more:
                return


class Records:
    """A tracker that remembers what it was told."""

    offline: str | None = None
    waiting = 0

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.ends: list[Closing | None] = []

    def begin(self, opening: Any) -> None: ...
    def record(self, result: Result) -> None:
        self.results.append(result)

    def end(self, closing: Closing | None) -> None:
        self.ends.append(closing)

    def recorded(self) -> dict[int | None, str]:
        return {result.trial.number: f"run-{result.trial.number}" for result in self.results}

    def close(self, seconds: float) -> int:
        return 0


class Says(Watch):
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.again: list[int] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def retrained(self, result: Result) -> None:
        self.again.append(result.trial.number)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(Home(tmp_path))
    ledger.create("wine", DOCUMENT, DATA)
    yield ledger
    ledger.close()


class Life:
    """Commands typed one after the other on one search; each finds it as the last one left it."""

    def __init__(self, ledger: Ledger, fate: Callable[[Trial], Result] | None = None) -> None:
        self.ledger, self.trainer, self.tracker, self.watch = ledger, Trains(fate or self.scored), Records(), Says()
        self.orders: list[packaging.Order] = []
        self.doubts = False  # whether the champion's weights are found wanting the first time
        self.plain = Trains(self.scored)

    @property
    def folder(self) -> Path:
        return self.ledger.home.search("wine@1")

    def scored(self, trial: Trial) -> Result:
        """A result whose score is the trial's units, with its weights."""
        units = int(trial.values["units"])
        weights = self.folder / "weights" / f"trial-{trial.number:05d}.weights.npz"
        if trial.retake == 0:
            weights.parent.mkdir(parents=True, exist_ok=True)
            weights.touch()
        history = ({"val_accuracy": units / 512},)
        kept = weights if trial.retake == 0 else None
        return Result(trial, State.COMPLETE, units / 512, 1, history, 0.1, weights=kept)

    def alone(self, work: Any, say: Any) -> Any:
        return self.plain

    def pack(self, order: packaging.Order, folder: Path, stop: Any) -> Verdict:
        self.orders.append(order)
        if self.doubts:
            self.doubts = False
            number = order.champion.trial.number
            raise packaging.Unfaithful((number,), f"trial {number}: is not what it was")
        for result in order.kept:
            assert result.weights is not None
            assert result.weights.exists()
            packaging.folder_of(folder, result.trial.number).mkdir(parents=True, exist_ok=True)
        (folder / packaging.PLOTS).mkdir(exist_ok=True)
        return Verdict(
            order.champion.trial.number, dict(order.champion.trial.values), "accuracy", "maximize", 0.5,
            order.fresh.get(order.champion.trial.number), 0.5, 0.4, 0.6, 0.0, (), {}, {}, 36, 36, order.looks,
            len(order.results), order.ended, (),
        )  # fmt: skip

    def type(self, stop: Callable[[], bool] = lambda: False, late: Any = lambda: False, **settings: Any) -> Any:
        """What one command gives: how it ended, and its verdict."""
        wanted = study(**settings)
        with own(self.ledger, self.ledger.get("wine")) as record:
            work = Work(TrainingSection(epochs=2), OBJECTIVE, Path("none"), self.folder / "weights")
            driver = FakeDriver(
                wanted, OBJECTIVE, record.results, record.waiting, self.ledger.driver_state(record.search),
                record.next_number,
            )  # fmt: skip
            ended = search.loop(wanted, record, driver, self.trainer, self.tracker, self.watch, stop, late)
            if ended == "stopped":
                return ended, None
            ending = Conclusion(
                record, wanted, work, self.trainer, self.tracker, self.watch, stop, self.pack, self.alone
            )
            return ended, ending.conclude(ended)

    @property
    def told(self) -> list[Result]:
        return self.ledger.results(self.ledger.get("wine"))


def best(results: Sequence[Result]) -> Result:
    return OBJECTIVE.ranked(results)[0]


def test_there_are_as_many_trials_as_asked_for_and_all_are_told(ledger: Ledger) -> None:
    life = Life(ledger)
    ended, verdict = life.type(trials=5)
    assert ended == "done"
    assert [result.trial.number for result in life.told] == [0, 1, 2, 3, 4]
    assert [result.trial.number for result in life.tracker.results] == [0, 1, 2, 3, 4]
    assert ledger.runs(ledger.get("wine")) == {number: f"run-{number}" for number in range(5)}
    assert verdict.champion == best(life.told).trial.number
    assert life.tracker.ends[-1].champion == verdict.champion  # type: ignore[union-attr]


def test_the_same_command_again_trains_nothing_and_looks_no_second_time(ledger: Ledger) -> None:
    life = Life(ledger)
    _, first = life.type(trials=3)
    trained = len(life.trainer.trained)
    assert life.type(trials=3) == ("done", first)
    assert len(life.trainer.trained) == trained
    assert ledger.get("wine").looks == 1
    assert len(life.tracker.ends) == 2  # the record is completed all the same


def test_trials_that_were_put_back_count_towards_the_total(ledger: Ledger) -> None:
    life = Life(ledger)
    with own(ledger, ledger.get("wine")) as record:
        driver = FakeDriver(study(), OBJECTIVE)
        record.asks(driver.ask, driver.state)(3)  # asked for, and then the process was killed
    life.type(trials=2)
    assert len(life.told) == 2
    life.type(trials=3)
    assert sorted(result.trial.number for result in life.told) == [0, 1, 2]


def test_a_stop_leaves_the_rest_for_the_next_command(ledger: Ledger) -> None:
    life = Life(ledger)
    assert life.type(stop=lambda: len(life.told) >= 2, trials=5) == ("stopped", None)
    assert life.tracker.ends == []
    assert life.type(trials=5)[0] == "done"
    assert len(life.told) == 5


def test_a_search_whose_time_is_up_is_concluded(ledger: Ledger) -> None:
    life = Life(ledger)
    ended, verdict = life.type(late=lambda: len(life.told) >= 2, trials=5)
    assert ended == "time"
    assert verdict.trials == 2


def test_a_search_that_is_done_when_its_time_is_up_is_done(ledger: Ledger) -> None:
    life = Life(ledger)
    assert life.type(late=lambda: len(life.told) >= 3, trials=3)[0] == "done"


def test_a_driver_without_further_trials_ends_the_search() -> None:
    budget = search.Budget(9, lambda n: Batch(more=False))
    assert budget.ask(1) == Batch(more=False)
    assert budget.ended == "exhausted"


def fails(trial: Trial) -> Result:
    return Result(trial, State.FAILED, error=f"Traceback of {trial.number}\nValueError: no")


def test_failures_in_a_row_end_the_search_with_the_first_traceback(ledger: Ledger) -> None:
    life = Life(ledger, fails)
    with pytest.raises(SearchFailed, match="3 trials in a row failed; the first of them was trial 0") as raised:
        life.type(trials=9)
    assert raised.value.detail == "Traceback of 0\nValueError: no"
    assert len(life.told) == 3
    assert life.tracker.ends == [None]


def test_failures_between_successes_do_not(ledger: Ledger) -> None:
    life = Life(ledger)
    life.trainer.fate = lambda trial: fails(trial) if trial.number % 3 else life.scored(trial)
    assert life.type(trials=9)[0] == "done"


def test_without_a_completed_trial_there_is_no_champion(ledger: Ledger) -> None:
    life = Life(ledger, lambda trial: Result(trial, State.DIVERGED))
    with pytest.raises(SearchFailed, match="wine@1: none of 2 trials completed"):
        life.type(trials=2)
    assert life.tracker.ends == [None]


def test_the_finalists_meet_again_with_fresh_seeds_and_the_better_mean_wins(ledger: Ledger) -> None:
    life = Life(ledger)

    def fate(trial: Trial) -> Result:
        made = life.scored(trial)
        if trial.retake == 0:
            return made
        # The first was lucky: with other seeds it is worse than the second.
        lucky = best(life.told).trial.number == trial.number
        return replace(made, score=0.1 if lucky else 0.9)

    life.trainer.fate = fate
    _, verdict = life.type(trials=4)
    first, second = OBJECTIVE.ranked(life.told)[:2]
    assert verdict.champion == second.trial.number
    assert verdict.fresh == 0.9
    assert f"trial {first.trial.number} did not hold its {first.score:.4f} with fresh seeds" in life.watch.lines
    retakes = [trial for trial in life.trainer.trained if trial.retake]
    assert len(retakes) == 2 * RETAKES
    assert {trial.number for trial in retakes} == {first.trial.number, second.trial.number}
    assert len({trial.seed for trial in life.trainer.trained}) == len(life.trainer.trained)
    assert life.watch.again == [trial.number for trial in retakes]


def test_retakes_that_were_done_before_a_kill_are_not_done_again(ledger: Ledger) -> None:
    life = Life(ledger)
    retaken = [False]

    def fate(trial: Trial) -> Result:
        retaken[0] = retaken[0] or trial.retake > 0
        return life.scored(trial)

    life.trainer.fate = fate
    assert life.type(stop=lambda: retaken[0], trials=3) == ("done", None)
    before = [trial for trial in life.trainer.trained if trial.retake]
    assert 0 < len(before) < 2 * RETAKES
    retaken[0] = False
    life.type(trials=3)
    retakes = [(trial.number, trial.retake) for trial in life.trainer.trained if trial.retake]
    assert len(retakes) == len(set(retakes)) == 2 * RETAKES


def test_a_finalist_whose_retakes_went_wrong_stands_behind() -> None:
    results = [Result(Trial(n, {"units": n}, n, 1), State.COMPLETE, 1.0 - n / 10) for n in range(3)]
    assert conclusion.elect(results, {1: 0.2, 2: 0.3}, OBJECTIVE).trial.number == 2
    assert conclusion.elect(results, {1: 0.3, 2: 0.3}, OBJECTIVE).trial.number == 1
    assert conclusion.elect(results, {}, OBJECTIVE).trial.number == 0
    assert conclusion.elect(results, {0: 0.9, 2: 0.1}, Objective("val_loss", "minimize")).trial.number == 2


def test_models_that_were_not_kept_are_trained_again_when_they_are_among_the_best(ledger: Ledger) -> None:
    """After the best are deleted, and where a command keeps more than the last one."""
    life = Life(ledger)
    life.type(trials=6)
    for result in OBJECTIVE.ranked(life.told)[:2]:
        ledger.delete_trial(ledger.get("wine"), result.trial.number)
    _, verdict = life.type(trials=4)
    assert verdict.champion == best(life.told).trial.number
    assert "training 2 again whose weights were not kept" in life.watch.lines
    life.type(trials=5, keep_models=4)
    assert len(life.orders[-1].kept) == 4


def test_a_trial_that_gives_another_score_now_is_passed_over(ledger: Ledger) -> None:
    life = Life(ledger)
    life.type(trials=6)
    for result in OBJECTIVE.ranked(life.told)[:2]:
        ledger.delete_trial(ledger.get("wine"), result.trial.number)
    changed = best(life.told).trial.number
    seen = {result.trial.number: result.score for result in life.told}
    life.trainer.fate = lambda trial: replace(
        life.scored(trial), score=0.0 if (trial.number, trial.retake) == (changed, 0) else seen[trial.number]
    )
    _, verdict = life.type(trials=4)
    assert verdict.champion != changed
    assert f"trial {changed} does not give its score again here, and is passed over" in life.watch.lines


def test_one_whose_weights_are_not_in_keras_what_they_were_in_a_stack_is_trained_by_the_plain_trainer(
    ledger: Ledger,
) -> None:
    life = Life(ledger)
    life.doubts = True
    life.plain = Trains(lambda trial: replace(life.scored(trial), score=0.0))
    life.type(trials=4, finalists=2, keep_models=3)
    before, after = life.orders
    number = before.champion.trial.number
    assert f"trial {number}: is not what it was; the plain trainer trains it again" in life.watch.lines
    assert life.plain.trained == [before.champion.trial]
    # In its place among the kept ones, with the score that the plain trainer gives it; the others are as they were.
    assert [result.trial.number for result in after.kept] == [*(r.trial.number for r in before.kept[1:]), number]
    assert after.kept[-1].score == 0.0
    assert after.kept[:-1] == before.kept[1:]


def test_a_stop_while_the_plain_trainer_trains_leaves_the_ending_to_the_next_command(ledger: Ledger) -> None:
    life = Life(ledger)
    life.doubts = True
    stopped = [False]

    def stops(trial: Trial) -> Result:
        stopped[0] = True
        return replace(life.scored(trial), weights=None)  # it came to nothing

    life.plain = Trains(stops)
    looks = ledger.get("wine").looks
    assert life.type(stop=lambda: stopped[0], trials=1, finalists=1, keep_models=1) == ("done", None)
    assert (len(life.orders), life.tracker.ends) == (1, [])
    stopped[0] = False
    assert life.type(trials=1, finalists=1, keep_models=1)[1].champion == 0
    assert ledger.get("wine").looks == looks + 1


def test_what_is_unfaithful_survives_the_way_from_a_worker() -> None:
    error = pickle.loads(pickle.dumps(packaging.Unfaithful((3, 5), "trial 3: off", "trial 5: off")))  # noqa: S301
    assert (error.trials, error.problems) == ((3, 5), ("trial 3: off", "trial 5: off"))


def test_a_verdict_does_not_outlive_a_change_of_its_trials(ledger: Ledger) -> None:
    life = Life(ledger)
    _, first = life.type(trials=4)
    worst = OBJECTIVE.ranked(life.told)[-1].trial.number
    ledger.delete_trial(ledger.get("wine"), worst)
    _, second = life.type(trials=4)  # another trial in the place of the deleted one: as many as before
    assert second.trials == first.trials == 4
    assert len(life.orders) == 2


def test_a_second_ending_is_a_second_look(ledger: Ledger) -> None:
    life = Life(ledger)
    assert life.type(trials=3)[1].looks == 1
    assert life.type(trials=4)[1].looks == 2


def test_tracking_that_goes_offline_is_said_once(ledger: Ledger) -> None:
    life = Life(ledger)
    life.tracker.offline, life.tracker.waiting = "Connection refused", 2
    life.type(trials=3)
    life.tracker.offline = None
    life.type(trials=4)
    told = [line for line in life.watch.lines if line.startswith("tracking")]
    assert told == [
        "tracking offline (Connection refused), 2 waiting; the search goes on, and they are not lost",
        "tracking goes on",
    ]


# The same search again. These take the real driver, and a trainer with room for several trials.

GUIDED: dict[str, Any] = {
    **DOCUMENT,
    "space": {"layers": 1, "units": {"int": [1, 512]}, "learning_rate": {"float": [1e-4, 1e-1], "log": True}},
    "search": {"sampler": "tpe", "pruner": "hyperband", "trials": 24, "deterministic": True},
    "training": {"epochs": 9},
}


def looped(ledger: Ledger, rooms: Sequence[int], after: int) -> tuple[list[Result], dict[str, Any]]:
    """A search by a command for each of these rooms, all but the last stopped after so many results of its own."""
    guided, label = from_document("wine", GUIDED), ledger.create("wine", GUIDED, DATA).label
    for i, room in enumerate(rooms):
        with own(ledger, ledger.get(label)) as record:
            known, before = ledger.driver_state(record.search), len(record.results)
            driver = drivers.build(guided, OBJECTIVE, record.results, record.waiting, known, record.next_number)
            last = i == len(rooms) - 1
            search.loop(
                guided, record, driver, FakeTrainer(OBJECTIVE, room), Records(), Says(),
                lambda: not last and len(record.results) >= before + after, lambda: False,  # noqa: B023
            )  # fmt: skip
    results = ledger.results(ledger.get(label))
    assert len(results) == 24
    return sorted(results, key=lambda result: result.trial.number), ledger.driver_state(ledger.get(label))


def test_a_deterministic_search_is_the_same_at_any_room_and_after_any_stop(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ordered, "WINDOW", 5)  # so that the last proposals know enough to learn from
    alone = looped(ledger, [1], 0)
    assert {result.state for result in alone[0]} == {State.COMPLETE, State.PRUNED}
    for rooms, after in [([3], 0), ([16], 0), ([2, 16, 1, 4, 3], 4)]:
        assert looped(ledger, rooms, after) == alone


def test_a_driver_that_has_nothing_yet_is_asked_without_a_write(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own(ledger, ledger.get("wine")) as record:
        driver = drivers.build(from_document("wine", GUIDED), OBJECTIVE)
        ask = record.asks(driver.ask, driver.state)
        assert len(ask(99).trials) == ordered.WINDOW
        monkeypatch.setattr(record, "_writing", lambda: pytest.fail("a write"))
        assert ask(1) == Batch((), more=True)


@pytest.mark.parametrize(
    ("sampler", "pruner", "deterministic", "room", "same"),
    [
        ("tpe", "none", False, 2, False),
        ("random", "median", False, 2, False),
        ("random", "none", False, 2, True),
        ("tpe", "hyperband", False, 1, True),
        ("tpe", "hyperband", True, 2, True),
    ],
)
def test_which_searches_come_out_the_same_again(
    sampler: str, pruner: str, deterministic: bool, room: int, same: bool
) -> None:
    assert search.repeats(study(sampler=sampler, pruner=pruner, deterministic=deterministic), room) == same


@pytest.mark.parametrize(
    ("began", "now", "option"), [(False, True, "--no-deterministic"), (True, False, "--deterministic")]
)
def test_a_search_is_deterministic_from_its_beginning_or_not_at_all(
    ledger: Ledger, began: bool, now: bool, option: str
) -> None:
    ledger.create("wine", study(deterministic=began).document, DATA)
    rows: Any = SimpleNamespace(fingerprint=DATA["fingerprint"])
    with pytest.raises(StudyError, match=f"go on with: tuner search wine@2 {option}, or begin another"):
        opening.claim(ledger, study(deterministic=now), rows, 2, fresh=False)
    assert opening.claim(ledger, study(deterministic=began), rows, 2, fresh=False).number == 2


def test_the_loop_fits_on_a_screen() -> None:
    lines = Path(search.__file__).read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("def loop("))
    end = next(i for i, line in enumerate(lines[start + 1 :], start + 1) if line.startswith(("class ", "def ")))
    assert end - start < 50
