"""What a search shows while it runs: a live table in a terminal, a line a trial elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from tuner import wording
from tuner.data.split import Split
from tuner.errors import one_line
from tuner.ledger import Owned
from tuner.study import Study
from tuner.trial import Objective, Report, Result, State, Trial
from tuner.watch import Watch


def deadline(limit: float | None, clock: Callable[[], float] = time.monotonic) -> Callable[[], bool]:
    """A function that turns true `limit` seconds from now; never, where there is no limit."""
    end = None if limit is None else clock() + limit
    return lambda: end is not None and clock() > end


@contextmanager
def watch(quiet: bool = False) -> Iterator[Watch]:
    """The watch that suits where the output goes. With `quiet`, progress goes to stderr, a line a trial."""
    console = Console(stderr=quiet, highlight=False)
    if quiet or not console.is_terminal:
        # Lines are for logs and pipes: they are not cut to a width that nobody looks at.
        yield Lines(Console(stderr=quiet, highlight=False, soft_wrap=True))
        return
    shown = Screen(console)
    with Live(shown, console=console, refresh_per_second=4, transient=True):
        yield shown


@dataclass
class Tally:
    """What both ways of showing keep count of."""

    label: str = ""
    objective: Objective | None = None
    total: int = 0
    results: int = 0
    best: Result | None = None
    states: dict[State, int] = field(default_factory=dict)
    since: float = field(default_factory=time.monotonic)
    first: int = 0  # results that were there when this command began
    fixed: frozenset[str] = frozenset()  # the parameters of one value, which all trials share

    def begin(self, label: str, study: Study, split: Split, record: Owned) -> None:
        self.label, self.objective, self.total = label, study.objective_for(split.task), study.search.trials
        self.fixed = frozenset(parameter.name for parameter in study.space.parameters if parameter.size == 1)
        for result in record.results:
            self.add(result)
        self.first = self.results
        self.since = time.monotonic()

    def add(self, result: Result) -> None:
        self.results += 1
        if result.imported:
            return
        self.states[result.state] = self.states.get(result.state, 0) + 1
        assert self.objective is not None
        both = [r for r in (self.best, result) if r is not None]
        ranked = self.objective.ranked(both)
        self.best = ranked[0] if ranked else None

    def values(self, trial: Trial) -> str:
        """What sets a trial apart from others."""
        return wording.values(trial.values, self.fixed)

    def left(self) -> float | None:
        """Seconds to go, from the pace so far; None before the first result."""
        done = self.results - self.first
        if not done:
            return None
        return (time.monotonic() - self.since) / done * max(self.total - self.results, 0)


# Seconds within which a trial whose program is there has ended its first epoch, as a rule.
_AT_ONCE = 3.0
# What a log or a mail shows of a line without folding it.
_COLUMNS = 100


class Lines(Watch):
    """One plain line for each finished trial; values that do not go on it are in `tuner show`."""

    def __init__(self, console: Console) -> None:
        self.console, self.tally = console, Tally()

    def begins(self, label: str, study: Study, split: Split, record: Owned) -> None:
        self.tally.begin(label, study, split, record)
        for line in _introduction(self.tally, study, split, record):
            self.say(line)

    def told(self, result: Result) -> None:
        self.tally.add(result)
        best = self.tally.best
        shown = f" · best {wording.score(best.score)} (trial {best.trial.number})" if best else ""
        place = f"[{self.tally.results}/{self.tally.total}] "
        line = wording.result(result, self.tally.fixed)
        # Why a trial failed stands nowhere else that one would look.
        if result.state is not State.FAILED:
            line = wording.fitting(line, _COLUMNS - len(place) - len(shown))
        self.say(f"{place}{line}{shown}")

    def say(self, line: str) -> None:
        self.console.print(line, markup=False)


class Screen(Watch):
    """Progress, the trials in training with their epoch, the best so far, and failures."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.console, self.tally, self._clock = console, Tally(), clock
        self.running: dict[int, tuple[Trial, Report | None]] = {}
        self._begun: dict[int, float] = {}  # when each trial was asked for that has not ended an epoch
        self.recent: list[Result] = []
        self.progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("trials ·"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
        )
        self.task = self.progress.add_task("reading the data", total=None, left="")

    def begins(self, label: str, study: Study, split: Split, record: Owned) -> None:
        self.tally.begin(label, study, split, record)
        for line in _introduction(self.tally, study, split, record):
            self.say(line)
        self.progress.update(self.task, description=label, total=self.tally.total, completed=self.tally.results)

    def asked(self, trial: Trial) -> None:
        self.running[trial.number] = (trial, None)
        self._begun[trial.number] = self._clock()

    def reported(self, reports: Sequence[Report], stopped: set[int]) -> None:
        for report in reports:
            self._begun.pop(report.trial, None)
            if report.trial in self.running:
                self.running[report.trial] = (self.running[report.trial][0], report)

    def retrained(self, result: Result) -> None:
        self.running.pop(result.trial.number, None)
        self._begun.pop(result.trial.number, None)

    def told(self, result: Result) -> None:
        self.retrained(result)
        self.tally.add(result)
        self.recent = [result, *self.recent][:5]
        self.progress.update(self.task, completed=self.tally.results)
        if result.state is State.FAILED and result.error:
            self.say(f"trial {result.trial.number} failed: {wording.last_line(result.error)}")

    def say(self, line: str) -> None:
        self.console.print(line, markup=False)

    def __rich__(self) -> RenderableType:
        left = self.tally.left()
        self.progress.update(self.task, left=f"· about {wording.duration(left)} left" if left else "")
        parts: list[RenderableType] = [self.progress]
        if self.running or self.recent:
            parts.append(self._trials())
        if starting := self._starting():
            parts.append(Text(starting, style="dim"))
        best = self.tally.best
        if best is not None and self.tally.objective is not None:
            text = Text(f"best {self.tally.objective.metric} {wording.score(best.score)} ", style="bold green")
            told = ": ".join(filter(None, [f"trial {best.trial.number}", self.tally.values(best.trial)]))
            text.append(told, style="default")
            parts.append(text)
        if counts := wording.states(self.tally.states):
            parts.append(Text(counts, style="dim"))
        return Group(*parts)

    def _starting(self) -> str:
        """Why nothing seems to happen, where trials have been starting for longer than they take with a program."""
        waits = [waited for begun in self._begun.values() if (waited := self._clock() - begun) > _AT_ONCE]
        if not waits:
            return ""
        return (
            f"{wording.count(len(waits), 'trial')} starting for {wording.duration(max(waits))}: "
            "a program that is new is compiled first, and kept for later searches"
        )

    def _trials(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=True)
        for name, width in (("trial", 5), ("state", 8), ("epoch", 8), ("score", 8), ("seconds", 7)):
            table.add_column(name, width=width, no_wrap=True, justify="left" if name == "state" else "right")
        table.add_column("values", no_wrap=True, overflow="ellipsis", ratio=1)
        metric = self.tally.objective.metric if self.tally.objective else ""
        for trial, report in self.running.values():
            epoch = f"{report.epoch}/{trial.last_epoch}" if report else "starting"
            score = wording.score(report.metrics.get(metric)) if report else ""
            table.add_row(str(trial.number), "training", epoch, score, "", self.tally.values(trial), style="bold")
        for result in self.recent:
            table.add_row(
                str(result.trial.number),
                result.state.value,
                str(result.last_epoch),
                wording.score(result.score),
                f"{result.seconds:.1f}",
                self.tally.values(result.trial),
                style="red" if result.state is State.FAILED else "dim",
            )
        return table


def _introduction(tally: Tally, study: Study, split: Split, record: Owned) -> list[str]:
    lines = [
        f"{tally.label}: {study.title}" if study.title else tally.label,
        f"{split.table}: {len(split.y_train)} rows to train on, {len(split.y_validation)} to choose by, "
        f"{len(split.y_test)} kept apart for the test",
        *(f"note: {warning}" for warning in split.warnings),
    ]
    if tally.results or record.waiting:
        finished = tally.results >= tally.total
        back = f", {len(record.waiting)} put back" if record.waiting and not finished else ""
        done = "nothing left to train" if finished else "resuming"
        imported = sum(result.imported for result in record.results)
        among = f", {imported} of them imported" if imported else ""
        lines.append(f"{done}: {tally.results} of {max(tally.results, tally.total)} done{among}{back}")
    return [one_line(line) for line in lines]  # there may be anything in a column's name
