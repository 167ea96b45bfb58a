"""Whose weights a trial goes on from, and who waits for whom."""

from __future__ import annotations

from collections.abc import Iterable

from tuner import lineage
from tuner.trial import Result, State, Trial

FIRST, SECOND, THIRD = Trial(0, {}, 0, 1), Trial(4, {}, 0, 3, 2, parent=0), Trial(7, {}, 0, 9, 4, parent=4)
OTHER = Trial(5, {}, 0, 9)
KNOWN = {trial.number: trial for trial in (FIRST, SECOND, THIRD, OTHER)}


def numbers(trials: Iterable[Trial]) -> list[int]:
    return [trial.number for trial in trials]


def test_a_line_goes_back_to_one_that_began_with_weights_of_its_own() -> None:
    assert numbers(lineage.line(THIRD, KNOWN.get)) == [0, 4, 7]
    assert numbers(lineage.line(OTHER, KNOWN.get)) == [5]


def test_or_to_one_whose_weights_are_there_or_which_nobody_knows() -> None:
    assert numbers(lineage.line(THIRD, KNOWN.get, lambda trial: trial.number == 0)) == [4, 7]
    assert numbers(lineage.line(THIRD, KNOWN.get, lambda trial: True)) == [7]
    assert numbers(lineage.line(THIRD, {4: SECOND}.get)) == [4, 7]


def test_those_that_went_on_from_one_another_are_one_training() -> None:
    results = [Result(trial, State.COMPLETE, trial.number / 10, seconds=1.5) for trial in KNOWN.values()]
    found = lineage.trainings(results)
    assert [(each.trial, each.score, each.seconds) for each in found] == [(THIRD, 0.7, 4.5), (OTHER, 0.5, 1.5)]
    assert lineage.trainings(results[3:]) == results[3:]


def test_each_is_handed_out_when_the_one_that_it_goes_on_from_has_ended() -> None:
    order = lineage.InOrder([THIRD, SECOND, FIRST, OTHER])
    first = order.ask(9)
    assert (numbers(first.trials), first.more) == ([0, 5], True)
    order.tell(Result(OTHER, State.COMPLETE))
    assert (order.ask(9).trials, order.ask(9).more) == ((), True)
    order.tell(Result(FIRST, State.FAILED))  # what goes on from it fails, too
    assert numbers(order.ask(9).trials) == [4]
    order.tell(Result(SECOND, State.COMPLETE))
    last = order.ask(9)
    assert (numbers(last.trials), last.more) == ([7], False)


def test_those_whose_parents_are_not_among_them_need_not_wait_nor_a_retake_for_the_trial_itself() -> None:
    again = Trial(4, {}, 9, 3, 2, parent=0, retake=1)
    order = lineage.InOrder([FIRST, again, THIRD])
    assert [numbers(order.ask(1).trials) for _ in range(3)] == [[0], [4], [7]]
    assert order.ask(1).more is False
