"""Commands that bring other programs' searches in, and take ours out to them."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.commands.named import named, numbered
from tuner.commands.searching import DRIVERS, GOALS, PRUNERS, SAMPLERS
from tuner.commands.settings import given, opened, rows
from tuner.errors import StudyError, nearest

if TYPE_CHECKING:
    from tuner.home import Home

# What a study may have in the options of a command that begins a search, by section.
_SECTIONS = {
    "data": ("source", "target"),
    "objective": ("metric", "goal"),
    "training": ("epochs", "batch_size"),
    "search": ("driver", "sampler", "pruner", "seed", "deterministic"),
}
_INTO = (
    click.option("--fresh", is_flag=True, help="Into a new search beside the one that there is."),
    click.option("--data", "source", metavar="FILE", help="The rows of a model of your own, as for tuner search."),
    click.option("--target", metavar="COLUMN", help="The column of --data to predict."),
    click.option("--objective", "metric", metavar="METRIC", help="What the search makes better: val_accuracy, …"),
    click.option("--goal", type=click.Choice(GOALS), help="Which way it is better.  [default: what its name means]"),
    click.option("--epochs", type=click.IntRange(min=1), help="The most epochs of a trial that is trained here."),
    click.option("--batch-size", type=click.IntRange(min=1), help="Rows of one step."),
    click.option("--driver", type=click.Choice(DRIVERS), help="The library that proposes trials."),
    click.option("--sampler", type=click.Choice(SAMPLERS), help="What proposes the next trial."),
    click.option("--pruner", type=click.Choice(PRUNERS), help="What stops trials that look bad."),
    click.option("--seed", type=click.IntRange(min=0, max=2**31 - 1), help="The seed of everything that is drawn."),
    click.option(
        "--deterministic/--no-deterministic", default=None, help="The same search with any number of workers."
    ),
)


def _into(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say into which search, in their order: those of a search that such a command may begin."""
    for option in reversed(_INTO):
        command = option(command)
    return command


@click.command("import-keras-tuner")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("study", required=False)
@_into
def import_keras_tuner(folder: Path, study: str | None, fresh: bool, **into: Any) -> None:
    """Bring the trials of a KerasTuner project into a search.

    DIR is the project's folder, the one with oracle.json in it. STUDY is a study's name or file, or one of its
    searches, as diabetes@1, or a model of your own, as mymodel.py:build_model with --data; without it, the study of the
    folder's name.
    """
    from tuner.exchange import bringing, keras_tuner
    from tuner.home import Home

    home = Home.here()
    name, number = numbered(study or _default(folder.resolve().name, home, "import-keras-tuner", str(folder)))
    loaded = opened(name, number, home, _settings(into))
    done = bringing.bring(
        lambda aim: keras_tuner.read(folder, aim), loaded, home, click.echo, number=number, fresh=fresh
    )
    for line in done.lines:
        click.echo(line)


@click.command("import-optuna")
@click.argument("url")
@click.argument("name")
@click.argument("study", required=False)
@_into
def import_optuna(url: str, name: str, study: str | None, fresh: bool, **into: Any) -> None:
    """Bring the trials of an Optuna study into a search.

    URL is its storage: sqlite:///study.db, any other database, or the path of a journal file. NAME is the study's name
    there. STUDY is ours, or one of its searches, as diabetes@1, or a model of your own, as mymodel.py:build_model with
    --data; without it, the study of the same name.
    """
    from tuner.exchange import bringing, optuna_study
    from tuner.home import Home

    home = Home.here()
    mine, number = numbered(study or _default(name, home, "import-optuna", url, name))
    loaded = opened(mine, number, home, _settings(into))
    done = bringing.bring(
        lambda aim: optuna_study.read(url, name, aim), loaded, home, click.echo, number=number, fresh=fresh
    )
    for line in done.lines:
        click.echo(line)


@click.command("export-optuna")
@click.argument("study")
@click.argument("url")
def export_optuna(study: str, url: str) -> None:
    """Write a search into a storage of Optuna's, for its dashboard and plots.

    STUDY is a study's name, for its newest search, or diabetes@1 for the first one. URL is sqlite:///study.db, any
    other database, or the path of a journal file. The study there has the search's name; what it has is not written
    again.
    """
    from tuner.exchange import optuna_copy
    from tuner.home import Home

    click.echo(optuna_copy.write(Home.here(), named(study), url))


def _default(name: str, home: Home, *command: str) -> str:
    """The study of that name, where there is one. Raises StudyError with what to type."""
    from tuner.home import names
    from tuner.trackers.outbox import masked

    known = names(home)
    if name in known:
        return name
    typed = shlex.join(["tuner", *map(masked, command)])
    raise StudyError(
        f"no study '{name}' to bring it into.{nearest(name, known)} Name one: {typed} STUDY; `tuner studies` lists them"
    )


def _settings(typed: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What is typed of a study, by section."""
    source = typed["source"]
    placed = {**typed, "source": None if source is None else rows(source)}
    return given(**{section: {key: placed[key] for key in keys} for section, keys in _SECTIONS.items()})
