"""Commands on study files."""

from __future__ import annotations

import json

import click


@click.command("studies")
def studies_() -> None:
    """List the studies there are, with what was found so far."""
    from tuner import report
    from tuner.home import Home

    report.print_studies(report.overview(Home.here()))


@click.command()
def schema() -> None:
    """Print the JSON schema of study files, for editors."""
    from tuner.study import schema as made

    click.echo(json.dumps(made(), indent=2, ensure_ascii=False))
