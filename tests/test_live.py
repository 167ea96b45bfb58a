"""What a search shows while it runs: a line a trial off a terminal, and what it waits for in one."""

from __future__ import annotations

from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from tuner.live import Lines, Screen
from tuner.metrics import Task
from tuner.study import from_document
from tuner.trial import Objective, Report, Result, State, Trial

DEEP = {"layers": 9, "optimizer": "adadelta", "learning_rate": 0.00311} | {f"units_{n}": 128 for n in range(1, 10)}
# One thing varies. The rows and the record of a search that has just begun.
SPACE = {
    "layers": 1, "units": {"choice": [32], "each": "layers"}, "optimizer": "adam",
    "dropout": {"float": [0.0, 0.5], "step": 0.1, "each": "layers"},
}  # fmt: skip
ROWS: Any = SimpleNamespace(
    task=Task.MULTICLASS, table="a.csv", y_train=[0] * 9, y_validation=[0], y_test=[0], warnings=("column 'a\x1b[2J'",)
)
RECORD: Any = SimpleNamespace(results=[], waiting=[])
ERROR = "ValueError: " + "a long reason · " * 20


@pytest.fixture
def lines() -> Lines:
    shown = Lines(Console(file=StringIO(), highlight=False, soft_wrap=True))
    shown.tally.objective, shown.tally.total = Objective("val_accuracy", "maximize"), 100
    return shown


def said(lines: Lines) -> list[str]:
    assert isinstance(lines.console.file, StringIO)
    return lines.console.file.getvalue().splitlines()


def test_a_line_has_what_goes_into_a_hundred_columns_and_always_the_best(lines: Lines) -> None:
    lines.told(Result(Trial(7, DEEP, 0, 50), State.COMPLETE, 0.75, history=({},) * 50, seconds=12.3))
    (line,) = said(lines)
    assert len(line) <= 100
    assert line.startswith("[1/100] trial 7 complete 0.7500 (50 epochs, 12.3 s) · layers 9 · ")
    assert line.endswith(" · … · best 0.7500 (trial 7)")


def test_what_all_trials_share_is_not_said_of_each(lines: Lines) -> None:
    study = from_document("made", {"data": {"source": "sklearn:wine"}, "space": SPACE})
    lines.begins("made@1", study, ROWS, RECORD)
    values = {"layers": 1, "units_1": 32, "optimizer": "adam", "dropout_1": 0.1}
    lines.told(Result(Trial(7, values, 0, 50), State.COMPLETE, 0.75, history=({},), seconds=1.0))
    *_, note, line = said(lines)
    assert note == r"note: column 'a\x1b[2J'"
    assert line == "[1/100] trial 7 complete 0.7500 (1 epoch, 1.0 s) · dropout 0.1 · best 0.7500 (trial 7)"
    screen = Screen(Console(file=StringIO(), width=120))
    screen.tally = lines.tally
    screen.asked(Trial(8, values, 0, 50))
    screen.told(Result(Trial(9, values, 0, 50), State.COMPLETE, 0.5, history=({},), seconds=1.0))
    with screen.console.capture() as shown:
        screen.console.print(screen)
    assert shown.get().count("dropout 0.1") == 3  # in training, ended, and the best
    assert "units" not in shown.get()


def test_why_a_trial_failed_is_told_in_full(lines: Lines) -> None:
    lines.told(Result(Trial(7, DEEP, 0, 50), State.FAILED, None, error=f"Traceback\n{ERROR}"))
    assert said(lines) == [f"[1/100] trial 7 failed: {ERROR.strip()}"]


def test_trials_that_are_long_in_starting_are_said_to_wait_for_their_program() -> None:
    now = [100.0]
    screen = Screen(Console(file=StringIO(), width=120), clock=lambda: now[0])

    def waits() -> list[str]:
        with screen.console.capture() as shown:
            screen.console.print(screen)
        return [line.strip() for line in shown.get().splitlines() if "compiled" in line]

    why = "a program that is new is compiled first, and kept for later searches"
    screen.asked(Trial(0, DEEP, 0, 50))
    now[0] = 102.0
    screen.asked(Trial(1, DEEP, 0, 50))
    assert waits() == []
    now[0] = 104.0
    assert waits() == [f"1 trial starting for 4 s: {why}"]
    now[0] = 112.0
    assert waits() == [f"2 trials starting for 12 s: {why}"]
    screen.reported([Report(0, 1, {"val_accuracy": 0.5})], set())
    assert waits() == [f"1 trial starting for 10 s: {why}"]
    screen.retrained(Result(Trial(1, DEEP, 0, 50), State.FAILED, None, error="x"))
    assert waits() == []
