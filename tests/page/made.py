"""Searches that were never trained: rows split and recorded by the product itself, with made-up outcomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tests.fakes.driver import FakeDriver
from tuner import evaluate, opening
from tuner.data.split import Split
from tuner.home import Home
from tuner.ledger import Ledger, Owned, own
from tuner.metrics import Array, Task
from tuner.packaging import PREDICTIONS, folder_of
from tuner.study import load
from tuner.trial import Objective, Result, State, Trial

SCRIPT = "<script>window.broken = true</script>"
PRICE = f"price{SCRIPT}"
IMAGE = '"><img src=x onerror="window.broken = true">'
SPACE = """
[space]
layers        = {{ int = [1, 3] }}
units         = {{ int = [4, 64], step = 4, each = "layers" }}
optimizer     = {{ choice = ["adam", "sgd"] }}
learning_rate = {{ float = [1e-4, 1e-1], log = true }}
momentum      = {{ float = [0.0, 0.9], when = {{ optimizer = "sgd" }} }}
[training]
epochs = 5
[search]
trials = {trials}
sampler = "random"
pruner = "none"
"""
Fate = Callable[[Trial], State]


def nasty(folder: Path) -> str:
    """A study of a file in which every text is a trap: names of columns, cells, labels, and the title."""
    lines = [f"size,{_quoted(SCRIPT)},{_quoted(IMAGE)}"]
    for i in range(120):
        lines.append(f"{i % 17 / 4},{_quoted(f'{SCRIPT}{i % 3}')},{_quoted(IMAGE if i % 2 else 'plain')}")
    (folder / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"title = '''Traps {SCRIPT}'''\n[data]\nsource = 'rows.csv'\ntarget = '''{IMAGE}'''\n"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def values(folder: Path) -> str:
    """A study of a file with numbers to predict, whose name is a trap on every axis."""
    lines = [f"a,b{SCRIPT},{PRICE}"] + [f"{i % 13},{(i * 7) % 29},{1000 + 31 * (i % 13) + i % 5}" for i in range(150)]
    (folder / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"title = 'Prices'\n[data]\nsource = 'rows.csv'\ntarget = '{PRICE}'\n"


def gaps(folder: Path) -> str:
    """As `values`, with test rows in a file of their own, and with lines in both that have no row or an empty one."""
    study = values(folder)
    lines = (folder / "rows.csv").read_text(encoding="utf-8").splitlines()
    for i in range(len(lines) - 1, 0, -9):
        lines.insert(i, "" if i % 2 else ",,")
    (folder / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "more.csv").write_text("\n".join([lines[0], "", *lines[1:40]]) + "\n", encoding="utf-8")
    return f"{study}test = 'more.csv'\n"


def flowers(folder: Path) -> str:
    return "title = 'Flowers'\n[data]\nsource = 'sklearn:iris'\n"


def images(folder: Path) -> str:
    return "title = 'Digits'\n[data]\nsource = 'sklearn:digits'\n"


def search(
    folder: Path, data: Callable[[Path], str], trials: int, *, fate: Fate = lambda trial: State.COMPLETE,
    ends: bool = True, objective: str = "", later: int = 0,
) -> Home:  # fmt: skip
    """A folder with a search `made@1` of so many trials; its champion is named where it `ends`.

    It has gone on since then by so many trials as `later` says.
    """
    home = Home(folder)
    (folder / "studies").mkdir(parents=True)
    path = folder / "studies" / "made.toml"
    path.write_text(
        data(folder / "studies") + objective + SPACE.format(trials=max(trials + later, 1)), encoding="utf-8"
    )
    study = load(path)
    split = opening.split(study, home)
    aims = study.objective_for(split.task)
    ledger = Ledger(home)
    with own(ledger, ledger.create("made", study.document, opening.describe(study, split))) as record:
        ask = record.asks(FakeDriver(study, aims).ask, dict)
        split.save(record.folder / "split")
        for place in range(trials + later):
            if ends and place == trials:
                _conclude(record, aims, split)
            (trial,) = ask(1).trials
            record.told(_outcome(trial, aims, fate(trial)), {})
        if ends and not later:
            _conclude(record, aims, split)
    ledger.close()
    return home


def _outcome(trial: Trial, aims: Objective, state: State) -> Result:
    """Scores that rise and fall with the number, so that the best is neither the first nor the last."""
    if state is State.FAILED:
        return Result(trial, state, error=f"Traceback\nValueError: no room for {SCRIPT}")
    level = 0.5 + 0.4 * (trial.number * 5 % 7) / 7
    rising = [level * (1 - 0.5 / (i + 1)) for i in range(5 if state is State.COMPLETE else 2)]
    history = tuple(
        {"loss": 1 - each, "accuracy": each, "rmse": 1 - each, "mae": 1 - each}
        | {"val_loss": 1.1 - each, "val_accuracy": each - 0.02, "val_rmse": 1.1 - each, "val_mae": 1 - each}
        for each in rising
    )
    if state is State.DIVERGED:
        return Result(trial, state, history=history, seconds=0.5)
    score, epoch = aims.score(history) or (None, None)
    result = Result(trial, state, score, epoch, history, 0.5, program={"trainer": "stacked"})
    further = aims.also(result, lambda values: 10 * int(values["units_1"]))
    return Result(trial, state, score, epoch, history, 0.5, program={"trainer": "stacked"}, further=further)


def _conclude(record: Owned, aims: Objective, split: Split) -> None:
    champion = aims.ranked(record.results)[0]
    validation, test = guesses(split, "validation"), guesses(split, "test")
    verdict = evaluate.verdict(
        split, aims, champion, validation=validation, test=test, fresh={}, results=record.results,
        looks=record.looking(champion.trial.number), ended="done",
        simple=[("majority class", guesses(split, "validation", 2), guesses(split, "test", 2))],
    )  # fmt: skip
    packed = folder_of(record.folder, champion.trial.number)
    packed.mkdir(parents=True)
    np.savez(packed / PREDICTIONS, validation=validation, test=test)
    record.concluded(verdict.to_json())


def guesses(split: Split, part: str, every: int = 7) -> Array:
    """Predictions of which each seventh, or whichever, is wrong."""
    target = np.asarray(getattr(split, f"y_{part}"))
    wrong = np.arange(len(target)) % every == 0
    if split.task is Task.REGRESSION:
        return target + np.where(wrong, 50.0, 3.0) * np.where(np.arange(len(target)) % 2, 1, -1)
    taken = np.where(wrong, (target + 1) % len(split.classes or ()), target)
    if split.task is Task.BINARY:
        return np.where(taken == 1, 0.8, 0.1)
    return np.eye(len(split.classes or ()))[taken] * 0.9 + 0.01


def wrong_rows(home: Home, part: str, first: int) -> Sequence[int]:
    """The rows of which `guesses` is wrong, counted from `first`: the lines of a file without gaps from 2."""
    split = Split.open(home.search("made@1") / "split")
    return [int(row) + first for row in split.indices[part][::7]]
