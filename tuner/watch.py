"""What a search tells the person who waits for it. The command line shows it; anything else may listen too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tuner.ledger import Owned
from tuner.study import Study
from tuner.trainers import Ask, Judge
from tuner.trial import Batch, Report, Result, Trial

if TYPE_CHECKING:
    from tuner.data.split import Split


class Watch:
    """Hears of everything and shows nothing. Subclasses show it; none of these calls may fail a search."""

    _recording = True

    def begins(self, label: str, study: Study, split: Split, record: Owned) -> None:
        """The search is owned and about to train; `record` has what earlier commands left."""

    def asked(self, trial: Trial) -> None:
        """A trial begins to train, or begins again after an interruption."""

    def reported(self, reports: Sequence[Report], stopped: set[int]) -> None:
        """Trials ended an epoch; those in `stopped` end with it."""

    def told(self, result: Result) -> None:
        """A trial ended."""

    def retrained(self, result: Result) -> None:
        """A trial ended that was trained once more: a finalist with a fresh seed, or one whose weights were gone."""

    def tracking(self, trouble: str | None, waiting: int) -> None:
        """How the record fares: why it cannot be written now, if so, and how many trials wait for it."""
        if (trouble is None) == self._recording:
            return
        self._recording = trouble is None
        if trouble is None:
            self.say("tracking goes on")
        else:
            self.say(f"tracking offline ({trouble}), {waiting} waiting; the search goes on, and they are not lost")

    def say(self, line: str) -> None:
        """Something worth a line happened."""

    def asks(self, ask: Ask) -> Ask:
        """`ask`, overheard."""

        def asking(n: int) -> Batch:
            batch = ask(n)
            for trial in batch.trials:
                self.asked(trial)
            return batch

        return asking

    def judges(self, judge: Judge) -> Judge:
        """`judge`, overheard."""

        def judging(reports: Sequence[Report]) -> set[int]:
            stopped = judge(reports)
            self.reported(reports, stopped)
            return stopped

        return judging
