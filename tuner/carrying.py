"""What one search found, put first in another: the champion's values, as far as they fit the other space."""

from __future__ import annotations

from collections.abc import Mapping

from tuner import opening
from tuner.drivers.distributions import kept
from tuner.drivers.limit import Limit
from tuner.errors import StudyError, listing
from tuner.home import Home
from tuner.parameters import said
from tuner.shown import Shown, load_search
from tuner.space import Parameter, Space
from tuner.study import Study, from_document
from tuner.trial import Trial, Value
from tuner.tunables import TUNABLES


def carry(study: Study, label: str, home: Home) -> tuple[Study, tuple[str, ...]]:
    """The study with the champion of the search of that name or label tried first, and lines on how it fits.

    Raises LedgerError where there is no such search, and StudyError where nothing was found in it. Where the study
    limits the weights of its networks its rows are read, with the errors of `opening.split`.
    """
    shown = load_search(home, label)
    champion = _best(shown)
    values, moved, left_out = fit(study.space, champion.values)
    shrunk: dict[str, Value] = {}
    if (most := study.search.max_params) is not None:
        limit = Limit(study.space, opening.weights(opening.split(study, home)), most)
        values, shrunk = within(limit, values)
    if values in study.starts:
        return study, (f"the best of {shown.search.label} is in [[start]] already",)
    told = [f"trial 0 has the values of trial {champion.number} of {shown.search.label}, its best"]
    moved = {name: words for name, words in moved.items() if name in values and name not in shrunk}
    smaller = [f"{name} = {said(value)}" for name, value in shrunk.items()]
    told += [f"note: not as they are there: {listing([*moved.values()], 8)}"] if moved else []
    told += [f"note: made smaller, to at most {most} weights: {listing(smaller, 8)}"] if smaller else []
    told += [f"note: not in this space: {listing(left_out, 8)}"] if left_out else []
    document = opening.with_start(study.document, [values, *study.start])
    return from_document(study.name, document, text=study.text), tuple(told)


def within(limit: Limit, values: dict[str, Value]) -> tuple[dict[str, Value], dict[str, Value]]:
    """The values with smaller layers, or fewer of them, as a proposal beyond the limit has; and those that changed.

    Values of which no network is small enough stay as they are.
    """
    fitting = values if limit.fits(values) else limit.shrunk(values) or values
    return fitting, {name: value for name, value in fitting.items() if value != values.get(name)}


def _best(shown: Shown) -> Trial:
    """The champion that was named, or the best trial so far."""
    best = next((result.trial for result in shown.results if result.trial.number == shown.champion), None)
    if best is None and not shown.ranked and shown.best_imported is not None:
        return shown.best_imported.trial
    if best is None and not shown.ranked:
        label = shown.search.label
        raise StudyError(f"--from: no trial of {label} is complete. Go on with: tuner search {label}")
    return best or shown.ranked[0].trial


def fit(space: Space, given: Mapping[str, Value]) -> tuple[dict[str, Value], dict[str, str], list[str]]:
    """The values in a space, what had to be another there, in words by name, and names that the space does not know.

    A number that is not in the space becomes the nearest that is, and what has no value, or a word that is not there,
    has its default, or else what is in the middle. A value of the whole network is that of each layer; of layers that
    differ, the first one's is that of the whole network.
    """
    moved: dict[str, str] = {}
    used: set[str] = set()

    def suggest(name: str, left: Parameter) -> Value:
        known = next((key for key in (name, left.name, f"{name}_1") if key in given), None)
        if known is not None:
            used.add(known)
            if given[known] in left:
                return given[known]
        value = _instead(left, None if known is None else given[known])
        moved[name] = f"{name} = {said(value)}" + (f", there {said(given[known])}" if known else "")
        return value

    values = space.walk(suggest)
    moved = _told(values, given) | moved
    fixed = {key for key in given if key in values and given[key] == values[key]}
    stems = {parameter.name for parameter in space.parameters}
    unknown = [key for key in given if key not in used | fixed | stems and _stem(key) not in stems]
    return values, moved, unknown


def _told(values: Mapping[str, Value], given: Mapping[str, Value]) -> dict[str, str]:
    """What is another value here, in words by name: of what cannot vary, or in place of those of several layers."""
    told = {}
    for name, value in values.items():
        layers = [given[key] for key in given if _stem(key) == name != key]
        there = next(([given[key]] for key in (name, _stem(name)) if key in given), layers)
        if any(each != value for each in there):
            told[name] = f"{name} = {said(value)}, there {'-'.join(map(said, there))}"
    return told


def _instead(left: Parameter, value: Value | None) -> Value:
    default = TUNABLES[left.name].default if left.name in TUNABLES else None
    for each in (value, default):
        if each is not None and each in left:
            return each
        if isinstance(each, int | float) and not isinstance(each, bool) and not _words(left):
            return kept(left, each)
    return left.at(0.5)


def _words(left: Parameter) -> bool:
    return left.size is not None and any(isinstance(option, str | bool) for option in left.choices())


def _stem(name: str) -> str:
    stem, _, number = name.rpartition("_")
    return stem if number.isdigit() else name
