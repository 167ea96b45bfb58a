"""Rules between parameters, against a plain listing of what they allow, and what is said of senseless ones."""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.study_files import Write, space
from tuner import study
from tuner.errors import StudyError
from tuner.space import Choice, Float, Int, Parameter, Rule, Space, Wanted
from tuner.trial import Value

OPTIONS: list[tuple[Value, ...]] = [("x", "y", "z"), (False, True), (0.0, 0.5, 2.0)]
FEW = 1000


@st.composite
def ruled(draw: st.DrawFn) -> tuple[list[Parameter], list[Rule]]:
    """Small parameters, per layer and shared, and rules that may contradict each other."""
    made: list[Parameter] = [Int(name="layers", low=draw(st.integers(0, 1)), high=draw(st.integers(2, 3)))]
    for name in "abc"[: draw(st.integers(2, 3))]:
        parts: dict[str, Any] = {"name": name, "each": draw(st.sampled_from([None, "layers"]))}
        if draw(st.integers(0, 3)) == 0:
            others = [p for p in made if p.each in (None, parts["each"])]
            other = draw(st.sampled_from(others))
            parts["when"] = ((other.name, tuple(draw(st.sets(st.sampled_from(other.choices()), min_size=1)))),)
        kind = draw(st.sampled_from(["int", "float", "choice"]))
        if kind == "int":
            parts["taper"] = may_taper(parts, made) and draw(st.booleans())
            made.append(Int(**parts, low=1, high=draw(st.integers(2, 4)), step=draw(st.integers(1, 2))))
        elif kind == "float":
            made.append(Float(**parts, low=0.1, high=0.35, step=0.1))
        else:
            made.append(Choice(**parts, options=draw(st.sampled_from(OPTIONS))))
    if draw(st.booleans()):
        made.append(Choice(name="e", options=("p", "q"), each="layers", ruled=True))
    return made, draw(st.lists(rules_of(made), min_size=1, max_size=3))


def may_taper(parts: Mapping[str, Any], made: list[Parameter]) -> bool:
    """Whether such a parameter has a value in every layer, and is the only one."""
    layered = {p.name for p in made if p.each}
    free = not layered & dict(parts.get("when", ())).keys()
    return parts["each"] is not None and free and not any(isinstance(p, Int) and p.taper for p in made)


@st.composite
def rules_of(draw: st.DrawFn, made: list[Parameter]) -> Rule:
    at = draw(st.integers(1, len(made) - 1))
    others = [p for p in made[:at] if p.each in (None, made[at].each) and not p.ruled]
    ifs = draw(st.lists(st.sampled_from(others), min_size=1, max_size=2, unique=True))
    one = made[at].ruled
    return Rule(tuple((p.name, draw(wanted(p))) for p in ifs), ((made[at].name, draw(wanted(made[at], one))),))


@st.composite
def wanted(draw: st.DrawFn, parameter: Parameter, one: bool = False) -> Wanted:
    choices = parameter.choices()
    if isinstance(parameter, Choice) or draw(st.booleans()):
        return Wanted(tuple(draw(st.sets(st.sampled_from(choices), min_size=1, max_size=1 if one else 2))))
    low, high = sorted(draw(st.tuples(st.sampled_from(choices), st.sampled_from(choices))))  # type: ignore[type-var]
    return Wanted(low=draw(st.sampled_from([low, None])), high=high)  # type: ignore[arg-type]


