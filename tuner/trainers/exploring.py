"""A model of the user's own is built again and again, to find what it lets vary. Runs in a process that trains.

KerasTuner builds once with defaults and once for each conditional scope that was not open. Here what was found is
varied, too, until nothing new is asked for: `for i in range(hp.Int("layers", 1, 5))` has all its widths then, and it
is known beside which numbers of layers each is asked for.

Importing this module imports TensorFlow and KerasTuner.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tuner import own_entries, quiet
from tuner.errors import StudyError, TrialFailed
from tuner.model_file import ModelFile
from tuner.trainers import own as training
from tuner.trainers.conditions import Found, Key, Scopes, Seen, entries, listed, unexplained
from tuner.trainers.readings import split_of
from tuner.trainers.work import Work
from tuner.trial import Value

with quiet.stderr():
    import keras
    import keras_tuner

    from tuner.models import own, ranges

# All values are tried where there are so many; of more numbers the ends, and those between that tell something apart.
_ALL = 8
# Of words, so many are tried.
_WORDS = 32
# Builds of values drawn at random, which find what only several parameters together ask for.
_DRAWN = 12
# Rows of a fit that only shows what it asks for.
_ROWS = 64
# At most so many of those.
_FITS = 40

Values = dict[str, Value]
# Builds a model, and may fit it: what is asked for of the `hp` is what counts.
Run = Callable[[keras_tuner.HyperParameters], None]


class Asked(own.HyperParameters):
    """An `hp` that knows in which order it was asked for what."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        super().__init__(values)
        self.asked: dict[Key, Any] = {}
        self.inactive: dict[Key, Any] = {}

    def _retrieve(self, hp: Any) -> Any:
        value = super()._retrieve(hp)
        known = self.asked if self.is_active(hp) else self.inactive
        known.setdefault((hp.name, _scopes(hp.conditions)), hp)
        return value


def discover(
    file: ModelFile, work: Work | None, builds: int, seconds: float
) -> tuple[list[dict[str, Any]], list[str], bool]:
    """The entries of what a model asks for, lines, and whether nobody looked at its own `fit`; see `discovery`."""
    hypermodel = training.hypermodel_of(file)

    def build(hp: keras_tuner.HyperParameters) -> None:
        keras.utils.clear_session(free_memory=False)
        own.built(file, hypermodel, hp)

    fits = training.is_overridden(hypermodel)
    fit = None if work is None or not fits else _fit(file, hypermodel, work)
    try:
        if work is not None:
            _trainable(file, hypermodel, work)
        found, lines = explore(build, fit, builds, seconds, lambda error: own.blamed(file, error))
    except StudyError:
        raise
    except TrialFailed as error:
        raise StudyError(f"{file.shown}: {error}; it was built with the defaults of its hp") from error
    except Exception as error:
        raise StudyError(f"{own.blamed(file, error)}, raised by {file.name} with the defaults of its hp") from error
    return found, lines, fits and work is None


def _fit(file: ModelFile, hypermodel: keras_tuner.HyperModel, work: Work) -> Run:
    """A build, and a fit of one epoch on a few rows."""
    split = split_of(work)

    def fit(hp: keras_tuner.HyperParameters) -> None:
        keras.utils.clear_session(free_memory=False)
        model = own.built(file, hypermodel, hp)
        x, y, validation = training.data(training.on_rows(model, split), split, _ROWS)
        size = work.training.batch_size
        training.call_fit(hypermodel, hp, model, x, y, validation, epochs=1, callbacks=[], batch_size=size)

    return fit


def _trainable(file: ModelFile, hypermodel: keras_tuner.HyperModel, work: Work) -> None:
    """Holds the model of the defaults against the rows, and what it compiles against the objective.

    Raises TrialFailed where it does not go with the rows, and StudyError where Keras' `fit` could not train it, or
    would not tell of the objective.
    """
    keras.utils.clear_session(free_memory=False)  # Keras numbers what has no name, metrics too, within a session
    split, model = split_of(work), own.built(file, hypermodel, own.hyperparameters({}))
    made = training.on_rows(model, split)
    if not training.fits_as_keras(hypermodel, model):
        return
    if not model.compiled:
        raise StudyError(
            f"{own.place(file, hypermodel)}: {file.name} must return a compiled model: call model.compile(…)"
        )
    if names := training.own_names(work):
        _, _, (x, y) = training.data(made, split, _ROWS)
        # What it is called is known once it has seen rows.
        told = model.evaluate(x, y, batch_size=work.training.batch_size, verbose=0, return_dict=True)
        if missing := [name for name in names if name.removeprefix("val_") not in told]:
            raise StudyError(f"{own.place(file, hypermodel)}: {training.without(missing, told)}")


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def explore(
    build: Run,
    fit: Run | None = None,
    builds: int = 400,
    seconds: float = 60.0,
    blamed: Callable[[BaseException], str] = _named,
) -> tuple[list[dict[str, Any]], list[str]]:
    """The entries of what `build` asks for, then `fit`, and lines on what is to be known of them; what either raises is
    said as `blamed` says it.

    Raises what `build` raises with defaults.
    """
    search = _Search(build, builds, time.monotonic() + seconds, blamed)
    search.first()
    search.vary()
    lines: list[str] = []
    if fit is not None:
        lines += search.fitted(fit, time.monotonic() + seconds)
    if search.over:
        lines.append(
            f"note: hyperparameters were looked for in {len(search.seen)} builds, and there may be others; what is "
            f"asked for beyond those has its default"
        )
    if search.raised:
        lines.append(f"note: {len(search.raised)} of {len(search.seen)} builds raised; the first: {search.raised[0]}")
    return entries(list(search.found.values()), search.seen), lines


