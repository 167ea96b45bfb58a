"""KerasTuner's Hyperband: brackets of rounds, each with fewer trials than the one before, and more epochs.

The best of a round are promoted: their later trials go on from their weights. The oracle begins the next bracket where
nothing can be promoted yet, and after the last bracket another iteration of all; the study's number of trials ends it.

It would never promote the last of a round in which a trial broke, as there are then fewer to choose from than it means
to leave behind. So one that broke counts as worse than all others here, and so does one that was deleted. Where the
oracle would promote such a one, the place in the next round is passed over, as if a trial had it that broke at once;
and so are the places of a first round that nothing new is left for. What is passed over follows from the trials, so
that nobody need remember it. `state` keeps for every trial, under `trial/N`, its bracket counted from 0, its round, and
its parent: of a deleted one nothing else is known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from tuner import wording
from tuner.drivers import oracles
from tuner.drivers.compiled import Known
from tuner.drivers.proposing import Drawn, Proposal
from tuner.trial import Trial

_FACTOR = 3
_TRIAL = "trial/"


def remarks(epochs: int, trials: int) -> list[str]:
    """What its first bracket is like, as a search may end before any trial has all epochs."""
    oracle = oracles.oracle("hyperband")(max_epochs=epochs, factor=_FACTOR)
    bracket = oracle._current_bracket
    rounds = [(oracle._get_size(bracket, i), oracle._get_epochs(bracket, i)) for i in range(bracket + 1)]
    if len(rounds) == 1:
        return []
    (first, least), *later = rounds
    told = ", ".join(f"{size} of them to {most}" for size, most in later)
    line = f"note: hyperband begins with {first} trials of {wording.count(least, 'epoch')}; the best go on, {told}"
    needed = sum(size for size, _ in rounds)
    return [line if trials >= needed else f"{line}. That takes {needed} trials, and this search has {trials}"]


class Rounds(Drawn):
    name = "hyperband"

    def __init__(self, *given: Any, epochs: int, state: Mapping[str, Any]) -> None:
        super().__init__(*given, max_epochs=epochs, factor=_FACTOR, hyperband_iterations=None)
        self._trials: dict[int, Trial] = {}
        self._changed: dict[str, Any] = {}
        self._brackets = self._passed = self._first = 0  # how many began, were passed over, and began with no weights
        self._restore({int(key.removeprefix(_TRIAL)): mark for key, mark in state.items() if key.startswith(_TRIAL)})

    def propose(self, number: int, place: int) -> Proposal | None:
        self._number = number
        while (answer := self._answer(str(number))) is not None:
            bracket, round_ = self._entered(str(number), answer)
            past = bracket["rounds"][round_][-1]["past_id"]
            if past in self._broken:
                bracket["rounds"][round_][-1]["id"] = self._passed_over()
                continue
            parent = None if past is None else int(past)
            self._changed[f"{_TRIAL}{number}"] = [bracket["place"], round_, parent]
            self._first += parent is None
            epochs = answer["tuner/initial_epoch"] + 1, answer["tuner/epochs"]
            known = self._compiled.values(answer, seed=0) if parent is None else self._trials[parent].values
            return Proposal(dict(known), epochs, parent)
        return None

    def begin(self, trial: Trial) -> None:
        super().begin(trial)
        self._trials[trial.number] = trial
        self._broken.discard(str(trial.number))

    def end(self, number: int, score: float | None) -> None:
        super().end(number, score)
        if score is None:
            self._oracle.trials[str(number)].score = self._worst

    def waits(self) -> bool:
        return not self._promotable().isdisjoint(self._oracle.ongoing_trials)

    def needs(self) -> frozenset[int]:
        parents = {self._trials[int(name)].parent for name in self._oracle.ongoing_trials}
        return frozenset([*map(int, self._promotable()), *(parent for parent in parents if parent is not None)])

    def changed(self) -> Mapping[str, Any]:
        changed, self._changed = self._changed, {}
        return changed

    def _fresh(self) -> Known | None:
        start = self._untried.start(self._first)
        known = super()._fresh() if start is None else self._compiled.known(start)
        # The oracle takes no values at all, of a space in which all is fixed, for the end of the space.
        return None if known is None else {"tuner/new": True, **known}

    def _answer(self, name: str) -> Known | None:
        """What the oracle proposes; None where nothing new is left, and nothing can be promoted."""
        oracle = self._oracle
        while True:
            before = oracle._current_bracket, oracle._current_iteration
            answer = oracle.populate_space(name)
            if answer["status"] == "RUNNING":
                values: Known = answer["values"]
                return values
            # It has asked for something new, for the first bracket that has room, which may have begun just now.
            bracket = next(each for each in oracle._brackets if self._room(each, 0))
            if not bracket["rounds"][0]:
                oracle._brackets.remove(bracket)
                oracle._current_bracket, oracle._current_iteration = before
                return None
            while self._room(bracket, 0):
                bracket["rounds"][0].append({"past_id": None, "id": self._passed_over()})

    def _entered(self, name: str, answer: Known) -> tuple[Any, int]:
        """Where the oracle has written down the trial of that name: the bracket and the round."""
        self._count()
        round_ = answer["tuner/round"]
        for bracket in self._oracle._brackets:
            entries = bracket["rounds"][round_] if round_ < len(bracket["rounds"]) else []
            if entries and entries[-1]["id"] == name:
                return bracket, round_
        raise AssertionError(f"KerasTuner's Hyperband has no place for trial {name}")

    def _count(self) -> None:
        """Gives a bracket that has begun its number."""
        if "place" not in self._oracle._brackets[-1]:
            self._oracle._brackets[-1]["place"] = self._brackets
            self._brackets += 1

    def _room(self, bracket: Any, round_: int) -> int:
        """How many places a round still has."""
        size: int = self._oracle._get_size(bracket["bracket_num"], round_)
        return size - len(bracket["rounds"][round_])

    def _promotable(self) -> set[str]:
        """The names of the trials that may yet be promoted: those that run, and the best of those that have ended."""
        found: set[str] = set()
        running, trials = self._oracle.ongoing_trials, self._oracle.trials
        for bracket in self._oracle._brackets:
            for round_, (entries, following) in enumerate(pairwise(bracket["rounds"]), start=1):
                if (room := self._room(bracket, round_)) <= 0:
                    continue
                gone = self._broken.union(entry["past_id"] for entry in following)
                left = [entry["id"] for entry in entries if entry["id"] not in gone]
                ended = [name for name in left if name not in running]
                best = sorted(ended, key=lambda name: trials[name].score, reverse=self._goal > 0)
                found.update(best[:room], running.keys() & left)
        return found

    def _passed_over(self) -> str:
        """The name of a trial that there never was, and that broke."""
        self._passed += 1
        return self._lost(f"passed over {self._passed}")

    def _lost(self, name: str) -> str:
        trial = self._oracle.trials[name] = oracles.trial(name, {})
        trial.status, trial.score = "COMPLETED", self._worst
        self._broken.add(name)
        return name

    @property
    def _worst(self) -> float:
        return -self._goal * math.inf

    def _restore(self, marks: Mapping[int, tuple[int, int, int | None]]) -> None:
        """Puts trials back into their brackets, every one as deleted until it begins again."""
        oracle = self._oracle
        places = [oracle._brackets[0]]
        for number, (place, round_, parent) in sorted(marks.items()):
            while len(places) <= place:
                self._count()
                oracle._increment_bracket_num()
                oracle._start_new_bracket()
                places.append(oracle._brackets[-1])
            past = None if parent is None else str(parent)
            places[place]["rounds"][round_].append({"past_id": past, "id": self._lost(str(number))})
            self._first += parent is None
        if marks:
            self._count()