class Listing:
    """Every set of values that obeys the rules, by trying all values of all parameters in turn."""

    def __init__(self, parameters: list[Parameter], rules: list[Rule]) -> None:
        self.parameters, self.rules = parameters, rules
        self.stuck = False
        self.sets = list(self._from(0, 1, {}))

    def _from(self, i: int, layer: int, values: dict[str, Value]) -> Iterator[dict[str, Value]]:
        if i == len(self.parameters):
            yield values
            return
        parameter = self.parameters[i]
        layers = int(values.get("layers", 0)) if parameter.each else 1
        if layer > layers:
            yield from self._from(i + 1, 1, values)
            return

        def value(name: str) -> Value | None:
            each = next(p.each for p in self.parameters if p.name == name)
            return values.get(f"{name}_{layer}" if each else name)

        held = [
            then
            for rule in self.rules
            for name, then in rule.then
            if name == parameter.name and all(value(n) is not None and value(n) in each for n, each in rule.when)
        ]
        is_active = all(value(n) in each for n, each in parameter.when) and (held or not parameter.ruled)
        if not is_active:
            yield from self._from(i, layer + 1, values)
            return
        left = [each for each in parameter.choices() if all(each in then for then in held)]
        if isinstance(parameter, Int) and parameter.taper and layer > 1:
            left = [each for each in left if each <= values[f"{parameter.name}_{layer - 1}"]]  # type: ignore[operator]
        self.stuck |= not left
        key = f"{parameter.name}_{layer}" if parameter.each else parameter.name
        for each in left:
            yield from self._from(i, layer + 1, {**values, key: each})


def frozen(values: Mapping[str, Value]) -> frozenset[tuple[str, Value]]:
    return frozenset(values.items())


@settings(deadline=None, max_examples=150)
@given(ruled(), st.integers(0, 10**6))
def test_what_is_counted_listed_drawn_and_accepted_are_the_sets_that_obey(
    made: tuple[list[Parameter], list[Rule]], seed: int
) -> None:
    parameters, rules = made
    expected = Listing(parameters, rules)
    refused = ""
    try:
        made_space = Space(tuple(parameters), tuple(rules))
    except ValueError as error:
        refused = str(error)
    # Refused for no other reason than that a walk may end in nothing, or that a rule or a condition is of no use.
    assert expected.stuck == ("is left" in refused), refused
    if refused:
        assert expected.stuck or "never hold" in refused
        return
    assert made_space.size == len(expected.sets)
    if len(expected.sets) > FEW:
        return
    obeying = {frozen(values) for values in expected.sets}
    listed = [frozen(values) for values in made_space.grid()]
    assert len(listed) == len(set(listed))
    assert set(listed) == obeying
    source = random.Random(seed)
    assert frozen(made_space.walk(lambda _, parameter: parameter.at(source.random()))) in obeying
    for values in itertools.islice(Listing(parameters, []).sets, 100):
        if not any(parameter.ruled for parameter in parameters):
            assert accepts(made_space, values) == (frozen(values) in obeying)


def accepts(made: Space, values: Mapping[str, Value]) -> bool:
    try:
        return made.check(values) == values
    except ValueError:
        return False


LAYERS = Int(name="layers", low=1, high=2)
A = Choice(name="a", options=("x", "y"))
N = Int(name="n", low=8, high=64, step=8)


def rule(when: Mapping[str, Any], then: Mapping[str, Any]) -> Rule:
    def part(value: Any) -> Wanted:
        return value if isinstance(value, Wanted) else Wanted(value if isinstance(value, tuple) else (value,))

    return Rule(tuple((n, part(v)) for n, v in when.items()), tuple((n, part(v)) for n, v in then.items()))


def test_a_parameter_is_asked_about_with_what_is_left_of_it() -> None:
    made = Space((A, N), (rule({"a": "x"}, {"n": Wanted(low=20, high=45)}),))
    asked: dict[str, Parameter] = {}
    made.walk(lambda name, parameter: (asked.update({name: parameter}), parameter.at(0.0))[1])
    assert asked["n"] == Int(name="n", low=24, high=40, step=8)
    made.walk(lambda name, parameter: (asked.update({name: parameter}), parameter.at(0.9))[1])
    assert asked["n"] == N