class _Search:
    """What was tried, and what was found by it."""

    def __init__(self, run: Run, builds: int, until: float, blamed: Callable[[BaseException], str]) -> None:
        self._blamed = blamed
        self._run, self._builds, self._until, self._fits = run, builds, until, False
        self.seen: list[Seen] = []
        self.found: dict[Key, Found] = {}
        self.raised: list[str] = []
        self._known: dict[frozenset[tuple[str, bool, Value]], Seen] = {}
        self._unopened: dict[Scopes, Values] = {}
        self._witness: dict[str, Seen] = {}

    @property
    def over(self) -> bool:
        return len(self.seen) >= self._builds or time.monotonic() > self._until

    def first(self) -> None:
        """Looks with defaults. Raises what that raises."""
        hp = Asked({})
        self._run(hp)
        self._take(hp, whole=True)

    def fitted(self, fit: Run, until: float) -> Iterator[str]:
        """Looks at what a fit asks for and no build did; gives a line where it raises."""
        self._run, self._builds, self._until, self._fits = fit, len(self.seen) + _FITS, until, True
        self._known = {}
        one = self._look({})
        if one is not None and not one.whole:
            yield (
                f"note: its fit raised on a few rows ({self.raised.pop()}); what it asks for after that has its default"
            )
        self.vary()

    def vary(self) -> None:
        """Looks until nothing new is asked for."""
        dice = random.Random(0)
        while not self.over:
            before = len(self.found)
            for values in list(self._unopened.values()):
                self._look(values)
            for each in self._mine():
                self._variations(each)
                # Before its rounds are varied in turn, which of a long loop may take all builds that there are.
                self._tell_apart(each)
            if len(self.found) > before:
                continue
            mine = self._mine()
            for _ in range(_DRAWN if len(mine) > 1 else 0):
                self._look({each.name: _drawn(each, dice) for each in mine})
            for each in unexplained(list(self.found.values()), self.seen, mine):
                for values in self._around(each):
                    self._look(values)
            if len(self.found) == before:
                return

    def _look(self, values: Values) -> Seen | None:
        """One build with these values, and defaults for the rest, unless it was made; None where no time is left."""
        mark = _mark(values)
        if mark not in self._known and not self.over:
            hp, whole = Asked(values), True
            try:
                self._run(hp)
            except Exception as error:  # noqa: BLE001 - the user's; some values may not go together
                whole = False
                self.raised.append(self._blamed(error))
            self._known[mark] = self._take(hp, whole)
        return self._known.get(mark)

    def _take(self, hp: Asked, whole: bool) -> Seen:
        for key, each in (*hp.asked.items(), *hp.inactive.items()):
            if key not in self.found:
                range_ = ranges.entry(each)
                self.found[key] = Found(key, range_, self._fits, listed(range_))
        asked = {name: hp.values[name] for name, _ in hp.asked}
        one = Seen(asked, frozenset(hp.asked), whole, self._fits)
        self.seen.append(one)
        for name in asked:
            self._witness.setdefault(name, one)
        for conditions in hp.inactive_scopes:
            opened = {each.name: each.values[0] for each in conditions}
            self._unopened.setdefault(_scopes(conditions), {**asked, **opened})
        if whole:  # a build with just these values would ask for the same
            self._known.setdefault(_mark(asked), one)
        return one

    def _variations(self, each: Found) -> None:
        """Looks at each of the values that may tell something apart, all else as where it was first asked for."""
        for value in _probes(each) if each.name in self._witness else ():
            self._look(self._at(each.name, value))

    def _at(self, name: str, value: Value) -> Values:
        return {**self._witness[name].values, name: value}

    def _around(self, each: Found) -> Iterator[Values]:
        """A build that asks for it, with one after the other of what came before it at other values."""
        one = next((one for one in self.seen if each.key in one.asked), None)
        if one is None:
            return
        for other in list(self.found.values()):
            if other.name in one.values:
                yield from ({**one.values, other.name: value} for value in _probes(other))

    def _mine(self) -> list[Found]:
        """What is to be varied now."""
        return [each for each in self.found.values() if each.by_fit == self._fits]

    def _tell_apart(self, each: Found) -> None:
        """Looks between numbers beside which different things are asked for, until the border is known."""
        name, values = each.name, each.listed
        if values is None or len(values) <= _ALL or not _numbers(values) or name not in self._witness:
            return

        def asked(i: int) -> frozenset[Key] | None:
            one = self._look(self._at(name, values[i]))
            return one.asked if one is not None and one.whole else None

        spans = [(0, len(values) - 1)]
        while spans and not self.over:
            low, high = spans.pop()
            if asked(low) != asked(high) and high - low > 1:  # of two neighbours, too, it is looked what they ask for
                middle = (low + high) // 2
                spans += [(low, middle), (middle, high)]


def _probes(each: Found) -> tuple[Value, ...]:
    values = each.listed
    if values is None:
        low, high = each.range["float"]
        return (low, high)
    if _numbers(values):
        return values if len(values) <= _ALL else (values[0], values[-1])
    return values[:_WORDS]


def _numbers(values: tuple[Value, ...]) -> bool:
    return not any(isinstance(value, str | bool) for value in values)


def _drawn(each: Found, dice: random.Random) -> Value:
    return own_entries.read({"name": each.name, **each.range}).parameter().at(dice.random())


def _mark(values: Mapping[str, Value]) -> frozenset[tuple[str, bool, Value]]:
    """Equal for the same values; 1 is not true."""
    return frozenset((name, isinstance(value, bool), value) for name, value in values.items())


def _scopes(conditions: Any) -> Scopes:
    return tuple((each.name, tuple(each.values)) for each in conditions)
