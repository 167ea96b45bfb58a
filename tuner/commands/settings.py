"""Settings of a study that a command gives in its own options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.errors import StudyError

if TYPE_CHECKING:
    from tuner.home import Home
    from tuner.study import Study


def opened(name: str, number: int | None, home: Home, options: dict[str, dict[str, Any]]) -> Study:
    """The study with the options of the command; what is wrong with an option is said of the option."""
    from tuner import model_file
    from tuner.opening import study

    try:
        return study(name, number, home, options)
    except StudyError as error:
        if not model_file.is_one(name):  # which has no file of settings
            study(name, number, home, {})  # what is wrong with the file itself comes first
        known = {"data.source": "--data", "objective.metric": "--objective"}
        keys = [(f"{section}.{key}", key) for section, chosen in options.items() for key in chosen]
        typed = {path: known.get(path, f"--{key.replace('_', '-')}") for path, key in keys}
        raise StudyError(*(_of_option(problem, typed) for problem in error.problems)) from None


def given(**options: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The options that the command has, by section."""
    return {
        section: chosen
        for section, each in options.items()
        if (chosen := {key: value for key, value in each.items() if value is not None})
    }


def rows(source: str) -> str:
    """A source by its name; a file as seen from here, as one that a study names is looked for beside the study."""
    scheme, colon, _ = source.partition(":")
    named = colon and len(scheme) > 1 and not Path(source).exists()  # one letter is a Windows drive
    return source if named else str(Path(source).absolute())


def _of_option(problem: str, typed: dict[str, str]) -> str:
    where, _, told = problem.partition(": ")
    key, _, what = told.partition(": ")
    return f"{typed[key]}: {what}" if key in typed else f"{where}: {told}"
