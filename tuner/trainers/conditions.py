"""From what a model asked for in many builds to a space: ranges, and beside which values of others each is asked for.

What a scope of the user's says stands as it is. Beyond that a condition is found where all builds agree: a width that
is asked for only beside certain numbers of layers is then not proposed beside others, where it would change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from tuner import own_entries
from tuner.parameters import among
from tuner.trial import Value

Range = dict[str, Any]
# A stack of scopes: names of others, and the values of each under which they are open.
Scopes = tuple[tuple[str, tuple[Value, ...]], ...]
Key = tuple[str, Scopes]

# More values than these of one parameter are nobody's condition.
_MOST_VALUES = 64
# Pairs are looked through among so many.
_MOST_PAIRED = 24


@dataclass(frozen=True, slots=True)
class Seen:
    """One build: the values asked for, in order, and which parameters those were.

    Of one that is not `whole`, because it raised, it is not known what it would have asked for. `fitted`: its fit was
    looked at, too.
    """

    values: Mapping[str, Value]
    asked: frozenset[Key]
    whole: bool = True
    fitted: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A parameter as it was first asked for: its range, and whether a fit asked for it and no build did."""

    key: Key
    range: Range
    by_fit: bool = False
    listed: tuple[Value, ...] | None = field(default=None, compare=False)  # its values; None for a continuum

    @property
    def name(self) -> str:
        return self.key[0]


def entries(found: Sequence[Found], seen: Sequence[Seen]) -> list[dict[str, Any]]:
    """The entries of a space, each below those that it depends on."""
    ranges = {each.name: each for each in reversed(found)}
    cases: dict[str, list[tuple[Found, dict[str, tuple[Value, ...]]]]] = {}
    for each in found:
        scopes = _scopes(each, ranges)
        if scopes is not None:
            when = scopes | dict(_inferred(each, scopes, ranges, seen))
            cases.setdefault(each.name, []).append((each, when))
    made = {name: _entry(name, given) for name, given in cases.items()}
    return list(_in_order(_sound(made)))


def unexplained(found: Sequence[Found], seen: Sequence[Seen], mine: Sequence[Found]) -> list[Found]:
    """Those of `mine` that some builds do not ask for, with no one parameter that would say when."""
    ranges = {each.name: each for each in reversed(found)}
    return [
        each
        for each in mine
        if (scopes := _scopes(each, ranges)) is not None
        and all(_evidence(each, scopes, seen))
        and _single(each, *_evidence(each, scopes, seen), ranges) is None
    ]


def _scopes(each: Found, ranges: Mapping[str, Found]) -> dict[str, tuple[Value, ...]] | None:
    """What the user's own scopes say of it; None where they are never open all together."""
    when: dict[str, tuple[Value, ...]] = {}
    for name, values in each.key[1]:
        other = ranges.get(name)
        if other is None or other.listed is None:
            return None  # a value of a continuum is hardly ever drawn
        kept = tuple(v for v in when.get(name, other.listed) if among(values, v))
        if not kept:
            return None
        when[name] = kept
    return when


def _evidence(
    each: Found, scopes: Mapping[str, tuple[Value, ...]], seen: Sequence[Seen]
) -> tuple[list[Seen], list[Seen]]:
    """The builds that ask for it, and those that do not though its scopes are open."""
    fair = [
        one
        for one in seen
        if one.whole
        and (one.fitted or not each.by_fit)
        and all(name in one.values and among(values, one.values[name]) for name, values in scopes.items())
    ]
    return [one for one in fair if each.key in one.asked], [one for one in fair if each.key not in one.asked]


def _inferred(
    each: Found, scopes: Mapping[str, tuple[Value, ...]], ranges: Mapping[str, Found], seen: Sequence[Seen]
) -> Mapping[str, tuple[Value, ...]]:
    asked, not_asked = _evidence(each, scopes, seen)
    if not asked or not not_asked:
        return {}
    found = _single(each, asked, not_asked, ranges) or _pair(each, asked, not_asked, ranges) or {}
    return {name: tuple(v for v in values if name not in scopes or v in scopes[name]) for name, values in found.items()}


def _single(
    each: Found, asked: Sequence[Seen], not_asked: Sequence[Seen], ranges: Mapping[str, Found]
) -> dict[str, tuple[Value, ...]] | None:
    """The one parameter whose values tell when it is asked for; of several, that of which most is known."""
    best: tuple[int, str, tuple[Value, ...]] | None = None
    for name in _before(each, asked, ranges):
        yes, no = _values(name, asked), _values(name, not_asked)
        if not no or yes & no:
            continue
        kept = _completed(ranges[name], yes, no)
        known = sum(name in one.values for one in (*asked, *not_asked))
        if len(kept) <= _MOST_VALUES and (best is None or known >= best[0]):
            best = (known, name, kept)
    return None if best is None else {best[1]: best[2]}


def _pair(
    each: Found, asked: Sequence[Seen], not_asked: Sequence[Seen], ranges: Mapping[str, Found]
) -> dict[str, tuple[Value, ...]] | None:
    """Two parameters that tell it together."""
    kept: dict[str, tuple[Value, ...]] = {}
    for name in list(_before(each, asked, ranges))[:_MOST_PAIRED]:
        yes, no = _values(name, asked), _values(name, not_asked)
        if only := no - yes:
            kept[name] = _completed(ranges[name], yes, only)
    for pair in combinations(kept, 2):
        if all(any(name not in one.values or not _in(one, name, kept) for name in pair) for one in not_asked):
            return {name: kept[name] for name in pair}
    return None