def test_what_has_one_value_left_is_not_asked_about() -> None:
    made = Space((A, N), (rule({"a": "x"}, {"n": 16}),))
    asked: list[str] = []
    assert made.walk(lambda name, p: (asked.append(name), p.at(0.0))[1]) == {"a": "x", "n": 16}
    assert asked == ["a"]
    assert made.check({"a": "x"}) == {"a": "x", "n": 16}
    with pytest.raises(ValueError, match=r"^n: 8 is not its only value, 16$"):
        made.check({"a": "x", "n": 8})


def test_a_value_that_a_rule_forbids_is_told_what_is_left() -> None:
    made = Space((A, N), (rule({"a": "x"}, {"n": Wanted(high=16)}),))
    with pytest.raises(ValueError, match=r"^n: 24 is outside \[8, 16\] step 8, which is what the rules leave here$"):
        made.check({"a": "x", "n": 24})


def test_a_continuum_is_narrowed_and_told_apart_by_its_ends() -> None:
    rate = Float(name="rate", low=1e-4, high=1e-1, log=True)
    made = Space((A, rate, N), (rule({"a": "x"}, {"rate": Wanted(high=1e-2)}),
                                rule({"rate": Wanted(low=1e-3)}, {"n": Wanted(high=8)})))  # fmt: skip
    assert made.walk(lambda _, p: p.at(0.0)) == {"a": "x", "rate": pytest.approx(1e-4), "n": 8}
    assert made.walk(lambda n, p: "x" if n == "a" else p.at(1.0))["rate"] == 1e-2
    assert made.size is None


def test_a_tapering_shape_is_counted_without_listing_it() -> None:
    units = Int(name="units", low=1, high=10**6, log=True, each="layers", taper=True)
    kind = Choice(name="kind", options=("x", "y", "z"), each="layers")
    made = Space((Int(name="layers", low=1, high=20), kind, units))
    assert made.size == sum(math.comb(10**6 + n - 1, n) * 3**n for n in range(1, 21))
    drawn = made.walk(lambda name, p: p.at(0.99) if name == "layers" else p.at(0.9))
    widths = [int(drawn[f"units_{layer}"]) for layer in range(1, 21)]
    assert len(set(widths)) > 5
    assert widths == sorted(widths, reverse=True)


