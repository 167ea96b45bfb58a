"""The command line: parses, calls, prints. The only module that knows click.

Nothing heavy is imported before a command needs it: `tuner --help` costs little more than Python itself.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.errors import SearchFailed, StudyError, TunerError, nearest

if TYPE_CHECKING:
    from tuner.home import Home
    from tuner.study import Study

# The choices stand here once more, because reading them from tuner.study would import pydantic for `--help`.
SAMPLERS = ("tpe", "random", "grid", "qmc")
TRAINERS = ("auto", "stacked", "plain")
PRUNERS = ("hyperband", "successive-halving", "median", "none")
# What befalls an output that is full, too large, or gone.
_UNWRITABLE = {errno.ENOSPC, errno.EFBIG, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC)}


class Commands(click.Group):
    """Commands in the order in which they are met, with the nearest name for a mistyped one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise click.UsageError(f"no command '{args[0]}'.{nearest(args[0], self.commands)} Type: tuner --help", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=Commands,
    no_args_is_help=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="tuner", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Finds good hyperparameters for Keras models: one command from rows to a recorded, exported best model.

    Begin with: tuner search diabetes
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@cli.command()
@click.argument("study")
@click.option("--trials", type=click.IntRange(min=1), help="How many trials in all, earlier commands included.")
@click.option("--time", "time_", metavar="TIME", help="A limit for the trials of this command: 90s, 10m, 1h30m.")
@click.option("--seed", type=click.IntRange(min=0, max=2**31 - 1), help="The seed of everything that is drawn.")
@click.option("--data", metavar="FILE", help="Other rows than the study's: a .csv, .parquet or .npz file.")
@click.option("--sampler", type=click.Choice(SAMPLERS), help="What proposes the next trial.")
@click.option("--pruner", type=click.Choice(PRUNERS), help="What stops trials that look bad.")
@click.option("--trainer", type=click.Choice(TRAINERS), help="Trains many trials in one program, or one by one.")
@click.option("--deterministic/--no-deterministic", default=None, help="The same search at any number of workers.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes that train.  [default: one a core]")
@click.option("--fresh", is_flag=True, help="Begin a new search beside the one that there is.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON; progress goes to stderr.")
def search(
    study: str,
    trials: int | None,
    time_: str | None,
    seed: int | None,
    data: str | None,
    sampler: str | None,
    pruner: str | None,
    trainer: str | None,
    deterministic: bool | None,
    workers: int | None,
    fresh: bool,
    as_json: bool,
) -> None:
    """Search for a good network, or go on with a search.

    STUDY is a name from `tuner studies`, or the path of a study file. The same command again goes on where the last
    one stopped, however that ended.
    """
    from tuner import live, report
    from tuner.home import Home
    from tuner.study import seconds

    home = Home.here()
    options: dict[str, dict[str, Any]] = {
        "data": {"source": str(Path(data).absolute())} if data is not None else {},
        "search": {
            key: value
            for key, value in {
                "trials": trials,
                "time": time_,
                "seed": seed,
                "sampler": sampler,
                "pruner": pruner,
                "trainer": trainer,
                "deterministic": deterministic,
            }.items()
            if value is not None
        },
    }
    name, number = _numbered(study)
    loaded = _opened(name, number, home, options)
    stopped = Stopped()
    limit = live.deadline(seconds(loaded.search.time) if loaded.search.time else None)
    with live.watch(as_json) as watch, stopped.by_signals(watch.say):
        from tuner.search import search as run

        outcome = run(
            loaded, home, watch, number=number, fresh=fresh, workers=workers or cores(), stop=stopped.asked, late=limit
        )
    shown = report.load_search(home, outcome.label)
    if as_json:
        click.echo(json.dumps(report.outcome_json(outcome, shown), indent=2, ensure_ascii=False))
    else:
        report.print_outcome(outcome, shown, _same_command())
    if outcome.ended == "stopped":
        sys.exit(stopped.code)


def _opened(name: str, number: int | None, home: Home, options: dict[str, dict[str, Any]]) -> Study:
    """The study with the options of the command; what is wrong with an option is said of the option."""
    from tuner.opening import study

    try:
        return study(name, number, home, options)
    except StudyError as error:
        study(name, number, home, {})  # what is wrong with the file itself comes first
        given = {f"{section}.{key}": f"--{key}" for section, chosen in options.items() for key in chosen}
        given["data.source"] = "--data"
        raise StudyError(*(_of_option(problem, given) for problem in error.problems)) from None


def _of_option(problem: str, given: dict[str, str]) -> str:
    where, _, told = problem.partition(": ")
    key, _, what = told.partition(": ")
    return f"{given[key]}: {what}" if key in given else f"{where}: {told}"


@cli.command("studies")
def studies_() -> None:
    """List the studies there are, with what was found so far."""
    from tuner import report
    from tuner.home import Home

    report.print_studies(report.overview(Home.here()))


@cli.command()
@click.argument("study")
@click.option("--top", default=10, show_default=True, type=click.IntRange(min=1), help="Rows of the leaderboard.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def show(study: str, top: int, as_json: bool) -> None:
    """Show the leaderboard and the champion of a search.

    STUDY is a study's name, for its newest search, or diabetes@1 for the first one.
    """
    from tuner import report
    from tuner.home import Home

    shown = report.load_search(Home.here(), _name(study))
    if as_json:
        click.echo(json.dumps(report.search_json(shown), indent=2, ensure_ascii=False))
    else:
        report.print_search(shown, top)


@cli.command()
@click.option("--port", default=5000, show_default=True, type=click.IntRange(1, 65535), help="Where to listen.")
def ui(port: int) -> None:
    """Open MLflow's UI on the record, on 127.0.0.1, until Ctrl-C."""
    from tuner.home import Home
    from tuner.trackers import server

    server.serve(Home.here(), port, click.echo)


@cli.command()
@click.argument("study")
@click.option("--trial", type=click.IntRange(min=0), help="Another trial than the champion.")
@click.option("-o", "--output", required=True, metavar="DIR", help="The folder to write.")
@click.option("--force", is_flag=True, help="Replace an earlier export in that folder.")
def export(study: str, trial: int | None, output: str, force: bool) -> None:
    """Write the champion as a Keras file that takes raw rows, with a manifest."""
    from tuner import export as exporting
    from tuner.home import Home

    written = exporting.export(Home.here(), _name(study), trial, Path(output), force, click.echo)
    click.echo(f"wrote {written}/model.keras and manifest.json")
    click.echo(f"predict with: tuner predict {written} rows.csv")


@cli.command()
@click.argument("model")
@click.argument("rows", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write a CSV file instead of printing.")
def predict(model: str, rows: Path, output: Path | None) -> None:
    """Predict raw rows: the label and its probability, or the value.

    MODEL is a folder that `tuner export` wrote, or the name of a study, for its champion. ROWS is a file with the
    columns that the model was trained on, in any order; cells may be empty.
    """
    from tuner import export as exporting
    from tuner.home import Home

    table = exporting.predict(Home.here(), _name(model) if not Path(model).is_dir() else model, rows)
    if output is None:
        click.echo(table.to_csv(index=False), nl=False)
        return
    exporting.write_csv(table, output)
    click.echo(f"wrote {len(table)} predictions to {output}")


@cli.command()
@click.argument("study")
@click.argument("trial", type=click.IntRange(min=0))
def replay(study: str, trial: int) -> None:
    """Train a trial again, as the record says, and compare the scores."""
    from tuner import live
    from tuner.home import Home
    from tuner.replay import replay as run

    with live.watch(quiet=True) as watch:
        told = run(Home.here(), _name(study), trial, watch)
    click.echo(told.line)
    sys.exit(0 if told.same else 1)


@cli.command()
@click.argument("study")
@click.option("--trial", type=click.IntRange(min=0), help="Remove only this trial.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(study: str, trial: int | None, yes: bool) -> None:
    """Remove a search, or one of its trials: ledger, files and MLflow runs."""
    from tuner import deletion
    from tuner.home import Home

    planned = deletion.plan(Home.here(), _name(study), trial)
    click.echo(planned.describe())
    if not yes:
        click.confirm("Remove all of it?", abort=True)
    click.echo(planned.carry_out())


@cli.command()
def schema() -> None:
    """Print the JSON schema of study files, for editors."""
    from tuner.study import schema as made

    click.echo(json.dumps(made(), indent=2, ensure_ascii=False))


class Stopped:
    """Ctrl-C and SIGTERM: the first asks the search to stop, the second ends it at once."""

    def __init__(self) -> None:
        self._signal: int | None = None
        self._say: Callable[[str], None] = click.echo

    def asked(self) -> bool:
        """Whether a signal came; the first to see it says so, as a handler must not print."""
        if self._signal is not None and self._say is not None:
            say, self._say = self._say, lambda line: None
            say("stopping; what is in training goes back to be trained again (once more to end at once)")
        return self._signal is not None

    @property
    def code(self) -> int:
        """The exit code that shells expect after a signal."""
        return 128 + (self._signal or signal.SIGINT)

    @contextmanager
    def by_signals(self, say: Callable[[str], None]) -> Iterator[None]:
        """While the block runs, signals come here."""
        self._say = say
        before = {number: signal.signal(number, self._catch) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _catch(self, number: int, _: object) -> None:
        if self._signal is not None:
            os.write(2, b"\x1b[?25h\n" if os.isatty(2) else b"")  # the live view hides the cursor
            os._exit(128 + number)
        self._signal = number


def _same_command() -> str:
    import shlex

    return shlex.join(["tuner", *(argument for argument in sys.argv[1:] if argument != "--fresh")])


def _numbered(study: str) -> tuple[str, int | None]:
    """A study and the number of one of its searches: diabetes@1."""
    name, at, number = study.rpartition("@")
    return (name, int(number)) if at and number.isdigit() else (study, None)


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _name(study: str) -> str:
    """A study's name, where its file may have been given."""
    return Path(study).stem if study.endswith(".toml") else study


def main() -> None:
    """The entry point: errors that a person can act on are lines without a traceback."""
    debug = "--debug" in sys.argv
    try:
        _run()
    except TunerError as error:
        if debug:
            import traceback

            traceback.print_exc()
        for problem in error.problems:
            click.echo(f"error: {problem}", err=True)
        if isinstance(error, SearchFailed) and error.detail:
            click.echo(error.detail.rstrip(), err=True)
        sys.exit(error.exit_code)
    except click.UsageError as error:
        click.echo(f"error: {error.format_message()}", err=True)
        sys.exit(2)
    except click.ClickException as error:
        click.echo(f"error: {error.format_message()}", err=True)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output has gone (`tuner show … | head`).
        _drop_output()
        sys.exit(141)
    except OSError as error:
        # Errors of a named file have its name; those of the output have none.
        if debug or error.filename is not None or error.errno not in _UNWRITABLE:
            raise
        _drop_output()
        click.echo(f"error: what is printed cannot be written ({error.strerror}). Send it to another place", err=True)
        sys.exit(2)


def _run() -> None:
    """The command, until what it printed is written."""
    try:
        cli.main(standalone_mode=False)
    finally:
        if sys.stdout is not None:
            sys.stdout.flush()


def _drop_output() -> None:
    """What is still to be written is not: Python would complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
