"""What a search shows while it runs, off a terminal: a line a trial."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from tuner.live import Lines
from tuner.trial import Objective, Result, State, Trial

DEEP = {"layers": 9, "optimizer": "adadelta", "learning_rate": 0.00311} | {f"units_{n}": 128 for n in range(1, 10)}
ERROR = "ValueError: " + "a long reason " * 20


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


def test_why_a_trial_failed_is_told_in_full(lines: Lines) -> None:
    lines.told(Result(Trial(7, DEEP, 0, 50), State.FAILED, None, error=f"Traceback\n{ERROR}"))
    assert said(lines) == [f"[1/100] trial 7 failed: {ERROR.strip()}"]
