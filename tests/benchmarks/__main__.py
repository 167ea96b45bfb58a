"""`make bench`: this project against KerasTuner and Optuna around Keras' `fit`, as one table.

Every measured thing runs in a fresh process; sides take turns, and a ratio is of one turn. Ratios count, seconds are of
one machine. What is inside and outside of a figure:

    rows 1, 2, 4, 5, 6   time a trial, from when the workers could start and the arrays lie ready to the last trial in
                         ledger and MLflow: starting the workers and every compilation inside, importing TensorFlow
                         outside; for peers from when all is imported and the arrays are read to the end of the search.
                         Caches are cold but in row 2. `whole command` is from a process' start to its end: imports,
                         reading the rows and, on our side, finalists, champion and its model are inside; a peer that
                         ran fewer trials counts as if it had run as many as we did, at its own pace
    row 3                a process from its start to its end, on all sides
    row 7                the arithmetic of the trials' own networks over time, see `Bench.limit` and `arithmetic`; the
                         rate of matrix products is of one thread on every core at once, by the faster of two libraries
    rows 9, 10           CPU time of the process that owns a search, see `owner`
    row 11               of all processes of a side together; shared pages are counted once
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path

from tests.benchmarks import machine
from tests.benchmarks.experiments import Bench
from tests.benchmarks.rows import FULL, QUICK, ROWS
from tests.benchmarks.table import Line, digits, markdown


def main() -> None:
    given = _options()
    bench = Bench(QUICK if given.quick else FULL, given.alternations, shlex.split(given.search_options), _say)
    lines: list[Line] = []
    began = time.perf_counter()
    for numbers, measure in bench.experiments().items():
        if given.rows & set(numbers):
            _say("; ".join(ROWS[number].what for number in numbers))
            lines += [line for line in measure() if line.row in given.rows]
    notes = [machine.described(), f"medians of {given.alternations} alternations, their ends in brackets"]
    if bench.loads:
        notes.append(f"load before the measurements: {digits(min(bench.loads))} to {digits(max(bench.loads))}")
    notes += bench.notes
    notes.append(f"took {(time.perf_counter() - began) / 60:.0f} minutes")
    table = markdown(lines, [*notes, "a quick run: the figures mean nothing"] if given.quick else notes)
    print(table, end="")
    if given.output:
        given.output.write_text(table, encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=", description="Compares tuner with KerasTuner and Optuna.")
    parser.add_argument("--rows", type=_rows, default=set(ROWS), help="as 1,2,9; all by default")
    parser.add_argument("--alternations", type=int, help="turns of all sides (3)")
    parser.add_argument("--quick", action="store_true", help="tiny counts and one turn, to see that it all works")
    parser.add_argument("--output", type=Path, help="a file for the table, in Markdown")
    parser.add_argument("--search-options", default="", help="more options of `tuner search`")
    given = parser.parse_args()
    given.alternations = given.alternations or (1 if given.quick else 3)
    return given


def _rows(text: str) -> set[int]:
    numbers = {int(number) for number in text.split(",")}
    if unknown := numbers - set(ROWS):
        raise argparse.ArgumentTypeError(f"no row {sorted(unknown)[0]}; there are 1 to {max(ROWS)}")
    return numbers


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
