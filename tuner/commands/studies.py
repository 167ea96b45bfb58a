"""Commands on study files."""

from __future__ import annotations

import json

import click

# Those of tuner.metrics.Task, once more, as nothing of tuner's is imported for `--help`.
TASKS = ("binary", "multiclass", "regression")


@click.command("studies")
def studies_() -> None:
    """List the studies there are, with what was found so far."""
    from tuner import report
    from tuner.home import Home

    report.print_studies(report.overview(Home.here()))


@click.command()
@click.argument("name")
@click.option("--data", required=True, metavar="SOURCE", help="A .csv, .parquet or .npz file, or as openml:diabetes@1.")
@click.option("--target", metavar="COLUMN", help="The column to predict.  [default: what looks like it]")
@click.option(
    "--task", type=click.Choice(TASKS), help="What kind of prediction.  [default: what the target looks like]"
)
@click.option("--force", is_flag=True, help="Replace the study file that is there.")
def init(name: str, data: str, target: str | None, task: str | None, force: bool) -> None:
    """Write a study file for rows that nobody has described.

    It is studies/NAME.toml, can be searched as it is, and says what was guessed: kinds of columns, what stands for an
    empty cell, which columns are left out.
    """
    from tuner import drafting
    from tuner.home import Home

    draft = drafting.draft(name, Home.here(), data, target, task, force)
    draft.write(force)
    for line in drafting.summary(draft.inferred):
        click.echo(line)
    for question in draft.inferred.questions:
        click.echo(f"question: {question}")
    click.echo(f"wrote {draft.shown}" + (", which comes before the shipped study of its name" if draft.hides else ""))
    click.echo(f"search with: tuner search {name}")


@click.command()
@click.argument("study")
def space(study: str) -> None:
    """Show what a search varies: ranges, rules, the number of combinations, and three of them.

    STUDY is a name from `tuner studies`, the path of a study file, or a model of your own as mymodel.py:build_model,
    which is built to find what it varies. What has no [space] is searched in one that suits most rows.
    """
    from tuner import opening, spaces
    from tuner.commands.named import numbered
    from tuner.home import Home

    found = opening.with_space(*numbered(study), Home.here(), lambda line: click.echo(line, err=True))
    for line in spaces.in_words(found):
        click.echo(line)


@click.command()
def schema() -> None:
    """Print the JSON schema of study files, for editors."""
    from tuner.study import schema as made

    click.echo(json.dumps(made(), indent=2, ensure_ascii=False))
