"""CSV files: text, one row a line, cells separated by ',' (or ';', a tab, '|'), column names in the first line.

Arrow reads the cells, because it is fast and strict about the number of cells. It forgives quotes that are never
closed and does not say in which line a row is, so Python's own reader looks where one of those matters.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuner.data.sheet import Column, Sheet, check_header, rows_from, tidied
from tuner.errors import DataError

_SEPARATORS = (",", ";", "\t", "|")
_SPELLED = {";": "';'", "\t": "a tab", "|": "'|'"}
_SNIFFED = 20  # rows that a separator must fit
_HEAD = 1_000_000  # bytes in which those, and the header, are looked for
# How other formats begin, and what to do with them.
_MAGIC = {
    b"PK\x03\x04": "an Excel or zip file, expected CSV. Save the sheet as CSV, or unpack the file first",
    b"\xd0\xcf\x11\xe0": "an Excel file, expected CSV. Save the sheet as CSV",
    b"\x1f\x8b": "compressed (gzip), expected text. Unpack it first",
    b"PAR1": "a Parquet file. Name it .parquet",
    b"\xff\xfe": "UTF-16 text, expected UTF-8. Save it as CSV in UTF-8",
    b"\xfe\xff": "UTF-16 text, expected UTF-8. Save it as CSV in UTF-8",
}


def parse(data: bytes, where: str) -> Sheet:
    """The rows of a CSV file, every cell as text. Raises DataError, a line for each problem."""
    text = _text(data, where)
    separator = _separator(text)
    header = _header(text, separator, where)
    check_header(where, header, "line 1")
    columns = _cells(text, separator, len(header))
    rows = len(columns[0]) - 1 if columns else 0
    lines = rows_from(rows, first=2)
    if not columns or text.count(b"\n") != rows + 1:  # cells with newlines, blank lines, or rows passed over
        lines = _lines(text, separator, len(header), where)
        if len(lines) != rows:
            raise DataError(f"{where}: cells are too long, or quotes are not around whole cells")
    warnings = () if separator == "," else (f"{where}: cells are separated by {_SPELLED[separator]}, not by ','",)
    return tidied(
        Sheet(
            where=where,
            columns={name: column.slice(1) for name, column in zip(header, columns, strict=True)},
            lines=lines,
            unit="line",
            semicolons=separator == ";",
            warnings=warnings,
        )
    )


def _text(data: bytes, where: str) -> bytes:
    """UTF-8 text with plain newlines, one of them at its end, and no byte order mark."""
    for magic, what in _MAGIC.items():
        if data.startswith(magic):
            raise DataError(f"{where}: {what}")
    if b"\0" in data:
        raise DataError(f"{where}: binary, expected CSV: text with a row on each line")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{where}: not UTF-8 text (line {line} has the byte 0x{data[error.start]:02x}). Save it as UTF-8"
        ) from None
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if not data.strip():
        raise DataError(f"{where}: is empty. Expected column names in its first line, and rows")
    return data.rstrip(b"\n") + b"\n"


def _separator(text: bytes) -> str:
    """The first separator that cuts the first rows into equally many cells, or else the first that cuts the header."""
    head = text[:_HEAD].decode("utf-8", errors="ignore")
    cuts = []
    for separator in _SEPARATORS:
        reader = csv.reader(io.StringIO(head, newline=""), delimiter=separator)
        try:
            cuts.append([len(row) for row, _ in zip((r for r in reader if r), range(_SNIFFED), strict=False)])
        except csv.Error:  # a cell without end: told in full by the reading that follows
            cuts.append([1])
    fitting: tuple[Callable[[list[int]], bool], ...] = (lambda widths: len(set(widths)) == 1, lambda _: True)
    for fits in fitting:
        for separator, widths in zip(_SEPARATORS, cuts, strict=True):
            if widths[0] > 1 and fits(widths):
                return separator
    return ","


def _header(text: bytes, separator: str, where: str) -> list[str]:
    for record in _records(text[:_HEAD], separator, where):
        return [name.strip() for name in record.cells]
    raise AssertionError("a text that is not blank has a record")


def _cells(text: bytes, separator: str, width: int) -> list[Column]:
    """The columns as text, names on top, without rows of more or fewer cells; none where the text is not readable."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    names = [f"f{i}" for i in range(width)]
    try:
        table = arrow.read_csv(
            pa.py_buffer(text),
            read_options=arrow.ReadOptions(use_threads=False, block_size=1 << 26, column_names=names),
            parse_options=arrow.ParseOptions(
                delimiter=separator, newlines_in_values=True, invalid_row_handler=lambda _: "skip"
            ),
            convert_options=arrow.ConvertOptions(column_types={name: pa.string() for name in names}),
        )
    except pa.ArrowInvalid:  # a cell larger than a block, as a quote that is never closed makes one
        return []
    columns: list[Column] = table.columns
    return columns


@dataclass(frozen=True, slots=True)
class _Record:
    line: int  # where it begins
    cells: list[str]


def _records(text: bytes, separator: str, where: str) -> Iterator[_Record]:
    """Every row as Python's strict reader sees it. Raises DataError at a quote that is not closed."""
    reader = csv.reader(
        io.StringIO(text.decode("utf-8", errors="ignore"), newline=""), delimiter=separator, strict=True
    )
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # Else the text ends inside a cell, or the cell grows past what any cell holds.
            stray = "expected after" in str(error)
            problem = "text follows a closing quote" if stray else "a quote is opened and never closed"
            raise DataError(
                f"{where}: line {reader.line_num if stray else line}: {problem}. "
                'A quote inside a quoted cell is written twice, as ""'
            ) from None
        if cells:
            yield _Record(line, cells)
        line = reader.line_num + 1


def _lines(text: bytes, separator: str, width: int, where: str) -> NDArray[np.int64]:
    """The line of each row after the header. Raises DataError where rows have more or fewer cells than that."""
    lines, ragged = [], []
    for record in _records(text, separator, where):
        lines.append(record.line)
        if len(record.cells) != width:
            ragged.append(f"line {record.line} has {len(record.cells)}")
    if ragged:
        more = ", …" if len(ragged) > 3 else ""
        raise DataError(
            f"{where}: {len(ragged)} row{'s' if len(ragged) > 1 else ''} without the {width} cells of the header: "
            f"{', '.join(ragged[:3])}{more}"
        )
    return np.array(lines[1:], dtype=np.int64)
