"""One owner a search, whatever happens to the processes: real ones, killed for real."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tuner.errors import LedgerError
from tuner.home import Home
from tuner.ledger import Ledger, holder, own
from tuner.trial import Batch, Report, Result, State, Trial

# Says that it is ready; at a line from us begins or finds the search, owns it, says so, and waits for the next line.
# Between a look and what is done about it passes a moment, as on a busy machine.
OWNER = """
import sys
import time
from pathlib import Path
from tuner.errors import LedgerError
from tuner.home import Home
from tuner.ledger import Ledger, file, own, owner

def slow(function, before, after):
    def slowly(*arguments):
        time.sleep(before)
        found = function(*arguments)
        time.sleep(after)
        return found
    return slowly

file._prefer_readers = slow(file._prefer_readers, 0.1, 0.1)
Ledger.find = slow(Ledger.find, 0, 0.05)
owner._take_over = slow(owner._take_over, 0.3, 0)
print("ready", flush=True)
sys.stdin.readline()
try:
    ledger = Ledger(Home(Path(sys.argv[1])))
    with own(ledger, ledger.find_or_create("wine", {}, {})):
        print("owns", flush=True)
        sys.stdin.readline()
except LedgerError as error:
    print(f"refused: {error}", flush=True)
"""

# Asks and tells without end, and says of each trial that it is told once it is.
WRITER = """
import sys
from pathlib import Path
from tuner.home import Home
from tuner.ledger import Ledger, own
from tuner.trial import Batch, Report, Result, State, Trial
ledger = Ledger(Home(Path(sys.argv[1])))
with own(ledger, ledger.find_or_create("wine", {}, {})) as owned:
    state = ledger.driver_state(owned.search)
    assert state.get("told", 0) == len(owned.results), (state, len(owned.results))
    def new(n):
        return Batch(tuple(Trial(owned.next_number + i, {"units": 8}, 1, 2) for i in range(n)))
    ask = owned.asks(new, lambda: {"asked": owned.next_number})
    while True:
        for trial in ask(2).trials:
            history = tuple({"loss": trial.number / 3 + epoch, "val_loss": 0.1} for epoch in range(200))
            owned.told(Result(trial, State.COMPLETE, trial.number / 3, 1, history), {"told": len(owned.results) + 1})
            print(trial.number, flush=True)
"""


@contextmanager
def started(script: str, home: Path) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script, str(home)], stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_second_owner_is_told_who_the_first_is_until_a_kill(tmp_path: Path) -> None:
    with started(OWNER, tmp_path) as first:
        go(first)
        assert [line(first), line(first)] == ["ready", "owns"]
        ledger = Ledger(Home(tmp_path))
        search = ledger.get("wine")
        holder = f"wine@1 is being searched by process {first.pid} on {re.escape(socket.gethostname())} since .*--fresh"
        with pytest.raises(LedgerError, match=holder), own(ledger, search):
            pass
        # Another search of the same study is nobody's.
        with own(ledger, ledger.create("wine", {}, {})):
            pass
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        with own(ledger, search) as owned:
            assert owned.search.owner is not None
            assert owned.search.owner["pid"] == os.getpid()
            assert abs(owned.search.owner["since"] - time.time()) < 3600
    ledger.close()


def test_a_search_has_a_holder_while_it_is_owned_and_a_look_makes_nothing(tmp_path: Path) -> None:
    ledger = Ledger(Home(tmp_path))
    search = ledger.create("wine", {}, {})
    assert holder(ledger, search) is None
    assert not ledger.home.search("wine@1").exists()
    with own(ledger, search):
        held = holder(ledger, search)
        assert held is not None
        assert (held["pid"], held["host"]) == (os.getpid(), socket.gethostname())
    assert holder(ledger, ledger.get("wine@1")) is None
    with own(ledger, search):
        pass


def test_an_older_owner_cannot_write(tmp_path: Path) -> None:
    ledger = Ledger(Home(tmp_path))
    search = ledger.create("wine", {}, {})
    trial = Trial(0, {}, 1, 2)
    with own(ledger, search) as older:
        older.asks(lambda n: Batch((trial,)), dict)(1)
    with own(ledger, search) as newer:
        older.waiting.clear()  # they would be handed out again without a word to the ledger
        writes: list[Callable[[], object]] = [
            lambda: older.asks(lambda n: Batch((Trial(1, {}, 1, 2),)), dict)(1),
            lambda: older.judges(lambda reports: {0}, dict)([Report(0, 1, {})]),
            lambda: older.told(Result(trial, State.COMPLETE, 1.0, 1), {}),
            lambda: older.retaken(Result(trial, State.COMPLETE, 1.0, 1)),
            lambda: older.looking(0),
            lambda: older.concluded({"champion": 0}),
            lambda: older.recorded({0: "a1"}),
        ]
        for write in writes:
            with pytest.raises(LedgerError, match="another process has taken this search over"):
                write()
        assert newer.waiting == ledger.waiting(search) == [trial]
        newer.told(Result(trial, State.COMPLETE, 0.5, 1), {})
    assert [result.score for result in ledger.results(search)] == [0.5]
    found = ledger.get("wine")
    assert (found.looks, found.verdict, ledger.runs(search)) == (0, None, {})
    ledger.close()


def test_eight_that_begin_at_once_have_one_owner(tmp_path: Path) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(started(OWNER, tmp_path)) for _ in range(8)]
        assert [line(process) for process in processes] == ["ready"] * 8
        for process in processes:
            go(process)
        said = [line(process) for process in processes]
        owners = [process for process, told in zip(processes, said, strict=True) if told == "owns"]
        assert len(owners) == 1, said
        refused = [told for told in said if told != "owns"]
        assert all(f"wine@1 is being searched by process {owners[0].pid} on" in told for told in refused), said
    ledger = Ledger(Home(tmp_path))
    assert [search.label for search in ledger.searches()] == ["wine@1"]
    ledger.close()


def test_a_kill_at_any_moment_loses_nothing_that_was_told(tmp_path: Path) -> None:
    moments = random.Random(0)
    confirmed: set[int] = set()
    for _ in range(10):
        with started(WRITER, tmp_path) as writer:
            confirmed.add(int(line(writer)))
            time.sleep(moments.uniform(0, 0.1))
            writer.kill()
            assert writer.stdout is not None
            # The last line may be torn.
            confirmed.update(int(told) for told in writer.stdout.read().splitlines(keepends=True) if told[-1] == "\n")
        with sqlite3.connect(tmp_path / ".tuner" / "ledger.db") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
        ledger = Ledger(Home(tmp_path))
        search = ledger.get("wine")
        results = {result.trial.number: result for result in ledger.results(search)}
        assert confirmed <= results.keys()
        assert all(result.score == number / 3 for number, result in results.items())
        assert all(result.history[199]["loss"] == number / 3 + 199 for number, result in results.items())
        waiting = [trial.number for trial in ledger.waiting(search)]
        assert sorted([*results, *waiting]) == list(range(ledger.get("wine").next_number))
        state = ledger.driver_state(search)
        assert state["told"] == len(results)
        ledger.close()
    assert len(confirmed) > 10
