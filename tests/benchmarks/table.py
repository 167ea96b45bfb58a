"""Figures of several alternations, the one that is shown of them, and the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.benchmarks.rows import ROWS

HEADINGS = ("row", "what", "against", "ours", "theirs", "figure", "reach", "aim", "", "whole command")


@dataclass(frozen=True)
class Line:
    """A figure of a row, once for each alternation; none where there is nothing to measure.

    `ours` and `theirs` are what it was made of, in `measure`. `whole` is the ratio of whole commands, for those rows
    that are compared without imports.
    """

    row: int
    against: str
    figures: Sequence[float] = ()
    ours: Sequence[float] = ()
    theirs: Sequence[float] = ()
    measure: str = "s a trial"
    whole: Sequence[float] = ()

    @property
    def cells(self) -> tuple[str, ...]:
        row = ROWS[self.row]
        goal = row.goal(self.against)
        return (
            str(self.row),
            row.what,
            self.against,
            amount(self.ours, self.measure),
            amount(self.theirs, self.measure),
            shown(self.figures, goal.unit),
            _limit(goal.reach, goal.unit),
            _limit(goal.aim, goal.unit),
            goal.verdict(median(self.figures)) if self.figures else "",
            shown(self.whole, "×"),
        )


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Of each alternation by itself: what slowed the machine down then slowed both sides."""
    return [a / b for a, b in zip(above, below, strict=True)]


def shown(figures: Sequence[float], unit: str) -> str:
    """The median, and how far the alternations lay apart; a dash where there is none."""
    if not figures:
        return "-"
    ends = f" ({digits(min(figures))} to {digits(max(figures))})" if len(figures) > 1 else ""
    return f"{digits(median(figures))}{_spaced(unit)}{ends}"


def amount(values: Sequence[float], measure: str) -> str:
    return f"{digits(median(values))} {measure}" if values else "-"


def digits(number: float) -> str:
    """Three digits that count."""
    places = 0 if abs(number) >= 100 else 1 if abs(number) >= 10 else 2 if abs(number) >= 1 else 3
    return f"{number:,.{places}f}"


def _limit(number: float | None, unit: str) -> str:
    return "" if number is None else f"{number:g}{_spaced(unit)}"


def _spaced(unit: str) -> str:
    return unit if unit == "×" else f" {unit}"


def markdown(lines: Sequence[Line], notes: Sequence[str]) -> str:
    """The table, and below it what must be known to read it."""
    table = [HEADINGS, ("---",) * len(HEADINGS), *(line.cells for line in lines)]
    return (
        "\n".join(["| " + " | ".join(cells) + " |" for cells in table] + [""] + [f"- {note}" for note in notes]) + "\n"
    )
