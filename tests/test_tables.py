"""Tables of a search: which trials a line is made of, and how it reads in each format."""

from __future__ import annotations

import csv
import errno
import html
import io
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

from tuner import table_formats, tables
from tuner.errors import ExportError, LedgerError, StudyError
from tuner.home import Home
from tuner.ledger import Ledger, own
from tuner.plots import comparisons
from tuner.plots.comparisons import Comparison
from tuner.tables import Spread, table
from tuner.trial import Batch, Result, State, Trial, Value
from tuner.tunables import TUNABLES

DOCUMENT = {
    "title": "A grid",
    "data": {"source": "sklearn:wine"},
    "space": {
        "layers": {"int": [1, 2]},
        "units": {"int": [8, 64], "step": 8, "each": "layers"},
        "initializer": {"choice": ["zeros", "he_normal"]},
        "activation": {"choice": ["relu", "linear"]},
        "learning_rate": {"float": [0.001, 0.1], "log": True},
        "batch_norm": {"choice": [False, True]},
        "momentum": {"float": [0.0, 0.9], "step": 0.1, "when": {"optimizer": "sgd"}},
        "optimizer": {"choice": ["adam", "sgd"]},
    },
}
DOCUMENT["space"]["momentum"] = DOCUMENT["space"].pop("momentum")  # a condition refers upward
DATA = {"name": "sklearn:wine", "rows": 178, "fingerprint": "f0", "task": "multiclass"}
# Of each trial: its values, its accuracy on validation rows, its seconds.
TRIALS: list[tuple[dict[str, Value], float, float]] = [
    ({"initializer": "he_normal", "activation": "relu", "batch_norm": False}, 0.80, 4.0),
    ({"initializer": "he_normal", "activation": "relu", "batch_norm": False}, 0.90, 6.0),
    ({"initializer": "he_normal", "activation": "relu", "batch_norm": True}, 0.70, 9.0),
    ({"initializer": "he_normal", "activation": "linear", "batch_norm": False}, 0.60, 2.0),
    ({"initializer": "zeros", "activation": "relu", "batch_norm": False}, 0.25, 1.0),
]


def completed(number: int, values: Mapping[str, Value], score: float, seconds: float = 1.0) -> Result:
    """The second epoch is the best one; on train rows it is 0.05 better."""
    scores = (score - 0.1, score, score - 0.2)
    history = tuple(
        {"loss": 0.5, "accuracy": each + 0.05, "val_loss": 1 - each, "val_accuracy": each} for each in scores
    )
    return Result(Trial(number, values, 0, 3), State.COMPLETE, score, 2, history, seconds)


def searched(home: Home, results: list[Result], **more: Any) -> Home:
    ledger = Ledger(home)
    with own(ledger, ledger.create("grid", {**DOCUMENT, **more}, DATA)) as owned:
        owned.asks(lambda n: Batch(tuple(result.trial for result in results)), dict)(len(results))
        for result in results:
            owned.told(result, {})
    ledger.close()
    return home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return searched(Home(tmp_path), [completed(i, *each) for i, each in enumerate(TRIALS)])


def test_a_line_is_the_mean_of_its_trials_at_their_best_epochs(home: Home) -> None:
    found = table(home, "grid", ["initializer", "activation"])
    assert found.lines == (("zeros", "relu"), ("he_normal", "relu"), ("he_normal", "linear"))
    cell = found.cells[("he_normal", "relu"), ()]
    assert cell.trials == 3
    assert cell.validation == Spread(pytest.approx(0.8), pytest.approx(0.1))
    assert cell.train == Spread(pytest.approx(0.85), pytest.approx(0.1))
    assert cell.seconds == Spread(pytest.approx(19 / 3), pytest.approx(2.5166, abs=1e-3))
    assert found.cells[("zeros", "relu"), ()].validation == Spread(pytest.approx(0.25))


