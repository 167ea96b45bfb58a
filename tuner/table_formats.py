"""A table as text for a terminal, CSV, Markdown or HTML."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Callable, Mapping, Sequence

from tuner import wording
from tuner.tables import Cell, Combination, Setting, Spread, Table
from tuner.trial import State

_SCORES = ("train", "validation", "seconds", "trials")
_OTHERS = tuple(state for state in State if state is not State.COMPLETE)


def text(table: Table) -> str:
    """Columns below their names, under a line that says what is in them."""
    names = [*table.rows, *_SCORES * len(table.blocks)]
    lines = [_line(table, line) for line in table.lines]
    widths = _widths(table, [names, *lines])
    made = [caption(table), ""]
    if table.columns:
        made.append(_over(table, widths))
    for cells in (names, *lines):
        padded = [
            cell.ljust(width) if place < len(table.rows) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        made.append("  ".join(padded).rstrip())
    return "\n".join(made) + "\n"


def markdown(table: Table) -> str:
    """A table with a bar between cells; blocks are told apart by the names of their columns."""
    heads = [f"{head}: " if (head := table.headed(block)) else "" for block in table.blocks]
    names = [*table.rows, *(f"{head}{name}" for head in heads for name in _SCORES)]
    rules = [*("---" for _ in table.rows), *("---:" for _ in names[len(table.rows) :])]
    lines = [names, rules, *(_line(table, line) for line in table.lines)]
    body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in lines]
    return "\n".join([caption(table), "", *body]) + "\n"


def page(table: Table) -> str:
    """A whole HTML page with nothing but the table."""
    head = [f"<th>{html.escape(name)}</th>" for name in (*table.rows, *_SCORES * len(table.blocks))]
    over = [f'<th colspan="{len(_SCORES)}">{html.escape(table.headed(block))}</th>' for block in table.blocks]
    rows = [
        "".join(f"<td>{html.escape(cell)}</td>" for cell in _line(table, line)) for line in table.lines
    ]  # fmt: skip
    above = f'<tr><th colspan="{len(table.rows)}"></th>{"".join(over)}</tr>\n' if table.columns else ""
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{html.escape(table.label)}</title>\n'
        "<style>td, th { padding: 0.1em 0.8em; text-align: right } "
        f"td:nth-child(-n+{len(table.rows)}) {{ text-align: left }}</style>\n"
        f"<table>\n<caption>{html.escape(caption(table))}</caption>\n<thead>\n{above}<tr>{''.join(head)}</tr>\n</thead>\n"
        "<tbody>\n" + "\n".join(f"<tr>{row}</tr>" for row in rows) + "\n</tbody>\n</table>\n</html>\n"
    )


def comma_separated(table: Table) -> str:
    """Everything as it is, for other programs: a mean and its spread in columns of their own, and so is how many trials
    completed, were pruned, diverged and failed. Settings as a study file has them, those of layers with spaces between;
    an empty cell where there is nothing.
    """
    names = [*table.rows]
    for block in table.blocks:
        pairs = zip(table.columns, map(_as_it_is, block), strict=True)
        head = f"{', '.join(map(' '.join, pairs))}: " if block else ""
        names += [f"{head}{score}{what}" for score in _SCORES[:3] for what in ("", " spread")]
        names += [f"{head}{count}" for count in ("trials", *_OTHERS)]
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    for line in table.lines:
        found = [table.cells.get((line, block)) for block in table.blocks]
        writer.writerow([*map(_as_it_is, line), *(part for cell in found for part in _numbers(cell))])
    return stream.getvalue()


FORMATS: Mapping[str, Callable[[Table], str]] = {
    "text": text,
    "csv": comma_separated,
    "md": markdown,
    "html": page,
}


def caption(table: Table) -> str:
    """What the numbers are, and which trials are not among them."""
    repeated = any(cell.trials > 1 for cell in table.cells.values())
    spread = ", mean ± standard deviation of the trials" if repeated else ""
    left_out = f"; not counted: {wording.states(table.left_out)}" if table.left_out else ""
    return f"{table.label}: {table.metric} at the {table.epoch} epoch{spread}{left_out}"


def _line(table: Table, line: Combination) -> list[str]:
    cells = [table.cells.get((line, block)) for block in table.blocks]
    return [*table.spelled(table.rows, line), *(part for cell in cells for part in _spelled(cell))]


def _spelled(cell: Cell | None) -> Sequence[str]:
    if cell is None:
        return ("—",) * len(_SCORES)
    others = wording.states(cell.others)
    return (
        _spread(cell.train, wording.score),
        _spread(cell.validation, wording.score),
        _spread(cell.seconds, "{:.1f}".format),
        f"{cell.trials} ({others})" if others else str(cell.trials),
    )


def _spread(found: Spread | None, spelled: Callable[[float], str]) -> str:
    if found is None:
        return "—"
    mean = spelled(found.mean)
    decimals = len(mean.partition(".")[2])
    return mean + ("" if found.deviation is None else f" ± {found.deviation:.{decimals}f}")


def _numbers(cell: Cell | None) -> Sequence[float | int | str]:
    if cell is None:
        return ("",) * 6 + (0,) * (1 + len(_OTHERS))
    found: list[float | int | str] = []
    for spread in (cell.train, cell.validation, cell.seconds):
        deviation = None if spread is None else spread.deviation
        found += ["" if spread is None else spread.mean, "" if deviation is None else deviation]
    return [*found, cell.trials, *(cell.others.get(state, 0) for state in _OTHERS)]


def _as_it_is(setting: Setting) -> str:
    if isinstance(setting, tuple):
        return " ".join(map(_as_it_is, setting))
    if isinstance(setting, bool):
        return "true" if setting else "false"
    return "" if setting is None else str(setting)


def _widths(table: Table, lines: Sequence[Sequence[str]]) -> list[int]:
    """Of the columns: as wide as what is in them, and all of a block at least as wide as its name."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for place, block in enumerate(table.blocks):
        first = len(table.rows) + place * len(_SCORES)
        widths[first] += max(len(table.headed(block)) - _together(widths[first:][: len(_SCORES)]), 0)
    return widths


def _together(widths: Sequence[int]) -> int:
    return sum(widths) + 2 * (len(widths) - 1)


def _over(table: Table, widths: Sequence[int]) -> str:
    """The line above the names of the columns: which block they belong to."""
    first = len(table.rows)
    made = " " * _together(widths[:first])
    for place, block in enumerate(table.blocks):
        own = widths[first + place * len(_SCORES) :][: len(_SCORES)]
        made += "  " + table.headed(block).rjust(_together(own))
    return made.rstrip()