def test_a_shape_that_cannot_go_on_tapering() -> None:
    units = Int(name="units", low=8, high=64, step=8, each="layers", taper=True)
    kind = Choice(name="kind", options=("x", "y"), each="layers")
    wide = rule({"kind": "y"}, {"units": Wanted(low=16)})
    assert Space((Int(name="layers", low=0, high=1), kind, units), (wide,)).size == 1 + 8 + 7
    message = (
        r"^rules\[1\]: units tapers, and no value of it is left in a layer where the lowest is 16, after one with 8; "
        r"let its lowest be the same everywhere$"
    )
    with pytest.raises(ValueError, match=message):
        Space((LAYERS, kind, units), (wide,))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([Int(name="u", low=1, high=2, taper=True)], "u: taper is for a value of every layer; say each, or leave"),
        ([Choice(name="a", options=("x", "y"), each="layers"),
          Int(name="u", low=1, high=2, each="layers", taper=True, when=(("a", ("x",)),))],
         "u: it tapers from layer to layer, so that every layer needs one; leave out its condition on 'a'"),
        ([Int(name=n, low=1, high=2, each="layers", taper=True) for n in "uv"],
         "v: u tapers by the same layers already; leave out taper in one of them"),
    ],
)  # fmt: skip
def test_a_taper_that_makes_no_sense(parameters: list[Parameter], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Space((LAYERS, *parameters))


def test_counting_a_wide_number_does_not_list_it() -> None:
    wide = Int(name="wide", low=1, high=10**12)
    made = Space((wide, A), (rule({"wide": Wanted(low=11)}, {"a": "y"}), rule({"wide": (3, 5)}, {"a": "x"})))
    assert made.size == (10**12 - 10) + 2 * 1 + 8 * 2


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([rule({"b": "x"}, {"n": 8})], "rules[1]: it refers to 'b', which is not in the space"),
        ([rule({"a": "x"}, {"m": 8})], "rules[1]: it sets 'm', which is not in the space"),
        ([rule({"a": "x"}, {"n": 8}), rule({"n": 8}, {"a": "x"})],
         "rules[2]: it sets 'a', which must come after 'n'; move it down"),
        ([rule({"a": "x"}, {"a": "y"})], "rules[1]: it sets 'a', which must come after 'a'; move it down"),
        ([rule({"a": "z"}, {"n": 8})], "rules[1]: it never holds, a is never 'z' (x | y)"),
        ([rule({"n": Wanted(low=65)}, {"u": 1})], "rules[1]: it never holds, n is never at least 65 ([8, 64] step 8)"),
        ([rule({"a": Wanted(low=1)}, {"n": 8})], "rules[1]: a is one of words; name those that are meant (x | y)"),
        ([rule({"f": 0.5}, {"g": 0.5})], "rules[1]: it refers to 'f', a continuum; say { min = …, max = … } of it"),
        ([rule({"u": 1}, {"g": 0.5})],
         "rules[1]: it looks at 'u', which differs from layer to layer; say each = \"layers\" for 'g' too"),
        ([rule({"a": "x"}, {"n": 9})],
         "rules[1]: where a = x, no value of n is left: wanted is 9, and the space has [8, 64] step 8; "
         "give n a value that is wanted"),
        ([rule({"a": "x"}, {"n": Wanted(high=16)}), rule({"a": "y"}, {"n": 8}), rule({"a": "x"}, {"n": (24, 32)})],
         "rules[1] and rules[3]: where a = x, no value of n is left: wanted is at most 16 and 24 | 32, and the space "
         "has [8, 64] step 8; let them want the same, or one of them"),
        ([rule({"a": "x"}, {"o": 2})],
         "rules[1]: it never holds where what it sets is active (if a = x then o = 2); leave it out"),
    ],
)  # fmt: skip
def test_rules_that_make_no_sense(rules: list[Rule], message: str) -> None:
    f, g = (Float(name=name, low=0.0, high=1.0) for name in "fg")
    o = Int(name="o", low=1, high=2, when=(("a", ("y",)),))
    parameters = (A, N, Int(name="layers", low=1, high=2), Int(name="u", low=1, high=2, each="layers"), f, g, o)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Space(parameters, tuple(rules))


def test_a_taper_in_a_file(write: Write) -> None:
    text = space("layers = { int = [1, 3] }\nunits = { int = [8, 64], log = true, each = 'layers', taper = true }")
    read = study.load(write(text))
    assert read.space.size == sum(math.comb(57 + n - 1, n) for n in (1, 2, 3))
    assert read.settings()["space.units"] == "int [8, 64] log, each layers, tapering"


LAYERED = """layers = { int = [1, 2] }
activation = { choice = ["relu", "selu"], each = "layers" }
initializer = { choice = ["he_normal", "lecun_normal"], each = "layers" }
"""


def test_the_rules_of_a_file(write: Write) -> None:
    text = space(
        LAYERED + "[[space.rules]]\nif = { activation = 'selu' }\nthen = { initializer = 'lecun_normal', l2 = 0 }"
    )
    read = study.load(write(text)).space
    assert read.size == (2 + 1) + (2 + 1) ** 2
    given = {"layers": 2, "activation_1": "selu", "activation_2": "relu", "initializer_2": "he_normal"}
    assert read.check(given) == given | {"initializer_1": "lecun_normal", "l2_1": 0.0}
    inline = "rules = [{ if = { activation = 'selu' }, then = { initializer = 'lecun_normal', l2 = 0 } }]"
    assert study.load(write(space(LAYERED + inline))).space == read


