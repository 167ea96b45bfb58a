"""What every tracker does, the fake included: a test module supplies the `shelf` fixture and inherits the tests."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pytest

from tuner.trackers import Closing, Opening, Tracker
from tuner.trial import Result, State, Trial

OPENING = Opening(
    study="wine",
    label="wine@1",
    identity="4f0c2a",
    title="Three cultivars of wine",
    document={"data": {"source": "sklearn:wine"}, "search": {"sampler": "tpe", "trials": 4}},
    space={"units": "int [8, 128]"},
    metric="val_accuracy",
    goal="maximize",
    seed=0,
    data={"name": "sklearn:wine", "digest": "ab" * 32, "rows": "178"},
    versions={"keras": "3.15.1"},
    commit="0123abcd",
    trials=4,
    text='title = "Three cultivars of wine"\n',
)


def result(number: int, state: State = State.COMPLETE, retake: int = 0) -> Result:
    """A result of three epochs; one that failed has no epoch, and one that diverged a NaN in its last."""
    loss = [1.0, 0.5, math.nan if state is State.DIVERGED else 0.25]
    history = tuple({"loss": loss[i], "val_accuracy": 0.5 + 0.125 * i} for i in range(3))
    failed = state is State.FAILED
    return Result(
        trial=Trial(
            number, {"units": 8 * (number + 1), "optimizer": "adam"}, seed=100 + number, last_epoch=3, retake=retake
        ),
        state=state,
        score=None if failed else 0.75,
        best_epoch=None if failed else 3,
        history=() if failed else history,
        seconds=2.0,
        error="Traceback (most recent call last):\n  …\nValueError: no such layer" if failed else None,
        program={"trainer": "plain"},
    )


FATES = [result(number, state) for number, state in enumerate(State)]
CLOSING = Closing(
    champion=0,
    values={"units": 8, "optimizer": "adam"},
    scores={"val_accuracy": 0.75, "test_accuracy": 0.625},
    summary={"champion": 0},
)


@dataclass(frozen=True)
class Child:
    """A trial's run as the record has it. `history` holds the finite or NaN value of each step, by metric."""

    state: str
    status: str
    values: Mapping[str, str]
    history: Mapping[str, Mapping[int, float]]


@dataclass(frozen=True)
class Seen:
    """A search as the record has it: how its own run stands, and every run of each trial."""

    status: str
    children: Mapping[int, list[Child]]
    scores: Mapping[str, float] = field(default_factory=dict)
    champion: int | None = None


class Shelf(Protocol):
    """A place for records that trackers share, and that a test can read and take away."""

    def tracker(self) -> Tracker: ...

    def seen(self, identity: str) -> list[Seen]:
        """Every record of a search with that identity; more than one is a fault."""
        ...

    def take_away(self) -> None: ...

    def bring_back(self) -> None: ...


