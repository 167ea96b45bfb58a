"""The tables of the page on drivers and samplers, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from tests.benchmarks import standings
from tests.benchmarks.curves import Table
from tests.benchmarks.pictures import Courses
from tests.benchmarks.standings import Baseline, Standing
from tests.benchmarks.ways import WAYS, Course, Way

_NONE = "–"


@dataclass(frozen=True)
class Figures:
    """What searches in these tables came to, after as many trials as `counts` says."""

    baselines: Sequence[Baseline]
    ways: Sequence[Way]
    courses: Courses
    counts: Sequence[int]

    @property
    def tables(self) -> list[Table]:
        return [baseline.table for baseline in self.baselines]

    def of(self, way: Way, table: Table) -> Sequence[Course]:
        return self.courses[way.name, table.ground.name]

    def standings(self, way: Way, n: int, by_epochs: bool = False) -> list[Standing] | None:
        """After `n` trials in every table; None where no search of that way is as long."""
        most = way.whole if by_epochs else way.most
        if most is not None and n > most:
            return None
        return [standings.standing(each, self.of(way, each.table), n, by_epochs) for each in self.baselines]

    def shares(self) -> dict[str, dict[int, tuple[float, float]]]:
        """How many random searches each way beats, with the error; of those that stop early at equal epochs."""
        return {
            way.name: {
                n: (standings.share(each), standings.error(each))
                for n in self.counts
                if (each := self.standings(way, n, by_epochs=way.stops_early)) is not None
            }
            for way in self.ways
        }

    @property
    def searches(self) -> int:
        """How many there are of a way."""
        return sum(len(self.of(self.ways[0], table)) for table in self.tables)


def everything(figures: Figures) -> str:
    """All tables."""
    parts = [
        ("Best validation score, medians", scores(figures)),
        ("Against random search", against(figures)),
        *((f"{table.ground.title}, medians and ends", ends(figures, table)) for table in figures.tables),
        ("At equal epochs", equal_epochs(figures)),
        ("What proposals cost", costs(figures)),
    ]
    return "\n".join(f"### {title}\n\n{table}" for title, table in parts)


def scores(figures: Figures) -> str:
    """The medians of all tables in a line for each way, the exact ones of random search first."""
    slashes = " / ".join(str(n) for n in figures.counts)
    heads = [f"{t.ground.title}, {t.ground.measure}, {slashes} trials" for t in figures.tables]
    medians = [[_number(each.expected(n, 0.5)) for n in figures.counts] for each in figures.baselines]
    lines = [["any random search", *(" / ".join(each) for each in medians)]]
    for way in figures.ways:
        cells = []
        for i in range(len(figures.tables)):
            found = [figures.standings(way, n) for n in figures.counts]
            cells.append(" / ".join(_NONE if each is None else _number(each[i].score) for each in found))
        lines.append([_said(way), *cells])
    lines.append(["the best point", *(_number(table.best) for table in figures.tables)])
    return _markdown(["", *heads], lines)


def against(figures: Figures) -> str:
    """How many random searches of as many trials are beaten, and how long ones are as good."""
    heads = ["", *(f"beats at {n}" for n in figures.counts), *(f"{n} are worth" for n in figures.counts)]
    lines = []
    for way in figures.ways:
        found = [figures.standings(way, n) for n in figures.counts]
        beats = [_NONE if each is None else _share(each) for each in found]
        worths = [_NONE if each is None else f"{standings.typical_worth(each):.0f}" for each in found]
        lines.append([_said(way), *beats, *worths])
    return _markdown(heads, lines)


def _share(found: Sequence[Standing]) -> str:
    return f"{100 * standings.share(found):.0f} ± {100 * standings.error(found):.0f}"


def ends(figures: Figures, table: Table) -> str:
    """The median of a table, and the worst and the best search."""
    i = figures.tables.index(table)
    lines = []
    for way in figures.ways:
        found = [figures.standings(way, n) for n in figures.counts]
        lines.append([_said(way), *(_NONE if each is None else _spread(table, each[i]) for each in found)])
    return _markdown(["", *(f"{n} trials" for n in figures.counts)], lines)


def _spread(table: Table, standing: Standing) -> str:
    ordered = sorted(
        ((regret, score) for regret, score in zip(standing.regrets, standing.scores, strict=True)), reverse=True,
        key=lambda each: each[0],
    )  # fmt: skip
    regret = median(standing.regrets)
    return f"{_number(standing.score)} ({_number(ordered[0][1])} to {_number(ordered[-1][1])}), {regret:.4f} off"


def equal_epochs(figures: Figures) -> str:
    """Those that stop trials early, beside what they are made of, when so many whole trials' epochs are spent."""
    beside = [way for way in figures.ways if way.stops_early or way.name in ("random", "tpe", "kt-random")]
    epochs = figures.tables[0].ground.epochs
    heads = [f"{table.ground.title}, {table.ground.measure}" for table in figures.tables]
    totals = " / ".join(f"{n * epochs:,}" for n in figures.counts)
    lines = []
    for way in beside:
        found = [figures.standings(way, n, by_epochs=True) for n in figures.counts]
        cells = [
            " / ".join(_NONE if each is None else _number(each[i].score) for each in found)
            for i in range(len(figures.tables))
        ]
        beats = " / ".join(_NONE if each is None else _share(each) for each in found)
        worth = " / ".join(_NONE if each is None else f"{standings.typical_worth(each):.0f}" for each in found)
        lines.append([_said(way), _per_trial(figures, way), *cells, beats, worth])
    return _markdown([f"after {totals} epochs", "epochs a trial", *heads, "beats", "worth"], lines)


