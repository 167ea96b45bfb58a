"""The command that searches."""

from __future__ import annotations

import json
import os
import sys

import click

from tuner.commands.named import named, numbered
from tuner.commands.settings import given, opened, rows
from tuner.commands.stopping import Stopped
from tuner.errors import StudyError

# The choices stand here once more, because reading them from tuner.study would import pydantic for `--help`.
DRIVERS = ("optuna", "keras-tuner")
SAMPLERS = ("tpe", "cma-es", "nsga-ii", "random", "grid", "qmc", "hyperband", "bayesian")
TRAINERS = ("auto", "stacked", "plain")
GOALS = ("maximize", "minimize")
PRUNERS = ("hyperband", "successive-halving", "median", "none")


@click.command()
@click.argument("study")
@click.option("--trials", type=click.IntRange(min=1), help="How many trials in all, earlier commands included.")
@click.option("--time", "time_", metavar="TIME", help="A limit for the trials of this command: 90s, 10m, 1h30m.")
@click.option("--seed", type=click.IntRange(min=0, max=2**31 - 1), help="The seed of everything that is drawn.")
@click.option(
    "--data", metavar="FILE", help="Other rows: a .csv, .parquet or .npz file, or as keras:mnist or mydata.py:load."
)
@click.option("--target", metavar="COLUMN", help="The column of --data to predict.")
@click.option("--objective", metavar="METRIC", help="What the search makes better: val_accuracy, val_loss, …")
@click.option("--goal", type=click.Choice(GOALS), help="Which way it is better.  [default: what its name means]")
@click.option("--epochs", type=click.IntRange(min=1), help="The most epochs of a trial.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Rows of one step.")
@click.option("--driver", type=click.Choice(DRIVERS), help="The library that proposes trials.")
@click.option("--sampler", type=click.Choice(SAMPLERS), help="What proposes the next trial.")
@click.option("--pruner", type=click.Choice(PRUNERS), help="What stops trials that look bad.")
@click.option("--trainer", type=click.Choice(TRAINERS), help="Trains many trials in one program, or one by one.")
@click.option("--deterministic/--no-deterministic", default=None, help="The same search at any number of workers.")
@click.option("--from", "from_", metavar="SEARCH", help="Try the best values of another search first: diabetes@1.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes that train.  [default: one a core]")
@click.option("--fresh", is_flag=True, help="Begin a new search beside the one that there is.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON; progress goes to stderr.")
def search(
    study: str,
    trials: int | None,
    time_: str | None,
    seed: int | None,
    data: str | None,
    target: str | None,
    objective: str | None,
    goal: str | None,
    epochs: int | None,
    batch_size: int | None,
    driver: str | None,
    sampler: str | None,
    pruner: str | None,
    trainer: str | None,
    deterministic: bool | None,
    from_: str | None,
    workers: int | None,
    fresh: bool,
    as_json: bool,
) -> None:
    """Search for a good network, or go on with a search.

    STUDY is a name from `tuner studies`, the path of a study file, or a model of your own as mymodel.py:build_model,
    a function of KerasTuner's hp or a HyperModel. The same command again goes on where the last one stopped, however
    that ended.
    """
    from tuner import live, report
    from tuner.home import Home
    from tuner.shown import load_search
    from tuner.study import seconds

    home = Home.here()
    options = given(
        data={"source": None if data is None else rows(data), "target": target},
        objective={"metric": objective, "goal": goal},
        training={"epochs": epochs, "batch_size": batch_size},
        search={
            "trials": trials,
            "time": time_,
            "seed": seed,
            "driver": driver,
            "sampler": sampler,
            "pruner": pruner,
            "trainer": trainer,
            "deterministic": deterministic,
        },
    )
    name, number = numbered(study)
    loaded = opened(name, number, home, options)
    told: tuple[str, ...] = ()
    if from_ is not None and loaded.model is not None:
        raise StudyError("--from: a model of your own has values of its own; say them in [[start]] of a study file")
    if from_ is not None:
        from tuner.carrying import carry
        from tuner.opening import searched

        found = None if fresh else searched(loaded.name, number, home)
        if found is None:
            loaded, told = carry(loaded, named(from_), home)
        else:
            told = (f"--from counts where a search begins; this goes on with {found.label}",)
    stopped = Stopped()
    limit = live.deadline(seconds(loaded.search.time) if loaded.search.time else None)
    with live.watch(as_json) as watch, stopped.by_signals(watch.say):
        from tuner.search import search as run
        from tuner.trainers import processes

        for line in told:
            watch.say(line)
        try:
            outcome = run(
                loaded, home, watch, number=number, fresh=fresh, workers=workers or cores(), stop=stopped.asked,
                late=limit,
            )  # fmt: skip
        except processes.Stopped:  # before there was a search
            sys.exit(stopped.code)
    shown = load_search(home, outcome.label)
    if as_json:
        click.echo(json.dumps(report.outcome_json(outcome, shown), indent=2, ensure_ascii=False))
    else:
        report.print_outcome(outcome, shown, _same_command())
    if outcome.ended == "stopped":
        sys.exit(stopped.code)


def _same_command() -> str:
    import shlex

    return shlex.join(["tuner", *(argument for argument in sys.argv[1:] if argument != "--fresh")])


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
