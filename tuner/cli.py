"""The command line: the group of commands, and how it ends. Only this and `tuner.commands` know click.

Nothing heavy is imported before a command needs it: `tuner --help` costs little more than Python itself.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

import click

from tuner.commands import exchanging, looking, models, reporting, searching, studies
from tuner.errors import SearchFailed, TunerError, nearest

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


for _command in (
    searching.search,
    studies.init,
    studies.studies_,
    studies.space,
    looking.show,
    looking.table,
    reporting.report,
    looking.ui,
    models.export,
    models.predict,
    models.replay,
    exchanging.import_keras_tuner,
    exchanging.import_optuna,
    exchanging.export_optuna,
    looking.delete,
    studies.schema,
):
    cli.add_command(_command)


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
