"""A search as it is shown: what the ledger has of it, and what follows from that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from tuner import wording
from tuner.evaluate import Verdict
from tuner.home import Home
from tuner.ledger import Ledger, Search, holder
from tuner.metrics import Task
from tuner.study import Study, from_document
from tuner.trial import Objective, Result, State, Trial


@dataclass(frozen=True, slots=True)
class Shown:
    """A search as the ledger has it."""

    search: Search
    study: Study
    objective: Objective
    results: list[Result]
    retakes: list[Result]
    waiting: list[Trial]
    runs: dict[int, str]
    verdict: Verdict | None
    imported: Sequence[Result] = ()  # what was trained elsewhere, which is not among the results
    owner: Mapping[str, Any] | None = None  # host, pid and since of the process that searches at this moment

    @property
    def ranked(self) -> list[Result]:
        return self.objective.ranked(self.results)

    @property
    def budget(self) -> int:
        """How many trials there are to be; a later command may have asked for fewer than there are."""
        return max(self.study.search.trials, self.done)

    @property
    def done(self) -> int:
        """How many trials have ended, the imported ones included."""
        return len(self.results) + len(self.imported)

    @property
    def best_imported(self) -> Result | None:
        """The best of what was trained elsewhere, on other rows."""
        sign = 1 if self.objective.goal == "maximize" else -1
        scored = [(sign * r.score, r) for r in self.imported if r.state is State.COMPLETE and r.score is not None]
        return max(scored, key=lambda each: each[0])[1] if scored else None

    @property
    def front(self) -> set[int]:
        """The trials on the Pareto front; none where there is one objective."""
        front = self.objective.front(self.results) if self.objective.further else []
        return {result.trial.number for result in front}

    @property
    def champion(self) -> int | None:
        return self.verdict.champion if self.verdict else None

    @property
    def since(self) -> int:
        """How many trials have ended since the champion was named; 0 where there is none."""
        return len(self.results) - self.verdict.trials if self.verdict else 0

    @property
    def counts(self) -> Mapping[State, int]:
        return Counter(result.state for result in self.results)

    @property
    def fresh(self) -> dict[int, float]:
        """The mean of the scores that a finalist got with fresh seeds, by number; none where one of them has none."""
        scores: dict[int, list[float | None]] = {}
        for again in self.retakes:
            scores.setdefault(again.trial.number, []).append(again.score if again.state is State.COMPLETE else None)
        return {number: fmean(s for s in each if s is not None) for number, each in scores.items() if None not in each}


def load_search(home: Home, name: str) -> Shown:
    """Raises LedgerError where nothing was searched under that name."""
    ledger, search = Ledger.lookup(home, name)
    return replace(shown_of(ledger, search), owner=holder(ledger, search))


def shown_of(ledger: Ledger, search: Search) -> Shown:
    """A search of that ledger, whoever owns it."""
    study, every = from_document(search.study, search.document), ledger.results(search)
    return Shown(
        search=search,
        study=study,
        objective=study.objective_for(Task(search.data["task"])),
        results=[result for result in every if not result.imported],
        imported=[result for result in every if result.imported],
        retakes=ledger.retakes(search),
        waiting=ledger.waiting(search),
        runs=ledger.runs(search),
        verdict=Verdict.from_json(search.verdict) if search.verdict else None,
    )


def gone_on(shown: Shown) -> str:
    """That the champion is one of fewer trials than have ended by now; nothing where it is one of all."""
    if shown.verdict is None or not shown.since:
        return ""
    trials = shown.verdict.trials
    first = "trial" if trials == 1 else f"{trials:,} trials"
    further = f"by {wording.count(shown.since, 'trial')}, and names a champion anew when it ends"
    return f"The champion is that of the first {first}; the search has gone on since, {further}"
