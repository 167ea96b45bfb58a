"""The command that writes a search down as a page."""

from __future__ import annotations

from pathlib import Path

import click

from tuner.commands.named import named


@click.command()
@click.argument("study")
@click.option("-o", "--output", required=True, metavar="FILE", help="The page to write, as report.html.")
@click.option("--top", default=20, show_default=True, type=click.IntRange(min=1), help="Rows of the leaderboard.")
@click.option("--test", is_flag=True, help="Show the champion's mistakes among the test rows too.")
@click.option("--force", is_flag=True, help="Replace an earlier report of that name.")
def report(study: str, output: str, top: int, test: bool, force: bool) -> None:
    """Write one HTML page on a search, which needs no network and no other file.

    STUDY is a study's name, for its newest search, or diabetes@1 for the first one.
    """
    from tuner.home import Home
    from tuner.page import writing

    written = writing.report(Home.here(), named(study), Path(output), top=top, test=test, force=force)
    click.echo(f"wrote {written}")
