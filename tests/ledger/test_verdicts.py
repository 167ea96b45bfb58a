"""When a verdict on a running trial is written, and how long it stands."""

from __future__ import annotations

import pytest

from tests.ledger.told import asked, result, take, trial
from tuner.errors import LedgerError
from tuner.ledger import Ledger, Owned
from tuner.trial import Batch, Report


def test_a_verdict_is_written_before_it_is_carried_out(ledger: Ledger, owned: Owned) -> None:
    asked(owned, trial(0), trial(1))
    judge = owned.judges(lambda reports: {1}, dict)
    assert judge([Report(0, 1, {}), Report(1, 2, {})]) == {1}
    assert ledger.verdicts(owned.search) == {1: 2}


def test_what_the_driver_remembers_of_a_verdict_is_written_with_it(ledger: Ledger, owned: Owned) -> None:
    asked(owned, trial(0))
    owned.judges(lambda reports: {0}, lambda: {"rung/0": [0.5]})([Report(0, 1, {})])
    assert ledger.driver_state(owned.search) == {"rung/0": [0.5]}


def test_what_it_remembers_of_a_trial_that_goes_on_is_written_with_the_next_line(ledger: Ledger, owned: Owned) -> None:
    """A search of many epochs would otherwise wait for the disk at each of them."""
    asked(owned, trial(0))
    for value in (1, 2):
        memory = {f"rung/{value}": value, "last": value}
        owned.judges(lambda reports: set(), lambda memory=memory: memory)([Report(0, value, {})])  # type: ignore[misc]
    assert ledger.driver_state(owned.search) == {}
    owned.told(result(0), {"last": 3})
    assert ledger.driver_state(owned.search) == {"rung/1": 1, "rung/2": 2, "last": 3}
    owned.recorded({0: "b1"})
    assert ledger.driver_state(owned.search)["last"] == 3


@pytest.mark.parametrize("line", ["asked", "judged", "recorded"])
def test_the_next_line_may_be_any(ledger: Ledger, owned: Owned, line: str) -> None:
    ask = owned.asks(lambda n: Batch((trial(2),)), dict)
    asked(owned, trial(0), trial(1))
    owned.judges(lambda reports: set(), lambda: {"rung": 1})([Report(0, 1, {})])
    match line:
        case "asked":
            ask(1)
        case "judged":
            owned.judges(lambda reports: {1}, dict)([Report(1, 1, {})])
        case _:
            owned.recorded({})
    assert ledger.driver_state(owned.search) == {"rung": 1}


def test_a_line_that_cannot_be_written_loses_nothing_of_what_waits(ledger: Ledger, owned: Owned) -> None:
    asked(owned, trial(0))
    owned.judges(lambda reports: set(), lambda: {"rung": 1})([Report(0, 1, {})])
    with pytest.raises(ValueError, match="trial 7 was not asked for"):
        owned.told(result(7), {})
    owned.told(result(0), {})
    assert ledger.driver_state(owned.search) == {"rung": 1}


def test_one_that_cannot_be_written_is_not_carried_out(ledger: Ledger, owned: Owned) -> None:
    ledger.delete(owned.search)
    with pytest.raises(LedgerError, match="nothing more is written"):
        owned.judges(lambda reports: {0}, dict)([Report(0, 1, {})])


def test_it_stands_after_a_restart_from_its_epoch_on(ledger: Ledger, owned: Owned) -> None:
    asked(owned, trial(0))
    owned.judges(lambda reports: {0}, dict)([Report(0, 2, {})])
    judge = take(ledger, owned.search).judges(lambda reports: set(), dict)
    assert [judge([Report(0, epoch, {})]) for epoch in (1, 2, 3)] == [set(), {0}, {0}]


def test_the_first_one_counts(ledger: Ledger, owned: Owned) -> None:
    asked(owned, trial(0))
    judge = owned.judges(lambda reports: {0}, dict)
    assert judge([Report(0, 2, {})]) == judge([Report(0, 3, {})]) == {0}
    assert ledger.verdicts(owned.search) == {0: 2}


def test_a_judge_speaks_of_those_who_reported(ledger: Ledger, owned: Owned) -> None:
    asked(owned, trial(0), trial(1))
    assert owned.judges(lambda reports: {0, 1}, dict)([Report(1, 1, {})]) == {1}
    assert ledger.verdicts(owned.search) == {1: 1}
