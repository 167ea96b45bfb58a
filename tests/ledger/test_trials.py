"""A trial is written before it is handed out, and its outcome comes back as it was told."""

from __future__ import annotations

import math
import struct

import pytest

from tests.ledger.told import asked, result, take, trial
from tuner.ledger import Ledger, Owned
from tuner.ledger.reading import retaken
from tuner.trial import Batch, Result, State, Trial


def bits(number: float) -> bytes:
    return struct.pack("<d", number)


def test_a_trial_is_written_before_it_is_handed_out(ledger: Ledger, owned: Owned) -> None:
    ask = owned.asks(lambda n: Batch(tuple(trial(i) for i in range(n))), lambda: {"next": 2})
    batch = ask(2)
    assert ledger.waiting(owned.search) == list(batch.trials) == [trial(0), trial(1)]
    assert ledger.driver_state(owned.search) == {"next": 2}
    assert owned.next_number == 2


def test_what_cannot_be_written_is_not_handed_out(ledger: Ledger, owned: Owned) -> None:
    ask = owned.asks(lambda n: Batch((trial(0), trial(0))), lambda: {"next": 2})
    with pytest.raises(Exception, match="UNIQUE constraint failed"):
        ask(2)
    assert ledger.waiting(owned.search) == []
    assert ledger.driver_state(owned.search) == {}
    assert owned.waiting == []


def test_trials_that_wait_come_first_in_the_order_asked(ledger: Ledger, owned: Owned) -> None:
    asked(owned, *(trial(i) for i in range(4)))
    owned.told(result(1), {})
    later = take(ledger, owned.search)
    assert later.waiting == [trial(0), trial(2), trial(3)]
    ask = later.asks(lambda n: Batch((trial(4),), more=False), dict)
    assert ask(2) == Batch((trial(0), trial(2)), more=True)
    assert ask(2) == Batch((trial(3),), more=True)
    assert ask(2) == Batch((trial(4),), more=False)


def test_an_empty_answer_is_passed_on_and_writes_nothing(owned: Owned) -> None:
    writes = []
    owned._writing = lambda: writes.append(1)  # type: ignore[method-assign,assignment,return-value]
    assert owned.asks(lambda n: Batch(), dict)(3) == Batch()
    assert writes == []


def test_a_result_comes_back_as_it_was_told(ledger: Ledger, owned: Owned) -> None:
    rough = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, math.inf, 1 / 3]
    history = tuple({"loss": value, "val_loss": -value} for value in rough)
    told = Result(
        trial=Trial(7, {"b": True, "i": 3, "f": 3.0, "s": "é\u2028"}, 2**31 - 1, 9, first_epoch=4, parent=2),
        state=State.PRUNED,
        score=0.1 + 0.2,
        best_epoch=5,
        history=history,
        seconds=1 / 3,
        weights=owned.folder / "weights" / "trial-00007.weights.npz",
        error="Traceback:\n  …\nValueError: 'x'\x00",
        program={"trainer": "plain", "keras": "3.15.1"},
    )
    asked(owned, told.trial)
    owned.told(told, {})
    (back,) = take(ledger, owned.search).results
    assert back == told
    assert [type(value) for value in back.trial.values.values()] == [bool, int, float, str]
    assert list(back.trial.values) == ["b", "i", "f", "s"]
    assert back.score is not None
    assert bits(back.score) == bits(0.1 + 0.2)
    assert [bits(epoch["loss"]) for epoch in back.history] == [bits(value) for value in rough]


def test_a_history_may_hold_not_a_number(ledger: Ledger, owned: Owned) -> None:
    asked(owned, trial(0))
    history = ({"loss": 1.0, "val_loss": math.nan}, {"loss": math.nan, "val_loss": -math.inf})
    owned.told(Result(trial(0), State.DIVERGED, history=history), {})
    (back,) = ledger.results(owned.search)
    assert repr(back.history) == repr(history)
    assert (back.score, back.best_epoch, back.weights, back.error) == (None, None, None, None)


def test_a_history_with_other_metrics_in_an_epoch_is_refused(ledger: Ledger, owned: Owned) -> None:
    asked(owned, trial(0))
    with pytest.raises(ValueError, match="every epoch of a history has the same metrics"):
        owned.told(result(0, history=({"loss": 1.0}, {"loss": 1.0, "mae": 2.0})), {})
    assert ledger.waiting(owned.search) == [trial(0)]


def test_an_error_that_no_encoding_can_write_is_written(ledger: Ledger, owned: Owned) -> None:
    asked(owned, trial(0))
    owned.told(Result(trial(0), State.FAILED, error="no file \udcff"), {})
    assert ledger.results(owned.search)[0].error == r"no file \udcff"


def test_results_are_in_the_order_told(ledger: Ledger, owned: Owned) -> None:
    asked(owned, *(trial(i) for i in range(4)))
    for number in (2, 0, 3):
        owned.told(result(number), {})
    assert [r.trial.number for r in ledger.results(owned.search)] == [2, 0, 3]
    assert [r.trial.number for r in owned.results] == [2, 0, 3]
    assert owned.waiting == [trial(1)]


def test_a_trial_is_told_once(ledger: Ledger, owned: Owned) -> None:
    asked(owned, trial(0))
    owned.told(result(0, 0.5), {})
    for number in (0, 1):
        with pytest.raises(ValueError, match=f"trial {number} was not asked for, or was told before"):
            owned.told(result(number, 0.9), {"next": 9})
    assert ledger.results(owned.search) == owned.results == [result(0, 0.5)]
    assert ledger.driver_state(owned.search) == {}


def test_the_driver_remembers_with_the_outcome_or_not_at_all(ledger: Ledger, owned: Owned) -> None:
    asked(owned, trial(0), state={"next": 1, "trial/0": {"judged": 0}})
    owned.told(result(0), {"trial/0": {"judged": 3}, "place": None})
    assert ledger.driver_state(owned.search) == {"next": 1, "trial/0": {"judged": 3}, "place": None}


def test_what_fails_half_way_leaves_neither(ledger: Ledger, owned: Owned) -> None:
    asked(owned, trial(0), state={"next": 1})
    with pytest.raises(TypeError, match="not JSON serializable"):
        owned.told(result(0), {"next": 2, "broken": object()})
    assert ledger.results(owned.search) == owned.results == []
    assert ledger.waiting(owned.search) == owned.waiting == [trial(0)]
    assert ledger.driver_state(owned.search) == {"next": 1}
    owned.told(result(0), {"next": 2})
    assert ledger.results(owned.search) == [result(0)]


def test_a_deleted_trial_leaves_its_number_unused(ledger: Ledger, owned: Owned) -> None:
    asked(owned, trial(0), trial(1))
    owned.told(result(0), {})
    owned.told(result(1), {})
    ledger.delete_trial(owned.search, 1)
    later = take(ledger, owned.search)
    assert later.next_number == 2
    assert [r.trial.number for r in later.results] == [0]
    asked(later, trial(2))
    later.told(result(2), {})
    assert [r.trial.number for r in take(ledger, owned.search).results] == [0, 2]


def test_a_verdict_that_chose_among_a_deleted_trial_is_void(ledger: Ledger, owned: Owned) -> None:
    before = ledger.get("wine")
    asked(owned, trial(0))
    owned.told(result(0), {})
    owned.retaken(Result(retaken(trial(0), 1, 5), State.COMPLETE, 0.5))
    owned.concluded({"champion": 1})
    ledger.delete_trial(before, 0)  # as it was read before there was a verdict
    assert ledger.get("wine").verdict is None
    assert ledger.retakes(owned.search) == []
