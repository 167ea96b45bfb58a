"""Commands that look at searches, and the one that removes them."""

from __future__ import annotations

import json

import click

from tuner.commands.named import named

# Those of tuner.table_formats, once more, as nothing else of tuner's is imported for `--help`.
FORMATS = ("text", "csv", "md", "html")


@click.command()
@click.argument("study")
@click.option("--top", default=10, show_default=True, type=click.IntRange(min=1), help="Rows of the leaderboard.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def show(study: str, top: int, as_json: bool) -> None:
    """Show the leaderboard and the champion of a search.

    STUDY is a study's name, for its newest search, or diabetes@1 for the first one.
    """
    from tuner import opening, report
    from tuner.home import Home
    from tuner.shown import load_search

    home = Home.here()
    shown = load_search(home, named(study))
    if as_json:
        click.echo(json.dumps(report.search_json(shown), indent=2, ensure_ascii=False))
    else:
        report.print_search(shown, top, opening.resuming(shown.search, home))


@click.command()
@click.argument("study")
@click.option("--rows", required=True, metavar="NAMES", help="A line for each combination of these parameters: a,b.")
@click.option("--columns", metavar="NAMES", help="A block of columns for each combination of these.")
@click.option("--metric", help="Another metric than the objective, of those of every epoch.")
@click.option(
    "--format", "form", default="text", show_default=True, type=click.Choice(FORMATS), help="How it is printed."
)
def table(study: str, rows: str, columns: str | None, metric: str | None, form: str) -> None:
    """Print a search as a table, and draw it.

    For every combination: the mean score on train and validation rows at the epochs that count, seconds, and how many
    trials there were, with the standard deviation where there are two or more. The picture lies in the
    folder of the search.
    """
    from tuner import table_formats, tables
    from tuner.home import Home

    home = Home.here()
    made = tables.table(home, named(study), _names(rows), _names(columns or ""), metric)
    click.echo(table_formats.FORMATS[form](made), nl=False)
    drawn = tables.draw(made, home)
    click.echo(f"drawn in {drawn.relative_to(home.root)}", err=True)


def _names(given: str) -> list[str]:
    """The names in a list with commas."""
    return [name.strip() for name in given.split(",") if name.strip()]


@click.command()
@click.option("--port", default=5000, show_default=True, type=click.IntRange(1, 65535), help="Where to listen.")
def ui(port: int) -> None:
    """Open MLflow's UI on the record, on 127.0.0.1, until Ctrl-C."""
    from tuner.home import Home
    from tuner.trackers import server

    server.serve(Home.here(), port, click.echo)


@click.command()
@click.argument("study")
@click.option("--trial", type=click.IntRange(min=0), help="Remove only this trial.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(study: str, trial: int | None, yes: bool) -> None:
    """Remove a search, or one of its trials: ledger, files and MLflow runs."""
    from tuner import deletion
    from tuner.home import Home

    planned = deletion.plan(Home.here(), named(study), trial)
    click.echo(planned.describe())
    if not yes:
        click.confirm("Remove all of it?", abort=True)
    click.echo(planned.carry_out())
