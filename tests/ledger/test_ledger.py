"""What the ledger remembers, and in which order it writes."""

from __future__ import annotations

import math
import sqlite3
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tuner.errors import LedgerError
from tuner.home import Home
from tuner.ledger import Ledger, Owned, Search, own, tables
from tuner.ledger.reading import retaken
from tuner.trial import Batch, Report, Result, State, Trial

DOCUMENT = {"data": {"source": "sklearn:wine"}, "space": {"layers": 1}}
DATA = {"name": "sklearn:wine", "rows": 178, "fingerprint": "f0", "task": "multiclass"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    ledger = Ledger(home)
    yield ledger
    ledger.close()


@pytest.fixture
def search(ledger: Ledger) -> Search:
    return ledger.create("wine", DOCUMENT, DATA)


@pytest.fixture
def owned(ledger: Ledger, search: Search) -> Owned:
    return take(ledger, search)


def trial(number: int, **values: Any) -> Trial:
    return Trial(number, values or {"units": 8 * number}, seed=2**31 - 1 - number, last_epoch=3)


def result(number: int, score: float | None = 0.5, **more: Any) -> Result:
    return Result(trial(number), State.COMPLETE, score, best_epoch=1, **more)


def asked(owned: Owned, *trials: Trial, state: Mapping[str, Any] | None = None) -> None:
    owned.asks(lambda n: Batch(trials), lambda: state or {})(len(trials))


def take(ledger: Ledger, search: Search) -> Owned:
    """The search as the next process finds it. The lock is free again, as after a kill; nobody else writes."""
    with own(ledger, search) as owned:
        return owned


def bits(number: float) -> bytes:
    return struct.pack("<d", number)


class TestSearches:
    def test_a_search_is_found_by_its_study_and_by_its_label(self, ledger: Ledger) -> None:
        first, second = (ledger.create("wine", {**DOCUMENT, "title": title}, DATA) for title in "ab")
        ledger.create("iris", DOCUMENT, DATA)
        assert [search.label for search in ledger.searches()] == ["wine@1", "wine@2", "iris@1"]
        assert ledger.find("wine") == second
        assert ledger.find("wine@1") == first
        assert ledger.find("wine@3") is None
        assert (first.document["title"], first.data) == ("a", DATA)
        assert first.identity != second.identity

    def test_an_unknown_name_is_refused_with_the_nearest(self, ledger: Ledger, search: Search) -> None:
        with pytest.raises(LedgerError, match=r"nothing was searched under 'wnie'. Did you mean 'wine'\?"):
            ledger.get("wnie")
        with pytest.raises(LedgerError, match=r"nothing was searched under 'wine@2'. Did you mean 'wine@1'\?"):
            ledger.get("wine@2")

    def test_who_comes_second_finds_what_the_first_made(self, ledger: Ledger) -> None:
        first = ledger.find_or_create("wine", DOCUMENT, DATA)
        assert ledger.find_or_create("wine", {"other": 1}, {}) == first
        assert ledger.create("wine", DOCUMENT, DATA).label == "wine@2"

    def test_looking_leaves_nothing_behind(self, home: Home) -> None:
        assert Ledger.existing(home) is None
        with pytest.raises(LedgerError, match="nothing was searched under 'wine'"):
            Ledger.lookup(home, "wine")
        assert list(home.root.iterdir()) == []

    def test_a_deleted_search_is_gone_with_all_it_had(self, ledger: Ledger, owned: Owned) -> None:
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

    def test_one_that_was_deleted_cannot_be_owned(self, ledger: Ledger, search: Search) -> None:
        ledger.delete(search)
        with pytest.raises(LedgerError, match="wine@1 was deleted meanwhile"), own(ledger, search):
            pass
        # Nor the one that has its name now.
        ledger.create("wine", DOCUMENT, DATA)
        with pytest.raises(LedgerError, match="wine@1 was deleted meanwhile"), own(ledger, search):
            pass


class TestTrials:
    def test_a_trial_is_written_before_it_is_handed_out(self, ledger: Ledger, owned: Owned) -> None:
        ask = owned.asks(lambda n: Batch(tuple(trial(i) for i in range(n))), lambda: {"next": 2})
        batch = ask(2)
        assert ledger.waiting(owned.search) == list(batch.trials) == [trial(0), trial(1)]
        assert ledger.driver_state(owned.search) == {"next": 2}
        assert owned.next_number == 2

    def test_what_cannot_be_written_is_not_handed_out(self, ledger: Ledger, owned: Owned) -> None:
        ask = owned.asks(lambda n: Batch((trial(0), trial(0))), lambda: {"next": 2})
        with pytest.raises(Exception, match="UNIQUE constraint failed"):
            ask(2)
        assert ledger.waiting(owned.search) == []
        assert ledger.driver_state(owned.search) == {}
        assert owned.waiting == []

    def test_trials_that_wait_come_first_in_the_order_asked(self, ledger: Ledger, owned: Owned) -> None:
        asked(owned, *(trial(i) for i in range(4)))
        owned.told(result(1), {})
        later = take(ledger, owned.search)
        assert later.waiting == [trial(0), trial(2), trial(3)]
        ask = later.asks(lambda n: Batch((trial(4),), more=False), dict)
        assert ask(2) == Batch((trial(0), trial(2)), more=True)
        assert ask(2) == Batch((trial(3),), more=True)
        assert ask(2) == Batch((trial(4),), more=False)

    def test_an_empty_answer_is_passed_on_and_writes_nothing(self, owned: Owned) -> None:
        writes = []
        owned._writing = lambda: writes.append(1)  # type: ignore[method-assign,assignment,return-value]
        assert owned.asks(lambda n: Batch(), dict)(3) == Batch()
        assert writes == []

    def test_a_result_comes_back_as_it_was_told(self, ledger: Ledger, owned: Owned) -> None:
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

    def test_a_history_may_hold_not_a_number(self, ledger: Ledger, owned: Owned) -> None:
        asked(owned, trial(0))
        history = ({"loss": 1.0, "val_loss": math.nan}, {"loss": math.nan, "val_loss": -math.inf})
        owned.told(Result(trial(0), State.DIVERGED, history=history), {})
        (back,) = ledger.results(owned.search)
        assert repr(back.history) == repr(history)
        assert (back.score, back.best_epoch, back.weights, back.error) == (None, None, None, None)

    def test_a_history_with_other_metrics_in_an_epoch_is_refused(self, ledger: Ledger, owned: Owned) -> None:
        asked(owned, trial(0))
        with pytest.raises(ValueError, match="every epoch of a history has the same metrics"):
            owned.told(result(0, history=({"loss": 1.0}, {"loss": 1.0, "mae": 2.0})), {})
        assert ledger.waiting(owned.search) == [trial(0)]

    def test_an_error_that_no_encoding_can_write_is_written(self, ledger: Ledger, owned: Owned) -> None:
        asked(owned, trial(0))
        owned.told(Result(trial(0), State.FAILED, error="no file \udcff"), {})
        assert ledger.results(owned.search)[0].error == r"no file \udcff"

    def test_results_are_in_the_order_told(self, ledger: Ledger, owned: Owned) -> None:
        asked(owned, *(trial(i) for i in range(4)))
        for number in (2, 0, 3):
            owned.told(result(number), {})
        assert [r.trial.number for r in ledger.results(owned.search)] == [2, 0, 3]
        assert [r.trial.number for r in owned.results] == [2, 0, 3]
        assert owned.waiting == [trial(1)]

    def test_a_trial_is_told_once(self, ledger: Ledger, owned: Owned) -> None:
        asked(owned, trial(0))
        owned.told(result(0, 0.5), {})
        for number in (0, 1):
            with pytest.raises(ValueError, match=f"trial {number} was not asked for, or was told before"):
                owned.told(result(number, 0.9), {"next": 9})
        assert ledger.results(owned.search) == owned.results == [result(0, 0.5)]
        assert ledger.driver_state(owned.search) == {}

    def test_the_driver_remembers_with_the_outcome_or_not_at_all(self, ledger: Ledger, owned: Owned) -> None:
        asked(owned, trial(0), state={"next": 1, "trial/0": {"judged": 0}})
        owned.told(result(0), {"trial/0": {"judged": 3}, "place": None})
        assert ledger.driver_state(owned.search) == {"next": 1, "trial/0": {"judged": 3}, "place": None}

    def test_what_fails_half_way_leaves_neither(self, ledger: Ledger, owned: Owned) -> None:
        asked(owned, trial(0), state={"next": 1})
        with pytest.raises(TypeError, match="not JSON serializable"):
            owned.told(result(0), {"next": 2, "broken": object()})
        assert ledger.results(owned.search) == owned.results == []
        assert ledger.waiting(owned.search) == owned.waiting == [trial(0)]
        assert ledger.driver_state(owned.search) == {"next": 1}
        owned.told(result(0), {"next": 2})
        assert ledger.results(owned.search) == [result(0)]

    def test_a_deleted_trial_leaves_its_number_unused(self, ledger: Ledger, owned: Owned) -> None:
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

    def test_a_verdict_that_chose_among_a_deleted_trial_is_void(self, ledger: Ledger, owned: Owned) -> None:
        before = ledger.get("wine")
        asked(owned, trial(0))
        owned.told(result(0), {})
        owned.retaken(Result(retaken(trial(0), 1, 5), State.COMPLETE, 0.5))
        owned.concluded({"champion": 1})
        ledger.delete_trial(before, 0)  # as it was read before there was a verdict
        assert ledger.get("wine").verdict is None
        assert ledger.retakes(owned.search) == []


class TestVerdicts:
    def test_a_verdict_is_written_before_it_is_carried_out(self, ledger: Ledger, owned: Owned) -> None:
        asked(owned, trial(0), trial(1))
        judge = owned.judges(lambda reports: {1}, dict)
        assert judge([Report(0, 1, {}), Report(1, 2, {})]) == {1}
        assert ledger.verdicts(owned.search) == {1: 2}

    def test_what_the_driver_remembers_of_a_judgement_is_written_with_it(self, ledger: Ledger, owned: Owned) -> None:
        owned.judges(lambda reports: set(), lambda: {"rung/0": [0.5]})([Report(0, 1, {})])
        assert ledger.driver_state(owned.search) == {"rung/0": [0.5]}

    def test_one_that_cannot_be_written_is_not_carried_out(self, ledger: Ledger, owned: Owned) -> None:
        ledger.delete(owned.search)
        with pytest.raises(LedgerError, match="nothing more is written"):
            owned.judges(lambda reports: {0}, dict)([Report(0, 1, {})])

    def test_it_stands_after_a_restart_from_its_epoch_on(self, ledger: Ledger, owned: Owned) -> None:
        asked(owned, trial(0))
        owned.judges(lambda reports: {0}, dict)([Report(0, 2, {})])
        judge = take(ledger, owned.search).judges(lambda reports: set(), dict)
        assert [judge([Report(0, epoch, {})]) for epoch in (1, 2, 3)] == [set(), {0}, {0}]

    def test_the_first_one_counts(self, ledger: Ledger, owned: Owned) -> None:
        asked(owned, trial(0))
        judge = owned.judges(lambda reports: {0}, dict)
        assert judge([Report(0, 2, {})]) == judge([Report(0, 3, {})]) == {0}
        assert ledger.verdicts(owned.search) == {0: 2}

    def test_a_judge_speaks_of_those_who_reported(self, ledger: Ledger, owned: Owned) -> None:
        asked(owned, trial(0), trial(1))
        assert owned.judges(lambda reports: {0, 1}, dict)([Report(1, 1, {})]) == {1}
        assert ledger.verdicts(owned.search) == {1: 1}


class TestEnd:
    def test_retakes_come_back_with_their_seeds(self, ledger: Ledger, owned: Owned) -> None:
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

    def test_looks_are_counted(self, ledger: Ledger, owned: Owned) -> None:
        assert (owned.looking(7), owned.looking(8), owned.looking(7)) == (1, 2, 3)
        assert ledger.get("wine").looks == 3

    def test_a_look_that_was_interrupted_is_not_another(self, ledger: Ledger, owned: Owned) -> None:
        assert owned.looking(7) == 1
        later = take(ledger, owned.search)
        assert later.looking(7) == 1
        asked(later, trial(0))
        later.told(result(0), {})
        assert later.looking(7) == 2

    def test_looks_of_other_searches_on_the_same_rows_count(self, ledger: Ledger, owned: Owned) -> None:
        owned.looking(7)
        same, other = ledger.create("wine", DOCUMENT, DATA), ledger.create("wine", DOCUMENT, {"fingerprint": "other"})
        assert take(ledger, same).looking(1) == 2
        assert take(ledger, other).looking(1) == 1

    def test_what_may_change_is_taken_over(self, ledger: Ledger, owned: Owned) -> None:
        owned.continued({**DOCUMENT, "search": {"trials": 9}})
        assert ledger.get("wine").document == owned.search.document == {**DOCUMENT, "search": {"trials": 9}}

    def test_the_verdict_of_the_search(self, ledger: Ledger, owned: Owned) -> None:
        assert owned.search.verdict is None
        owned.concluded({"champion": 3, "score": 0.1 + 0.2})
        assert ledger.get("wine").verdict == owned.search.verdict == {"champion": 3, "score": 0.1 + 0.2}

    def test_an_owner_sees_what_was_written_after_the_search_was_read(self, ledger: Ledger, search: Search) -> None:
        with own(ledger, search) as first:
            first.concluded({"champion": 3})
        with own(ledger, search) as second:
            assert second.search.verdict == {"champion": 3}

    def test_run_ids(self, ledger: Ledger, owned: Owned) -> None:
        asked(owned, trial(0), trial(1))
        owned.recorded({})
        assert (ledger.runs(owned.search), ledger.get("wine").run) == ({}, None)
        owned.recorded({None: "a1", 1: "b2"})
        assert (ledger.runs(owned.search), ledger.get("wine").run) == ({1: "b2"}, "a1")


class TestFile:
    def test_a_file_of_something_else_is_refused_and_left_alone(self, home: Home) -> None:
        home.ledger.parent.mkdir()
        home.ledger.write_text("trial,score\n" * 1000)
        with pytest.raises(LedgerError, match=r"ledger.db: not a ledger that can be used \(file is not a database\)"):
            Ledger(home)
        assert home.ledger.read_text() == "trial,score\n" * 1000

    def test_a_database_of_something_else_is_refused_and_left_alone(self, home: Home) -> None:
        home.ledger.parent.mkdir()
        with sqlite3.connect(home.ledger) as connection:
            connection.execute("CREATE TABLE runs (id INTEGER)")
        connection.close()
        before = home.ledger.read_bytes()
        with pytest.raises(LedgerError, match="not a ledger, but a database of something else"):
            Ledger(home)
        assert home.ledger.read_bytes() == before

    def test_a_folder_in_its_place_is_refused(self, home: Home) -> None:
        home.ledger.mkdir(parents=True)
        with pytest.raises(LedgerError, match="not a ledger that can be used"):
            Ledger(home)

    @pytest.mark.parametrize(("version", "said"), [("2", "schema 2, this one knows 1"), ("two", "something else")])
    def test_a_newer_schema_is_refused(self, ledger: Ledger, version: str, said: str) -> None:
        ledger.close()
        with sqlite3.connect(ledger.home.ledger) as connection:
            connection.execute("UPDATE about SET value = ?", [version])
        connection.close()
        with pytest.raises(LedgerError, match=said):
            Ledger(ledger.home)

    def test_one_that_is_not_made_to_its_end_is_made_again(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
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

    def test_one_that_is_locked_by_another_says_so(self, ledger: Ledger, owned: Owned) -> None:
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

    def test_a_damaged_one_says_so(self, ledger: Ledger, owned: Owned) -> None:
        asked(owned, *(trial(i) for i in range(500)))
        ledger.close()
        whole = ledger.home.ledger.read_bytes()
        ledger.home.ledger.write_bytes(whole[: len(whole) // 2] + b"\xff" * (len(whole) - len(whole) // 2))
        with pytest.raises(LedgerError, match=r"\(database disk image is malformed\)"):
            ledger.waiting(owned.search)
