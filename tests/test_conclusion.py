"""The ending: finalists meet again, what was not kept is trained again, and each ending is a look at the test rows."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tests.fakes.driver import FakeDriver
from tests.lives import OBJECTIVE, Life, Trains, best
from tuner import conclusion, packaging
from tuner.conclusion import RETAKES
from tuner.errors import SearchFailed
from tuner.ledger import Ledger
from tuner.trial import Aim, Batch, Objective, Result, State, Trial


def test_without_a_completed_trial_there_is_no_champion(ledger: Ledger) -> None:
    life = Life(ledger, lambda trial: Result(trial, State.DIVERGED))
    with pytest.raises(SearchFailed, match="wine@1: none of 2 trials completed"):
        life.type(trials=2)
    assert life.tracker.ends == [None]


def test_the_finalists_meet_again_with_fresh_seeds_and_the_better_mean_wins(ledger: Ledger) -> None:
    life = Life(ledger)

    def fate(trial: Trial) -> Result:
        made = life.scored(trial)
        if trial.retake == 0:
            return made
        # The first was lucky: with other seeds it is worse than the second.
        lucky = best(life.told).trial.number == trial.number
        return replace(made, score=0.1 if lucky else 0.9)

    life.trainer.fate = fate
    _, verdict = life.type(trials=4)
    first, second = OBJECTIVE.ranked(life.told)[:2]
    assert verdict.champion == second.trial.number
    assert verdict.fresh == 0.9
    assert f"trial {first.trial.number} did not hold its {first.score:.4f} with fresh seeds" in life.watch.lines
    retakes = [trial for trial in life.trainer.trained if trial.retake]
    assert len(retakes) == 2 * RETAKES
    assert {trial.number for trial in retakes} == {first.trial.number, second.trial.number}
    assert len({trial.seed for trial in life.trainer.trained}) == len(life.trainer.trained)
    assert life.watch.again == [trial.number for trial in retakes]


def test_retakes_that_were_done_before_a_kill_are_not_done_again(ledger: Ledger) -> None:
    life = Life(ledger)
    retaken = [False]

    def fate(trial: Trial) -> Result:
        retaken[0] = retaken[0] or trial.retake > 0
        return life.scored(trial)

    life.trainer.fate = fate
    assert life.type(stop=lambda: retaken[0], trials=3) == ("done", None)
    before = [trial for trial in life.trainer.trained if trial.retake]
    assert 0 < len(before) < 2 * RETAKES
    retaken[0] = False
    life.type(trials=3)
    retakes = [(trial.number, trial.retake) for trial in life.trainer.trained if trial.retake]
    assert len(retakes) == len(set(retakes)) == 2 * RETAKES


def test_a_finalist_whose_retakes_went_wrong_stands_behind() -> None:
    results = [Result(Trial(n, {"units": n}, n, 1), State.COMPLETE, 1.0 - n / 10) for n in range(3)]
    assert conclusion.elect(results, {1: 0.2, 2: 0.3}, OBJECTIVE).trial.number == 2
    assert conclusion.elect(results, {1: 0.3, 2: 0.3}, OBJECTIVE).trial.number == 1
    assert conclusion.elect(results, {}, OBJECTIVE).trial.number == 0
    assert conclusion.elect(results, {0: 0.9, 2: 0.1}, Objective("val_loss", "minimize")).trial.number == 2


class Rounds(FakeDriver):
    """Lets trial 0 go on as trial 1, and that as trial 2; what is 3 or more is another beginning."""

    def ask(self, n: int) -> Batch:
        batch = super().ask(n)
        return replace(batch, trials=tuple(map(self._promoted, batch.trials)))

    def _promoted(self, trial: Trial) -> Trial:
        number = trial.number
        return replace(trial, parent=number - 1, first_epoch=number * 2, last_epoch=9) if 0 < number < 3 else trial


def rounds(ledger: Ledger, driver: type[FakeDriver] = Rounds, scores: Sequence[float] = (0.1, 0.2, 0.9, 0.8)) -> Life:
    """A search of two beginnings, the first of which goes on twice and is the best then."""
    life = Life(ledger)
    life.driver = driver

    def fate(trial: Trial) -> Result:
        made = life.scored(trial)
        return replace(made, score=made.score and [*scores, 0.3][trial.number])

    life.trainer.fate = fate
    return life


def keys(trials: Sequence[Trial]) -> list[tuple[int, int]]:
    return [(trial.number, trial.retake) for trial in trials]


def files(life: Life) -> list[str]:
    return sorted(path.name for path in (life.folder / "weights").iterdir())


def test_a_retake_of_one_that_goes_on_is_the_whole_of_its_training_anew(ledger: Ledger) -> None:
    life = rounds(ledger)
    _, verdict = life.type(trials=4)
    assert (verdict.champion, verdict.fresh) == (2, 0.9)
    trained = keys([trial for trial in life.trainer.trained if trial.retake])
    assert sorted(trained) == [(n, retake) for n in range(4) for retake in (1, 2)]
    for retake in (1, 2):
        assert [number for number, own in trained if own == retake and number < 3] == [0, 1, 2]
    assert len({trial.seed for trial in life.trainer.trained}) == len(life.trainer.trained)
    # What the finalists came from is no finalist, and its files are not kept.
    assert retakes(ledger) == [(2, 1), (2, 2), (3, 1), (3, 2)]
    assert files(life) == ["trial-00002.weights.npz", "trial-00003.weights.npz"]


@pytest.mark.parametrize("scores", [(0.8, 0.7, 0.9, 0.5), (0.7, 0.9, 0.8, 0.5)])
def test_those_that_went_on_from_one_another_have_one_place_among_the_finalists(
    ledger: Ledger, scores: Sequence[float]
) -> None:
    life = rounds(ledger, scores=scores)
    _, verdict = life.type(trials=4, finalists=2, keep_models=2)
    champion = scores.index(0.9)
    assert verdict.champion == champion
    assert {number for number, _ in retakes(ledger)} == {champion, 3}
    kept = [result.trial.number for result in life.orders[-1].kept]
    assert kept == [champion, scores.index(0.8), 3]


def retakes(ledger: Ledger) -> list[tuple[int, int]]:
    return keys([result.trial for result in ledger.retakes(ledger.get("wine"))])


def test_one_that_goes_on_and_is_trained_again_comes_after_those_that_it_goes_on_from(ledger: Ledger) -> None:
    life = rounds(ledger)
    life.type(trials=4)
    (life.folder / "weights" / "trial-00002.weights.npz").unlink()
    life.trainer.trained.clear()
    _, verdict = life.type(trials=5)
    assert [key for key in keys(life.trainer.trained) if key[0] < 4] == [(0, 0), (1, 0), (2, 0)]
    assert "training 1 again whose weights were not kept, after 2 that they go on from" in life.watch.lines
    assert verdict.champion == 2


def test_one_that_the_plain_trainer_trains_again_comes_after_those_that_it_goes_on_from(ledger: Ledger) -> None:
    life = rounds(ledger)
    life.type(trials=4)
    life.doubts = True
    life.plain.fate = life.trainer.fate
    _, verdict = life.type(trials=5)
    assert keys(life.plain.trained) == [(0, 0), (1, 0), (2, 0)]
    assert verdict.champion == 2
    assert [result.trial.number for result in life.orders[-1].kept] == [2, 3]


def test_weights_that_a_round_may_go_on_from_are_there_until_none_does(ledger: Ledger) -> None:
    class Open(Rounds):
        def needs(self) -> frozenset[int]:
            return frozenset({1}) if self._next < 5 else frozenset()

    life = rounds(ledger, Open)
    life.type(trials=4)
    kept = ["trial-00002.weights.npz", "trial-00003.weights.npz"]
    assert files(life) == ["trial-00001.weights.npz", *kept]
    assert not packaging.folder_of(life.folder, 1).exists()
    life.type(trials=5)
    assert files(life) == kept


def test_models_that_were_not_kept_are_trained_again_when_they_are_among_the_best(ledger: Ledger) -> None:
    """After the best are deleted, and where a command keeps more than the last one."""
    life = Life(ledger)
    life.type(trials=6)
    for result in OBJECTIVE.ranked(life.told)[:2]:
        ledger.delete_trial(ledger.get("wine"), result.trial.number)
    _, verdict = life.type(trials=4)
    assert verdict.champion == best(life.told).trial.number
    assert "training 2 again whose weights were not kept" in life.watch.lines
    life.type(trials=5, keep_models=4)
    assert len(life.orders[-1].kept) == 4


def test_a_trial_that_gives_another_score_now_is_passed_over(ledger: Ledger) -> None:
    life = Life(ledger)
    life.type(trials=6)
    for result in OBJECTIVE.ranked(life.told)[:2]:
        ledger.delete_trial(ledger.get("wine"), result.trial.number)
    changed = best(life.told).trial.number
    seen = {result.trial.number: result.score for result in life.told}
    life.trainer.fate = lambda trial: replace(
        life.scored(trial), score=0.0 if (trial.number, trial.retake) == (changed, 0) else seen[trial.number]
    )
    _, verdict = life.type(trials=4)
    assert verdict.champion != changed
    assert f"trial {changed} does not give its score again here, and is passed over" in life.watch.lines


def test_one_whose_weights_are_not_in_keras_what_they_were_in_a_stack_is_trained_by_the_plain_trainer(
    ledger: Ledger,
) -> None:
    life = Life(ledger)
    life.doubts = True
    life.plain = Trains(lambda trial: replace(life.scored(trial), score=0.0))
    life.type(trials=4, finalists=2, keep_models=3)
    before, after = life.orders
    number = before.champion.trial.number
    assert f"trial {number}: is not what it was; the plain trainer trains it again" in life.watch.lines
    assert life.plain.trained == [before.champion.trial]
    # In its place among the kept ones, with the score that the plain trainer gives it; the others are as they were.
    assert [result.trial.number for result in after.kept] == [*(r.trial.number for r in before.kept[1:]), number]
    assert after.kept[-1].score == 0.0
    assert after.kept[:-1] == before.kept[1:]


def test_a_stop_while_the_plain_trainer_trains_leaves_the_ending_to_the_next_command(ledger: Ledger) -> None:
    life = Life(ledger)
    life.doubts = True
    stopped = [False]

    def stops(trial: Trial) -> Result:
        stopped[0] = True
        return replace(life.scored(trial), weights=None)  # it came to nothing

    life.plain = Trains(stops)
    looks = ledger.get("wine").looks
    assert life.type(stop=lambda: stopped[0], trials=1, finalists=1, keep_models=1) == ("done", None)
    assert (len(life.orders), life.tracker.ends) == (1, [])
    stopped[0] = False
    assert life.type(trials=1, finalists=1, keep_models=1)[1].champion == 0
    assert ledger.get("wine").looks == looks + 1


def test_what_is_unfaithful_survives_the_way_from_a_worker() -> None:
    error = pickle.loads(pickle.dumps(packaging.Unfaithful((3, 5), "trial 3: off", "trial 5: off")))  # noqa: S301
    assert (error.trials, error.problems) == ((3, 5), ("trial 3: off", "trial 5: off"))


def test_a_verdict_does_not_outlive_a_change_of_its_trials(ledger: Ledger) -> None:
    life = Life(ledger)
    _, first = life.type(trials=4)
    worst = OBJECTIVE.ranked(life.told)[-1].trial.number
    ledger.delete_trial(ledger.get("wine"), worst)
    _, second = life.type(trials=4)  # another trial in the place of the deleted one: as many as before
    assert second.trials == first.trials == 4
    assert len(life.orders) == 2


def test_a_second_ending_is_a_second_look(ledger: Ledger) -> None:
    life = Life(ledger)
    assert life.type(trials=3)[1].looks == 1
    assert life.type(trials=4)[1].looks == 2


SMALL = Objective("val_accuracy", "maximize", further=(Aim("params", "minimize"),))


def test_of_several_objectives_only_the_front_meets_again(ledger: Ledger) -> None:
    # The score is the units: of all that are as accurate, the smallest alone is on the front.
    life = Life(ledger, objective=SMALL)
    life.trainer.fate = lambda trial: replace(life.scored(trial), score=0.5 if trial.number else 0.9)
    _, verdict = life.type(trials=5, finalists=3)
    rest = min(life.told, key=lambda each: (each.trial.number == 0, each.trial.values["units"]))
    assert rest.further == (float(rest.trial.values["units"]),)
    front = {0, rest.trial.number} if rest.further < life.told[0].further else {0}
    assert {trial.number for trial in life.trainer.trained if trial.retake} == (front if len(front) > 1 else set())
    assert set(life.tracker.ends[-1].front) == front  # type: ignore[union-attr]
    assert verdict.champion in front
    assert {each.trial.number for each in life.orders[-1].kept} >= front


def test_what_the_plain_trainer_trains_again_keeps_its_other_objectives(ledger: Ledger) -> None:
    life = Life(ledger, objective=SMALL)
    life.doubts = True
    _, verdict = life.type(trials=4)
    assert life.plain.trained
    champion = next(each for each in life.orders[-1].kept if each.trial.number == verdict.champion)
    assert champion.further == (float(champion.trial.values["units"]),)
    assert len(life.orders[-1].kept) == len(life.orders[0].kept)


def test_what_the_plain_trainer_trains_again_has_the_metrics_of_that_training(ledger: Ledger) -> None:
    """And not those of the stack, where the score is that of the plain trainer."""
    life = Life(ledger, objective=replace(SMALL, further=(Aim("params", "minimize"), Aim("val_loss", "minimize"))))
    life.doubts = True

    def lost(loss: float) -> Callable[[Trial], Result]:
        def fate(trial: Trial) -> Result:
            made = life.scored(trial)
            return replace(made, history=({**made.history[0], "val_loss": loss},))

        return fate

    life.trainer.fate, life.plain.fate = lost(0.5), lost(0.125)
    _, verdict = life.type(trials=4)
    assert {each.further[1] for each in life.told} == {0.5}
    champion = next(each for each in life.orders[-1].kept if each.trial.number == verdict.champion)
    assert champion.further == (float(champion.trial.values["units"]), 0.125)
