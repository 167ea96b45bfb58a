"""From columns to a table: kinds, marks, names that the study gets wrong, test parts, digests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tuner.data import sources
from tuner.data.table import Kind, Table
from tuner.errors import DataError
from tuner.home import Home
from tuner.study import Study

Load = Callable[..., Table]


@pytest.fixture
def load(tmp_path: Path, make_study: Callable[..., Study]) -> Load:
    """Loads columns as a file of that format, with settings of `[data]`."""

    def made(columns: Mapping[str, Any] | str, name: str = "rows.csv", **data: Any) -> Table:
        path = tmp_path / name
        if isinstance(columns, str):
            path.write_text(columns)
        elif path.suffix == ".parquet":
            pd.DataFrame(columns).to_parquet(path)
        else:
            pd.DataFrame(columns).to_csv(path, index=False)
        return sources.load(make_study(path, **{"target": "y", **data}), Home(tmp_path))

    return made


def some(count: int = 12, **more: Any) -> dict[str, Any]:
    """A number, a category, and two classes, with more columns."""
    return {
        "age": [20.5 + i for i in range(count)],
        "town": ["Bern", "Ulm", None] * (count // 3),
        **more,
        "y": [0, 1] * (count // 2),
    }


def test_kinds_go_by_the_cells(load: Load) -> None:
    more = {"smokes": [True, False] * 6, "ward": [1, 2, 3] * 4, "empty": [None] * 12, "unit": ["a", "1"] * 6}
    table = load(some(**more), categorical=["ward"])
    assert dict(table.kinds) == {
        "age": Kind.NUMERIC,
        "town": Kind.TEXT,
        "smokes": Kind.NUMERIC,
        "ward": Kind.CODES,
        "empty": Kind.NUMERIC,
        "unit": Kind.TEXT,
    }
    features = table.rows.features
    assert isinstance(features, pd.DataFrame)
    assert list(features.columns) == list(table.kinds)
    assert features.index.tolist() == list(range(12))
    assert {name: features[name].dtype for name in table.kinds if table.kinds[name] is not Kind.TEXT} == dict.fromkeys(
        ("age", "smokes", "ward", "empty"), np.dtype("float64")
    )
    assert features["town"].tolist()[:3] == ["Bern", "Ulm", None]
    assert features["smokes"].tolist()[:2] == [1.0, 0.0]
    assert table.warnings == ()


def test_marks_stay_in_place_and_text_marks_of_numbers_are_empty_cells(load: Load) -> None:
    columns = some(glucose=["0", "?", "101"] * 4, job=["?", "cook", "nurse"] * 4, ward=["1", "n/a", "-9"] * 4)
    missing = {"glucose": [0, "?"], "job": "?", "ward": ["n/a", "-9"], "age": 20.5}
    table = load(columns, missing=missing, categorical=["ward"])
    features = table.rows.features
    np.testing.assert_array_equal(features["glucose"][:3], [0, np.nan, 101])
    np.testing.assert_array_equal(features["ward"][:3], [1, np.nan, -9])
    assert features["job"].tolist()[:3] == ["?", "cook", "nurse"]
    assert table.kinds["glucose"] is Kind.NUMERIC
    assert table.marks == {"age": (20.5,), "glucose": (0.0,), "job": ("?",), "ward": (-9.0,)}
    assert table.empties == {"glucose": ("?",), "ward": ("n/a",)}


def test_text_that_tells_rows_apart_is_left_out_and_said(load: Load) -> None:
    count = 120
    more = {"name": [f"p{i}" for i in range(count)], "code": [f"c{i % 51}" for i in range(count)]}
    table = load(some(count, **more))
    assert list(table.kinds) == ["age", "town"]
    assert table.warnings == (
        "rows.csv: column 'name' has 120 different texts in 120 cells and is left out. "
        'To keep it, say under [data]: categorical = ["name"]',
        "rows.csv: column 'code' has 51 different texts in 120 cells and is left out. "
        'To keep it, say under [data]: categorical = ["code"]',
    )
    kept = load(some(count, **more), categorical=["code"], drop=["name"])
    assert list(kept.kinds) == ["age", "town", "code"]
    assert kept.warnings == ()
    few = load(some(name=[f"p{i}" for i in range(12)]))
    assert list(few.kinds) == ["age", "town"]
    fifty = load(some(count, code=[f"c{i % 50}" for i in range(count)]))
    assert fifty.kinds["code"] is Kind.TEXT


def test_a_stray_text_in_a_column_of_numbers_is_named(load: Load) -> None:
    columns = some(bmi=["33.6", "26,6", "abc", "21"] + ["30"] * 7 + ["x y"])
    with pytest.raises(DataError) as caught:
        load(columns)
    assert str(caught.value) == (
        "rows.csv: column 'bmi', line 3: expected a number, got '26,6' (and 2 more such cells). Mend it, or say under "
        '[data]: missing = { bmi = "26,6" } if it means an empty cell, categorical = ["bmi"] if the values are names'
    )
    assert load(columns, categorical=["bmi"]).kinds["bmi"] is Kind.TEXT
    assert load(columns, missing={"bmi": ["26,6", "abc", "x y"]}).kinds["bmi"] is Kind.NUMERIC
    assert "bmi" not in load(columns, drop=["bmi"]).kinds


def test_stray_cells_are_an_error_only_where_numbers_were_meant(load: Load) -> None:
    ticket = ["113803"] * 80 + ["A/5 21171"] * 40
    assert load(some(120, ticket=ticket)).kinds["ticket"] is Kind.TEXT
    with pytest.raises(DataError, match=r"column 'ticket', line 110: expected a number, got 'A/5 21171' \(and 11 more"):
        load(some(120, ticket=["113803"] * 108 + ["A/5 21171"] * 12))


def test_infinite_cells_are_named(load: Load) -> None:
    with pytest.raises(DataError, match=r"column 'bmi', lines 3, 5: expected a finite number, got inf\. Mend it"):
        load(some(bmi=["1", "inf", "2", "-Infinity"] + ["3"] * 8))
    with pytest.raises(DataError, match=r"column 'bmi', line 2: expected a finite number, got 1e999"):
        load(some(bmi=["1e999"] + ["3"] * 11))
    with pytest.raises(DataError, match=r"rows\.parquet: column 'bmi', row 2: expected a finite number, got inf"):
        load(some(bmi=[1.0, np.inf] + [3.0] * 10), "rows.parquet")


def test_a_decimal_comma_goes_with_semicolons(load: Load) -> None:
    rows = "".join(f"{i},5;{i};{i % 2}\n" for i in range(12))
    table = load(f"bmi;age;y\n{rows}")
    assert table.rows.features["bmi"].tolist() == [i + 0.5 for i in range(12)]
    assert table.warnings == (
        "rows.csv: cells are separated by ';', not by ','",
        "rows.csv: a comma is read as the decimal point in bmi",
    )


def test_a_decimal_comma_that_is_not_clear_is_an_error(load: Load) -> None:
    quoted = "".join(f'"{i},5",{i % 2}\n' for i in range(12))
    with pytest.raises(DataError, match=r"column 'bmi', line 2: expected a number, got '0,5' .*Write 1\.5 for 1,5"):
        load(f"bmi,y\n{quoted}")
    both = "".join(f"{i},5;{i}.250;{i % 2}\n" for i in range(12))
    with pytest.raises(DataError, match=r"a decimal comma in column 'bmi' and a point in 'pay'; use one of them"):
        load(f"bmi;pay;y\n{both}")


def test_columns_are_renamed_where_the_source_has_them(load: Load) -> None:
    table = load(some(), rename={"age": "Age", "y": "Outcome", "plas": "town", "zz": "ww"}, target="Outcome")
    assert (list(table.kinds), table.target) == (["Age", "town"], "Outcome")
    assert table.warnings == ("rows.csv: data.rename: there is neither a column 'zz' nor 'ww'",)
    with pytest.raises(DataError, match=r"data\.rename gives age and y one name, 'y'\. Choose another for one of them"):
        load(some(), rename={"age": "y"})


def test_a_missing_target_names_the_columns_and_the_nearest(tmp_path: Path, make_study: Callable[..., Study]) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "patients.csv").write_text("age,bmi,outcome\n1,2,0\n3,4,1\n")
    with pytest.raises(DataError) as caught:
        sources.load(make_study(folder / "patients.csv", target="Outcome"), Home(tmp_path))
    assert str(caught.value) == (
        f"{Path('data/patients.csv')}: column 'Outcome' not found. Columns: age, bmi, outcome. Did you mean 'outcome'?"
    )
    with pytest.raises(
        DataError,
        match=r"which column is to be predicted\? Say --target COLUMN beside --data, or target .*\. Columns: age, bmi",
    ):
        sources.load(make_study(folder / "patients.csv"), Home(tmp_path))


def test_everything_that_is_wrong_is_told_at_once(load: Load) -> None:
    with pytest.raises(DataError) as caught:
        load(
            some(bmi=["1", "x"] + ["3"] * 10, pulse=["inf"] + ["60"] * 11),
            missing={"aeg": 0},
            categorical=["twon", "was"],
            drop=["zz"],
            rename={"was": "town"},
            split={"group": "patient"},
            target="why",
        )
    assert [line.removeprefix("rows.csv: ") for line in caught.value.problems] == [
        "column 'why' not found. Columns: age, town, bmi, pulse, y",
        "data.missing: column 'aeg' not found. Columns: age, town, bmi, pulse, y. Did you mean 'age'?",
        "data.categorical: column 'twon' not found. Columns: age, town, bmi, pulse, y. Did you mean 'town'?",
        "data.categorical: column 'was' is renamed to 'town' by data.rename. Use that name",
        "data.drop: column 'zz' not found. Columns: age, town, bmi, pulse, y",
        "data.split.group: column 'patient' not found. Columns: age, town, bmi, pulse, y",
        "column 'bmi', line 3: expected a number, got 'x'. Mend it, or say under [data]: missing = { bmi = \"x\" } "
        'if it means an empty cell, categorical = ["bmi"] if the values are names',
        "column 'pulse', line 2: expected a finite number, got inf. Mend it, or leave the cell empty",
    ]


def test_no_features_are_an_error(load: Load) -> None:
    with pytest.raises(DataError, match="no column is left to predict 'y' from"):
        load(some(), drop=["age", "town"])


def test_cells_that_are_neither_numbers_nor_text(load: Load) -> None:
    columns = some(visits=[[1, 2]] * 12)
    with pytest.raises(
        DataError, match=r"column 'visits' holds cells of the type list.*Leave it out: drop = \[\"visits"
    ):
        load(columns, "rows.parquet")
    assert "visits" not in load(columns, "rows.parquet", drop=["visits"]).kinds


def test_a_group_is_beside_the_features(load: Load) -> None:
    table = load(some(patient=[f"p{i // 2}" for i in range(12)]), split={"group": "patient"})
    assert list(table.kinds) == ["age", "town"]
    assert table.extra["patient"].tolist()[:3] == ["p0", "p0", "p1"]
    assert table.warnings == ()
    dropped = load(some(patient=list(range(12))), split={"group": "patient"}, drop=["patient"])
    np.testing.assert_array_equal(dropped.extra["patient"], range(12))
    with pytest.raises(DataError, match=r"column 'patient' is data\.split\.group and is empty in lines 2, 3"):
        load(some(patient=[None, None, *range(10)]), split={"group": "patient"})
    with pytest.raises(DataError, match=r"column 'y' is the target, so it cannot be data\.split\.group too"):
        load(some(), split={"group": "y"})


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_a_time_is_numbers_or_seconds(load: Load, name: str) -> None:
    days = pd.date_range("1970-01-02", periods=12, freq="D")
    table = load(some(seen=days if name == "rows.parquet" else days.strftime("%Y-%m-%d")), name, split={"time": "seen"})
    np.testing.assert_array_equal(table.extra["seen"], 86400.0 * np.arange(1, 13))
    assert list(table.kinds) == ["age", "town"]
    numbered = load(some(seen=list(range(12))), name, split={"time": "seen"})
    np.testing.assert_array_equal(numbered.extra["seen"], range(12))


def test_a_time_may_be_long_ago_or_of_a_day_alone(load: Load) -> None:
    table = load(
        some(seen=["0001-01-01", "1969-12-31T23:59:58.5Z", "3334-01-01", *["1970-01-01"] * 9]), split={"time": "seen"}
    )
    assert table.extra["seen"][:4].tolist() == [-62135596800.0, -1.5, 43043702400.0, 0.0]


def test_a_time_that_cannot_be_read_is_named(load: Load) -> None:
    with pytest.raises(
        DataError, match=r"column 'seen', line 3: expected numbers, or times such as .* got '31\.12\.2025'"
    ):
        load(some(seen=["2025-12-30", "31.12.2025"] + ["2026-01-01"] * 10), split={"time": "seen"})


def test_a_test_part_of_its_own(load: Load, tmp_path: Path) -> None:
    test = tmp_path / "test.csv"
    test.write_text("extra,y,town,age\nz,1,Rom,?\nz,0,,3\n")
    table = load(some(), test=str(test), missing={"age": "?"})
    assert table.test is not None
    assert list(table.test.features.columns) == ["age", "town"]
    np.testing.assert_array_equal(table.test.features["age"], [np.nan, 3])
    assert table.test.features["town"].tolist() == ["Rom", None]
    assert table.test.target.tolist() == [1, 0]
    assert table.digest != load(some(), missing={"age": "?"}).digest
    renamed = load(some(), test=str(test), missing={"Age": "?"}, rename={"age": "Age"})
    assert renamed.test is not None
    assert list(renamed.test.features.columns) == ["Age", "town"]


def test_a_test_part_that_does_not_fit(load: Load, tmp_path: Path) -> None:
    test = tmp_path / "test.csv"
    test.write_text("town,aeg,y\nRom,1,0\n")
    with pytest.raises(
        DataError, match=r"^test\.csv: column 'age' not found\. Columns: town, aeg, y\. Did you mean 'aeg'"
    ):
        load(some(), test=str(test))
    test.write_text("town,age,y\nRom,old,2\n")
    with pytest.raises(DataError) as caught:
        load(some(), test=str(test))
    assert [line[:44] for line in caught.value.problems] == [
        "test.csv: column 'age', line 2: expected a n",
        "test.csv: column 'y' has classes that no tra",
    ]
    with pytest.raises(DataError, match=r"expected a \.csv or \.parquet file, as the other rows are in columns"):
        load(some(), test=str(tmp_path / "test.npz"))


def test_both_files_are_looked_at(load: Load, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load("a,b\n", test=str(tmp_path / "tset.csv"))
    assert [line.split(": ")[0] for line in caught.value.problems] == ["rows.csv", "tset.csv"]


def test_the_digest_is_of_the_cells_and_not_of_the_file(load: Load) -> None:
    columns = some(smokes=[True, None, False] * 4, ward=[-0.0, 1, 2] * 4)
    csv, parquet = load(columns), load(columns, "rows.parquet")
    assert csv.digest == parquet.digest == load(columns, "other.csv").digest
    assert csv.kinds == parquet.kinds
    # A search that goes on compares it with the one that it began with, perhaps on another machine.
    assert csv.digest == "d2a8e68d4368bfab4aab614ae3cdc341c2e0a0091d2ce00efc5447bfec591ddd"


@pytest.mark.parametrize("column", ["age", "town", "y"])
def test_the_digest_changes_with_every_cell(load: Load, column: str) -> None:
    columns = some()
    before = load(columns).digest
    columns[column] = [*columns[column][1:], columns[column][0]]
    assert load(columns).digest != before


def test_the_digest_changes_with_names_and_groups(load: Load) -> None:
    columns = some(patient=list(range(12)))
    digests = {
        load(columns).digest,
        load(columns, rename={"age": "Age"}).digest,
        load(columns, split={"group": "patient"}).digest,
        load({**columns, "patient": columns["patient"][::-1]}, split={"group": "patient"}).digest,
        load(columns, labels={"0": "no", "1": "yes"}).digest,
        load(columns, drop=["town"]).digest,
    }
    assert len(digests) == 6