def test_a_rule_is_a_setting(write: Write) -> None:
    inline = "rules = [{ if = { activation = 'selu' }, then = { initializer = 'lecun_normal' } }]"
    before, after = study.load(write(space(LAYERED))).settings(), study.load(write(space(LAYERED + inline))).settings()
    assert "space.rules" not in before
    assert after == before | {"space.rules": "if activation = selu then initializer = lecun_normal"}


@pytest.mark.parametrize(
    ("rules", "lines"),
    [
        ("3", ["rules: expected a list of { if = { … }, then = { … } }, got 3"]),
        ("[3]", ["rules[1]: expected { if = { … }, then = { … } }, got 3"]),
        ("[{ if = { layers = 1 }, than = { l2 = 0 } }]",
         ["rules[1].than: unknown key. Known: if, then",
          "rules[1].then: expected a table of parameters and their values, is missing"]),
        ("[{ if = {}, then = { l2 = 0 } }]",
         ["rules[1].if: expected a table of parameters and their values, got none"]),
        ("[{ if = { layrs = 1 }, then = { l2 = -1 } }]",
         ["rules[1].if.layrs: unknown parameter. Did you mean 'layers'? Known: layers, …",
          "rules[1].then.l2: expected a value from 0 to 1000.0, got -1"]),
        ("[{ if = { layers = { min = 2, mx = 3 } }, then = { l2 = 0 } }]",
         ["rules[1].if.layers: expected { min = …, max = … } or one of them, got min, mx"]),
        ("[{ if = { layers = { min = 3, max = 2 } }, then = { l2 = 0 } }]",
         ["rules[1].if.layers: min must be at most max, got 3 and 2"]),
        ("[{ if = { activation = { min = 3 } }, then = { l2 = 0 } }]",
         ["rules[1].if.activation: expected a value or a list of them, got a table"]),
        ("[{ if = { layers = [] }, then = { l2 = [0, 0.0] } }]",
         ["rules[1].if.layers: expected at least one value, got []",
          "rules[1].then.l2: 0.0 is given twice"]),
        ("[{ if = { layers = 2 }, then = { l2 = [0, 0.1] } }]",
         ["rules[1].then.l2: it is not in the space, so expected one value for it, got 0.0 | 0.1; give one, or put "
          "l2 into [space]"]),
        ("[{ if = { activation = 'selu' }, then = { batch_size = 8 } }]",
         ["rules[1].then.batch_size: one value serves the whole network, but the rule looks at layers"]),
        ("[{ if = { layers = 2 }, then = { l2 = 0 } }, { if = { activation = 'selu' }, then = { l2 = 0.1 } }]",
         ["rules[1] and rules[2]: where layers = 2 and activation = selu, no value of l2 is left: wanted is 0.0 and "
          "0.1; let them want the same, or one of them"]),
        ("[{ if = { layers = 2 }, then = { momentum = 0.9 } }]",
         ['rules[1].then.momentum: adam has none; say if = { optimizer = … } with "rmsprop" or "sgd" for it']),
    ],
)  # fmt: skip
def test_rules_of_a_file_that_make_no_sense(write: Write, rules: str, lines: list[str]) -> None:
    with pytest.raises(StudyError) as caught:
        study.load(write(space(f"{LAYERED}rules = {rules}")))
    told = [re.sub(r"Known: layers, .*", "Known: layers, …", line) for line in caught.value.problems]
    assert told == [f"a.toml: space.{line}" for line in lines]


def test_what_a_rule_sets_where_the_optimizer_knows_it(write: Write) -> None:
    text = (
        "optimizer = { choice = ['adam', 'sgd'] }\nrules = [{ if = { optimizer = 'sgd' }, then = { momentum = 0.9 } }]"
    )
    assert list(study.load(write(space(text))).space.grid()) == [
        {"optimizer": "adam"},
        {"optimizer": "sgd", "momentum": 0.9},
    ]
