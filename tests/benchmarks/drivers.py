"""`make bench-drivers`: which driver and which sampler, for how many trials.

Every sampler of both drivers searches in the same tables: finite spaces on real rows, of which each point was trained
once, with the stacked engine, for all of its epochs. A trial is then a look at its curve, so that hundreds of searches
take minutes. The drivers are those of `tuner search`, asked, told and made to judge as there, one trial at a time.

    score        of the best trial that completed, on validation rows, at its best epoch
    beats        of 100 random searches of as many trials, so many come to less
    worth        of how many random trials the median search comes to that score
    epochs       for those that stop trials early: all that were trained, those of stopped trials included
    ms a trial   the driver's processor time for being asked, told and made to judge, and for its state

What a stacked trial, a plain one and its curve in a table differ by is nothing; what is not in the tables is a warm
start: a trial that goes on from another's weights goes on along its own point's curve.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from threadpoolctl import threadpool_limits

from tests.benchmarks import machine, pictures, standings
from tests.benchmarks.curves import grounds, tables
from tests.benchmarks.figures import Figures, everything, grouped, notes
from tests.benchmarks.ways import WAYS, Kept, courses

_OWN = Path(__file__).parent / "tables"
# Trials after which a search is looked at, and seeds.
_FULL = ((30, 100, 300), 5)
_QUICK = ((5, 10, 20), 2)
# Random searches that are drawn, and how long each is; what is worth more is worth that.
_DRAWN, _LONGEST = 4000, 2000


def main(arguments: list[str] | None = None) -> None:
    given = _options(arguments)
    counts, seeds = _QUICK if given.quick else _FULL
    names = list(grounds())[:1] if given.quick else list(grounds())
    ways = [WAYS[name] for name in given.ways]
    began = time.perf_counter()
    found = tables(names, given.tables, given.workers, _say)
    # On every core, small matrices take more processor time than on one, and no less of anybody's.
    with threadpool_limits(1):
        made = courses(found, ways, seeds, max(counts), given.at_once, Kept(given.kept), _say)
    figures = Figures(
        [standings.Baseline(table, _LONGEST, _DRAWN // (10 if given.quick else 1)) for table in found],
        ways,
        grouped(made),
        counts,
    )
    told = [*notes(figures, machine.described(), f"{datetime.now(UTC):%Y-%m-%d}", given.at_once)]
    told.append(f"took {(time.perf_counter() - began) / 60:.0f} minutes")
    if given.quick:
        told.append("a quick run: the figures mean nothing")
    text = everything(figures) + "\n" + "\n".join(f"- {note}" for note in told) + "\n"
    print(text, end="")
    if given.output:
        given.output.write_text(text, encoding="utf-8")
    if given.pictures:
        draw(given.pictures, figures)


def draw(folder: Path, figures: Figures) -> None:
    """The pictures of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    most = max(figures.counts)
    pictures.by_trials(folder / "drivers-trials.png", figures.baselines, figures.courses, most)
    pictures.by_epochs(folder / "drivers-epochs.png", figures.baselines, figures.courses, most)
    pictures.beaten(folder / "drivers-beaten.png", figures.shares(), standings.noise(figures.searches))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-drivers ARGS=", description="Compares drivers and samplers.")
    parser.add_argument(
        "--ways", type=_ways, default=list(WAYS), help=f"as tpe,random; all by default: {', '.join(WAYS)}"
    )
    parser.add_argument("--at-once", type=int, default=1, help="trials that run side by side (1)")
    parser.add_argument(
        "--tables", type=Path, default=_OWN, help="the folder of the tables; what is missing is trained"
    )
    parser.add_argument("--kept", type=Path, help="a file that searches are kept in, and not made again")
    parser.add_argument("--workers", type=int, default=1, help="processes that train what is missing (1)")
    parser.add_argument("--pictures", type=Path, help="a folder for the pictures; docs, for those of the page")
    parser.add_argument("--output", type=Path, help="a file for the tables, in Markdown")
    parser.add_argument("--quick", action="store_true", help="tiny counts, to see that it all works")
    return parser.parse_args(arguments)


def _ways(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in WAYS]:
        raise argparse.ArgumentTypeError(f"no way {unknown[0]}; there are {', '.join(WAYS)}")
    return names


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
