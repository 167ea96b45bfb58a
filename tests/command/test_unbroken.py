"""A search whose workers and whose owner were killed ends bit for bit as one that nothing has cut off."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.command.typed import (
    ENDLESS,
    begun,
    ledger,
    new_home,
    statuses,
    told,
    typed,
    wait_for,
    wait_until_gone,
)

# Two real searches, one of them in two parts: two minutes are too few where the cores have other work.
pytestmark = pytest.mark.timeout(300)

# Nothing learns and nothing prunes, so that the search is the same at any number of workers.
STUDY = """
[data]
source = "sklearn:wine"
[space]
layers        = { int = [0, 1] }
units         = { int = [4, 8], step = 4 }
dropout       = { float = [0.0, 0.4] }
learning_rate = { float = [1e-4, 1e-1], log = true }
[training]
epochs = 8
[search]
finalists = 2
keep_models = 1
sampler = "random"
pruner = "none"
trainer = "stacked"
"""
TRIALS = """
select number, "values", seed, state, score, best_epoch, history, program, error from trials
where place is not null order by number
"""
VERDICT = "select verdict from searches"
RETAKES = "select number, retake, seed, state, score from retakes order by number, retake"


def test_a_search_that_was_killed_twice_ends_as_an_unbroken_one(tmp_path: Path) -> None:
    broken, whole = new_home(tmp_path / "broken", STUDY), new_home(tmp_path / "whole", STUDY)
    search = ("search", "small", "--workers", "2", "--trials")
    with begun(broken, *search, ENDLESS) as process:
        wait_for(process, f"[3/{ENDLESS}]")
        os.kill(workers(process)[0], signal.SIGKILL)
        wait_for(process, "worker died (signal 9)")
        wait_for(process, f"/{ENDLESS}]")  # it goes on, with another in its place
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        wait_until_gone(process.pid)  # the owner alone was killed: all that it started ends by itself
    before = told(broken)
    ((asked,),) = ledger(broken, "select count(*) from trials")
    assert len(before) < asked
    trials = str(asked + 5)
    assert f"{asked - len(before)} put back" in typed(broken, *search, trials)
    # The time at which each was told is in the row: a finished trial that trained again would have a new one.
    assert {number: told(broken)[number] for number in before} == before
    typed(whole, "search", "small", "--workers", "1", "--trials", trials)
    assert [number for number, *_ in ledger(whole, TRIALS)] == list(range(asked + 5))
    assert ledger(broken, TRIALS) == ledger(whole, TRIALS)
    assert ledger(broken, RETAKES) == ledger(whole, RETAKES)
    assert ledger(broken, VERDICT) == ledger(whole, VERDICT)
    assert statuses(broken) == {"FINISHED"}


def workers(process: subprocess.Popen[str]) -> list[int]:
    """The processes that train: those that were forked from the one that the owner began for it."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(pid): int(parent) for pid, parent in map(str.split, listed.splitlines())}
    return [pid for pid, parent in parents.items() if parents.get(parent) == process.pid]