def _in(one: Seen, name: str, kept: Mapping[str, tuple[Value, ...]]) -> bool:
    return among(kept[name], one.values[name])


def _before(each: Found, asked: Sequence[Seen], ranges: Mapping[str, Found]) -> Iterator[str]:
    """The listable parameters that every build that asks for it has asked for before."""
    for name, other in ranges.items():
        if name != each.name and other.listed is not None and len(other.listed) > 1:
            places = [list(one.values) for one in asked]
            if all(name in place and place.index(name) < place.index(each.name) for place in places):
                yield name


def _values(name: str, seen: Sequence[Seen]) -> set[tuple[bool, Value]]:
    # 1 is not true.
    return {(isinstance(v, bool), v) for one in seen if (v := one.values.get(name)) is not None}


def _completed(other: Found, yes: set[tuple[bool, Value]], no: set[tuple[bool, Value]]) -> tuple[Value, ...]:
    """The values with which it is asked for: also those never tried, but between numbers with which it is not."""
    listed = [(isinstance(v, bool), v) for v in other.listed or ()]
    numbers = not any(isinstance(v, str | bool) for _, v in listed)
    kept = []
    for i, value in enumerate(listed):
        below = next((v for v in reversed(listed[:i]) if v in yes or v in no), None)
        above = next((v for v in listed[i + 1 :] if v in yes or v in no), None)
        between = numbers and below in no and above in no
        if value in yes or (value not in no and not between):
            kept.append(value[1])
    return tuple(kept)


# From cases to entries


def _entry(name: str, cases: Sequence[tuple[Found, Mapping[str, tuple[Value, ...]]]]) -> dict[str, Any]:
    """One entry for all that is asked for by a name."""
    first = next((each for each, when in cases if not when), None)
    if first is not None:
        return {"name": name, **first.range}
    each, when = cases[0]
    if len(cases) == 1:
        return {"name": name, **each.range, "when": _lists(when)}
    if all(other.range == each.range and len(w) == 1 and w.keys() == when.keys() for other, w in cases):
        (parent,) = when
        values = dict.fromkeys((isinstance(v, bool), v) for _, w in cases for v in w[parent])
        return {"name": name, **each.range, "when": {parent: [v for _, v in values]}}
    return {
        "name": name,
        **_union([each for each, _ in cases]),
        "cases": [{"when": _lists(when), **_part(each)} for each, when in cases],
    }


def _lists(when: Mapping[str, tuple[Value, ...]]) -> dict[str, list[Value]]:
    return {name: list(values) for name, values in when.items()}


def _part(each: Found) -> dict[str, Any]:
    """What is left of the union where this one is meant."""
    if each.listed is not None and len(each.listed) <= _MOST_VALUES:
        return {"options": list(each.listed)}
    ends = each.range.get("int") or each.range["float"]
    return {"low": float(ends[0]), "high": float(ends[1])}


def _union(several: Sequence[Found]) -> Range:
    """A range that has all values of several."""
    if all(each.listed is not None and len(each.listed) <= _MOST_VALUES for each in several):
        options = {(isinstance(v, bool), v): v for each in several for v in each.listed or ()}
        numbers = not any(isinstance(v, str | bool) for v in options.values())
        listed = sorted(options.values()) if numbers else list(options.values())
        return {"choice": listed, "ordered": True} if numbers and len(listed) > 1 else {"choice": listed}
    numbers_of = [list(each.listed) if each.listed else each.range["float"] for each in several]
    low, high = min(min(n) for n in numbers_of), max(max(n) for n in numbers_of)
    if all("int" in each.range for each in several):
        return {"int": [low, high]} | ({"log": True} if all(each.range.get("log") for each in several) else {})
    return {"float": [float(low), float(high)]} | (
        {"log": True} if all(each.range.get("log") for each in several) else {}
    )


def _sound(made: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The entries without conditions on what is not among them, or on what is itself a matter of cases."""
    by_cases = {name for name, entry in made.items() if "cases" in entry}
    for entry in made.values():
        for case in entry.get("cases", ()):
            case["when"] = {name: v for name, v in case["when"].items() if name in made and name not in by_cases}
        if any(not case["when"] for case in entry.get("cases", ())):
            del entry["cases"]
        if "when" in entry:
            entry["when"] = {name: values for name, values in entry["when"].items() if name in made}
    return made


def _in_order(made: Mapping[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each after those that it depends on, and otherwise as they were first asked for."""
    done: set[str] = set()

    def place(name: str, above: frozenset[str]) -> Iterator[dict[str, Any]]:
        if name in done or name in above:
            return
        entry = made[name]
        for when in (entry.get("when", {}), *(case["when"] for case in entry.get("cases", ()))):
            for other in when:
                yield from place(other, above | {name})
        done.add(name)
        yield entry

    for name in made:
        yield from place(name, frozenset())


def listed(range_: Range) -> tuple[Value, ...] | None:
    """The values of a range; None for a continuum, or where it makes no sense."""
    try:
        return own_entries.values({"name": "_", **range_})
    except ValueError:
        return None
