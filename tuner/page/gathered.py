"""What the page says of a search, in the order in which it says it: plain values that the template lays out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tuner import drivers, wording
from tuner.evaluate import Verdict
from tuner.home import Home
from tuner.page import champion, record, rows, toml, trials
from tuner.page.rows import Part
from tuner.page.trials import Figure
from tuner.shown import Shown, gone_on
from tuner.trial import Result, State, Value

BEST = 5  # trials whose learning curves are shown
_MOST_FAILED = 50


@dataclass(frozen=True, slots=True)
class Tile:
    """One number that a person should see first, with what it is and how far it can be trusted."""

    name: str
    value: str
    note: str = ""
    look: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the leaderboard; `order` is what it is sorted by, a number where it is one."""

    text: str
    order: float | str
    number: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """A trial on the leaderboard."""

    cells: tuple[Cell, ...]
    mark: str  # "champion", "front" or nothing


@dataclass(frozen=True, slots=True)
class Board:
    """The best trials, sortable by each column; `left_out` counts those that are not on it."""

    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on the page."""

    title: str
    label: str
    lead: tuple[str, ...]
    state: str
    tiles: tuple[Tile, ...]
    warnings: tuple[str, ...]
    verdict: Verdict | None
    worth: Figure | None
    scores: tuple[tuple[str, str, str], ...]  # metric, validation, test
    values: tuple[tuple[str, str], ...]
    layers: tuple[tuple[str, tuple[str, ...]], ...]
    board: Board
    history: Figure | None
    states: tuple[tuple[str, str], ...]  # the marks of the history, and what they say
    fronts: tuple[Figure, ...]
    importance: tuple[tuple[str, float], ...]
    slices: tuple[Figure, ...]
    parallel: Figure | None
    curves: tuple[Figure, ...]
    parts: tuple[Part, ...]
    no_parts: str
    regression: bool
    failed: tuple[tuple[int, str, str, str], ...]  # number, state, reason, values
    failed_left_out: int
    study: str
    settings: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    versions_of: str
    made: str


def gather(shown: Shown, home: Home, top: int, test: bool) -> Page:
    """All of it; `test` asks for the champion's mistakes among the test rows too."""
    importance = drivers.importance(shown.study, shown.objective, shown.results)
    found, why_not = rows.parts(shown, home, ("validation", "test") if test else ("validation",))
    verdict = shown.verdict
    shared, layered = wording.by_layer(_values(shown))
    failed = [r for r in shown.results if r.state in (State.FAILED, State.DIVERGED)]
    versions_of, known = record.versions_of(shown, home)
    return Page(
        title=shown.study.title or shown.search.study,
        label=shown.search.label,
        lead=tuple(_lead(shown)),
        state=_state(shown),
        tiles=tuple(_tiles(shown)),
        warnings=verdict.warnings if verdict else (),
        verdict=verdict,
        worth=champion.worth(verdict) if verdict else None,
        scores=tuple(_scores(verdict)) if verdict else (),
        values=tuple((name, wording.parameter(name, each)) for name, each in shared.items()),
        layers=tuple((name, tuple(map(wording.value, each))) for name, each in layered.items()),
        board=_board(shown, top),
        history=trials.history(shown),
        states=tuple(_marks(shown)),
        fronts=tuple(trials.fronts(shown)) if shown.front else (),
        importance=tuple(importance.items()),
        slices=tuple(trials.slices(shown, tuple(importance))),
        parallel=trials.parallel(shown, tuple(importance)),
        curves=tuple(trials.curves(shown, result) for result in _first(shown) if result.history),
        parts=tuple(found),
        no_parts=why_not,
        regression=shown.search.data["task"] == "regression",
        failed=tuple(_failure(result) for result in failed[:_MOST_FAILED]),
        failed_left_out=max(len(failed) - _MOST_FAILED, 0),
        study=toml.written(record.document(shown, home)),
        settings=tuple(record.settings(shown)),
        versions=tuple(known.items()),
        versions_of=versions_of,
        made=_when(time.time()),
    )


def _lead(shown: Shown) -> Iterator[str]:
    data = shown.search.data
    task = data["task"] if data["task"] == "regression" else f"{data['task']} classification"
    yield f"{task} of {data.get('target', 'the target')}"
    yield f"{data['name']}: {wording.count(data['rows'], 'row')}"
    sizes = [f"{data[part]:,} {part}" for part in ("train", "validation", "test") if part in data]
    if sizes:
        yield " / ".join(sizes)
    ends = [result.ended for result in shown.results if result.ended is not None]
    begun, ended = _when(shown.search.created), _when(max(ends)) if ends else ""
    same_day = ended.partition(",")[0] == begun.partition(",")[0]
    if not ended:
        yield f"begun {begun}"
    else:
        yield begun if ended == begun else f"{begun} to {ended.rpartition(', ')[2] if same_day else ended}"


def _when(seconds: float) -> str:
    return time.strftime("%d %B %Y, %H:%M", time.localtime(seconds))


def _state(shown: Shown) -> str:
    """What a reader must know where the search is not one that ended with a champion of all its trials."""
    done = f"{shown.done} of {shown.budget} trials"
    if shown.since:
        state = f"has not ended: {done} have" if shown.owner is None else f"is running: {done} have ended"
        return f"This search {state}. {gone_on(shown)}."
    if shown.owner is not None:
        return f"This search is running: {done} have ended, and what is below is what they came to so far."
    if not shown.results:
        return "No trial of this search has ended yet."
    if shown.verdict is None and not shown.ranked:
        return f"No trial of this search has completed ({done} have ended), so that there is no champion."
    if shown.verdict is None:
        return f"This search has not ended: {done} have, no champion is named, and the test rows were not looked at."
    return ""


