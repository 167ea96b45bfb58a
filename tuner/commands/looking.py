"""Commands that look at searches, and the one that removes them."""

from __future__ import annotations

import json

import click

from tuner.commands.named import named


@click.command()
@click.argument("study")
@click.option("--top", default=10, show_default=True, type=click.IntRange(min=1), help="Rows of the leaderboard.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def show(study: str, top: int, as_json: bool) -> None:
    """Show the leaderboard and the champion of a search.

    STUDY is a study's name, for its newest search, or diabetes@1 for the first one.
    """
    from tuner import report
    from tuner.home import Home

    shown = report.load_search(Home.here(), named(study))
    if as_json:
        click.echo(json.dumps(report.search_json(shown), indent=2, ensure_ascii=False))
    else:
        report.print_search(shown, top)


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
