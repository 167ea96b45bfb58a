"""Which searches there are, and how they are found."""

from __future__ import annotations

import sqlite3

import pytest

from tests.ledger.told import DATA, DOCUMENT, asked, result, trial
from tuner.errors import LedgerError
from tuner.home import Home
from tuner.ledger import Ledger, Owned, Search, own
from tuner.ledger.reading import retaken
from tuner.trial import Report, Result, State


def test_a_search_is_found_by_its_study_and_by_its_label(ledger: Ledger) -> None:
    first, second = (ledger.create("wine", {**DOCUMENT, "title": title}, DATA) for title in "ab")
    ledger.create("iris", DOCUMENT, DATA)
    assert [search.label for search in ledger.searches()] == ["wine@1", "wine@2", "iris@1"]
    assert ledger.find("wine") == second
    assert ledger.find("wine@1") == first
    assert ledger.find("wine@3") is None
    assert (first.document["title"], first.data) == ("a", DATA)
    assert first.identity != second.identity


def test_an_unknown_name_is_refused_with_the_nearest(ledger: Ledger, search: Search) -> None:
    with pytest.raises(LedgerError, match=r"nothing was searched under 'wnie'. Did you mean 'wine'\?"):
        ledger.get("wnie")
    with pytest.raises(LedgerError, match=r"nothing was searched under 'wine@2'. Did you mean 'wine@1'\?"):
        ledger.get("wine@2")


def test_who_comes_second_finds_what_the_first_made(ledger: Ledger) -> None:
    first = ledger.find_or_create("wine", DOCUMENT, DATA)
    assert ledger.find_or_create("wine", {"other": 1}, {}) == first
    assert ledger.create("wine", DOCUMENT, DATA).label == "wine@2"


def test_looking_leaves_nothing_behind(home: Home) -> None:
    assert Ledger.existing(home) is None
    with pytest.raises(LedgerError, match="nothing was searched under 'wine'"):
        Ledger.lookup(home, "wine")
    assert list(home.root.iterdir()) == []


def test_a_deleted_search_is_gone_with_all_it_had(ledger: Ledger, owned: Owned) -> None:
    other = ledger.create("wine", DOCUMENT, DATA)
    asked(owned, trial(0), state={"next": 1})
    owned.judges(lambda reports: {0}, dict)([Report(0, 1, {})])
    owned.told(result(0), {})
    owned.retaken(Result(retaken(trial(0), 1, 5), State.COMPLETE, 0.5))
    ledger.delete(owned.search)
    assert ledger.searches() == [other]
    with sqlite3.connect(ledger.home.ledger) as connection:
        for table in ("trials", "retakes", "verdicts", "driver_state"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    connection.close()


def test_one_that_was_deleted_cannot_be_owned(ledger: Ledger, search: Search) -> None:
    ledger.delete(search)
    with pytest.raises(LedgerError, match="wine@1 was deleted meanwhile"), own(ledger, search):
        pass
    # Nor the one that has its name now.
    ledger.create("wine", DOCUMENT, DATA)
    with pytest.raises(LedgerError, match="wine@1 was deleted meanwhile"), own(ledger, search):
        pass
