"""Commands on the models that a search found."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tuner.commands.named import named
from tuner.errors import listing


@click.command()
@click.argument("study")
@click.option("--trial", type=click.IntRange(min=0), help="Another trial than the champion.")
@click.option("-o", "--output", required=True, metavar="DIR", help="The folder to write.")
@click.option("--force", is_flag=True, help="Replace an earlier export in that folder.")
def export(study: str, trial: int | None, output: str, force: bool) -> None:
    """Write the champion as a Keras file that takes raw rows, with a manifest."""
    from tuner import export as exporting
    from tuner.home import Home

    written = exporting.export(Home.here(), named(study), trial, Path(output), force, click.echo)
    click.echo(f"wrote {written}/model.keras and manifest.json")
    if code := exporting.code_of(written):
        click.echo(
            f"it has layers that {listing(code)} makes, beside it: where no search has made it, {_trusted(code)}"
        )
    click.echo(f"predict with: tuner predict {written} {exporting.rows_of(written)}")


def _trusted(code: list[str]) -> str:
    """What to add to `tuner predict` for a model that runs code."""
    return f"`tuner predict` takes {' '.join(f'--trust {name}' for name in code)}"


@click.command()
@click.argument("model")
@click.argument("rows", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write a CSV file instead of printing.")
@click.option(
    "--trust",
    multiple=True,
    metavar="FILE.py",
    type=click.Path(path_type=Path),
    help="Your copy of a file whose code came with the model, which may then run; once for each.",
)
def predict(model: str, rows: Path, output: Path | None, trust: tuple[Path, ...]) -> None:
    """Predict raw rows: the label and its probability, or the value.

    MODEL is a folder that `tuner export` wrote, or the name of a study, for its champion. ROWS is a file with the
    columns that the model was trained on, in any order; cells may be empty. A model with layers of somebody's own
    brings their code: it runs only if a search here has made the model, or you trust its file.
    """
    from tuner import export as exporting
    from tuner.home import Home

    table = exporting.predict(Home.here(), named(model) if not Path(model).is_dir() else model, rows, trust)
    if output is None:
        click.echo(table.to_csv(index=False), nl=False)
        return
    exporting.write_csv(table, output)
    click.echo(f"wrote {len(table)} predictions to {output}")


@click.command()
@click.argument("study")
@click.argument("trial", type=click.IntRange(min=0))
def replay(study: str, trial: int) -> None:
    """Train a trial again, as the record says, and compare the scores."""
    from tuner import live
    from tuner.home import Home
    from tuner.replay import replay as run

    with live.watch(quiet=True) as watch:
        told = run(Home.here(), named(study), trial, watch)
    click.echo(told.line)
    sys.exit(0 if told.same else 1)
