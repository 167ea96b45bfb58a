"""How a study, or one of its searches, is named on the command line."""

from __future__ import annotations

from pathlib import Path


def numbered(study: str) -> tuple[str, int | None]:
    """A study and the number of one of its searches: diabetes@1."""
    name, at, number = study.rpartition("@")
    return (name, int(number)) if at and number.isdigit() else (study, None)


def named(study: str) -> str:
    """A study's name, where its file may have been given."""
    return Path(study).stem if study.endswith(".toml") else study