def test_columns_make_a_block_for_each_value(home: Home) -> None:
    found = table(home, "grid", ["activation"], ["batch_norm"])
    assert found.blocks == ((False,), (True,))
    assert found.cells[("relu",), (True,)].trials == 1
    assert (("linear",), (True,)) not in found.cells
    over, names, *lines = table_formats.text(found).splitlines()[2:]
    assert over.split() == ["batch_norm", "no", "batch_norm", "yes"]
    assert over.index("batch_norm yes") + len("batch_norm yes") == len(names)
    assert names.split() == ["activation", *("train", "validation", "seconds", "trials") * 2]
    assert lines[1].split() == ["linear", "0.6500", "0.6000", "2.0", "1", "—", "—", "—", "—"]


def test_a_block_is_as_wide_as_its_name(tmp_path: Path) -> None:
    both = [(i, a) for i in ("he_normal", "zeros") for a in ("relu", "linear")]
    trials = [completed(n, {"initializer": i, "activation": a, "layers": 1}, 0.5) for n, (i, a) in enumerate(both)]
    found = table(searched(Home(tmp_path), trials), "grid", ["layers"], ["initializer", "activation"])
    over, names, line = table_formats.text(found).splitlines()[2:]
    heads = [f"initializer {i}, activation {a}" for i in ("zeros", "he_normal") for a in ("relu", "linear")]
    assert re.split("  +", over.strip()) == heads
    ends = [each.end() for each in re.finditer("trials", names)]
    assert [over.index(head) + len(head) for head in heads] == ends
    assert [line[end - 2 : end] for end in ends] == [" 1"] * 4


def test_a_parameter_whose_word_is_default_says_what_that_is(tmp_path: Path) -> None:
    space = {"space": {"loss": {"choice": ["default", "mse"]}}}
    trials = [completed(i, {"loss": loss}, 0.5) for i, loss in enumerate(("default", "mse"))]
    found = table(searched(Home(tmp_path), trials, **space), "grid", ["loss"])
    assert [found.spelled(found.rows, line) for line in found.lines] == [("default (log loss)",), ("mse",)]
    assert [line.partition(",")[0] for line in table_formats.comma_separated(found).splitlines()] == [
        "loss", "default", "mse"
    ]  # fmt: skip


def test_per_layer_parameters_stand_on_one_line_in_the_order_of_their_sizes(tmp_path: Path) -> None:
    values = [{"units_1": 64, "units_2": 8}, {"units_1": 8, "units_2": 16}, {"units_1": 32}, {"beta_1": 0.9}]
    home = searched(Home(tmp_path), [completed(i, each, 0.5) for i, each in enumerate(values)])
    found = table(home, "grid", ["units"])
    assert [found.spelled(found.rows, line)[0] for line in found.lines] == ["8-16", "32", "64-8", "—"]


def test_settings_that_round_to_one_text_are_told_apart(tmp_path: Path) -> None:
    rates = (0.0101, 0.010101)
    home = searched(Home(tmp_path), [completed(i, {"learning_rate": rate}, 0.5) for i, rate in enumerate(rates)])
    found = table(home, "grid", ["learning_rate"])
    assert [found.spelled(found.rows, line) for line in found.lines] == [("0.0101",), ("0.010101",)]


def test_trials_that_did_not_complete_are_named_and_not_counted(tmp_path: Path) -> None:
    other = completed(1, {"activation": "relu"}, 0.9)
    stopped = Result(other.trial, State.PRUNED, 0.9, 2, other.history, 5.0)
    failed = Result(Trial(2, {"activation": "linear"}, 0, 3), State.FAILED, error="no memory")
    home = searched(Home(tmp_path), [completed(0, {"activation": "relu"}, 0.5), stopped, failed])
    told = table_formats.text(table(home, "grid", ["activation"])).splitlines()
    assert told[0] == "grid@1: accuracy at the best epoch; not counted: 1 pruned · 1 failed"
    assert told[3].split() == ["relu", "0.5500", "0.5000", "1.0", "1", "(1", "pruned)"]
    assert told[4].split() == ["linear", "—", "—", "—", "0", "(1", "failed)"]


