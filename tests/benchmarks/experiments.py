"""How each row is measured: our side and the peers in turn, as often as alternations are asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks import machine, ours
from tests.benchmarks.machine import Taken
from tests.benchmarks.rows import Sizes
from tests.benchmarks.table import Line, digits, ratios
from tests.benchmarks.tasks import Task, arithmetic, tasks

Measure = Callable[[int], Taken]
TUNERS = ("KerasTuner", "Optuna + fit")
FITS = ("fit", "two processes of fit")


@dataclass
class Bench:
    """The settings of a run; `say` hears of every measurement, and `notes` are for below the table."""

    sizes: Sizes
    alternations: int
    options: Sequence[str]
    say: Callable[[str], None]
    notes: list[str] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)

    def alternate(self, sides: Mapping[str, Measure]) -> dict[str, list[Taken]]:
        """Each side once, then each once more, …: what the machine does meanwhile meets all of them."""
        taken: dict[str, list[Taken]] = {name: [] for name in sides}
        for turn in range(self.alternations):
            for name, measure in sides.items():
                one = measure(turn)
                taken[name].append(one)
                self.loads.append(one.load)
                told = {"whole": one.whole, **one.numbers, "load": one.load}
                shown = " · ".join(f"{key} {value:.3g}" for key, value in told.items())
                self.say(f"  {turn + 1}/{self.alternations} {name}: {shown}")
        return taken

    def note(self, rows: str, taken: Mapping[str, list[Taken]]) -> None:
        """What the figures of these rows leave out or rest on: the import, and how deep the networks were."""
        for key, about, unit in (("import", "importing TensorFlow", " s"), ("depth", "mean hidden layers", "")):
            told = {name: [turn[key] for turn in turns if key in turn.numbers] for name, turns in taken.items()}
            sides = ", ".join(f"{name} {digits(median(values))}{unit}" for name, values in told.items() if values)
            self.notes.append(f"{rows}: {about}: {sides}")

    # The sides

    def task(self, name: str, epochs: int | None = None) -> Task:
        found = tasks()[name]
        return replace(found, epochs=self.sizes.epochs or epochs or found.epochs)

    def search(self, task: Task, trials: int, cache: Path | None = None, **how: bool) -> Measure:
        """Our own search, in a home of its own; a fresh compile cache where none is named."""
        conclude, watch_memory = how.get("conclude", not self.sizes.rough), how.get("watch_memory", False)

        def measure(turn: int) -> Taken:
            order = {"study": task.name, "trials": trials, "seed": turn, "options": self.options, "conclude": conclude}
            with machine.folder() as root:
                task.write(root)
                where = str(cache or root / "cache")
                if how.get("typed"):  # as a person types it, with nothing of ours in the process
                    return machine.run([sys.executable, "-m", "tuner.cli", *ours.options(order)], root, cache=where)
                return machine.ask("ours", order, root, cache=where, watch_memory=watch_memory)

        return measure

    def warm(self, task: Task, trials: int, cache: Path, **how: bool) -> Measure:
        """The same with a cache that a search of these very trials has filled, which is run here."""
        search = self.search(task, trials, cache, **how)
        if not self.sizes.rough:
            search(0)
        return search

    def peers(self, names: Sequence[str], task: Task, root: Path, trials: int, **how: bool) -> dict[str, Measure]:
        arrays = task.save_arrays(root)

        def measure(name: str, turn: int) -> Taken:
            order = {
                "peer": name, "arrays": str(arrays), "trials": trials, "seed": turn, "epochs": task.epochs,
                "batch_size": task.batch_size, "values": _proposed(task, trials, turn) if name in FITS else [],
            }  # fmt: skip
            with machine.folder() as own:
                return machine.ask("peers", order, own, **how)

        return {name: lambda turn, name=name: measure(name, turn) for name in names}

    # The rows

    def diabetes(self) -> Iterator[Line]:
        """Rows 1 and 2."""
        task, trials = self.task("diabetes"), self.sizes.searched
        with machine.folder() as root:
            own = {"cold": self.search(task, trials, conclude=True), "warm": self.warm(task, trials, root / "cache")}
            taken = self.alternate({**own, **self.peers(TUNERS, task, root, self.sizes.peers)})
        self.note("rows 1 and 2", taken)
        for row, cache in ((1, "cold"), (2, "warm")):
            yield from (compared(row, name, taken[cache], taken[name]) for name in TUNERS)

    def short(self) -> Iterator[Line]:
        """Row 3."""
        task, trials = self.task("diabetes", self.sizes.short_epochs), self.sizes.short
        with machine.folder() as root:
            own = {
                "cold": self.search(task, trials, typed=True),
                "warm": self.warm(task, trials, root / "cache", typed=True),
            }
            taken = self.alternate({**own, **self.peers(TUNERS, task, root, trials)})
        whole = {name: [turn.whole for turn in turns] for name, turns in taken.items()}
        for cache in own:
            for name in TUNERS:
                yield Line(
                    3, f"{name}, {cache} cache", ratios(whole[name], whole[cache]), whole[cache], whole[name], "s"
                )

    def versus(self, row: int, name: str, against: Sequence[str], trials: int, peers: int) -> Iterator[Line]:
        """Rows 4, 5 and 6."""
        task = self.task(name)
        with machine.folder() as root:
            sides = {"ours": self.search(task, trials), **self.peers(against, task, root, peers)}
            taken = self.alternate(sides)
        self.note(f"row {row}", taken)
        yield from (compared(row, each, taken["ours"], taken[each]) for each in against)

    def limit(self) -> Iterator[Line]:
        """Row 7. What a search of 2 n trials takes beyond one of n, both with a warm cache: no first call is in it."""
        both = (("diabetes", self.sizes.searched), ("mnist-512", self.sizes.mnist))
        for name, trials in both[:1] if self.sizes.rough else both:
            task = self.task(name)
            with machine.folder() as root:
                operations = _operations(task.save_arrays(root))
                more = self.warm(task, 2 * trials, root / "cache", conclude=False)
                fewer = self.search(task, trials, root / "cache", conclude=False)
                taken = self.alternate({"n trials": fewer, "2 n trials": more, "sgemm": self._multiply})
            rates = [max(turn.numbers.values()) / 1e9 for turn in taken["sgemm"]]
            pairs = zip(taken["n trials"], taken["2 n trials"], strict=True)
            own = [
                (operations(b.answer["results"]) - operations(a.answer["results"])) / (b["trials"] - a["trials"]) / 1e9
                for a, b in pairs
            ]
            yield Line(7, name, [100 * share for share in ratios(own, rates)], own, rates, "GFLOP/s")

    def _multiply(self, _: int) -> Taken:
        with machine.folder() as root:
            return machine.ask("sgemm", {"seconds": self.sizes.multiplying}, root)

    def expressible(self) -> Iterator[Line]:
        """Row 8."""
        with machine.folder() as root:
            found = machine.ask("expressible", {"trials": self.sizes.sampled}, root).answer
        for study, reasons in found.items():
            self.say(f"  {study}: {'no rows' if reasons is None else reasons or 'none'}")
            if reasons is None:
                continue
            yield Line(8, study, [100 * sum(reasons.values()) / self.sizes.sampled])
        if not found:
            yield Line(8, "every study")

    def owner(self) -> Iterator[Line]:
        """Row 9. The first trials of a search, in which everything is called for the first time, are not counted."""
        sides = {}
        for sampler, pruner in (("tpe", "hyperband"), ("random", "none")):
            cost = _stretch("cost", self.sizes.owned, sampler, pruner)
            sides[f"{sampler}, {pruner}"] = self._owning([_stretch("first", 20, "random", "none"), cost])
        for name, turns in self.alternate(sides).items():
            yield Line(9, name, [1000 * turn.answer["cost"][0] for turn in turns])

    def late(self) -> Iterator[Line]:
        """Row 10. One search that grows to its last trial; around both places, the samplers alternate in stretches."""
        n, samplers = self.sizes.around, ("random", "tpe")
        around = n * len(samplers) * self.alternations
        stretches: list[dict[str, Any]] = []
        for place, at in (("early", self.sizes.early), ("late", self.sizes.late)):
            fill = at - around // 2 - sum(each["trials"] for each in stretches)
            stretches.append(_stretch("fill", max(fill, 1), "random", "none"))
            stretches += [_stretch(f"{s} {place}", n, s, "none") for _ in range(self.alternations) for s in samplers]
        costs = self._owning(stretches)(0).answer
        for sampler in samplers:
            late, early = ([1000 * cost for cost in costs[f"{sampler} {place}"]] for place in ("late", "early"))
            yield Line(10, sampler, ratios(late, early), late, early, "ms")

    def _owning(self, stretches: Sequence[Mapping[str, Any]]) -> Measure:
        def measure(_: int) -> Taken:
            with machine.folder() as root:
                task = tasks()["diabetes"]
                task.write(root)
                return machine.ask("owner", {"study": task.name, "stretches": list(stretches)}, root)

        return measure

    def memory(self) -> Iterator[Line]:
        """Row 11."""
        task = self.task("diabetes")
        with machine.folder() as root:
            own = {"ours": self.search(task, self.sizes.searched, watch_memory=True)}
            peer = self.peers(["KerasTuner"], task, root, self.sizes.peers, watch_memory=True)
            taken = self.alternate({**own, **peer})
        peaks = [[turn.peak / 2**20 for turn in turns] for turns in taken.values()]
        yield Line(11, "KerasTuner", ratios(*peaks), *peaks, "MiB")

    def experiments(self) -> Mapping[tuple[int, ...], Callable[[], Iterator[Line]]]:
        """What measures which rows."""
        s = self.sizes
        return {
            (1, 2): self.diabetes,
            (3,): self.short,
            (4,): lambda: self.versus(4, "california", TUNERS, s.california, s.california_peers),
            (5,): lambda: self.versus(5, "mnist-256", FITS, s.mnist, s.mnist),
            (6,): lambda: self.versus(6, "mnist-512", FITS, s.mnist, s.mnist),
            (7,): self.limit,
            (8,): self.expressible,
            (9,): self.owner,
            (10,): self.late,
            (11,): self.memory,
        }  # fmt: skip


def compared(row: int, name: str, own: Sequence[Taken], theirs: Sequence[Taken]) -> Line:
    """Time a trial; and the whole of both, a peer's as if it had run as many trials as we did, at its own pace."""
    a, b = ([turn["trials"] / turn["number"] for turn in turns] for turns in (own, theirs))
    concluded = [] if any("command" not in turn.numbers for turn in own) else [turn.whole for turn in own]
    wholes = [t.whole + (o["number"] - t["number"]) * pace for o, t, pace in zip(own, theirs, b, strict=True)]
    return Line(row, name, ratios(b, a), a, b, whole=ratios(wholes, concluded) if concluded else ())


def _stretch(name: str, trials: int, sampler: str, pruner: str) -> dict[str, Any]:
    return {"name": name, "trials": trials, "sampler": sampler, "pruner": pruner}


def _proposed(task: Task, trials: int, seed: int) -> list[dict[str, Any]]:
    """The values of the trials of a random search of ours."""
    from tuner.drivers.sampling import Random
    from tuner.study import load

    with machine.folder() as root:
        sampler = Random(load(task.write(root).root / "studies" / f"{task.name}.toml").space, seed)
    return [dict(next(sampler.candidates(number))) for number in range(trials)]


def _operations(arrays: Path) -> Callable[[Sequence[Mapping[str, Any]]], int]:
    """What counts the arithmetic of trials on these arrays."""
    from tuner.data.split import Split

    split = Split.open(arrays)
    ends = split.x_train.shape[1], len(split.classes) if split.task == "multiclass" and split.classes else 1
    rows = len(split.x_train), len(split.x_validation)
    return lambda results: sum(arithmetic(each["values"], each["epochs"], ends, rows) for each in results)
