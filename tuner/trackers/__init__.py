"""Trackers keep the record that people browse. A search goes on when the record cannot be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tuner.trial import Metrics, Result, Value


@dataclass(frozen=True, slots=True)
class Opening:
    """What the record says of a search before its first trial."""

    study: str  # the study's name: the experiment
    label: str  # the search's name, as diabetes@1
    identity: str  # unique to this search, on any machine
    title: str
    document: Mapping[str, Any]  # the study file, options included
    space: Mapping[str, Any]
    metric: str
    goal: str
    seed: int
    data: Mapping[str, str]  # name, digest, rows, …
    versions: Mapping[str, str]
    commit: str | None = None  # of the git checkout in which the command was typed
    settings: Mapping[str, Any] = field(default_factory=dict)  # `Study.settings()`: flat, defaults included
    trials: int | None = None  # how many the search is to have; may grow from one command to the next
    text: str | None = None  # the study file as it was written
    further: Sequence[str] = ()  # the objectives after the first
    model: Path | None = None  # the file of a user's own model, a copy


@dataclass(frozen=True, slots=True)
class Closing:
    """What the record says of a search after its last trial."""

    champion: int
    values: Mapping[str, Value]
    scores: Metrics  # validation and test scores, interval, gap, baselines
    summary: Mapping[str, Any]  # all of it, as one JSON artifact
    plots: Sequence[Path] = ()
    model: Path | None = None  # a folder in MLflow's model format
    kept: Mapping[int, Sequence[Path]] = field(default_factory=dict)  # files of the best trials, by number
    front: Sequence[int] = ()  # of several objectives: the trials that no other is better than


class Tracker(Protocol):
    """What records one search. No call waits for the store: the work is done behind the search's back, in order.

    Nothing is raised because the store is away: what could not be written yet waits, and is tried again.
    """

    def begin(self, opening: Opening) -> None:
        """Opens the record of a search, or goes on with it; runs that an ended process left open are closed."""
        ...

    def record(self, result: Result) -> None:
        """Records a finished trial. Recording one again changes nothing; a retake is not a trial of the record."""
        ...

    def end(self, closing: Closing | None) -> None:
        """Writes what the search found; None where it ended without a champion. The record can be begun again."""
        ...

    def recorded(self) -> Mapping[int | None, str]:
        """The ids of the runs found or written since the last call, by trial number; None is the search's own run."""
        ...

    @property
    def offline(self) -> str | None:
        """One line on why the store takes nothing at the moment, or not all; None while all is well."""
        ...

    @property
    def waiting(self) -> int:
        """How many trials are still to be written. The ending counts as one."""
        ...

    def close(self, seconds: float) -> int:
        """Waits at most that long for what is still to be written, and returns how much of it is not, as `waiting`.

        A search that was begun and not ended is then marked as interrupted. The tracker takes nothing more.
        """
        ...
