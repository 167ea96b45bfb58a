"""What each column of a file looks like to who has never seen it, one by one: marks, names, identifiers, dates.

Guesses, and each that a person should look at is a question with what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tuner import toml
from tuner.data.columns import MOST_NAMES, Cells, as_text, names_too_many, read_cells
from tuner.data.sheet import Sheet
from tuner.errors import listing
from tuner.trial import Value

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Texts that stand for an empty cell wherever they are, and those that could be names too.
_MARKS = ("?", "??", "n/a", "#n/a", "<na>", "n.a.", "-", "--", ".", "\\n", "(null)", "nil")
_WORDS = ("none", "unknown", "missing", "not available", "undefined")
# Numbers that stand for one where all others are far from them.
_NINES = (99, 999, 9999, 99999, 999999)
_NEGATIVES = (-1, *(-n for n in (9, *_NINES)))
_ID = re.compile(r"(?:^|[_\W])(?:id|uuid|guid|key|nr|index|rowid)$", re.IGNORECASE)
_HUMPED_ID = re.compile(r"(?<=[a-z])(?:Id|ID)$")
_TIME = re.compile(r"date|time|year|month|day", re.IGNORECASE)
_ISO = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$"
_DATE = r"^\d{1,4}[-./]\d{1,2}[-./]\d{1,4}([T ].*)?$"
# Before an amount may be a sign, a currency, or a word apart: a letter right before it is that of a row, as in R0017.
_WITH_UNIT = r"^(?:-|[^\W\d]{0,3}[^\w\s#/:-]{1,2}|[A-Z]{3}|[^\W\d]{1,4}(?=\s))?\s?\d[\d.,' ]*\s?[^\d\s]{0,4}$"
_FEW_ROWS = 10
_FEW_CODES = 8


class Looks:
    """What each column but the target looks like, one by one."""

    def __init__(self, sheet: Sheet, target: str) -> None:
        self.drop: dict[str, str] = {}
        self.missing: dict[str, tuple[Value, ...]] = {}
        self.categorical: list[str] = []
        self.questions: list[str] = []
        self._sheet, self._target = sheet, target
        self._codes: list[str] = []
        self._counting: list[str] = []  # of no name that says so
        self._marked: dict[
            tuple[int, bool], dict[str, str]
        ] = {}  # by mark and whether it is likely one: why, by column
        for name, column in sheet.columns.items():
            if name != target:
                self._look(name, column)
        self.questions += [*self._about_counting(), *self._about_marks(), *self._about_codes()]

    def _about_counting(self) -> Iterator[str]:
        """Columns that count the rows are left out, unless then there were none to predict from."""
        if all(name in self.drop for name in self._sheet.columns if name != self._target):
            for name in self._counting:
                del self.drop[name]
                yield (
                    f"{name}: it numbers the rows, and is kept as nothing else is left to predict from. Is it an "
                    "amount, as a time or a place? If not, add columns that say something of each row"
                )
        else:
            yield from (
                f"{name}: does it only number the rows, as it is taken to? If not, keep it" for name in self._counting
            )

    def _about_marks(self) -> Iterator[str]:
        for (mark, sure), told in self._marked.items():
            where = listing([f"{name} ({why})" for name, why in told.items()])
            start = f"is {mark} a cell that was never measured in {where}"
            if sure:
                yield f"{start}, as it is taken to be? Where it is a value, take it out of missing"
            else:
                yield f"{start}? Then say: missing = {{ {listing([f'{toml.key(name)} = {mark}' for name in told])} }}"

    def _about_codes(self) -> Iterator[str]:
        if self._codes:
            yield (
                f"{listing(self._codes)}: few whole numbers. Are they amounts, as they are taken to be, or names of "
                f"kinds? For names: categorical = [{toml.text(self._codes[0])}]"
            )

    def _look(self, name: str, column: Any) -> None:
        try:
            cells = read_cells(column, (), self._sheet.semicolons)
        except TypeError as error:
            self.drop[name] = f"{error}, neither numbers nor text"
            return
        blanks = _blanks(cells)
        if blanks:
            cells = read_cells(column, blanks, self._sheet.semicolons)
        if not cells.filled:
            self.drop[name] = "every cell is empty"
        elif (only := _only(cells)) is not None:
            self.drop[name] = f"every cell is {only}"
        elif len(cells.stray) and not cells.meant_as_numbers:
            self._names(name, cells, blanks)
        else:
            self._numbers(name, cells, blanks)

    def _names(self, name: str, cells: Cells, blanks: tuple[str, ...]) -> None:
        if self._dates(name, cells, blanks):
            return
        if many := names_too_many(cells, blanks):
            self.drop[name] = f"{many} different texts in {cells.filled} cells tell rows apart, not kinds of rows"
            texts = _texts(cells, blanks)
            if all(re.match(_WITH_UNIT, text) for text in texts):
                self.questions.append(
                    f"{name}: {listing(texts, 2)} look like numbers with a unit. Are they of use? Then write them as "
                    "plain numbers, 1234.5, and take it out of drop"
                )
            self._group(name, many, cells)
            return
        if blanks:
            self.missing[name] = blanks
        if words := [text for text in _texts(cells, blanks) if text.lower() in _WORDS]:
            self.questions.append(
                f"{name}: is {listing(words)} a kind of its own, as it is taken to be, or an empty cell? For an empty "
                f"cell: missing = {{ {toml.key(name)} = {toml.text(words[0])} }}"
            )

    def _dates(self, name: str, cells: Cells, blanks: tuple[str, ...]) -> bool:
        texts = _texts(cells, blanks)
        if not texts or not all(re.match(_DATE, text) for text in texts):
            return False
        self.drop[name] = "dates are no numbers"
        part = "A part of it that may be of use, as the year or the hour, needs a column of its own"
        if all(re.match(_ISO, text) for text in texts):
            self.questions.append(
                f"{name}: are later rows to be predicted from earlier ones? Then say: "
                f"split = {{ time = {toml.text(name)} }}, without stratify, and the latest rows are the test. {part}"
            )
        else:
            self.questions.append(
                f"{name}: dates are only read as 2026-01-31. Is the order in time of importance? Then write them so, "
                f"and say: split = {{ time = {toml.text(name)} }}. {part}"
            )
        return True

    def _numbers(self, name: str, cells: Cells, blanks: tuple[str, ...]) -> None:
        marks: list[Value] = list(blanks)
        if len(cells.stray) and not cells.comma:
            strays = dict.fromkeys(str(cells.text[int(row)].as_py()) for row in cells.stray) if cells.text else {}
            if len(strays) <= 3:
                marks += strays
                self.questions.append(
                    f"{name}: {listing(list(strays))} ({self._sheet.place(cells.stray)}) is no number and is taken for "
                    "an empty cell. Is it one? If not, mend it in the file"
                )
        values, counts = np.unique(cells.numbers[np.isfinite(cells.numbers)], return_counts=True)
        whole = bool((values == np.round(values)).all()) and not cells.truth
        if whole and self._identifier(name, values, cells):
            return
        if not cells.truth:
            for mark, told, sure in _number_marks(values, counts):
                self._marked.setdefault((mark, sure), {})[name] = told
                marks += [mark] if sure else []
        if marks:
            self.missing[name] = tuple(marks)
        if whole and 3 <= len(values) <= _FEW_CODES and name not in self.categorical:
            self._codes.append(name)

    def _identifier(self, name: str, values: NDArray[np.float64], cells: Cells) -> bool:
        """Whether whole numbers name rows, groups or kinds; what is to be done about it is noted."""
        named, own = _is_id(name), len(values) == cells.filled and len(values) >= _FEW_ROWS
        counting = own and bool((np.diff(values) == 1).all())
        if own and (named or (counting and not _TIME.search(name))):
            self.drop[name] = "numbers the rows" if counting else "has a number of its own in every row"
            self._counting += [] if named else [name]
            return True
        if not named or len(values) < 3:
            return False
        if len(values) > MOST_NAMES:
            self.drop[name] = f"{len(values)} different numbers that are names"
            self._group(name, len(values), cells)
            return True
        self.categorical.append(name)
        self.questions.append(f"{name}: are its {len(values)} numbers names of kinds, as they are taken to be?")
        return False

    def _group(self, name: str, many: int, cells: Cells) -> None:
        if _is_id(name) and many < cells.filled:
            self.questions.append(
                f"{name}: do rows with the same one belong together, as visits of one patient? Then say: "
                f"split = {{ group = {toml.text(name)} }}, without stratify, or the score flatters"
            )


def _is_id(name: str) -> bool:
    return bool(_ID.search(name) or _HUMPED_ID.search(name))


def _texts(cells: Cells, blanks: Collection[str]) -> list[str]:
    """The different texts of a column, without those that mean an empty cell."""
    found = [] if cells.text is None else cells.text.unique().to_pylist()
    return [text for text in found if text is not None and text not in blanks]


def _blanks(cells: Cells) -> tuple[str, ...]:
    """The texts that mean an empty cell: words only where without them all cells are numbers."""
    texts = _texts(cells, ()) if len(cells.stray) else []
    marks = [text for text in texts if text.lower() in _MARKS]
    words = [text for text in texts if text.lower() in _WORDS]
    numbers = [text for text in texts if text not in marks and text not in words]
    if words and numbers and not len(_strays(numbers)):
        return (*marks, *words)
    return tuple(marks)


def _strays(texts: Sequence[str]) -> NDArray[np.int64]:
    import pyarrow as pa

    return read_cells(pa.array(texts, pa.string())).stray


def _only(cells: Cells) -> str | None:
    """The one value of a column that has no other, and no gap either."""
    if cells.filled < len(cells.numbers):
        return None
    if cells.text is not None and len(cells.stray):
        texts = _texts(cells, ())
        return f"'{texts[0]}'" if len(texts) == 1 else None
    values = np.unique(cells.numbers)
    return as_text(bool(values[0]) if cells.truth else float(values[0])) if len(values) == 1 else None


def _number_marks(values: NDArray[np.float64], counts: NDArray[np.int64]) -> Iterator[tuple[int, str, bool]]:
    """Numbers that look as if they stood for empty cells, in what way, and whether that is likely."""
    if len(values) < 4:
        return
    rest = values
    if values[0] in _NEGATIVES and values[1] >= 0 and counts[0] > 1:
        yield int(values[0]), _told(counts[0], "no other value is below 0"), values[0] < -9 or len(values) > _FEW_CODES
        rest, counts = values[1:], counts[1:]
    if rest[-1] in _NINES and counts[-1] > 1 and rest[-2] < rest[-1] / 2:
        yield int(rest[-1]), _told(counts[-1], f"the value before it is {rest[-2]:g}"), True
        rest, counts = rest[:-1], counts[:-1]
    others = rest[1:]
    if rest[0] == 0 and counts[0] > 1 and len(others) >= _FEW_ROWS:
        usual = float(np.median(np.diff(others[:_FEW_ROWS])))
        middle = float(np.median(np.repeat(others, counts[1:])))
        # Amounts that are weighed come near 0 by themselves, those that are counted less so.
        far = 0.1 if (others == np.round(others)).all() else 0.3
        if others[0] >= 5 * usual and others[0] >= far * middle:
            yield 0, _told(counts[0], f"the next value is {others[0]:g}"), counts[0] <= counts[1:].sum()


def _told(count: int, why: str) -> str:
    return f"{count} cells; {why}"
