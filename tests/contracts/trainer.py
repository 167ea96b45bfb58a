"""What every trainer does, the fake included: a test module supplies the `case` fixture and inherits the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import pytest

from tuner.trainers import Trainer
from tuner.trial import Batch, Objective, Report, Result, State, Trial, derive_seed

ENDLESS = 10**6


class Case(Protocol):
    """A kind of trainer, and trials for it."""

    objective: Objective

    def trainer(self, room: int) -> Trainer:
        """One that trains that many trials at a time, or more. Those that were made before are not used any more."""
        ...

    def room(self, room: int) -> int:
        """How many trials such a one takes in, those among them that wait for others."""
        ...

    def trial(self, number: int, epochs: int) -> Trial:
        """A trial that trains well, with an optimizer that remembers nothing from step to step."""
        ...

    def broken(self, number: int) -> Trial:
        """A trial that cannot be trained."""
        ...

    def left_behind(self) -> Sequence[object]:
        """What still works on a trial."""
        ...


@dataclass
class Play:
    """Runs a trainer on a list of answers to `ask`, and writes down who said what in which order."""

    trainer: Trainer
    answers: list[Batch]
    stops: dict[int, int] = field(default_factory=dict)  # trial number → epoch at which it is told to stop
    end: Callable[[Play], bool] = lambda play: False
    events: list[tuple[str, object]] = field(default_factory=list)

    def ask(self, n: int) -> Batch:
        batch = self.answers.pop(0)
        self.events.append(("ask", n))
        self.events += [("trial", trial) for trial in batch.trials]
        if not batch.more:
            self.events.append(("no more", None))
        return batch

    def judge(self, reports: Sequence[Report]) -> set[int]:
        self.events += [("report", report) for report in reports]
        return {report.trial for report in reports if self.stops.get(report.trial) == report.epoch}

    def run(self) -> Iterator[Result]:
        for result in self.trainer.run(self.ask, self.judge, lambda: self.end(self)):
            self.events.append(("result", result))
            yield result

    def results(self) -> dict[int, Result]:
        return {result.trial.number: result for result in self.run()}

    def said(self, kind: str) -> list[object]:
        return [told for name, told in self.events if name == kind]

    def reports(self, number: int) -> list[Report]:
        return [told for told in self.said("report") if isinstance(told, Report) and told.trial == number]


def alone(case: Case, trial: Trial) -> Result:
    """What a trial gives with nothing beside it."""
    (result,) = Play(case.trainer(1), [Batch((trial,), more=False)]).run()
    return result


def in_turn(case: Case, *trials: Trial) -> tuple[Play, dict[int, Result]]:
    """What trials give each of which is asked for when the one before has its result."""
    queue = list(trials)

    class InTurn(Play):
        def ask(self, n: int) -> Batch:
            asked, told = len(trials) - len(queue), len(self.said("result"))
            ready = queue[:1] if asked == told else []
            del queue[: len(ready)]
            return Batch(tuple(ready), more=bool(queue))

    play = InTurn(case.trainer(1), [])
    return play, play.results()


class TrainerContract:
    @pytest.fixture(scope="class")
    @classmethod
    def case(cls) -> Case:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def story(cls, case: Case) -> Play:
        """Three trials in a room for two. Trial 1 is stopped after epoch 2 of 4, trial 2 at its last, which is late."""
        answers = [
            Batch(),
            Batch((case.trial(0, 3), case.trial(1, 4))),
            Batch(),
            Batch((case.trial(2, 2),)),
            Batch(more=False),
        ]
        play = Play(case.trainer(2), answers, stops={1: 2, 2: 2})
        assert len(list(play.run())) == 3
        return play

    @pytest.fixture(scope="class")
    @classmethod
    def results(cls, story: Play) -> dict[int, Result]:
        return {told.trial.number: told for told in story.said("result") if isinstance(told, Result)}

    def test_every_trial_has_one_result(self, story: Play, results: dict[int, Result]) -> None:
        assert sorted(results) == [0, 1, 2]
        assert {number: result.state for number, result in results.items()} == {
            0: State.COMPLETE,
            1: State.PRUNED,
            2: State.COMPLETE,
        }
        assert [results[number].trial for number in results] == [
            told.trial for told in story.said("result") if isinstance(told, Result)
        ]
        assert story.said("trial") == [results[number].trial for number in (0, 1, 2)]

    def test_it_asks_for_what_it_has_room_for(self, case: Case, story: Play) -> None:
        inside, room = 0, case.room(2)
        assert room >= 2
        for kind, told in story.events:
            if kind == "ask":
                assert told == room - inside > 0
            inside += (kind == "trial") - (kind == "result")

    def test_it_asks_again_after_an_empty_answer_and_never_after_the_last(self, story: Play) -> None:
        assert story.answers == []
        kinds = [kind for kind, _ in story.events]
        assert kinds[:3] == ["ask", "ask", "trial"]
        assert "ask" not in kinds[kinds.index("no more") :]

    def test_every_epoch_is_reported_in_order_and_before_the_result(
        self, story: Play, results: dict[int, Result]
    ) -> None:
        for number, result in results.items():
            reports = story.reports(number)
            assert [report.epoch for report in reports] == list(range(1, len(result.history) + 1))
            assert tuple(report.metrics for report in reports) == result.history
            last = story.events.index(("result", result))
            assert all(story.events.index(("report", report)) < last for report in reports)

    def test_one_that_is_told_to_stop_ends_there(self, case: Case, results: dict[int, Result]) -> None:
        assert len(results[1].history) == 2
        assert (results[1].score, results[1].best_epoch) == case.objective.score(results[1].history)
        assert (results[1].weights, results[1].error) == (None, None)

    def test_at_its_last_epoch_it_is_complete_all_the_same(self, results: dict[int, Result]) -> None:
        assert len(results[2].history) == 2

    def test_the_score_is_what_the_objective_says(self, case: Case, results: dict[int, Result]) -> None:
        for result in results.values():
            assert (result.score, result.best_epoch) == case.objective.score(result.history)

    def test_a_trial_gives_the_same_alone(self, case: Case, results: dict[int, Result]) -> None:
        again = alone(case, case.trial(0, 3))
        assert (again.history, again.score, again.best_epoch) == (
            results[0].history,
            results[0].score,
            results[0].best_epoch,
        )

    def test_two_retakes_of_a_trial_go_side_by_side(self, case: Case) -> None:
        retakes = tuple(
            Trial(0, case.trial(0, 2).values, derive_seed(0, 0, retake), 2, retake=retake) for retake in (1, 2)
        )
        found = list(Play(case.trainer(2), [Batch(retakes, more=False)]).run())
        assert sorted(result.trial.retake for result in found) == [1, 2]
        assert {result.state for result in found} == {State.COMPLETE}
        files = [result.weights for result in found if result.weights is not None]
        assert len(set(files)) == len(files)
        assert found[0].history != found[1].history

    def test_one_that_goes_on_from_another_trains_as_that_would_have(self, case: Case) -> None:
        """From its weights, with the rows, the draws and the numbers of the true epochs."""
        parent = case.trial(0, 1)
        whole = replace(parent, number=1, last_epoch=3)
        later = replace(whole, number=2, first_epoch=2, parent=0)
        play, results = in_turn(case, parent, whole, later)
        assert results[2].state is State.COMPLETE, results[2].error
        assert results[2].history == results[1].history[1:]
        assert [report.epoch for report in play.reports(2)] == [2, 3]
        assert (results[2].score, results[2].best_epoch) == case.objective.score(results[2].history, 2)

    def test_one_goes_on_only_from_what_is_there_and_a_retake_from_a_retake(self, case: Case) -> None:
        parent = replace(case.trial(0, 1), retake=1)
        later = replace(parent, number=1, first_epoch=2, last_epoch=2, parent=0)
        _, results = in_turn(case, parent, later, replace(later, number=2, retake=0))
        assert results[1].state is State.COMPLETE, results[1].error
        assert (results[2].state, results[2].history, results[2].score) == (State.FAILED, (), None)
        assert results[2].error is not None
        assert results[2].error.startswith("the weights of trial 0, which it goes on from, are not there")
        assert "\n" not in results[2].error

    def test_one_that_cannot_be_trained_fails_with_its_traceback(self, case: Case) -> None:
        play = Play(case.trainer(2), [Batch((case.broken(0), case.trial(1, 1)), more=False)])
        results = play.results()
        assert (results[0].state, results[0].score, results[0].weights) == (State.FAILED, None, None)
        assert results[0].error is not None
        assert results[0].error.startswith("Traceback (most recent call last):")
        assert results[1].state is State.COMPLETE

    def test_nothing_is_asked_once_it_is_told_to_stop(self, case: Case) -> None:
        play = Play(case.trainer(2), [], end=lambda play: True)
        assert (list(play.run()), play.events) == ([], [])

    def test_a_stop_ends_what_would_not_end(self, case: Case) -> None:
        trials = (case.trial(0, ENDLESS), case.trial(1, ENDLESS))
        play = Play(case.trainer(2), [Batch(trials, more=False)], end=lambda play: bool(play.said("report")))
        assert list(play.run()) == []
        assert not case.left_behind()

    def test_one_that_nobody_listens_to_any_more_leaves_nothing_at_work(self, case: Case) -> None:
        run = Play(case.trainer(2), [Batch((case.trial(0, 1), case.trial(1, ENDLESS)), more=False)]).run()
        assert next(run).trial.number == 0
        run.close()  # type: ignore[attr-defined]
        assert not case.left_behind()

    def test_an_error_of_the_judge_ends_it_and_leaves_nothing_at_work(self, case: Case) -> None:
        def judge(reports: Sequence[Report]) -> set[int]:
            raise LookupError("no ledger")

        answers = [Batch((case.trial(0, ENDLESS),), more=False)]
        with pytest.raises(LookupError, match="no ledger"):
            list(case.trainer(1).run(lambda n: answers.pop(), judge, lambda: False))
        assert not case.left_behind()
