"""Commands as a person types them: real processes in a folder, and what they left there, read without our own code.

A process of its own imports MLflow and, in the server that it begins, TensorFlow: eight seconds of a core for every
search. `tuner` is that. `typed` types into the process of the test, where both are imported once. What is killed,
stopped or met by another is always a process of its own, and so is one that is to know of nothing before it.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from tuner.cli import main

STUDY = """
title = "A small search"
[data]
source = "sklearn:breast_cancer"
[space]
layers        = { int = [1, 2] }
units         = { int = [4, 16], step = 4, each = "layers" }
dropout       = { float = [0.0, 0.4], step = 0.1 }
optimizer     = { choice = ["adam", "sgd"] }
learning_rate = { float = [1e-3, 1e-1], log = true }
momentum      = { float = [0.0, 0.9], when = { optimizer = "sgd" } }
[training]
epochs = 3
[search]
trials = 6
keep_models = 2
finalists = 2
pruner = "median"
"""
# So many trials that a search is not done before a test has seen what it waits for and acted; it is cut off anyway.
ENDLESS = "9999"
CODE = "from tuner.cli import main; main()"
# The folder's own store and data, whatever the person who runs the tests has set.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("MLFLOW_TRACKING_URI", "TUNER_DATA")}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", CODE, *arguments]


def tuner(folder: Path, *arguments: str, code: int = 0, stdin: str = "") -> str:
    """What a command printed; its exit code is checked."""
    told = subprocess.run(command(*arguments), cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, input=stdin)
    assert told.returncode == code, f"{told.stdout}\n{told.stderr}"
    assert "Traceback" not in told.stderr
    return told.stdout if code == 0 else told.stdout + told.stderr


def typed(folder: Path, *arguments: str, code: int = 0, stdin: str = "") -> str:
    """As `tuner`, but in this process: what it has imported for one command is there for the next."""
    out, err = io.StringIO(), io.StringIO()
    ended = 0
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("default")  # what a user's own process makes of a warning
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["tuner", *arguments])
        patch.setattr(sys, "stdin", io.StringIO(stdin))
        for name in os.environ.keys() - ENVIRONMENT.keys():
            patch.delenv(name)
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main()
            except SystemExit as exit:
                ended = exit.code if isinstance(exit.code, int) else 1
    assert ended == code, f"{out.getvalue()}\n{err.getvalue()}"
    assert "Traceback" not in err.getvalue()
    return out.getvalue() if code == 0 else out.getvalue() + err.getvalue()


def shown(folder: Path, name: str = "small") -> dict:
    return json.loads(typed(folder, "show", name, "--json"))


def new_home(folder: Path, study: str = STUDY, name: str = "small") -> Path:
    """A folder with one study, in which nothing was searched yet."""
    (folder / "studies").mkdir(parents=True)
    (folder / "studies" / f"{name}.toml").write_text(study)
    return folder


@contextmanager
def begun(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command at work, in a process group of its own, of which nothing is left after the block."""
    process = subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[str]) -> None:
    """What `kill -9` does to the command and all that it started."""
    if is_there(process.pid):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
    wait_until_gone(process.pid)


def is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(group: int) -> None:
    while is_there(group):  # the test's own time limit ends it, if somebody of the group stays
        time.sleep(0.05)


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    """Reads what a command prints up to the line with `text`."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if text in line:
            return
    pytest.fail(f"the command ended before it said {text!r}:\n{''.join(said)}")


def ledger(folder: Path, query: str) -> list[tuple]:
    with closing(sqlite3.connect(folder / ".tuner" / "ledger.db")) as connection:
        return connection.execute(query).fetchall()


def told(folder: Path) -> dict[int, tuple[str, float, float]]:
    """State, score and time of each ended trial, as the ledger has them."""
    rows = ledger(folder, "select number, state, score, told from trials where place is not null")
    return {number: (state, score, at) for number, state, score, at in rows}


def statuses(folder: Path) -> set[str]:
    """Of all MLflow runs."""
    with closing(sqlite3.connect(folder / "mlflow" / "mlflow.db")) as connection:
        return {status for (status,) in connection.execute("select status from runs where lifecycle_stage='active'")}