def _tiles(shown: Shown) -> Iterator[Tile]:
    verdict = shown.verdict
    best = shown.ranked[0] if shown.ranked else None
    if verdict is not None:
        seen = "once" if verdict.looks == 1 else f"{verdict.looks} times"
        interval = f"95 % interval {wording.score(verdict.low)} to {wording.score(verdict.high)}"
        rows_seen = f"{verdict.test_rows:,} test rows, seen {seen}"
        yield Tile(f"test {verdict.metric}", wording.score(verdict.test), f"{interval} · {rows_seen}", "first")
        among = f"{'the first ' if shown.since else ''}{verdict.trials:,}"
        chosen = f"trial {verdict.champion}, chosen among {among} on {verdict.validation_rows:,} validation rows"
        fresh = "" if verdict.fresh is None else f" · mean with fresh seeds {wording.score(verdict.fresh)}"
        yield Tile(f"validation {verdict.metric}", wording.score(verdict.score), f"{chosen}{fresh}")
        yield from _simple(verdict)
    else:
        yield Tile("test score", "not looked at", "the test rows are scored once, for the champion", "first")
        if best is not None:
            metric = shown.objective.metric
            yield Tile(
                f"best {metric}", wording.score(best.score), f"trial {best.trial.number} so far, no champion yet"
            )
    imported = f"{len(shown.imported):,} imported ones, which only told where to look" if shown.imported else ""
    states = wording.states(shown.counts) or "none has ended"
    yield Tile("trials", f"{len(shown.results):,}", f"{states} · {imported}" if imported else states)


def _simple(verdict: Verdict) -> Iterator[Tile]:
    """The baseline that is hardest to beat."""
    if not verdict.baselines:
        return
    sign = 1 if verdict.goal == "maximize" else -1
    hardest = max(verdict.baselines, key=lambda baseline: sign * baseline.test)
    said = "beaten by the champion" if hardest.beaten else "not beaten by the champion"
    yield Tile(f"{hardest.name}, test", wording.score(hardest.test), said, "" if hardest.beaten else "warn")


def _scores(verdict: Verdict) -> Iterator[tuple[str, str, str]]:
    for name in dict.fromkeys((verdict.metric, *verdict.validation_metrics, *verdict.test_metrics)):
        parts = (verdict.validation_metrics, verdict.test_metrics)
        yield name, *(wording.score(part.get(name)) for part in parts)  # type: ignore[misc]


def _values(shown: Shown) -> Mapping[str, Value]:
    """Those of the champion, or of the best trial so far."""
    if shown.verdict is not None:
        return shown.verdict.values
    return shown.ranked[0].trial.values if shown.ranked else {}


def _first(shown: Shown) -> list[Result]:
    """The best trials, the champion before the others."""
    best = sorted(shown.ranked, key=lambda result: result.trial.number != shown.champion)
    return best[:BEST]


def _board(shown: Shown, top: int) -> Board:
    ranked, fresh, front = shown.ranked, shown.fresh, shown.front
    names = trials.varied(shown, ())
    columns = ["place", "trial", *(aim.metric for aim in shown.objective.aims)]
    columns += ["fresh seeds"] if fresh else []
    columns += ["epoch", "from"] if _goes_on(shown) else ["epoch"]
    lines = []
    for place, result in enumerate(ranked[:top], start=1):
        number = result.trial.number
        mark = "champion" if number == shown.champion else "front" if number in front else ""
        lines.append(Line(tuple(_cells(shown, place, result, names, fresh)), mark))
    return Board((*columns, "seconds", *names), tuple(lines), max(len(ranked) - top, 0))


def _cells(
    shown: Shown, place: int, result: Result, names: Sequence[str], fresh: Mapping[int, float]
) -> Iterator[Cell]:
    number = result.trial.number
    yield Cell(str(place), place)
    yield Cell(str(number), number)
    for aim, each in zip(shown.objective.aims, (result.score, *result.further), strict=True):
        yield Cell(wording.objective(aim.metric, each), 0.0 if each is None else each)
    if fresh:
        yield Cell(wording.score(fresh[number]), fresh[number]) if number in fresh else Cell("", "")
    yield Cell(wording.epoch(result), result.best_epoch or 0)
    if _goes_on(shown):
        yield Cell("", -1) if result.trial.parent is None else Cell(str(result.trial.parent), result.trial.parent)
    yield Cell(f"{result.seconds:.1f}", result.seconds)
    shared, layered = wording.by_layer(result.trial.values)
    for name in names:
        yield _cell([shared[name]] if name in shared else layered.get(name, []))


def _goes_on(shown: Shown) -> bool:
    """Whether trials go on from the weights of others."""
    return any(result.trial.parent is not None for result in shown.results)


def _cell(own: Sequence[Value]) -> Cell:
    """One value, or those of all layers in a row, a dot for a layer that has none; sorted by the first value."""
    first = next((value for value in own if value != "·"), "")
    number = isinstance(first, int | float) and not isinstance(first, bool)
    return Cell("-".join(map(wording.value, own)), first if number else str(first), number)


def _marks(shown: Shown) -> Iterator[tuple[str, str]]:
    if shown.champion is not None:
        yield "champion", "champion"
    for state in State:
        if shown.counts.get(state):
            yield state.value, "pruned: stopped early" if state is State.PRUNED else state.value


def _failure(result: Result) -> tuple[int, str, str, str]:
    why = record.without_folders(wording.last_line(result.error)) if result.error else ""
    if not why and result.state is State.DIVERGED:
        why = f"loss or weights were no numbers any more after {wording.count(result.last_epoch, 'epoch')}"
    return result.trial.number, result.state.value, why, wording.values(result.trial.values)
