"""What a bucket costs: padding against compiling.

Every number below was measured on two cores of an AVX-512 server; only their proportions decide anything. They are
constants, not readings of this machine, because the buckets of a study must be the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Seconds to trace and compile a program, and for each of its layers.
_PROGRAM, _LAYER = 0.5, 0.2
# Seconds for each layer of a step: at all, for a multiplication and an addition, for a weight in the optimizer, and for
# an activation.
_CALL, _FLOP, _WEIGHT, _ACTIVATION = 12e-6, 5.5e-12, 0.6e-9, 1.2e-9
# How many trials share a program, in how many processes that each compile it, and in what share of searches: in the
# others the program is in the cache.
_TRIALS, _PROCESSES, _COLD = 100, 2, 0.5
# Deeper programs of these widths have their layers in a loop, where they can. Of narrower ones several trials share a
# program, and of wider ones the weights would be copied for as long as they are multiplied. A loop takes so many
# seconds to trace and compile, and trains a layer in so much of the time, and none that a trial does not have.
_WRITTEN_OUT, _LOOPED = 4, range(97, 161)
_LOOP, _IN_LOOP = 4.2, 0.75
# Widths are padded to one of these, or to the widest of the study.
_WIDTHS = (16, 32, 64, 128, 256, 512, 1024, 2048)

Shape = tuple[int, int]  # hidden layers, and units of the widest


@dataclass(frozen=True, slots=True)
class Workload:
    """What all trials of a study have in common: inputs, outputs, rows of a batch, and steps of a whole training."""

    features: int
    outputs: int
    batch: int
    steps: int

    def seconds(self, depth: int, width: int) -> float:
        """What one trial costs in a program of that shape."""
        ends = width * (self.features + self.outputs)
        weights = ends + max(depth - 1, 0) * width * width
        step = _CALL * (depth + 1) + weights * (6 * self.batch * _FLOP + _WEIGHT)
        return self.steps * (step + depth * width * self.batch * _ACTIVATION)


def looped(depth: int, width: int) -> bool:
    """Whether the hidden layers of a program of that shape are a loop, where its trials allow it."""
    return depth > _WRITTEN_OUT and width in _LOOPED


def edges(
    shapes: Sequence[Shape], deepest: int, widest: int, work: Workload, loop: bool = False
) -> Mapping[int, tuple[int, ...]]:
    """The widths of a study's programs, and the depths of each, so that the whole search costs least.

    `shapes` are those of trials drawn at random. Each width has all depths, because a trial is in the narrowest program
    that it fits in. `loop` says whether layers may be in a loop.
    """

    def best_of(chosen: Sequence[int], i: int) -> tuple[float, tuple[int, ...]]:
        counts = _of_width(shapes, chosen, i)
        found = _loop if loop and looped(deepest, chosen[i]) else _depths
        return found(counts, deepest, chosen[i], work)

    widths = [width for width in _WIDTHS if width < widest]
    best = min(
        ((*chosen, widest) for chosen in [(), *((width,) for width in widths)]),
        key=lambda chosen: sum(best_of(chosen, i)[0] for i in range(len(chosen))),
    )
    return {width: best_of(best, i)[1] for i, width in enumerate(best)}


def _of_width(shapes: Sequence[Shape], widths: Sequence[int], i: int) -> list[float]:
    """How many of the search's trials have each depth among those whose narrowest program is the i-th."""
    low = widths[i - 1] if i else 0
    deepest = max(depth for depth, _ in shapes)
    counts = [0.0] * (deepest + 1)
    for depth, width in shapes:
        if low < width <= widths[i]:
            counts[depth] += _TRIALS / len(shapes)
    return counts


def _loop(counts: Sequence[float], deepest: int, width: int, work: Workload) -> tuple[float, tuple[int, ...]]:
    """As `_depths`, where one program has a loop for all that have hidden layers."""
    training = sum(count * work.seconds(depth, width) for depth, count in enumerate(counts[: deepest + 1]))
    return _COLD * _LOOP + _IN_LOOP * training / _PROCESSES, (0, deepest)


def _depths(counts: Sequence[float], deepest: int, width: int, work: Workload) -> tuple[float, tuple[int, ...]]:
    """The least cost of the trials with those depths, in seconds of a process, and the upper ends that give it.

    Depth 0 is a program of its own, because in any other the first layer is always there.
    """
    counts = [*counts[: deepest + 1], *[0.0] * (deepest + 1 - len(counts))]
    # best[d]: the trials of up to d layers, with a program that ends at d.
    best: dict[int, tuple[float, tuple[int, ...]]] = {-1: (0.0, ())}
    for end in range(deepest + 1):
        options = []
        for before, (spent, chosen) in best.items():
            if before < 0 < end:
                continue
            trials = sum(counts[before + 1 : end + 1])
            compiling = _COLD * (_PROGRAM + _LAYER * (end + 1)) if trials else 0.0
            options.append((spent + compiling + trials * work.seconds(end, width) / _PROCESSES, (*chosen, end)))
        if options:
            # Of equal ones the fewest: where no trial was drawn, some may come all the same.
            best[end] = min(options, key=lambda option: (option[0], len(option[1])))
    return best[deepest]
