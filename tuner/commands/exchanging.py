"""Commands that bring other programs' searches in, and take ours out to them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tuner.commands.named import named, numbered
from tuner.errors import StudyError, nearest

if TYPE_CHECKING:
    from tuner.home import Home
    from tuner.study import Study

_FRESH = click.option("--fresh", is_flag=True, help="Into a new search beside the one that there is.")


@click.command("import-keras-tuner")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("study", required=False)
@_FRESH
def import_keras_tuner(folder: Path, study: str | None, fresh: bool) -> None:
    """Bring the trials of a KerasTuner project into a search.

    DIR is the project's folder, the one with oracle.json in it. STUDY is a study's name or file, or one of its
    searches, as diabetes@1; without it, the study of the folder's name.
    """
    from tuner.exchange import bringing, keras_tuner
    from tuner.home import Home

    home = Home.here()
    name, number = numbered(study or _default(folder.resolve().name, home, "import-keras-tuner", str(folder)))
    opened = _opened(name, number, home)
    done = bringing.bring(
        lambda aim: keras_tuner.read(folder, aim), opened, home, click.echo, number=number, fresh=fresh
    )
    for line in done.lines:
        click.echo(line)


@click.command("import-optuna")
@click.argument("url")
@click.argument("name")
@click.argument("study", required=False)
@_FRESH
def import_optuna(url: str, name: str, study: str | None, fresh: bool) -> None:
    """Bring the trials of an Optuna study into a search.

    URL is its storage: sqlite:///study.db, any other database, or the path of a journal file. NAME is the study's name
    there. STUDY is ours, or one of its searches, as diabetes@1; without it, the study of the same name.
    """
    from tuner.exchange import bringing, optuna_study
    from tuner.home import Home

    home = Home.here()
    mine, number = numbered(study or _default(name, home, "import-optuna", url, name))
    opened = _opened(mine, number, home)
    done = bringing.bring(
        lambda aim: optuna_study.read(url, name, aim), opened, home, click.echo, number=number, fresh=fresh
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

    known = names(home)
    if name in known:
        return name
    typed = shlex.join(["tuner", *command])
    raise StudyError(
        f"no study '{name}' to bring it into.{nearest(name, known)} Name one: {typed} STUDY; `tuner studies` lists them"
    )


def _opened(name: str, number: int | None, home: Home) -> Study:
    """The study that a search of that name has."""
    from tuner.opening import study

    return study(name, number, home, {})
