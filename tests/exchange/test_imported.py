"""What a search makes of trials that were trained elsewhere: they inform, and win nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.lives import Life
from tests.page import made
from tuner import replay, report, tables
from tuner.carrying import carry
from tuner.errors import ExportError, SearchFailed
from tuner.exchange.foreign import ForeignSearch, ForeignTrial
from tuner.home import Home
from tuner.ledger import Ledger, own
from tuner.page import writing
from tuner.shown import load_search
from tuner.study import load
from tuner.trackers import Opening, words
from tuner.trial import Objective, Result, State
from tuner.watch import Watch

FOUND = ForeignSearch("optuna", "the Optuna study old in old.db", ())


def imports(ledger: Ledger, name: str, values: Sequence[dict[str, Any]], score: float = 0.99) -> None:
    """Trials with these values, better than any that is trained here."""
    with own(ledger, ledger.get(name)) as record:
        results = []
        for i, each in enumerate(values):
            there = ForeignTrial(str(i), each, State.COMPLETE, f"d{i}", score, 2, 2, ({"val_accuracy": score},))
            results.append(FOUND.result(there, record.next_number + i, each, 5))
        record.imports(results)


def test_the_champion_is_one_of_those_trained_here_and_only_they_meet_again(ledger: Ledger) -> None:
    imports(ledger, "wine", [{"layers": 1, "units": 512}, {"layers": 1, "units": 1}])
    life = Life(ledger)
    ended, verdict = life.type(trials=5)
    assert ended == "done"
    assert (len(life.told), verdict.trials) == (5, 3)
    own_ones = [result.trial.number for result in life.told if not result.imported]
    assert own_ones == [2, 3, 4]
    assert verdict.champion in own_ones
    assert {trial.number for trial in life.trainer.trained} == {2, 3, 4}
    assert [result.trial.number for result in life.orders[-1].results] == own_ones


def test_an_import_after_the_ending_asks_for_no_second_look_at_the_test_rows(ledger: Ledger) -> None:
    life = Life(ledger)
    _, first = life.type(trials=3)
    imports(ledger, "wine", [{"layers": 1, "units": 512}])
    _, second = life.type(trials=4)
    assert second == first
    assert ledger.get("wine").looks == 1
    assert len(life.orders) == 1


def test_a_search_of_imported_trials_alone_says_what_to_type(ledger: Ledger) -> None:
    imports(ledger, "wine", [{"layers": 1, "units": 512}] * 3)
    with pytest.raises(SearchFailed, match=r"3 trials imported and none trained here.* tuner search wine@1 --trials 6"):
        Life(ledger).type(trials=3)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A search that has ended, into which five better trials were imported since."""
    home = made.search(tmp_path_factory.mktemp("imported"), made.flowers, 6)
    ledger = Ledger(home)
    values = {"layers": 1, "units_1": 16, "optimizer": "adam", "learning_rate": 0.01}
    imports(ledger, "made", [{**values, "learning_rate": 0.01 + i / 1000} for i in range(5)])
    ledger.close()
    return home


def test_they_are_shown_beside_the_leaderboard(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    shown = load_search(home, "made")
    assert (len(shown.results), len(shown.imported), shown.done, shown.budget) == (6, 5, 11, 11)
    assert not any(result.imported for result in shown.ranked)
    assert shown.since == 0
    report.print_search(shown, 20)
    told = capsys.readouterr().out
    assert "11 of 11 trials: 6 complete · 5 imported" in told
    assert "best imported: val_accuracy 0.9900 (trial 6, from the Optuna study old in old.db), on other rows" in told
    assert told.count("0.9900") == 1
    listed = report.search_json(shown)["trials"]
    assert [each["number"] for each in listed if "imported" in each] == [6, 7, 8, 9, 10]
    assert {each["seed"] for each in listed if "imported" in each} == {None}
    assert next(row for row in report.overview(home) if row.name == "made").done == 11


def test_they_are_in_no_table_and_no_picture_of_scores(home: Home, tmp_path: Path) -> None:
    table = tables.table(home, "made", ["layers"], [])
    assert sum(cell.trials for cell in table.cells.values()) == 6
    page = writing.report(home, "made", tmp_path / "page.html", top=20, test=False, force=False)
    html = page.read_text(encoding="utf-8")
    assert "5 imported ones" in html
    assert "0.9900" not in html


def test_they_are_not_trained_again(home: Home) -> None:
    why = "made@1: trial 7 is imported, from the Optuna study old in old.db: it was trained there"
    with pytest.raises(ExportError, match=why):
        replay.replay(home, "made", 7, Watch())
    with pytest.raises(ExportError, match=why), replay.packed(home, "made", 7, print):
        pass


def test_their_values_are_carried_over_where_nothing_was_trained_here(tmp_path: Path) -> None:
    home = made.search(tmp_path, made.flowers, 0, ends=False)
    ledger = Ledger(home)
    best = {"layers": 1, "units_1": 16, "optimizer": "adam", "learning_rate": 0.01}
    imports(ledger, "made", [{**best, "units_1": 4}], score=0.5)
    imports(ledger, "made", [best], score=0.75)
    study, told = carry(load(tmp_path / "studies" / "made.toml"), "made", home)
    assert study.start[0] == best
    assert told[0] == "trial 0 has the values of trial 1 of made@1, its best"


def test_the_record_has_a_run_of_each_without_a_seed(home: Home) -> None:
    ledger = Ledger(home)
    result = next(result for result in ledger.results(ledger.get("made")) if result.imported)
    opening = Opening("made", "made@1", "identity", "", {}, {}, "val_accuracy", "maximize", 0, {}, {})
    tags = words.trial_tags(opening, result, "parent")
    assert "seed" not in words.trial_params(result)
    assert tags["tuner.program.imported"] == "optuna"
    assert tags["tuner.program.from"] == "the Optuna study old in old.db"
    assert '"seed": null' in words.trial_history(result)


def test_no_front_has_one() -> None:
    aims = Objective("val_accuracy", "maximize")
    there = ForeignTrial("0", {}, State.COMPLETE, "d", 0.99)
    elsewhere = FOUND.result(there, 0, {}, 1)
    here = Result(elsewhere.trial, State.COMPLETE, 0.5, 1)
    assert aims.ranked([elsewhere, here]) == [here] == aims.front([elsewhere, here])