def _per_trial(figures: Figures, way: Way) -> str:
    every = [course for table in figures.tables for course in figures.of(way, table)]
    return f"{fmean(course.epochs[-1] / len(course.epochs) for course in every):.1f}"


def costs(figures: Figures) -> str:
    """The driver's processor time for a trial, and how many times random's it is."""
    heads = [
        "",
        *(f"ms a trial, up to {n}" for n in figures.counts),
        *(f"to random, up to {n}" for n in figures.counts),
    ]
    base = [_milliseconds(figures, WAYS["random"], n) for n in figures.counts]
    lines = []
    for way in figures.ways:
        taken = [_milliseconds(figures, way, n) for n in figures.counts]
        ratios = [_NONE if t is None or not b else f"{t / b:,.0f}×" for t, b in zip(taken, base, strict=True)]
        lines.append([_said(way), *(_NONE if each is None else _digits(each) for each in taken), *ratios])
    return _markdown(heads, lines)


def _milliseconds(figures: Figures, way: Way, n: int) -> float | None:
    if way not in figures.ways:
        return None
    every = [course for table in figures.tables for course in figures.of(way, table)]
    long = [course for course in every if len(course.scores) >= n]
    return 1000 * median(course.seconds[n - 1] / n for course in long) if len(long) == len(every) else None


def _said(way: Way) -> str:
    pruned = f" + {way.pruner}" if way.pruner != "none" else ""
    return f"{ {'optuna': 'Optuna', 'keras-tuner': 'KerasTuner'}[way.driver] } `{way.sampler}`{pruned}"


def _number(score: float | None) -> str:
    return _NONE if score is None else f"{score:.4f}"


def _digits(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}" if number >= 1 else f"{number:.2f}"


def _markdown(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows) + "\n"


def grouped(courses: Sequence[Course]) -> Mapping[tuple[str, str], Sequence[Course]]:
    """By way and ground."""
    found: dict[tuple[str, str], list[Course]] = {}
    for course in courses:
        found.setdefault((course.way, course.ground), []).append(course)
    return found


def notes(figures: Figures, described: str, date: str, room: int) -> Iterator[str]:
    """What must be known to read the tables."""
    chance = 100 * standings.noise(figures.searches)
    seeds = len(figures.of(figures.ways[0], figures.tables[0]))
    yield f"{date}, {described}"
    yield f"{len(figures.tables)} tables × {seeds} seeds, {room} at a time"
    yield (
        f"of 100 random searches of as many trials, so many are beaten; {50 - chance:.0f} to {50 + chance:.0f} % is no "
        f"more than chance"
    )
    for table in figures.tables:
        points, diverged = len(table.scores), int((table.scores != table.scores).sum())
        yield (
            f"{table.ground.title}: {points:,} points of {table.ground.epochs} epochs, {diverged} of them diverged; "
            f"the best is {table.best:.4f}"
        )