def test_of_trials_that_went_on_from_one_another_the_last_counts(tmp_path: Path) -> None:
    first, later = completed(0, {"activation": "relu"}, 0.5), completed(1, {"activation": "relu"}, 0.8, 2.0)
    later = replace(later, trial=replace(later.trial, first_epoch=4, last_epoch=6, parent=0), best_epoch=5)
    told = table_formats.text(table(searched(Home(tmp_path), [first, later]), "grid", ["activation"])).splitlines()
    assert told[3].split() == ["relu", "0.8500", "0.8000", "3.0", "1"]


def test_another_metric(home: Home) -> None:
    found = table(home, "grid", ["initializer"], metric="val_loss")
    assert (found.metric, found.goal) == ("loss", "minimize")
    assert found.cells[("zeros",), ()].validation == Spread(pytest.approx(0.75))
    assert found.cells[("zeros",), ()].train == Spread(0.5)


def test_the_goal_is_that_of_the_study(tmp_path: Path) -> None:
    results = [completed(i, *each) for i, each in enumerate(TRIALS)]
    home = searched(Home(tmp_path), results, objective={"metric": "val_accuracy", "goal": "minimize"})
    assert table(home, "grid", ["initializer"]).goal == "minimize"
    assert table(home, "grid", ["initializer"], metric="loss").goal == "minimize"


def test_the_last_epoch_where_that_counts(tmp_path: Path) -> None:
    made = completed(0, {"activation": "relu"}, 0.9)
    last = replace(made, score=0.7, best_epoch=3)
    found = table(searched(Home(tmp_path), [last], objective={"epoch": "last"}), "grid", ["activation"])
    assert found.cells[("relu",), ()].validation == Spread(pytest.approx(0.7))
    assert table_formats.caption(found) == "grid@1: accuracy at the last epoch"


def test_csv_has_the_numbers_as_they_are(home: Home) -> None:
    rows = list(
        csv.DictReader(io.StringIO(table_formats.comma_separated(table(home, "grid", ["activation"], ["batch_norm"]))))
    )
    assert [row["activation"] for row in rows] == ["relu", "linear"]
    assert float(rows[0]["batch_norm false: validation"]) == pytest.approx((0.8 + 0.9 + 0.25) / 3, abs=1e-15)
    assert float(rows[0]["batch_norm false: seconds spread"]) == pytest.approx(2.5166, abs=1e-3)
    assert rows[0]["batch_norm false: trials"] == "3"
    assert (rows[1]["batch_norm true: validation"], rows[1]["batch_norm true: trials"]) == ("", "0")


def test_csv_has_settings_as_they_are_and_every_trial(tmp_path: Path) -> None:
    tried = {"learning_rate": 0.00123456, "batch_norm": True, "units_1": 16, "units_2": 8}
    done = completed(0, tried, 0.5)
    others = [
        Result(Trial(n, tried, 0, 3), state, history=done.history)
        for n, state in enumerate((State.DIVERGED, State.FAILED, State.DIVERGED), start=1)
    ]
    elsewhere = Result(Trial(4, {"learning_rate": 0.1}, 0, 3), State.PRUNED, 0.5, 2, done.history)
    names = ["learning_rate", "batch_norm", "units"]
    found = table(searched(Home(tmp_path), [done, *others, elsewhere]), "grid", names)
    rows = list(csv.DictReader(io.StringIO(table_formats.comma_separated(found))))
    assert [[row[name] for name in names] for row in rows] == [["0.00123456", "true", "16 8"], ["0.1", "", ""]]
    counts = [[int(row[name]) for name in ("trials", "pruned", "diverged", "failed")] for row in rows]
    assert counts == [[1, 0, 2, 1], [0, 1, 0, 0]]


def test_markdown_and_html_have_the_cells_of_the_text(home: Home) -> None:
    found = table(home, "grid", ["initializer", "activation"])
    told = [line.split("  ") for line in table_formats.text(found).splitlines()[3:]]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in told]
    marked = [line.strip("| ").split(" | ") for line in table_formats.markdown(found).splitlines()[4:]]
    assert marked == cells

    rows = re.findall("<tr>(<td>.*)</tr>", table_formats.page(found))
    assert [[html.unescape(cell) for cell in re.findall("<td>(.*?)</td>", row)] for row in rows] == cells


