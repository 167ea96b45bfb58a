"""What a person reads of trials that failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lives import DATA, DOCUMENT
from tuner.home import Home
from tuner.ledger import Ledger, own
from tuner.report import print_search, search_json
from tuner.shown import load_search
from tuner.trial import Batch, Result, State, Trial

ERROR = 'Traceback (most recent call last):\n  File "mymodel.py", line 6\nValueError: [units] must be above 0\n'


def test_why_trials_failed_is_told_of_the_first_and_in_full_of_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, trials = Home(tmp_path), tuple(Trial(i, {"units": 8}, i, 2) for i in range(3))
    ledger = Ledger(home)
    with own(ledger, ledger.create("wine", DOCUMENT, DATA)) as record:
        record.asks(lambda n: Batch(trials, more=False), dict)(3)
        record.told(Result(trials[2], State.FAILED, error="no memory"), {})
        record.told(Result(trials[1], State.FAILED, error=ERROR), {})
        record.told(Result(trials[0], State.COMPLETE, 0.5, 1, ({"val_accuracy": 0.5},), 1.0), {})
    ledger.close()
    shown = load_search(home, "wine")
    print_search(shown, 10)
    lines = capsys.readouterr().out.splitlines()
    assert (
        "trial 1 and 1 other failed: ValueError: [units] must be above 0; tracebacks: tuner show wine@1 --json" in lines
    )
    told = {trial["number"]: trial for trial in search_json(shown)["trials"]}
    assert told[1]["traceback"] == ERROR
    assert "traceback" not in told[0]
