"""The same search again, with the real driver and a trainer that has room for several trials."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fakes.trainer import FakeTrainer
from tests.lives import DATA, DOCUMENT, OBJECTIVE, Records, Says, study
from tuner import drivers, opening, search
from tuner.drivers import ordered
from tuner.errors import StudyError
from tuner.ledger import Ledger, own
from tuner.study import from_document
from tuner.trial import Batch, Result, State

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
