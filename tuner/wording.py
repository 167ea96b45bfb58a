"""How numbers, values and trials are spelled wherever a person reads them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tuner.trial import PARAMS, Result, State, Value
from tuner.tunables import TUNABLES

# What `default` is, where a parameter has that word. Only classes have a choice of losses.
_DEFAULTS = {"loss": "log loss"}


def score(value: float | None) -> str:
    """Four decimals from 0.1 on, one decimal from 1000 on, four significant digits below; an em dash for none."""
    if value is None:
        return "—"
    if 0 < abs(value) < 0.1:
        return f"{value:#.4g}"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}"


def objective(name: str, value: float | None) -> str:
    """A value of an objective: a number of weights is a whole one."""
    return f"{value:,.0f}" if name == PARAMS and value is not None else score(value)


def difference(value: float) -> str:
    """How far one score is from another, with its sign."""
    return f"{'-' if value < 0 else '+'}{score(abs(value))}"


def value(given: Value) -> str:
    """A value without the noise of its last digits."""
    if isinstance(given, bool):
        return "yes" if given else "no"
    return f"{given:.3g}" if isinstance(given, float) else str(given)


def parameter(name: str, given: Value) -> str:
    """The value of a parameter; where it is the word `default`, with what that is: `default (log loss)`."""
    told = value(given)
    return f"{told} ({_DEFAULTS[name]})" if given == "default" and name in _DEFAULTS else told


def values(given: Mapping[str, Value], without: Collection[str] = ()) -> str:
    """All values on a line; those of one layer after the other are put together: `units 64-32-8`.

    Those of the parameters in `without` are left out.
    """
    shared, layered = by_layer(given)
    told = {name: parameter(name, each) for name, each in shared.items()}
    told |= {name: "-".join(map(value, each)) for name, each in layered.items()}
    return " · ".join(f"{name} {each}" for name, each in told.items() if name not in without)


def by_layer(given: Mapping[str, Value]) -> tuple[dict[str, Value], dict[str, list[Value]]]:
    """The values of the whole network, and those that differ by layer: `units` → 64, 32, 8.

    A layer that has none, before one that has, as by a condition or a rule, has a dot.
    """
    shared: dict[str, Value] = {}
    layered: dict[str, list[Value]] = {}
    for name, each in given.items():
        stem, _, layer = name.rpartition("_")
        # beta_1 is a name of its own; and a user's own model may have any.
        counts = layer.isdecimal() and len(layer) <= 3 and stem and stem not in given
        if counts and name not in TUNABLES:
            own = layered.setdefault(stem, [])
            own += [*["·"] * (int(layer) - 1 - len(own)), each]
        else:
            shared[name] = each
    return shared, layered


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `1 h 30 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def count(number: int, noun: str) -> str:
    """`1 trial`, `6 trials`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def states(counts: Mapping[State, int]) -> str:
    """`31 complete · 12 pruned · 1 failed`, without the states that did not occur."""
    return " · ".join(f"{counts[state]} {state.value}" for state in State if counts.get(state))


def tally(counts: Mapping[State, int]) -> str:
    """`6 trials`, or `6 trials, 2 pruned, 1 failed`: those that did not complete are told."""
    others = [f"{counts[state]} {state.value}" for state in State if state is not State.COMPLETE and counts.get(state)]
    return ", ".join([count(sum(counts.values()), "trial"), *others])


def fitting(line: str, width: int) -> str:
    """As many of the parts between dots as go into a width, the first one always, and `…` for the others."""
    if len(line) <= width:
        return line
    first, *parts = line.split(" · ")
    while parts and len(" · ".join([first, *parts, "…"])) > width:
        parts.pop()
    return " · ".join([first, *parts, "…"]) if " · " in line else line


def result(told: Result, without: Collection[str] = ()) -> str:
    """A finished trial on a line, with its values but those of the parameters in `without`."""
    if told.state is State.FAILED:
        return f"trial {told.trial.number} failed: {last_line(told.error or 'no reason known')}"
    line = f"trial {told.trial.number} {_fate(told)}"
    return " · ".join(filter(None, [line, values(told.trial.values, without)]))


def _fate(told: Result) -> str:
    """How a trial that did not fail ended: `complete 0.7500 (3 epochs, 1.2 s)`."""
    epochs, seconds = trained(told), f"{told.seconds:.1f} s"
    if told.state is State.DIVERGED:
        # What it scored before it broke is no score.
        return f"diverged after {epochs} ({seconds})"
    if told.state is State.PRUNED:
        # It was judged by its last epoch, and its best one may be better than that of trials that went on.
        return f"pruned after {epochs}, its best was {score(told.score)} ({seconds})"
    return f"{told.state.value} {score(told.score)} ({epochs}, {seconds})"


def trained(told: Result) -> str:
    """`3 epochs`, or `epochs 4 to 6, on from trial 2`."""
    trial = told.trial
    if trial.first_epoch == 1 or not told.history:
        return count(len(told.history), "epoch")
    span = (
        f"epoch {trial.first_epoch}" if len(told.history) == 1 else f"epochs {trial.first_epoch} to {told.last_epoch}"
    )
    return span if trial.parent is None else f"{span}, on from trial {trial.parent}"


def epoch(told: Result) -> str:
    """The epoch that counts, and the last one that was trained: `5/6`."""
    return f"{told.best_epoch}/{told.last_epoch}"


def last_line(error: str) -> str:
    """The line of a traceback that says what happened."""
    return (error.strip().splitlines() or [""])[-1]
