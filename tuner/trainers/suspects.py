"""Who killed a worker: found by trying those who were there again in halves, so that bystanders lose nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from tuner.errors import listing
from tuner.trainers.seats import ALONE, Death
from tuner.trainers.stacked import Key, key_of
from tuner.trial import Result, State, Trial

Group = tuple[Trial, ...]


class Suspects:
    """Counts the deaths of those that died alone, and gives up on a trial after `retries` of them.

    `say` is told of every death, in a line.
    """

    def __init__(self, retries: int, say: Callable[[str], None]) -> None:
        self._retries, self._say = retries, say
        self._deaths: Counter[Key] = Counter()

    def after(self, death: Death) -> tuple[list[Group], Result | None]:
        """The groups to try again, each apart from all others, or the result of a trial that has failed."""
        if not death.suspects:
            return [], None
        short = death.story.strip().splitlines()[-1]
        if len(death.suspects) == 1:
            return self._alone(death, death.suspects[0], short)
        numbers = listing([str(trial.number) for trial in death.suspects])
        self._say(f"{short}, with trials {numbers} in training; they begin again in halves, to find out which it was")
        half = len(death.suspects) // 2
        return [death.suspects[:half], death.suspects[half:]], None

    def _alone(self, death: Death, trial: Trial, short: str) -> tuple[list[Group], Result | None]:
        # An exception in a trial's own process is its answer, and would be again.
        final = death.raised and death.bucket == ALONE
        self._deaths[key_of(trial)] += 1
        attempt = self._deaths[key_of(trial)]
        if final or attempt > self._retries:
            return [], Result(trial, State.FAILED, seconds=death.seconds, error=death.story)
        self._say(f"trial {trial.number}: {short}, retry {attempt} of {self._retries}")
        return [(trial,)], None
