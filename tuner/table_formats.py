"""A table as text for a terminal, CSV, Markdown or HTML."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Callable, Mapping, Sequence

from tuner import wording
from tuner.tables import Cell, Combination, Spread, Table

_SCORES = ("train", "validation", "seconds", "trials")


def text(table: Table) -> str:
    """Columns below their names, under a line that says what is in them."""
    names = [*table.rows, *_SCORES * len(table.blocks)]
    lines = [_line(table, line) for line in table.lines]
    widths = [max(map(len, column)) for column in zip(names, *lines, strict=True)]
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
    names = [*table.rows, *(f"{_named(table, block)}{name}" for block in table.blocks for name in _SCORES)]
    rules = [*("---" for _ in table.rows), *("---:" for _ in names[len(table.rows) :])]
    lines = [names, rules, *(_line(table, line) for line in table.lines)]
    body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in lines]
    return "\n".join([caption(table), "", *body]) + "\n"


def page(table: Table) -> str:
    """A whole HTML page with nothing but the table."""
    head = [f"<th>{html.escape(name)}</th>" for name in (*table.rows, *_SCORES * len(table.blocks))]
    over = [
        f'<th colspan="{len(_SCORES)}">{html.escape(_named(table, block).rstrip(": "))}</th>' for block in table.blocks
    ]
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
    """Numbers as they are, for other programs: a mean and its spread in columns of their own."""
    names = [*table.rows]
    for block in table.blocks:
        start = _named(table, block)
        for score in _SCORES[:3]:
            names += [f"{start}{score}", f"{start}{score} spread"]
        names.append(f"{start}trials")
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    for line in table.lines:
        found = [table.cells.get((line, block)) for block in table.blocks]
        writer.writerow([*table.spelled(table.rows, line), *(part for cell in found for part in _numbers(cell))])
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
        return ("",) * 6 + (0,)
    found: list[float | int | str] = []
    for spread in (cell.train, cell.validation, cell.seconds):
        deviation = None if spread is None else spread.deviation
        found += ["" if spread is None else spread.mean, "" if deviation is None else deviation]
    return [*found, cell.trials]


def _named(table: Table, block: Combination) -> str:
    """`batch_norm yes: `, or nothing where there is only one block."""
    pairs = zip(table.columns, table.spelled(table.columns, block), strict=True)
    named = ", ".join(f"{name} {value}" for name, value in pairs)
    return f"{named}: " if named else ""


def _over(table: Table, widths: Sequence[int]) -> str:
    """The line above the names of the columns: which block they belong to."""
    first = len(table.rows)
    made = " " * (sum(widths[:first]) + 2 * (first - 1))
    for place, block in enumerate(table.blocks):
        own = widths[first + place * len(_SCORES) :][: len(_SCORES)]
        made += "  " + _named(table, block).rstrip(": ").rjust(sum(own) + 2 * (len(own) - 1))
    return made.rstrip()
