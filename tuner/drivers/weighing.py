"""How much each parameter matters, by Optuna's PED-ANOVA, which knows conditions."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from tuner.drivers.mirror import Mirror, Outcome
from tuner.space import Space
from tuner.trial import Objective, Result, State

# It compares the best tenth of the trials with all of them, or more of them where that is fewer than its authors'
# advice for a steady answer.
_SHARE, _BEST = 0.1, 5


def weigh(space: Space, objective: Objective, results: Sequence[Result]) -> dict[str, float]:
    """See `tuner.drivers.importance`."""
    # A pruned trial counts with what it reached: most trials of a search may be pruned, and why is worth knowing.
    scored = [
        (result.trial.values, result.score)
        for result in results
        if result.state in (State.COMPLETE, State.PRUNED) and result.score is not None and isfinite(result.score)
    ]
    if len(scored) < 4 * _BEST or len({score for _, score in scored}) == 1:
        return {}
    mirror = Mirror(space, Objective(objective.metric, objective.goal), pruner="none", epochs=1, learns=True)
    for values, score in scored:
        mirror.put_back(values, Outcome(score), {})
    weights = mirror.weights(max(_SHARE, _BEST / len(scored)))
    total = sum(weights.values())
    shares = {name: weight / total for name, weight in weights.items() if total > 0}
    return dict(sorted(_by_parameter(space, shares).items(), key=lambda each: -each[1]))


def _by_parameter(space: Space, shares: dict[str, float]) -> dict[str, float]:
    """The layers of a parameter added up, in the space's order."""
    found: dict[str, float] = {}
    for parameter in space.parameters:
        own = [
            share
            for name, share in shares.items()
            if (name.rpartition("_")[0] if parameter.each else name) == parameter.name
        ]
        if own:
            found[parameter.name] = sum(own)
    return found
