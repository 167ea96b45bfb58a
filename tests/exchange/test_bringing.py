"""Trials of others become trials of a search: which, as what, and all or none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.exchange.conftest import DOCUMENT
from tests.lives import Records
from tuner import drivers, opening
from tuner.errors import ExchangeError, LedgerError
from tuner.exchange.bringing import Brought, bring
from tuner.exchange.foreign import ForeignSearch, ForeignTrial, fit
from tuner.home import Home
from tuner.ledger import Ledger, own, owner
from tuner.study import Study, from_document
from tuner.trial import Batch, Objective, Result, State, Trial

VALUES = {"units": 8, "dropout": 0.1, "optimizer": "adam"}


def foreign(name: str, score: float = 0.5, state: State = State.COMPLETE, **values: Any) -> ForeignTrial:
    return ForeignTrial(name, {**VALUES, **values}, state, f"digest-{name}", score, 1, 1, ({"val_accuracy": score},))


def project(*trials: ForeignTrial, running: int = 0) -> ForeignSearch:
    made = ForeignSearch("keras-tuner", "the KerasTuner project old", trials)
    made.left_out["still running there"] = running
    return replace(made, left_out=+made.left_out)


def brought(study: Study, home: Home, *trials: ForeignTrial, running: int = 0, **options: Any) -> Brought:
    return bring(lambda _: project(*trials, running=running), study, home, lambda _: None, **options)


def results(home: Home, label: str = "wine") -> list[Result]:
    ledger = Ledger(home)
    try:
        return ledger.results(ledger.get(label))
    finally:
        ledger.close()


def test_what_fits_has_the_next_numbers_and_says_where_it_is_from(study: Study, home: Home, records: Records) -> None:
    done = brought(study, home, foreign("00", 0.5), foreign("01", 0.75, units=12), running=2)
    told = results(home)
    assert [(r.trial.number, r.score, r.trial.values["units"], r.state) for r in told] == [
        (0, 0.5, 8, State.COMPLETE),
        (1, 0.75, 12, State.COMPLETE),
    ]
    assert all(r.imported and r.weights is None for r in told)
    assert told[1].program["from"] == "the KerasTuner project old"
    assert told[1].program["trial"] == "01"
    assert [result.trial.number for result in records.results] == [0, 1]
    assert done.lines == (
        "imported 2 trials of the KerasTuner project old into wine@1 as trials 0 to 1: 2 complete",
        "they count among its 20 trials and are never its champion: they were trained on other rows, and have no "
        "weights",
        "the values of trial 1, the best of them, are the first to be tried here",
        "left out: 2 still running there",
        "go on with: tuner search wine",
    )


def test_what_does_not_fit_is_counted_and_the_first_five_reasons_told(
    study: Study, home: Home, records: Records
) -> None:
    wrong = [foreign(f"{n}", units=300 + n) for n in range(7)]
    done = brought(study, home, foreign("good"), *wrong)
    assert len(results(home)) == 1
    at = done.lines.index("not in the space of wine: 7 trials")
    assert done.lines[at + 1] == "  trial 0: units: 300 is outside [4, 16] step 4"
    assert done.lines[at + 5 : at + 7] == ("  trial 4: units: 304 is outside [4, 16] step 4", "  and 2 more")


def test_where_nothing_fits_there_is_no_search(study: Study, home: Home, records: Records) -> None:
    with pytest.raises(ExchangeError, match=r"2 trials, none of which fits wine. `tuner space wine` shows what does"):
        brought(study, home, foreign("0", layers=7), foreign("1", other=7))
    with pytest.raises(ExchangeError, match=r"no trial of it has ended \(3 still running there\)"):
        brought(study, home, running=3)
    assert Ledger(home).searches() == []


def test_values_are_those_of_the_space_but_for_the_noise_of_their_last_digits(study: Study) -> None:
    assert fit(study.space, {**VALUES, "dropout": 0.1 + 0.1 + 0.1})["dropout"] == 0.3
    for wrong, why in [
        ({"dropout": 0.31}, "dropout: 0.31 is outside"),
        ({"units": 8.0}, "units: 8.0 is outside"),
        ({"optimizer": None}, "optimizer: expected a number, a word, or true or false, got None"),
        ({"units_0": 8}, "units_0: not a parameter of this space"),
    ]:
        with pytest.raises(ValueError, match=why):
            fit(study.space, {**VALUES, **wrong})


def test_a_value_that_the_trial_does_not_use_is_left_out() -> None:
    space = {
        "layers": {"int": [1, 3]},
        "units": {"int": [4, 16], "each": "layers"},
        "optimizer": {"choice": ["adam", "sgd"]},
        "momentum": {"float": [0.0, 0.9], "when": {"optimizer": "sgd"}},
    }
    made = from_document("wine", {**DOCUMENT, "space": space}).space
    values = {"layers": 2, "units_1": 8, "units_2": 4, "units_3": 99, "optimizer": "adam", "momentum": 0.5}
    used = {"layers": 2, "units_1": 8, "units_2": 4, "optimizer": "adam"}
    assert fit(made, values) == used
    for wrong, why in [({"units_4": 4}, "units_4: not active"), ({"units_2": 99}, "units_2: 99 is outside")]:
        with pytest.raises(ValueError, match=why):
            fit(made, {**values, **wrong})


def test_imported_again_nothing_comes_twice_and_what_is_new_is_added(
    study: Study, home: Home, records: Records
) -> None:
    brought(study, home, foreign("00"), foreign("01"))
    again = brought(study, home, foreign("00"), foreign("01"))
    assert again.results == ()
    assert again.lines == ("2 were there already", "go on with: tuner search wine")
    more = brought(study, home, foreign("00"), foreign("01"), foreign("02"))
    assert [r.trial.number for r in more.results] == [2]
    assert len(results(home)) == 3
    fresh = brought(study, home, foreign("00"), fresh=True)
    assert fresh.label == "wine@2"
    assert (len(results(home, "wine@1")), len(results(home, "wine@2"))) == (3, 1)


def test_a_break_in_the_middle_leaves_none_of_them(
    study: Study, home: Home, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought(study, home, foreign("00"))
    with monkeypatch.context() as patch:
        patch.setattr(owner, "_SEARCH", "no statement")
        with pytest.raises(Exception, match="Not an executable object"):
            brought(study, home, foreign("00"), foreign("01"), foreign("02"))
    ledger = Ledger(home)
    assert (len(results(home)), ledger.get("wine").next_number) == (1, 1)
    assert len(brought(study, home, foreign("00"), foreign("01"), foreign("02")).results) == 2


def test_a_search_that_runs_takes_nothing_in(study: Study, home: Home, records: Records) -> None:
    brought(study, home, foreign("00"))
    ledger = Ledger(home)
    with (
        own(ledger, ledger.get("wine")),
        pytest.raises(LedgerError, match=r"wine@1 is being searched by process \d+ on"),
    ):
        brought(study, home, foreign("01"))
    assert len(results(home)) == 1


def test_trials_that_wait_keep_their_numbers_and_places(study: Study, home: Home, records: Records) -> None:
    """What is imported between an interruption and the next command stands behind what was asked for before."""
    brought(study, home, foreign("00"))
    ledger = Ledger(home)
    aims = Objective("val_accuracy", "maximize")
    with own(ledger, ledger.get("wine")) as record:
        driver = drivers.build(study, aims, record.results, (), {}, record.next_number)
        first, second = record.asks(driver.ask, driver.state)(2).trials
        record.told(Result(first, State.COMPLETE, 0.5, 1, ({"val_accuracy": 0.5},)), driver.state())
    brought(study, home, foreign("01"))
    with own(ledger, ledger.get("wine")) as record:
        assert [r.trial.number for r in record.results] == [0, 1, 3]
        assert [trial.number for trial in record.waiting] == [second.number] == [2]
        record.told(Result(second, State.FAILED, error="x"), {})
    assert [r.trial.number for r in results(home)] == [0, 1, 3, 2]


@pytest.mark.parametrize(("sampler", "learns"), [("tpe", True), ("random", False)])
def test_the_driver_learns_from_them_and_may_try_their_values_here(sampler: str, learns: bool, home: Home) -> None:
    """A space of few values, of which all were tried elsewhere: those that were good there come first."""
    document = {**DOCUMENT, "search": {"trials": 40, "pruner": "none", "sampler": sampler, "seed": 3}}
    study = from_document("wine", document)
    every = list(study.space.grid())
    found = project(*(foreign(f"{i}", 0.9 if v["units"] == 16 else 0.1, **v) for i, v in enumerate(every)))
    told = [found.result(trial, i, every[i], 3) for i, trial in enumerate(found.trials)]
    driver = drivers.build(study, Objective("val_accuracy", "maximize"), told, next_number=len(told))
    asked: list[Any] = []
    for _ in range(8):
        (trial,) = driver.ask(1).trials
        asked.append(trial)
        driver.tell(Result(trial, State.COMPLETE, 0.5, 1, ({"val_accuracy": 0.5},)))
    assert [trial.number for trial in asked] == [*range(len(every), len(every) + 8)]
    good = sum(trial.values["units"] == 16 for trial in asked)
    assert good >= 6 if learns else good < 6
    assert len({trial.key for trial in asked}) == 8


def test_the_best_of_them_is_tried_here_first_and_the_same_command_goes_on(home: Home, records: Records) -> None:
    mine = {"units": 4, "dropout": 0.0, "optimizer": "sgd"}
    study = from_document("wine", {**DOCUMENT, "start": [mine]})
    brought(study, home, foreign("00", 0.5), foreign("01", 0.75, units=12), foreign("02", 0.9, State.FAILED, units=16))
    again = brought(study, home, foreign("03", 0.99, units=16))
    assert not any("first to be tried" in line for line in again.lines)
    ledger = Ledger(home)
    found = opening.claim(ledger, study, opening.split(study, home), None, False)
    begun = opening.begun(study, found)
    assert [each["units"] for each in begun.starts] == [12, 4]
    with own(ledger, found) as record:
        driver = drivers.build(begun, Objective("val_accuracy", "maximize"), record.results, next_number=4)
        assert [trial.values["units"] for trial in driver.ask(2).trials] == [12, 4]


def test_what_from_put_first_stays_first(study: Study, home: Home, records: Records) -> None:
    """The same command without --from would not go on with a search that has two of them."""
    put = opening.with_start(study.document, [{"units": 4, "dropout": 0.0, "optimizer": "sgd"}])
    Ledger(home).create("wine", put, opening.describe(study, opening.split(study, home)))
    brought(study, home, foreign("00", units=12))
    assert Ledger(home).get("wine").document == put


def test_one_that_is_too_large_is_not_tried_first(home: Home, records: Records) -> None:
    study = from_document("wine", {**DOCUMENT, "search": {**DOCUMENT["search"], "max_params": 150}})
    done = brought(study, home, foreign("00", 0.5), foreign("01", 0.75, units=16))
    assert not any("first to be tried" in line for line in done.lines)
    assert opening.begun(study, Ledger(home).get("wine")).starts == ()


def test_values_to_try_first_are_tried_first_after_an_import(study: Study, home: Home) -> None:
    start = {"units": 4, "dropout": 0.0, "optimizer": "sgd"}
    first = from_document("wine", {**DOCUMENT, "start": [start]})
    found = project(foreign("00"), foreign("01"))
    told = [found.result(trial, i, VALUES, 3) for i, trial in enumerate(found.trials)]
    driver = drivers.build(first, Objective("val_accuracy", "maximize"), told, next_number=2)
    (trial,) = driver.ask(1).trials
    assert {name: trial.values[name] for name in start} == start


@pytest.mark.parametrize(
    ("deterministic", "sampler", "before"), [(False, "tpe", 0), (True, "tpe", 0), (True, "nsga-ii", 20)]
)
def test_a_search_with_imported_trials_goes_on_after_a_kill_as_if_there_had_been_none(
    deterministic: bool, sampler: str, before: int, home: Home
) -> None:
    """Also where so many trials had ended `before` they were imported."""
    pruner = "hyperband" if sampler == "tpe" else "none"
    search = {"trials": 99, "pruner": pruner, "seed": 5, "deterministic": deterministic, "sampler": sampler}
    space = {**DOCUMENT["space"], "units": {"int": [4, 64]}}
    study = from_document("wine", {**DOCUMENT, "space": space, "search": search})
    aims = Objective("val_accuracy", "maximize")
    found = project(*(foreign(f"{i}", 0.5 + i / 100, units=4 + 4 * (i % 4)) for i in range(12)))
    imported = [
        found.result(trial, before + i, study.space.check(trial.values), 3) for i, trial in enumerate(found.trials)
    ]
    first = [
        Result(Trial(n, study.space.check({**VALUES, "units": 4 + 4 * (n % 4)}), 0, 3), State.COMPLETE, n / 99, 1)
        for n in range(before)
    ]

    def searched(kills: bool) -> list[Any]:
        told, asked = [*first, *imported], list[Any]()
        state: dict[str, Any] = {"places": before + 1}
        state |= {f"trial/{n}": {"place": n + 1, "marks": {}, "judged": 0, "stopped": None} for n in range(before)}
        driver = drivers.build(study, aims, told, (), state, before + 12)
        for n in range(24):
            batch: Batch = driver.ask(1)
            state |= driver.state()
            (trial,) = batch.trials
            asked.append(trial)
            score = int(trial.values["units"]) / 64
            told.append(Result(trial, State.COMPLETE, score, 1, ({"val_accuracy": score},)))
            driver.tell(told[-1])
            state |= driver.state()
            if kills and n % 7 == 3:
                driver = drivers.build(study, aims, told, (), state, trial.number + 1)
        return asked

    assert searched(kills=True) == searched(kills=False)


def test_several_objectives_are_all_known_or_the_trial_is_left_out(home: Home, records: Records) -> None:
    search = {**DOCUMENT["search"], "sampler": "nsga-ii"}
    aims = {"metric": ["val_accuracy", "val_loss", "params"]}
    study = from_document("wine", {**DOCUMENT, "objective": aims, "search": search})
    whole = replace(foreign("00"), history=({"val_accuracy": 0.5, "val_loss": 0.75},))
    done = brought(study, home, whole, foreign("01"))
    (told,) = results(home)
    assert told.further[0] == 0.75
    assert told.further[1] == 13 * 8 + 8 + 8 * 3 + 3
    assert "  trial 01: no val_loss is known of its best epoch" in done.lines