def test_a_table_has_rows(home: Home) -> None:
    with pytest.raises(StudyError, match=r"^--rows: expected the names of parameters"):
        table(home, "grid", [])


@pytest.mark.parametrize(
    ("rows", "columns", "metric", "problem"),
    [
        (["actvation"], [], None, r"no parameter 'actvation'. Did you mean 'activation'\? It has layers, units, "),
        (["activation"], ["activation"], None, "'activation' is given twice; leave one out"),
        (["activation"], [], "acuracy", r"no metric 'acuracy'. Did you mean 'accuracy'\? It has loss, accuracy"),
        (["activation"], [], "rmse", r"no metric 'rmse'. It has loss, accuracy"),
        (
            ["activation"],
            [],
            "val_f1",
            r"no f1, which is computed only where the study asks for it. It has loss, accuracy. Choose one of these, "
            r'or search again with metric = "val_f1" under \[objective\]$',
        ),
    ],
)
def test_what_a_search_does_not_have(
    home: Home, rows: list[str], columns: list[str], metric: str | None, problem: str
) -> None:
    with pytest.raises(StudyError, match=f"^grid@1: {problem}"):
        table(home, "grid", rows, columns, metric)


def test_a_search_without_a_completed_trial(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="nothing was searched under 'grid'"):
        table(Home(tmp_path), "grid", ["activation"])
    home = searched(Home(tmp_path), [Result(Trial(0, {"activation": "relu"}, 0, 3), State.FAILED, error="x")])
    with pytest.raises(StudyError, match=r"^grid@1: no trial has completed yet. Go on with: tuner search grid$"):
        table(home, "grid", ["activation"])


@pytest.mark.parametrize("columns", [[], ["batch_norm"]])
def test_the_picture_is_one_of_the_search_that_no_ending_replaces(home: Home, columns: list[str]) -> None:
    path = tables.draw(table(home, "grid", ["initializer", "activation"], columns), home)
    assert path.parent == home.search("grid@1") / "tables"
    assert (imread(path)[..., :3] < 0.5).any()


def test_a_line_in_words_says_what_is_on(home: Home) -> None:
    def told(*rows: str) -> list[str]:
        found = table(home, "grid", rows)
        return [found.named(line) for line in found.lines]

    assert told("initializer", "batch_norm") == ["zeros", "he_normal", "he_normal, batch_norm"]
    assert told("batch_norm") == ["no batch_norm", "batch_norm"]


def test_a_picture_says_which_trials_are_not_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [Result(Trial(n, {"activation": "linear"}, 0, 3), State.DIVERGED) for n in (1, 2)]
    home = searched(Home(tmp_path), [completed(0, {"activation": "relu"}, 0.5), *broken])
    given: list[Comparison] = []
    monkeypatch.setattr(comparisons, "combinations", lambda made, path: given.append(made))
    tables.draw(table(home, "grid", ["activation"]), home)
    assert given[0].lines == ["relu", "linear (2 diverged)"]
    assert given[0].not_counted == "2 diverged"
    assert {place: mark.validation for place, mark in given[0].marks.items()} == {(0, 0): (0.5, None), (1, 0): None}


def test_a_picture_of_all_parameters_has_a_name_that_a_file_can_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparisons, "combinations", lambda _, path: path.touch())
    names = list(TUNABLES)
    assert len("-".join(names)) > 255
    home = searched(Home(tmp_path), [completed(0, dict.fromkeys(names, 1), 0.5)])

    def drawn(*rows: str) -> str:
        return tables.draw(table(home, "grid", rows), home).name

    first = drawn(*names)
    assert drawn(*names) == first
    assert len({first, drawn(*names[:-1]), drawn(*reversed(names))}) == 3


def test_a_picture_that_cannot_be_written_is_told_in_a_line(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(comparisons, "combinations", full)
    told = r"^\.tuner/searches/grid@1/tables/activation-accuracy\.png: the picture cannot be written \(No space left"
    with pytest.raises(ExportError, match=told):
        tables.draw(table(home, "grid", ["activation"]), home)
