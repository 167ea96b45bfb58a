"""What every driver does, the fake included: a test module supplies the `case` fixture and inherits the tests."""

from __future__ import annotations

import json
import math

import pytest

from tests.contracts.life import EPOCHS, FEW_SIZE, OBJECTIVE, Case, Life, outcome, values
from tuner import study as studies
from tuner.trial import Report, State, Trial, derive_seed


class DriverContract:
    """The life of a search, from the first proposal to the last."""

    @pytest.fixture
    def life(self, case: Case) -> Life:
        return Life(case.build, case.ruled())

    def test_proposals_are_numbered_seeded_and_within_the_space(self, life: Life, case: Case) -> None:
        life.work(30)
        trials = life.proposed
        assert len(trials) > 12
        assert [trial.number for trial in trials] == list(range(len(trials)))
        for trial in trials:
            assert list(life.study.space.check(trial.values).items()) == list(trial.values.items())
            assert trial.retake == 0
            assert trial.seed == derive_seed(0, trial.number)
            if not case.promotes:
                assert (trial.first_epoch, trial.last_epoch, trial.parent) == (1, EPOCHS, None)

    def test_what_goes_on_from_another_has_its_values_and_the_epochs_after_it(self, life: Life, case: Case) -> None:
        life.work(40)
        trials = life.proposed
        later = [trial for trial in trials if trial.parent is not None]
        assert bool(later) == case.promotes
        for trial in later:
            parent = trials[trial.parent or 0]
            assert parent.number < trial.number
            assert parent.number in {result.trial.number for result in life.told if result.state is State.COMPLETE}
            assert dict(trial.values) == dict(parent.values)
            assert trial.first_epoch == parent.last_epoch + 1 <= trial.last_epoch <= EPOCHS
        assert {trial.first_epoch for trial in trials if trial.parent is None} == {1}

    def test_proposals_obey_the_rules(self, life: Life) -> None:
        life.work(30)
        for trial in life.proposed:
            layers, of = int(trial.values["layers"]), trial.values
            rate, high = float(of["learning_rate"]), of["optimizer"] in ("sgd", "adam")
            assert rate >= (0.001 if high else 0)
            assert rate <= (0.01 if of["optimizer"] == "adam" else 1)
            assert layers < 4 or of["initializer"] != "he_normal"
            widths = [int(of[f"units_{layer}"]) for layer in range(1, layers + 1)]
            assert widths == sorted(widths, reverse=True)
            for layer in range(1, layers + 1):
                narrow = of[f"activation_{layer}"] in ("relu", "selu")
                assert of.get(f"batch_norm_{layer}") == (True if narrow else None)
                assert float(of[f"dropout_{layer}"]) <= (0.2 if narrow else 0.6)

    def test_what_is_not_active_is_not_proposed(self, life: Life) -> None:
        life.work(30)
        for trial in life.proposed:
            assert ("momentum" in trial.values) == (trial.values["optimizer"] == "sgd")
            layers = [name for name in trial.values if name.startswith("units_")]
            assert layers == [f"units_{i + 1}" for i in range(int(trial.values["layers"]))]

    def test_a_batch_has_as_many_as_were_asked_for_and_no_two_alike(self, life: Life) -> None:
        for n in (1, 5, 2):
            assert len(life.ask(n)) == n
        life.work(20, workers=8)
        assert len({trial.key for trial in life.proposed}) == len(life.proposed)

    def test_no_weights_are_needed_that_no_trial_goes_on_from(self, life: Life, case: Case) -> None:
        life.work(30)
        assert life.driver.needs() <= {trial.number for trial in life.proposed}
        assert bool(life.driver.needs()) == case.promotes

    def test_asking_for_none_is_not_the_end(self, life: Life) -> None:
        batch = life.driver.ask(0)
        assert batch.trials == ()
        assert batch.more

    def test_judging_stops_some_and_spares_some(self, life: Life, case: Case) -> None:
        life.work(60)
        states = {result.state for result in life.told}
        assert State.COMPLETE in states
        assert (State.PRUNED in states) == case.prunes

    @pytest.mark.parametrize("state", list(State))
    @pytest.mark.parametrize("epochs", [0, 1, EPOCHS])
    def test_every_fate_may_be_told(self, life: Life, state: State, epochs: int) -> None:
        for trial in life.ask(12):
            history = [{"val_accuracy": 0.5 + trial.number / 100}] * (epochs - 1) + [{"val_accuracy": math.nan}]
            life.tell(outcome(trial, state, history[:epochs]))
        assert len(life.ask(2)) == 2

    def test_a_trial_is_told_once(self, life: Life) -> None:
        (trial,) = life.ask(1)
        life.end(trial, State.FAILED)
        with pytest.raises(ValueError, match=f"trial {trial.number} is not running"):
            life.driver.tell(outcome(trial, State.FAILED, []))

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
    def test_a_report_without_a_number_breaks_nothing(self, life: Life, value: float | None) -> None:
        life.work(25)
        (trial,) = life.ask(1)
        odd = {} if value is None else {"val_accuracy": value}
        for epoch in (1, 2, 3):
            assert life.driver.judge([Report(trial.number, epoch, odd)]) <= {trial.number}
        life.end(trial, State.DIVERGED)
        life.work(5)

    def test_reports_of_trials_that_do_not_run_are_passed_over(self, life: Life) -> None:
        life.work(25)
        ended = life.told[0].trial.number
        assert life.driver.judge([Report(ended, 1, {"val_accuracy": 0.0}), Report(10_000, 1, {})]) == set()
        assert life.driver.judge([]) == set()

    def test_a_verdict_stands_when_the_trial_trains_again(self, life: Life, case: Case) -> None:
        life.work(25)
        number, stopped = _bad_trial(life)
        assert (stopped is not None) == case.prunes
        for driver in (life.driver, life.again().driver):
            for epoch in range(1, EPOCHS + 1):
                verdict = driver.judge([Report(number, epoch, {"val_accuracy": 0.001 * epoch})])
                assert verdict == ({number} if stopped is not None and epoch >= stopped else set())

    @pytest.mark.parametrize("workers", [1, 4, FEW_SIZE + 1])
    def test_a_finite_space_is_tried_once_each_and_then_exhausted(self, case: Case, workers: int) -> None:
        life = Life(case.build, case.few())
        life.work_to_the_end(workers)
        everything = [json.dumps(one) for one in life.study.space.grid()]
        assert len(everything) == FEW_SIZE
        new = [trial for trial in life.proposed if trial.parent is None]
        assert sorted(json.dumps(one) for one in values(new)) == sorted(everything)
        assert len({trial.key for trial in life.proposed}) == len(life.proposed)
        assert not life.driver.ask(1).more
        assert not life.again().driver.ask(1).more

    def test_a_driver_rebuilt_among_repeats_goes_on_as_the_unbroken_one(self, case: Case) -> None:
        life = Life(case.build, case.few())
        while len(life.proposed) < FEW_SIZE - 4:
            life.work(1, workers=2)
        other, proposed = life.again(), len(life.proposed)
        other.catch_up(life)
        life.work_to_the_end(2)
        other.work_to_the_end(2)
        assert life.proposed[proposed:] == other.proposed
        assert life.told == other.told
        assert life.state == other.state

    def test_a_space_of_one_point_gives_one_trial(self, case: Case) -> None:
        study = case.few()
        fixed = {"layers": 1, "activation": "relu", "optimizer": "adam"}
        life = Life(case.build, studies.from_document("one", {**study.document, "space": fixed}))
        assert values(life.ask(3)) == [fixed]
        assert life.driver.ask(3).more == case.promotes
        life.work_to_the_end(1)
        assert values(life.proposed) == [fixed] * len(life.proposed)
        assert (len(life.proposed) > 1) == case.promotes

    @pytest.mark.parametrize("epochs", [1, 14, 33, 47])
    def test_a_rebuilt_driver_goes_on_as_the_unbroken_one(self, life: Life, epochs: int) -> None:
        life.work(epochs)
        other = life.again()
        other.catch_up(life)
        proposed = len(life.proposed)
        stops = len(life.stopped)
        life.work(25)
        other.work(25)
        assert life.proposed[proposed:] == other.proposed
        assert list(life.stopped.items())[stops:] == list(other.stopped.items())
        assert life.told == other.told

    def test_a_driver_is_rebuilt_as_often_as_one_likes(self, life: Life) -> None:
        other = Life(life.build, life.study)
        for _ in range(12):
            life.work(3)
            other.work(3)
            fresh = other.again()
            fresh.catch_up(other)
            other = fresh
        assert life.told == other.told

    def test_a_deleted_trial_keeps_its_number(self, life: Life, case: Case) -> None:
        life.work(25)
        following = len(life.proposed)
        told = [result for result in life.told if result.trial.number % 2]
        again = case.build(life.study, OBJECTIVE, told, [], life.state)
        assert [trial.number for trial in again.ask(2).trials] == [following, following + 1]
        bare = case.build(life.study, OBJECTIVE, told, [], {}, next_number=following)
        assert [trial.number for trial in bare.ask(2).trials] == [following, following + 1]

    def test_a_trial_of_which_the_state_knows_nothing_is_put_back(self, life: Life, case: Case) -> None:
        life.work(25)
        running = list(life.running.values())
        driver = case.build(life.study, OBJECTIVE, life.told, running, {})
        known = {trial.key for trial in life.proposed}
        for trial in running:
            driver.tell(outcome(trial, State.COMPLETE, [{"val_accuracy": 0.5}]))
        fresh = driver.ask(4).trials
        assert [trial.number for trial in fresh] == [len(life.proposed) + i for i in range(4)]
        assert not known & {trial.key for trial in fresh}

    def test_the_state_holds_only_what_changed(self, life: Life) -> None:
        life.work(40, workers=1)
        assert life.driver.state() == {}
        (trial,) = life.ask(1)
        life.end(trial, State.COMPLETE)
        entries = []
        for _ in range(10):
            (trial,) = life.driver.ask(1).trials
            changed = dict(life.driver.state())
            life.driver.tell(outcome(trial, State.FAILED, []))
            changed |= life.driver.state()
            entries.append(len(json.dumps(changed)))
        assert max(entries) < 300

    def test_the_seed_decides(self, case: Case) -> None:
        def proposals(seed: int) -> list[Trial]:
            life = Life(case.build, case.diabetes(seed))
            life.work(25)
            return life.proposed

        first = proposals(0)
        assert first == proposals(0)
        other = proposals(1)
        assert [trial.seed for trial in first[:8]] != [trial.seed for trial in other[:8]]
        assert (values(first[:8]) == values(other[:8])) == (case.sampler == "grid")


def _bad_trial(life: Life) -> tuple[int, int | None]:
    """A trial with a hopeless curve, and the epoch at which it is stopped, if it is; it stays without an outcome."""
    for trial in life.ask(6):
        for epoch in range(1, EPOCHS + 1):
            if life.driver.judge([Report(trial.number, epoch, {"val_accuracy": 0.001 * epoch})]):
                life._keep()
                return trial.number, epoch
    return trial.number, None
