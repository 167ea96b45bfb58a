"""The loop: what is asked for is trained, told and recorded, until there is enough or too much goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.driver import FakeDriver
from tests.lives import OBJECTIVE, Life, best, study
from tuner import search
from tuner.errors import SearchFailed
from tuner.ledger import Ledger, own
from tuner.trial import Batch, Result, State, Trial


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


def test_the_loop_fits_on_a_screen() -> None:
    lines = Path(search.__file__).read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("def loop("))
    end = next(i for i, line in enumerate(lines[start + 1 :], start + 1) if line.startswith(("class ", "def ")))
    assert end - start < 50
