"""How much of each shipped study the fast trainer takes: 200 random trials each, none of which is trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.machine import answering
from tests.benchmarks.tasks import opened
from tuner.home import Home, names


def answer(order: Mapping[str, Any]) -> dict[str, Any]:
    """By dense study, how many trials go to the plain trainer for each reason; None where there are no rows."""
    from tuner.drivers.sampling import Random
    from tuner.errors import DataError
    from tuner.trainers.stacked.plan import Rows, plan

    found: dict[str, dict[str, int] | None] = {}
    for name in sorted(names(Home(Path.cwd()))):
        try:
            study, split = opened(Home(Path.cwd()), name)
        except DataError:
            found[name] = None
            continue
        if "conv_layers" in study.space.names:
            continue
        sampler = Random(study.space, study.search.seed)
        values = [next(sampler.candidates(number)) for number in range(order["trials"])]
        programs = plan(study.space, study.training, Rows.of(split))
        reasons = [programs.reason(each) for each in values]
        found[name] = dict(Counter(reason for reason in reasons if reason is not None))
    return found


if __name__ == "__main__":
    answering(answer)
