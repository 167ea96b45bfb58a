"""What the tests of the ledger write into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuner.ledger import Ledger, Owned, Search, own
from tuner.trial import Batch, Result, State, Trial

DOCUMENT = {"data": {"source": "sklearn:wine"}, "space": {"layers": 1}}
DATA = {"name": "sklearn:wine", "rows": 178, "fingerprint": "f0", "task": "multiclass"}


def trial(number: int, **values: Any) -> Trial:
    return Trial(number, values or {"units": 8 * number}, seed=2**31 - 1 - number, last_epoch=3)


def result(number: int, score: float | None = 0.5, **more: Any) -> Result:
    return Result(trial(number), State.COMPLETE, score, best_epoch=1, **more)


def asked(owned: Owned, *trials: Trial, state: Mapping[str, Any] | None = None) -> None:
    owned.asks(lambda n: Batch(trials), lambda: state or {})(len(trials))


def take(ledger: Ledger, search: Search) -> Owned:
    """The search as the next process finds it. The lock is free again, as after a kill; nobody else writes."""
    with own(ledger, search) as owned:
        return owned