class TrackerContract:
    @pytest.fixture
    def shelf(self) -> Shelf:
        raise NotImplementedError

    def told(self, shelf: Shelf, *results: Result, closing: Closing | None = None) -> Mapping[int | None, str]:
        """A search that runs to its end, in one process."""
        tracker = shelf.tracker()
        tracker.begin(OPENING)
        for each in results:
            tracker.record(each)
        if closing is not None:
            tracker.end(closing)
        assert tracker.close(60) == 0
        return tracker.recorded()

    def test_a_search_with_every_fate(self, shelf: Shelf) -> None:
        ids = self.told(shelf, *FATES, closing=CLOSING)
        assert set(ids) == {None, 0, 1, 2, 3}
        assert len(set(ids.values())) == 5
        (seen,) = shelf.seen(OPENING.identity)
        assert seen.status == "FINISHED"
        assert seen.champion == 0
        assert seen.scores == pytest.approx(CLOSING.scores)
        assert {number: [run.state for run in runs] for number, runs in seen.children.items()} == {
            0: ["complete"],
            1: ["pruned"],
            2: ["diverged"],
            3: ["failed"],
        }
        assert [seen.children[n][0].status for n in range(4)] == ["FINISHED", "FINISHED", "FAILED", "FAILED"]

    def test_every_value_and_epoch_is_there(self, shelf: Shelf) -> None:
        self.told(shelf, *FATES, closing=CLOSING)
        (seen,) = shelf.seen(OPENING.identity)
        for told in FATES:
            (child,) = seen.children[told.trial.number]
            assert child.values == {"units": str(told.trial.values["units"]), "optimizer": "adam",
                                    "seed": str(told.trial.seed)}  # fmt: skip
            for name in ("loss", "val_accuracy"):
                expected = {i + 1: epoch[name] for i, epoch in enumerate(told.history)}
                assert dict(child.history.get(name, {})) == pytest.approx(expected, nan_ok=True)

    def test_recording_again_changes_nothing(self, shelf: Shelf) -> None:
        first = self.told(shelf, *FATES, closing=CLOSING)
        before = shelf.seen(OPENING.identity)
        again = self.told(shelf, *FATES, closing=CLOSING)
        assert again == first
        assert repr(shelf.seen(OPENING.identity)) == repr(before)

    def test_a_search_that_goes_on_adds_what_is_missing(self, shelf: Shelf) -> None:
        first = self.told(shelf, *FATES[:2])
        both = self.told(shelf, *FATES, closing=CLOSING)
        assert {number: both[number] for number in first} == first
        (seen,) = shelf.seen(OPENING.identity)
        assert sorted(seen.children) == [0, 1, 2, 3]
        assert all(len(runs) == 1 for runs in seen.children.values())
        assert seen.status == "FINISHED"

    def test_one_that_was_not_ended_is_interrupted_until_it_goes_on(self, shelf: Shelf) -> None:
        self.told(shelf, FATES[0])
        assert [seen.status for seen in shelf.seen(OPENING.identity)] == ["KILLED"]
        tracker = shelf.tracker()
        tracker.begin(OPENING)
        while not tracker.recorded():
            pass
        assert [seen.status for seen in shelf.seen(OPENING.identity)] == ["RUNNING"]
        tracker.close(60)

    def test_one_without_a_champion_failed(self, shelf: Shelf) -> None:
        tracker = shelf.tracker()
        tracker.begin(OPENING)
        tracker.record(FATES[3])
        tracker.end(None)
        assert tracker.close(60) == 0
        (seen,) = shelf.seen(OPENING.identity)
        assert (seen.status, seen.champion) == ("FAILED", None)

    def test_a_retake_is_no_trial_of_the_record(self, shelf: Shelf) -> None:
        ids = self.told(shelf, FATES[0], result(0, retake=1), result(0, retake=2), closing=CLOSING)
        assert set(ids) == {None, 0}
        (seen,) = shelf.seen(OPENING.identity)
        assert [len(runs) for runs in seen.children.values()] == [1]

    def test_another_champion_takes_the_place_of_the_first(self, shelf: Shelf) -> None:
        self.told(shelf, *FATES, closing=CLOSING)
        better = Closing(champion=1, values={"units": 16}, scores={"val_accuracy": 0.875}, summary={})
        self.told(shelf, *FATES, closing=better)
        (seen,) = shelf.seen(OPENING.identity)
        assert seen.champion == 1
        assert seen.scores["val_accuracy"] == 0.875

    def test_what_cannot_be_written_waits(self, shelf: Shelf) -> None:
        shelf.take_away()
        tracker = shelf.tracker()
        tracker.begin(OPENING)
        for each in FATES:
            tracker.record(each)
        while tracker.offline is None:
            pass
        assert "\n" not in tracker.offline
        assert tracker.waiting == 4
        assert tracker.recorded() == {}
        shelf.bring_back()
        assert tracker.close(60) == 0
        assert tracker.offline is None
        assert set(tracker.recorded()) == {None, 0, 1, 2, 3}
        (seen,) = shelf.seen(OPENING.identity)
        assert sorted(seen.children) == [0, 1, 2, 3]

    def test_what_was_not_written_is_counted(self, shelf: Shelf) -> None:
        shelf.take_away()
        tracker = shelf.tracker()
        tracker.begin(OPENING)
        for each in FATES:
            tracker.record(each)
        tracker.end(CLOSING)
        assert tracker.close(0.2) == 5
        shelf.bring_back()
        self.told(shelf, *FATES, closing=CLOSING)
        (seen,) = shelf.seen(OPENING.identity)
        assert sorted(seen.children) == [0, 1, 2, 3]
