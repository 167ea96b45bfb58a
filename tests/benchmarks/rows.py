"""What is compared, and what should come out: the rows of the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """What a figure of a row is held against. `at_most`: less is better."""

    against: str
    reach: float | None = None
    aim: float | None = None
    unit: str = "×"
    at_most: bool = False

    def verdict(self, figure: float) -> str:
        if self.reach is None or self.aim is None:
            return ""
        sign = -1 if self.at_most else 1
        return (
            "aim" if sign * figure >= sign * self.aim else "reached" if sign * figure >= sign * self.reach else "missed"
        )


@dataclass(frozen=True)
class Row:
    number: int
    what: str
    goals: tuple[Goal, ...]

    def goal(self, against: str) -> Goal:
        return next((goal for goal in self.goals if goal.against == against), Goal(against, 5, 0, "%", True))


def _against(keras_tuner: tuple[float, float], optuna: tuple[float, float]) -> tuple[Goal, ...]:
    return Goal("KerasTuner", *keras_tuner), Goal("Optuna + fit", *optuna)


def _fits(one: tuple[float, float], two: tuple[float, float]) -> tuple[Goal, ...]:
    return Goal("fit", *one), Goal("two processes of fit", *two)


_EACH = _against((2, 3), (1.5, 2))
ROWS: Mapping[int, Row] = {
    row.number: row
    for row in (
        Row(1, "diabetes, 100 trials × 50 epochs, cold compile cache", _against((20, 50), (13, 30))),
        Row(2, "diabetes, 100 trials × 50 epochs, warm compile cache", _against((30, 60), (18, 40))),
        Row(
            3,
            "diabetes, 20 trials × 5 epochs, the whole command, imports included",
            tuple(
                Goal(f"{goal.against}, {cache} cache", goal.reach, goal.aim)
                for cache in ("cold", "warm")
                for goal in _EACH
            ),
        ),
        Row(4, "California housing, 30 trials × 20 epochs", _against((8, 15), (8, 15))),
        Row(5, "MNIST 2 × 256, 8 trials × 2 epochs", _fits((5, 8), (2.5, 4))),
        Row(6, "MNIST 2 × 512, 8 trials × 2 epochs", _fits((2.4, 4), (1.5, 2))),
        Row(
            7,
            "share of the machine's sgemm rate, after first calls",
            (Goal("diabetes", 10, 25, "%"), Goal("mnist-512", 60, 80, "%")),
        ),
        Row(8, "share of random trials that go to the plain trainer", ()),
        Row(
            9,
            "the owner's CPU time a trial of 50 epochs",
            (Goal("tpe, hyperband", 40, 15, "ms", True), Goal("random, none", 40, 15, "ms", True)),
        ),
        Row(
            10,
            "the same at the 10,000th trial, against the 100th",
            (Goal("random", 2, 1.2, at_most=True), Goal("tpe", 20, 5, at_most=True)),
        ),
        Row(11, "peak memory of a diabetes search", (Goal("KerasTuner", 3, 2, at_most=True),)),
    )
}


@dataclass(frozen=True)
class Sizes:
    """How much of everything is run. Peers may run fewer trials than we do: they are compared trial by trial."""

    searched: int = 100
    epochs: int | None = None  # what the task says
    peers: int = 12
    short: int = 20
    short_epochs: int = 5
    california: int = 30
    california_peers: int = 12
    mnist: int = 8
    sampled: int = 200
    owned: int = 100  # trials of a stretch
    early: int = 100
    late: int = 10_000
    around: int = 20  # trials of a stretch around the early one and the late one
    multiplying: float = 3.0  # seconds
    rough: bool = False  # leaves out what only makes figures true: filling caches beforehand, conclusions


FULL = Sizes()
# Enough to see that the harness works; the figures mean nothing.
QUICK = Sizes(
    searched=2, epochs=1, peers=2, short=2, short_epochs=1, california=2, california_peers=2, mnist=2, sampled=20,
    owned=10, early=12, late=40, around=4, multiplying=0.2, rough=True,
)  # fmt: skip
