"""How the ledger's file is opened, and what is said of one that cannot be used."""

from __future__ import annotations

import sqlite3

import pytest

from tests.ledger.told import asked, result, trial
from tuner.errors import LedgerError
from tuner.home import Home
from tuner.ledger import Ledger, Owned, tables


def test_a_file_of_something_else_is_refused_and_left_alone(home: Home) -> None:
    home.ledger.parent.mkdir()
    home.ledger.write_text("trial,score\n" * 1000)
    with pytest.raises(LedgerError, match=r"ledger.db: not a ledger that can be used \(file is not a database\)"):
        Ledger(home)
    assert home.ledger.read_text() == "trial,score\n" * 1000


def test_a_database_of_something_else_is_refused_and_left_alone(home: Home) -> None:
    home.ledger.parent.mkdir()
    with sqlite3.connect(home.ledger) as connection:
        connection.execute("CREATE TABLE runs (id INTEGER)")
    connection.close()
    before = home.ledger.read_bytes()
    with pytest.raises(LedgerError, match="not a ledger, but a database of something else"):
        Ledger(home)
    assert home.ledger.read_bytes() == before


def test_a_folder_in_its_place_is_refused(home: Home) -> None:
    home.ledger.mkdir(parents=True)
    with pytest.raises(LedgerError, match="not a ledger that can be used"):
        Ledger(home)


@pytest.mark.parametrize(("version", "said"), [("3", "schema 3, this one knows 2"), ("two", "something else")])
def test_a_newer_schema_is_refused(ledger: Ledger, version: str, said: str) -> None:
    ledger.close()
    with sqlite3.connect(ledger.home.ledger) as connection:
        connection.execute("UPDATE about SET value = ?", [version])
    connection.close()
    with pytest.raises(LedgerError, match=said):
        Ledger(ledger.home)


def test_one_that_is_not_made_to_its_end_is_made_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed:
        def __str__(self) -> str:
            raise SystemExit("killed")

    with monkeypatch.context() as patch:
        patch.setattr(tables, "VERSION", Killed())  # the last that is written
        with pytest.raises(SystemExit, match="killed"):
            Ledger(home)
    assert home.ledger.stat().st_size > 0
    ledger = Ledger(home)
    assert ledger.searches() == []
    ledger.close()


def test_one_that_is_locked_by_another_says_so(ledger: Ledger, owned: Owned) -> None:
    asked(owned, trial(0))
    with ledger.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 50")
    blocker = sqlite3.connect(ledger.home.ledger)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match=r"ledger.db: the ledger cannot be used \(database is locked\)"):
        owned.told(result(0), {})
    blocker.close()
    owned.told(result(0), {})
    assert ledger.results(owned.search) == [result(0)]


def test_a_damaged_one_says_so(ledger: Ledger, owned: Owned) -> None:
    asked(owned, *(trial(i) for i in range(500)))
    ledger.close()
    whole = ledger.home.ledger.read_bytes()
    ledger.home.ledger.write_bytes(whole[: len(whole) // 2] + b"\xff" * (len(whole) - len(whole) // 2))
    with pytest.raises(LedgerError, match=r"\(database disk image is malformed\)"):
        ledger.waiting(owned.search)


def test_one_of_an_older_schema_goes_on(ledger: Ledger, owned: Owned) -> None:
    asked(owned, trial(0), trial(1))
    owned.told(result(0), {})
    ledger.close()
    with sqlite3.connect(ledger.home.ledger) as connection:
        connection.execute("ALTER TABLE trials DROP COLUMN further")
        connection.execute("UPDATE about SET value = '1'")
    connection.close()
    for again in (Ledger(ledger.home), Ledger(ledger.home)):  # made new by the first
        assert again.results(owned.search) == [result(0)]
        again.close()
    owned.told(result(1, further=(12.0, 0.25)), {})
    assert ledger.results(owned.search) == [result(0), result(1, further=(12.0, 0.25))]
