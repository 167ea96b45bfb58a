"""Removes a search, or one of its trials, wherever something of it is kept."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from tuner import wording
from tuner.errors import LedgerError
from tuner.home import Home
from tuner.ledger import Ledger, Search, own
from tuner.packaging import folder_of
from tuner.trackers import address
from tuner.trainers.work import weights_of


@dataclass(frozen=True, slots=True)
class Deletion:
    """What would be removed."""

    home: Home
    ledger: Ledger
    search: Search
    trial: int | None

    def describe(self) -> str:
        """What is about to go, in one line."""
        if self.trial is not None:
            champion = self.search.verdict is not None and self.search.verdict["champion"] == self.trial
            what = f"trial {self.trial} of {self.search.label}{', the champion' if champion else ''}"
            again = f"; `tuner search {self.search.label}` names the champion anew" if self.search.verdict else ""
            return f"{what}: its line in the ledger, its files, its MLflow run{again}{self._heirs()}"
        folder = self.home.search(self.search.label).relative_to(self.home.root)
        trials = wording.count(len(self.ledger.results(self.search)), "trial")
        return f"{self.search.label}: {trials} in the ledger, the files in {folder}, and its MLflow runs"

    def _heirs(self) -> str:
        """Which trials cannot be trained again without it."""
        heirs = [r.trial.number for r in self.ledger.results(self.search) if r.trial.parent == self.trial]
        return f"; what went on from it cannot be replayed then: trial {', '.join(map(str, heirs))}" if heirs else ""

    def carry_out(self) -> str:
        """Removes it, the record first and the ledger last, so that what is interrupted can be typed again.

        Raises TrackingError where MLflow cannot be reached, and LedgerError while the search is running.
        """
        from tuner.trackers import mlflow

        address.check(self.home.tracking_uri)
        folder = self.home.search(self.search.label)
        with own(self.ledger, self.search):
            runs = mlflow.forget(self.home.tracking_uri, self.home.artifacts, self.search.identity, self.trial)
            if self.trial is None:
                shutil.rmtree(folder, ignore_errors=True)
                self.ledger.delete(self.search)
            else:
                shutil.rmtree(folder_of(folder, self.trial), ignore_errors=True)
                weights_of(folder / "weights", self.trial).unlink(missing_ok=True)
                self.ledger.delete_trial(self.search, self.trial)
        return f"removed, with {runs} MLflow run{'' if runs == 1 else 's'}"


def plan(home: Home, name: str, trial: int | None) -> Deletion:
    """Raises LedgerError where there is no such search or trial."""
    ledger, search = Ledger.lookup(home, name)
    if trial is not None and trial not in {result.trial.number for result in ledger.results(search)}:
        raise LedgerError(f"{search.label} has no finished trial {trial}. `tuner show {name}` lists them")
    return Deletion(home, ledger, search, trial)
