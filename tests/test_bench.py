"""The benchmark's own arithmetic: what a figure is made of and held against. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import ours, peers, rows, table, tasks
from tests.benchmarks.experiments import Bench, compared
from tests.benchmarks.machine import Taken
from tests.benchmarks.rows import QUICK, ROWS, Goal
from tests.benchmarks.table import Line
from tuner.study import Study

QUARTERS = (0.0, 0.25, 0.5, 0.75, 0.999)


def bench(alternations: int) -> Bench:
    return Bench(QUICK, alternations, [], lambda line: None)


def test_every_row_is_measured_once() -> None:
    measured = [number for numbers in bench(1).experiments() for number in numbers]
    assert sorted(measured) == sorted(ROWS) == list(range(1, 12))


def test_sides_take_turns() -> None:
    turns: list[str] = []

    def side(name: str) -> Any:
        return lambda turn: turns.append(f"{name}{turn}") or Taken(1.0, 0.5)

    taken = bench(2).alternate({"a": side("a"), "b": side("b")})
    assert turns == ["a0", "b0", "a1", "b1"]
    assert [len(each) for each in taken.values()] == [2, 2]


def test_a_ratio_is_of_one_turn() -> None:
    assert table.ratios([10.0, 30.0, 20.0], [10.0, 10.0, 2.0]) == [1.0, 3.0, 10.0]


def test_the_median_is_shown_with_how_far_the_turns_lay_apart() -> None:
    assert table.shown([10.0, 1.0, 3.0], "×") == "3.00× (1.00 to 10.0)"
    assert table.shown([62.5], "%") == "62.5 %"
    assert table.shown([], "×") == "-"


@pytest.mark.parametrize(
    ("goal", "figure", "verdict"),
    [
        (Goal("", 20, 50), 19.9, "missed"),
        (Goal("", 20, 50), 20.0, "reached"),
        (Goal("", 20, 50), 50.0, "aim"),
        (Goal("", 40, 15, "ms", at_most=True), 40.1, "missed"),
        (Goal("", 40, 15, "ms", at_most=True), 40.0, "reached"),
        (Goal("", 40, 15, "ms", at_most=True), 15.0, "aim"),
        (Goal(""), 1.0, ""),
    ],
)
def test_a_figure_is_held_against_its_goal(goal: Goal, figure: float, verdict: str) -> None:
    assert goal.verdict(figure) == verdict


def test_a_goal_is_further_than_what_must_be_reached() -> None:
    for goal in (goal for row in ROWS.values() for goal in row.goals):
        assert goal.verdict(goal.aim or 0.0) == "aim"
        assert goal.verdict(goal.reach or 0.0) == "reached"


def test_the_table() -> None:
    lines = [
        Line(1, "KerasTuner", [22.0, 21.0, 30.0], [0.24, 0.25, 0.2], [5.3, 5.4, 5.2], whole=[14.0, 15.0, 16.0]),
        Line(8, "every study"),
    ]
    made = table.markdown(lines, ["a note"]).splitlines()
    assert len({line.count("|") for line in made if "|" in line}) == 1
    assert made[2] == (
        "| 1 | diabetes, 100 trials × 50 epochs, cold compile cache | KerasTuner | 0.240 s a trial | 5.30 s a trial "
        "| 22.0× (21.0 to 30.0) | 20× | 50× | reached | 15.0× (14.0 to 16.0) |"
    )
    assert "| every study | - | - | - |" in made[3]
    assert made[-1] == "- a note"


def versus(own: Sequence[dict[str, float]], theirs: Sequence[dict[str, float]]) -> Line:
    return compared(
        1, "KerasTuner", *([Taken(turn["whole"], 0.0, answer=turn) for turn in side] for side in (own, theirs))
    )


def test_a_peer_that_ran_fewer_trials_is_compared_trial_by_trial() -> None:
    own = {"whole": 40.0, "trials": 20.0, "command": 35.0, "number": 100}
    peer = {"whole": 108.0, "trials": 100.0, "number": 20}
    line = versus([own], [peer])
    assert line.figures == [25.0]  # 5 s a trial against 0.2 s
    assert line.whole == [(108.0 + 80 * 5.0) / 40.0]


def test_a_command_that_was_cut_short_is_not_compared_as_a_whole() -> None:
    turn = {"whole": 40.0, "trials": 20.0, "number": 100}
    assert versus([turn], [turn]).whole == ()


@pytest.mark.parametrize(
    ("values", "weights"),
    [
        ({"layers": 1, "units_1": 4}, 8 * 4 + 4 * 1),
        ({"layers": 2, "units_1": 4, "units_2": 16}, 8 * 4 + 4 * 16 + 16 * 1),
        ({"layers": 3, "units": 5}, 8 * 5 + 5 * 5 + 5 * 5 + 5 * 1),
        ({"layers": 0}, 8),
    ],
)
def test_the_arithmetic_of_a_known_network(values: dict[str, int], weights: int) -> None:
    assert tasks.arithmetic(values, epochs=2, ends=(8, 1), rows=(10, 0)) == 6 * 10 * 2 * weights
    assert tasks.arithmetic(values, epochs=1, ends=(8, 1), rows=(0, 7)) == 2 * 7 * weights


@pytest.mark.parametrize("u", QUARTERS)
def test_peers_search_the_space_of_the_diabetes_study(pima_study: Study, u: float) -> None:
    def whole(_: str, low: int, high: int, step: int = 1) -> int:
        return low + step * int(u * ((high - low) // step + 1))

    def choice(_: str, options: list[str]) -> str:
        return options[int(u * len(options))]

    def real(_: str, low: float, high: float, step: float = 0.0, log: bool = False) -> float:
        if step:
            return low + step * int(u * (round((high - low) / step) + 1))
        return low * (high / low) ** u if log else low + u * (high - low)

    own = pima_study.space.walk(lambda _, parameter: parameter.at(u))
    assert peers.suggested(whole, choice, real, {"log": True}) == pytest.approx(own)


@pytest.mark.parametrize("name", ["diabetes", "california", "mnist-256", "mnist-512"])
def test_a_task_is_a_study_without_early_stopping(tmp_path: Path, name: str) -> None:
    from tuner import opening

    task = tasks.tasks()[name]
    study = opening.study(name, None, task.write(tmp_path), {})
    assert study.training.early_stopping is None
    assert (study.training.epochs, study.training.batch_size) == (task.epochs, task.batch_size)


def test_our_search_is_the_command_with_nothing_stopped_early() -> None:
    order = {"study": "diabetes", "trials": 100, "seed": 2, "options": ["--workers", "1"]}
    typed = "search diabetes --trials 100 --seed 2 --sampler random --pruner none --workers 1"
    assert " ".join(ours.options(order)) == typed


def test_a_quick_run_is_smaller_in_everything() -> None:
    for name in ("searched", "peers", "short", "california", "mnist", "sampled", "owned", "late", "around"):
        assert getattr(rows.QUICK, name) < getattr(rows.FULL, name)
