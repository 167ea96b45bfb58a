"""Files as people bring them: what is read, and the one line that each bad one is told."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tuner.data import files
from tuner.data.table import Kind
from tuner.errors import DataError


def cells(path: Path) -> dict[str, list[str]]:
    return {name: column.to_pylist() for name, column in files.read(path).columns.items()}


def write(folder: Path, content: str | bytes, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_csv_is_read_as_text_with_its_lines(tmp_path: Path) -> None:
    sheet = files.read(write(tmp_path, 'a,b\n1,"x, y"\n\n2,"two\nlines"\n3,\n'))
    assert {name: column.to_pylist() for name, column in sheet.columns.items()} == {
        "a": ["1", "2", "3"],
        "b": ["x, y", "two\nlines", ""],
    }
    assert sheet.lines.tolist() == [2, 4, 6]
    assert sheet.place([0]) == "line 2"
    assert sheet.place([0, 1, 2, 2]) == "lines 2, 4, 6, …"
    assert sheet.warnings == ()


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_newline_is_one(tmp_path: Path, newline: str) -> None:
    assert cells(write(tmp_path, newline.join(["a,b", "1,2", "3,4", ""]))) == {"a": ["1", "3"], "b": ["2", "4"]}


def test_a_byte_order_mark_and_blanks_around_names_are_not_part_of_them(tmp_path: Path) -> None:
    assert list(cells(write(tmp_path, b"\xef\xbb\xbfa , b\n1,2\n"))) == ["a", "b"]


@pytest.mark.parametrize(("separator", "spelled"), [(";", "';'"), ("\t", "a tab"), ("|", "'|'")])
def test_other_separators_are_recognised_and_said(tmp_path: Path, separator: str, spelled: str) -> None:
    rows = [["age", "income", "class"], ["1,5", "2,5", "yes"], ["2,5", "3,5", "no"]]
    sheet = files.read(write(tmp_path, "\n".join(separator.join(row) for row in rows)))
    assert list(sheet.columns) == rows[0]
    assert spelled in sheet.warnings[0]


def test_a_comma_inside_a_quoted_header_is_no_separator(tmp_path: Path) -> None:
    assert list(cells(write(tmp_path, '"income, EUR";age;class\n1;2;3\n'))) == ["income, EUR", "age", "class"]


def test_rows_that_are_empty_from_end_to_end_are_left_out(tmp_path: Path) -> None:
    sheet = files.read(write(tmp_path, "a,b\n1,2\n,\n3,4\nNA,\n"))
    assert sheet.columns["a"].to_pylist() == ["1", "3"]
    assert sheet.lines.tolist() == [2, 4]
    assert "2 empty rows (lines 3, 5) are left out" in sheet.warnings[0]


def test_the_row_numbers_that_pandas_writes_are_left_out(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [5, 6], "b": ["x", "y"]})
    frame.to_csv(tmp_path / "rows.csv")
    sheet = files.read(tmp_path / "rows.csv")
    assert list(sheet.columns) == ["a", "b"]
    assert "column 1 has no name and numbers the rows" in sheet.warnings[0]
    frame.index = pd.Index([0, 1])
    frame.to_parquet(tmp_path / "rows.parquet")
    assert list(files.read(tmp_path / "rows.parquet").columns) == ["a", "b"]


BAD = {
    "empty": (b"", "rows.csv: is empty"),
    "blank": (b" \n\n", "rows.csv: is empty. Expected column names"),
    "header only": (b"a,b\n", "rows.csv: has column names but no rows"),
    "empty rows only": (b"a,b\n,\n,NA\n", "rows.csv: every row is empty"),
    "ragged": (
        b"a,b\n1,2\n\n3,4\n5\n6,7,8\n9,10\n",
        "rows.csv: 2 rows without the 2 cells of the header: line 5 has 1, line 6 has 3",
    ),
    "ragged everywhere": (
        b"a,b\n" + b"1,2,3\n" * 9,
        "9 rows without the 2 cells of the header: line 2 has 3, line 3 has 3, line 4 has 3, …",
    ),
    "unclosed quote": (b'a,b\n1,2\n3,"4\n5,6\n', "rows.csv: line 3: a quote is opened and never closed"),
    "two unclosed quotes": (b'a,b\n1,"2\n3,4\n5,"6\n7,8\n', "rows.csv: line 4: text follows a closing quote"),
    "unclosed quote in the header": (b'a,"b\n1,2\n', "rows.csv: line 1: a quote is opened and never closed"),
    "binary": (b"a,b\n1,\x00\x01\n", "rows.csv: binary, expected CSV"),
    "not UTF-8": ("a,b\n1,2\nJosé,3\n".encode("latin-1"), "rows.csv: not UTF-8 text (line 3 has the byte 0xe9)"),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), "rows.csv: UTF-16 text, expected UTF-8"),
    "a workbook": (b"PK\x03\x04" + bytes(50), "rows.csv: an Excel or zip file, expected CSV"),
    "compressed": (gzip.compress(b"a,b\n1,2\n"), "rows.csv: compressed (gzip), expected text. Unpack it first"),
    "no header": (b"6,148,72\n1,85,66\n", "rows.csv: line 1 has no column names, got 6, 148, 72. Put a line with"),
    "columns of one name": (
        b"a,b,a,b,a\n1,2,3,4,5\n",
        "rows.csv: 3 columns are named 'a' (1, 3, 5). Give each its own name\n"
        "rows.csv: 2 columns are named 'b' (2, 4). Give each its own name",
    ),
    "a column without a name": (b"a,,b\n1,x,2\n", "rows.csv: column 2 has no name. Give it one"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_csv_is_told_in_one_line(tmp_path: Path, case: str) -> None:
    content, expected = BAD[case]
    with pytest.raises(DataError) as caught:
        files.read(write(tmp_path, content), "rows.csv")
    assert expected in str(caught.value)
    assert len(caught.value.problems) == expected.count("\n") + 1


def test_a_quote_that_is_never_closed_in_a_long_file(tmp_path: Path) -> None:
    path = write(tmp_path, 'a,b\n1,"2\n' + "3,4\n" * 100_000)
    with pytest.raises(DataError, match=r"line 2: a quote is opened and never closed"):
        files.read(path)


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, "a,b\n1,2\n", "patients.csv")
    with pytest.raises(DataError, match=r"patient\.csv: no such file\. Did you mean 'patients\.csv'\?$"):
        files.read(tmp_path / "patient.csv")
    with pytest.raises(DataError, match=r"zzz\.csv: no such file$"):
        files.read(tmp_path / "zzz.csv")
    with pytest.raises(DataError, match="no such file, and no such folder"):
        files.read(tmp_path / "nowhere" / "patients.csv")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").mkdir()
    with pytest.raises(DataError, match=r"rows\.csv: is a folder, expected a file"):
        files.read(tmp_path / "rows.csv")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b\n1,2\n")
    path.chmod(0)
    with pytest.raises(DataError, match="cannot be read"):
        files.read(path)


def test_a_file_past_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    with path.open("wb") as file:  # a hole: it takes no room on the disk
        file.truncate(files.LIMIT_BYTES + 1)
    with pytest.raises(DataError, match=r"2\.0 GiB of rows; the limit is 2 GiB\. Take a sample"):
        files.read(path)


def test_a_parquet_file_that_unfolds_past_the_limit_is_not_read(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    one = pa.array(np.zeros(1_000_000, dtype=np.int8))
    table = pa.table({f"c{i}": one for i in range(300)})
    parquet.write_table(table, tmp_path / "rows.parquet")
    assert (tmp_path / "rows.parquet").stat().st_size < 2_000_000
    with pytest.raises(DataError, match="the limit is 2 GiB"):
        files.read(tmp_path / "rows.parquet")


@pytest.mark.parametrize("content", [b"PAR1 and no more", b"a,b\n1,2\n"])
def test_a_damaged_parquet_file(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"rows\.parquet: not a Parquet file, or a damaged one"):
        files.read(write(tmp_path, content, "rows.parquet"))


def test_a_parquet_file_cut_short_and_one_with_a_flipped_byte(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"a": np.arange(1000.0), "b": ["x", "y"] * 500}).to_parquet(path)
    whole = path.read_bytes()
    for damaged in (whole[:-20], whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="not a Parquet file, or a damaged one"):
            files.read(path)


def test_a_parquet_file_named_csv_says_so(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "rows.csv")
    with pytest.raises(DataError, match=r"a Parquet file\. Name it \.parquet"):
        files.read(tmp_path / "rows.csv")


def test_raw_rows_are_what_their_cells_look_like(tmp_path: Path) -> None:
    found = files.read_rows(write(tmp_path, "age,town,smokes\n40,Bern,true\n,,false\n41.5, Ulm ,\n"))
    assert found["age"].dtype == np.float64
    np.testing.assert_array_equal(found["age"], [40, np.nan, 41.5])
    np.testing.assert_array_equal(found["smokes"], [1, 0, np.nan])
    assert found["town"].dtype == object
    assert found["town"].tolist() == ["Bern", None, "Ulm"]


def test_raw_rows_are_read_as_the_columns_that_a_model_counts_on(tmp_path: Path) -> None:
    path = write(tmp_path, "zip,age,more\n8000,?,x\n,41,y\n")
    found = files.read_rows(path, {"zip": Kind.TEXT, "age": Kind.NUMERIC}, {"age": ("?",)})
    assert found["zip"].tolist() == ["8000", None]
    np.testing.assert_array_equal(found["age"], [np.nan, 41])
    with pytest.raises(DataError) as caught:
        files.read_rows(path, {"age": Kind.NUMERIC, "zipp": Kind.TEXT})
    assert caught.value.problems[0].endswith("column 'zipp' not found. Columns: zip, age, more. Did you mean 'zip'?")
    assert "column 'age', line 2: expected a number, got '?'" in caught.value.problems[1]


def test_a_nested_column_matters_only_to_those_who_count_on_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"age": [40.0, 41.0], "visits": [[1, 2], [3]], "born": [1.0, np.inf]}).to_parquet(path)
    found = files.read_rows(path, {"age": Kind.NUMERIC})
    assert list(found) == ["age", "born"]
    np.testing.assert_array_equal(found["age"], [40, 41])
    expected = (
        r"column 'visits' holds cells of the type list<.*int64>, expected numbers or text\. Save it as one of them$"
    )
    with pytest.raises(DataError, match=expected) as caught:
        files.read_rows(path, {"visits": Kind.NUMERIC})
    assert len(caught.value.problems) == 1
    with pytest.raises(DataError, match="column 'visits' holds") as caught:
        files.read_rows(path)
    assert "column 'born', row 2: expected a finite number" in caught.value.problems[1]


def test_rows_to_predict_are_not_left_out_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n,\n3,\n")
    with pytest.raises(DataError, match=r"1 empty row \(line 3\), and a prediction would not stand beside its row"):
        files.read_rows(path)
