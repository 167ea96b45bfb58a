"""What is written of a search when its trials are over, and of its record."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.ledger.told import DATA, DOCUMENT, asked, result, take, trial
from tuner.ledger import Ledger, Owned, Search, own
from tuner.ledger.reading import retaken
from tuner.trial import Report, Result, State


def test_retakes_come_back_with_their_seeds(ledger: Ledger, owned: Owned) -> None:
    asked(owned, trial(0), trial(1))
    for number in (1, 0):
        owned.told(result(number), {})
    takes = [
        Result(retaken(trial(1), 2, 78), State.DIVERGED),
        Result(retaken(trial(1), 1, 77), State.COMPLETE, 1 / 3),
        Result(retaken(trial(0), 1, 0), State.COMPLETE, 0.25),
    ]
    for each in takes:
        owned.retaken(each)
    assert owned.retakes == takes
    assert take(ledger, owned.search).retakes == takes[::-1]
    assert ledger.results(owned.search)[0].trial == trial(1)


def test_looks_are_counted(ledger: Ledger, owned: Owned) -> None:
    assert (owned.looking(7), owned.looking(8), owned.looking(7)) == (1, 2, 3)
    assert ledger.get("wine").looks == 3


def test_a_look_that_was_interrupted_is_not_another(ledger: Ledger, owned: Owned) -> None:
    assert owned.looking(7) == 1
    later = take(ledger, owned.search)
    assert later.looking(7) == 1
    asked(later, trial(0))
    later.told(result(0), {})
    assert later.looking(7) == 2


def test_looks_of_other_searches_on_the_same_rows_count(ledger: Ledger, owned: Owned) -> None:
    owned.looking(7)
    same, other = ledger.create("wine", DOCUMENT, DATA), ledger.create("wine", DOCUMENT, {"fingerprint": "other"})
    assert take(ledger, same).looking(1) == 2
    assert take(ledger, other).looking(1) == 1


def test_looks_count_however_the_rows_were_prepared(ledger: Ledger) -> None:
    found = [ledger.create("wine", DOCUMENT, {"fingerprint": f, "tested": t}) for f, t in ("1a", "2a", "3b")]
    assert [take(ledger, search).looking(1) for search in found] == [1, 2, 1]


def test_what_may_change_is_taken_over(ledger: Ledger, owned: Owned) -> None:
    owned.continued({**DOCUMENT, "search": {"trials": 9}})
    assert ledger.get("wine").document == owned.search.document == {**DOCUMENT, "search": {"trials": 9}}


def test_the_verdict_of_the_search(ledger: Ledger, owned: Owned) -> None:
    assert owned.search.verdict is None
    owned.concluded({"champion": 3, "score": 0.1 + 0.2})
    assert ledger.get("wine").verdict == owned.search.verdict == {"champion": 3, "score": 0.1 + 0.2}


def test_an_owner_sees_what_was_written_after_the_search_was_read(ledger: Ledger, search: Search) -> None:
    with own(ledger, search) as first:
        first.concluded({"champion": 3})
    with own(ledger, search) as second:
        assert second.search.verdict == {"champion": 3}


def test_run_ids(ledger: Ledger, owned: Owned) -> None:
    asked(owned, trial(0), trial(1))
    owned.recorded({})
    assert (ledger.runs(owned.search), ledger.get("wine").run) == ({}, None)
    owned.recorded({None: "a1", 1: "b2"})
    assert (ledger.runs(owned.search), ledger.get("wine").run) == ({1: "b2"}, "a1")


def test_run_ids_are_written_with_an_outcome_or_not_at_all(ledger: Ledger, owned: Owned) -> None:
    asked(owned, trial(0), trial(1))
    with pytest.raises(ValueError, match="was not asked for"):
        owned.told(result(7), {}, {None: "a1", 0: "b1"})
    assert (ledger.runs(owned.search), ledger.get("wine").run) == ({}, None)
    owned.told(result(1), {}, {None: "a1", 0: "b1"})
    assert (ledger.runs(owned.search), ledger.get("wine").run) == ({0: "b1"}, "a1")


def test_a_trial_waits_for_the_disk_twice(ledger: Ledger, owned: Owned) -> None:
    """When it is asked for and when it is told; an epoch after which it goes on, and the record, wait for neither."""
    commits: list[object] = []
    sa.event.listen(ledger.engine, "commit", commits.append)
    asked(owned, trial(0), state={"next": 1})
    owned.judges(lambda reports: set(), lambda: {"trial/0": {"judged": 1}})([Report(0, 1, {})])
    owned.told(result(0), {"trial/0": None}, {None: "a1"})
    assert len(commits) == 2
