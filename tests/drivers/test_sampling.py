"""Proposals that are made here, from the space alone."""

from __future__ import annotations

from itertools import islice

from tuner.drivers.sampling import UNIFORM_DRAWS, Grid, Random, Sobol
from tuner.space import Choice, Float, Int, Space

RATE = Float(name="rate", low=0.0, high=1.0)
SPACE = Space(
    (
        Int(name="layers", low=1, high=3),
        RATE,
        Choice(name="activation", options=("relu", "tanh"), each="layers"),
        Float(name="momentum", low=0.0, high=0.9, when=(("layers", (2,)),)),
    )
)


def test_a_sobol_point_follows_from_seed_and_number() -> None:
    every = Sobol(SPACE, 3)
    points = [next(every.candidates(number)) for number in range(12)]
    some = Sobol(SPACE, 3)
    assert [next(some.candidates(number)) for number in (0, 1, 5, 11)] == [points[i] for i in (0, 1, 5, 11)]
    late = Sobol(SPACE, 3)
    assert next(late.candidates(7)) == points[7]
    assert next(Sobol(SPACE, 4).candidates(7)) != points[7]


def test_sobol_points_fill_the_space_evenly() -> None:
    sobol = Sobol(Space((RATE, Float(name="other", low=0.0, high=1.0))), 0)
    points = [next(sobol.candidates(number)) for number in range(16)]
    cells = {(int(4 * float(p["rate"])), int(4 * float(p["other"]))) for p in points}
    assert len(cells) == 16  # one in each of 4 × 4


def test_sobol_goes_on_at_random_after_a_repeat() -> None:
    draws = list(Sobol(SPACE, 0).candidates(4))
    assert len(draws) == 1 + UNIFORM_DRAWS
    assert draws[1:] == list(Random(SPACE, 0).candidates(4))


def test_a_space_without_parameters_has_a_point() -> None:
    assert next(Sobol(Space(()), 0).candidates(0)) == {}


def test_random_draws_are_fresh_for_every_number_and_seed() -> None:
    first = list(islice(Random(SPACE, 0).candidates(0), 50))
    assert first == list(islice(Random(SPACE, 0).candidates(0), 50))
    assert first != list(islice(Random(SPACE, 0).candidates(1), 50))
    assert first != list(islice(Random(SPACE, 1).candidates(0), 50))
    assert {values["layers"] for values in first} == {1, 2, 3}
    assert all(("momentum" in values) == (values["layers"] == 2) for values in first)


def test_the_grid_goes_on_from_trial_to_trial() -> None:
    space = Space((Int(name="layers", low=1, high=3),))
    grid = Grid(space)
    assert [next(grid.candidates(number)) for number in range(3)] == [{"layers": 1}, {"layers": 2}, {"layers": 3}]
    assert list(grid.candidates(3)) == []
