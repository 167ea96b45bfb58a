"""The walk, the counting and the listing of a space, on spaces that nobody thought of."""

from __future__ import annotations

import itertools
import json
import math
import random
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from tuner.space import Choice, Float, Int, Parameter, Space, describe
from tuner.trial import Value

NAMES = "abcdef"
UNITS = st.floats(0.0, 1.0, exclude_max=True)


@st.composite
def spaces(draw: st.DrawFn, endless: bool = False) -> Space:
    """Small spaces with layers (0 among them), and conditions on what stands above, per layer too."""
    layers = Int(name="layers", low=draw(st.integers(0, 1)), high=draw(st.integers(1, 2)))
    made: list[Parameter] = [layers]
    for name in NAMES[: draw(st.integers(1, 5))]:
        each = draw(st.sampled_from([None, "layers"]))
        when: tuple[tuple[str, tuple[Value, ...]], ...] = ()
        others = [p for p in made if p.size is not None and p.each in (None, each)]
        if draw(st.booleans()):
            other = draw(st.sampled_from(others))
            wanted = draw(st.lists(st.sampled_from(other.choices()), min_size=1, unique=True))
            when = ((other.name, tuple(wanted)),)
        kind = draw(st.sampled_from(["int", "float", "choice", *(["endless"] if endless else [])]))
        parts: dict[str, Any] = {"name": name, "each": each, "when": when}
        if kind == "int":
            made.append(Int(**parts, low=0, high=draw(st.integers(0, 4)), step=draw(st.integers(1, 3))))
        elif kind == "float":
            made.append(Float(**parts, low=0.1, high=draw(st.sampled_from([0.1, 0.3, 0.35])), step=0.1))
        elif kind == "endless":
            made.append(Float(**parts, low=1e-4, high=1.0, log=draw(st.booleans())))
        else:
            options = draw(st.sampled_from([("x",), ("x", "y"), (False, True), (0.0, 0.5, 2.0)]))
            made.append(Choice(**parts, options=options))
    try:
        return Space(tuple(made))
    except ValueError as error:
        if "never hold together" not in str(error):
            raise
        reject()  # conditions that were drawn may exclude each other


def draws(seed: int) -> Any:
    source = random.Random(seed)
    return lambda name, parameter: parameter.at(source.random())


@settings(deadline=None)
@given(spaces(endless=True), st.integers(0, 10**6))
def test_what_is_walked_passes_the_check_and_comes_back_through_json(space: Space, seed: int) -> None:
    walked = space.walk(draws(seed))
    back = space.check(json.loads(json.dumps(walked)))
    assert back == walked
    assert [type(value) for value in back.values()] == [type(value) for value in walked.values()]
    assert list(back) == list(walked)
    assert set(walked) <= set(space.names)


@settings(deadline=None)
@given(spaces())
def test_the_grid_holds_every_set_once(space: Space) -> None:
    listed = [tuple(values.items()) for values in itertools.islice(space.grid(), 1000)]
    assert len(set(listed)) == len(listed)
    assert len(listed) == min(space.size or 0, 1000)


@settings(deadline=None)
@given(spaces(), st.integers(0, 10**6))
def test_whatever_is_walked_is_in_the_grid(space: Space, seed: int) -> None:
    if (space.size or 0) <= 500:
        assert space.walk(draws(seed)) in list(space.grid())


@settings(deadline=None)
@given(spaces(endless=True), st.integers(0, 10**6))
def test_a_value_is_there_exactly_where_its_condition_holds(space: Space, seed: int) -> None:
    walked = space.walk(draws(seed))
    for parameter in space.parameters:
        for layer in range(1, 3) if parameter.each else (0,):
            name = f"{parameter.name}_{layer}" if layer else parameter.name
            beyond = layer > int(walked["layers"])
            holds = all(walked.get(other, walked.get(f"{other}_{layer}")) in wanted for other, wanted in parameter.when)
            assert (name in walked) == (holds and not beyond)


@settings(deadline=None)
@given(
    st.one_of(
        st.builds(
            lambda low, n, step: Int(name="x", low=low, high=low + n * step, step=step),
            st.integers(-50, 50), st.integers(0, 40), st.integers(1, 9),
        ),
        st.builds(lambda low, n: Int(name="x", low=low, high=low + n, log=True), st.integers(1, 9), st.integers(0, 99)),
        st.builds(
            lambda low, n, step: Float(name="x", low=low / 10, high=(low + n * step) / 10, step=step / 10),
            st.integers(-20, 20), st.integers(0, 30), st.integers(1, 9),
        ),
        st.just(Choice(name="x", options=("a", False, 3, 0.5))),
    ),
    UNITS,
)  # fmt: skip
def test_a_drawn_value_is_inside_and_both_ends_are_reached(parameter: Parameter, u: float) -> None:
    values = parameter.choices()
    assert parameter.at(u) in parameter
    assert parameter.at(u) in values
    assert parameter.at(0.0) == values[0]
    assert parameter.at(math.nextafter(1.0, 0.0)) == values[-1]
    assert len(values) == parameter.size


@settings(deadline=None)
@given(st.floats(1e-9, 1e3), st.floats(1.0, 1e6), st.booleans(), UNITS)
def test_a_continuum_is_drawn_inside(low: float, factor: float, log: bool, u: float) -> None:
    parameter = Float(name="x", low=low, high=low * factor, log=log)
    assert parameter.at(u) in parameter
    assert parameter.at(0.0) == pytest.approx(low)
    assert parameter.at(math.nextafter(1.0, 0.0)) == pytest.approx(low * factor)


def test_equal_shares() -> None:
    for parameter in (Int(name="x", low=8, high=40, step=8), Float(name="x", low=0.0, high=0.4, step=0.1)):
        drawn = [parameter.at(i / 1000) for i in range(1000)]
        assert {drawn.count(value) for value in parameter.choices()} == {200}


def test_a_log_scale_gives_each_order_of_magnitude_the_same_share() -> None:
    drawn = [Float(name="x", low=1e-4, high=1e-1, log=True).at(i / 999) for i in range(999)]
    assert sum(value < 1e-3 for value in drawn) == pytest.approx(333, abs=1)
    whole = [Int(name="x", low=1, high=1000, log=True).at(i / 10_000) for i in range(10_000)]
    assert sum(value <= 31 for value in whole) == pytest.approx(5400, abs=200)  # (ln 31.5 - ln 0.5) / (ln 1000.5 - …)
    assert whole.count(1) > whole.count(2) > whole.count(3) > 0


@pytest.mark.parametrize(
    ("low", "high", "step", "grid"),
    [
        (0.1, 0.6, 0.1, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
        (0.0, 0.6, 0.1, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
        (0.0, 1.0, 0.3, [0.0, 0.3, 0.6, 0.9]),
        (0.0, 3e-15, 1e-15, [0.0, 1e-15, 2e-15, 3e-15]),
        (1e6, 1e6 + 0.02, 0.01, [1e6, 1000000.01, 1000000.02]),
        (-0.3, 0.0, 0.1, [-0.3, -0.2, -0.1, 0.0]),
    ],
)
def test_a_stepped_float_keeps_to_decimals(low: float, high: float, step: float, grid: list[float]) -> None:
    parameter = Float(name="x", low=low, high=high, step=step)
    assert list(parameter.choices()) == grid
    assert parameter.size == len(grid)
    assert all(value in parameter for value in grid)
    assert low + step / 2 not in parameter


def test_nearest_stays_on_the_grid() -> None:
    parameter = Float(name="x", low=0.0, high=1.0, step=0.3)
    assert [parameter.nearest(value) for value in (-5.0, 0.14, 0.16, 0.97, 5.0)] == [0.0, 0.0, 0.3, 0.9, 0.9]
    assert Float(name="x", low=0.0, high=1.0).nearest(7.0) == 1.0


def test_true_is_not_one_and_zero_is_zero() -> None:
    assert True not in Int(name="x", low=0, high=1)
    assert True not in Choice(name="x", options=(1, 2))
    assert 1 not in Choice(name="x", options=(True, False))
    assert 0 in Float(name="x", low=0.0, high=1.0)
    space = Space((Float(name="x", low=0.0, high=1.0, step=0.5), Int(name="y", low=1, high=2, when=(("x", (0,)),))))
    assert space.walk(lambda name, _: {"x": 0, "y": 2}[name]) == {"x": 0.0, "y": 2}
    assert type(space.walk(lambda name, _: {"x": 0, "y": 2}[name])["x"]) is float


def test_no_layers_no_values_of_layers() -> None:
    space = Space((Int(name="layers", low=0, high=1), Int(name="units", low=1, high=3, each="layers")))
    assert space.walk(lambda name, _: {"layers": 0}[name]) == {"layers": 0}
    assert list(space.grid()) == [{"layers": 0}, *({"layers": 1, "units_1": n} for n in (1, 2, 3))]
    assert space.names == ("layers", "units_1")


def test_a_condition_on_a_value_of_a_layer_looks_at_that_layer() -> None:
    space = Space(
        (
            Choice(name="layers", options=(2,)),
            Choice(name="kind", options=("a", "b"), each="layers"),
            Int(name="more", low=1, high=2, each="layers", when=(("kind", ("b",)),)),
        )
    )
    given = {"kind_1": "a", "kind_2": "b", "more_2": 2}
    assert space.walk(lambda name, _: given[name]) == {"layers": 2, **given}
    assert space.size == 9


def test_layers_that_are_not_active_have_no_values() -> None:
    space = Space(
        (
            Choice(name="deep", options=(False, True)),
            Int(name="layers", low=1, high=2, when=(("deep", (True,)),)),
            Choice(name="kind", options=("a", "b"), each="layers"),
        )
    )
    assert space.size == 1 + 2 + 4
    assert {"deep": False} in list(space.grid())


def test_counting_does_not_list() -> None:
    wide = Int(name="wide", low=1, high=10**12)
    space = Space((wide, Choice(name="more", options=("a", "b", "c"), when=(("wide", (5, 6, 6)),))))
    assert space.size == 10**12 - 2 + 2 * 3


def test_a_continuum_makes_a_space_endless_only_where_it_can_be_active() -> None:
    endless = Space((Choice(name="o", options=("x", "y")), Float(name="m", low=0.0, high=1.0, when=(("o", ("y",)),))))
    assert endless.size is None
    layered = (Float(name="m", low=0.0, high=1.0, each="layers"),)
    assert Space((Choice(name="layers", options=(0,)), *layered)).size == 1
    assert Space((Choice(name="layers", options=(0, 1)), *layered)).size is None
    with pytest.raises(ValueError, match="m has no step, so its values cannot be listed"):
        list(endless.grid())


def test_a_single_value_is_not_asked_about() -> None:
    space = Space((Choice(name="o", options=("x",)), Float(name="m", low=0.3, high=0.3), Int(name="n", low=1, high=2)))
    asked: list[str] = []
    walked = space.walk(lambda name, parameter: asked.append(name) or parameter.at(0.0))
    assert asked == ["n"]
    assert walked == {"o": "x", "m": 0.3, "n": 1}
    assert space.check({"n": 2}) == {"o": "x", "m": 0.3, "n": 2}


SMALL = Space((Choice(name="o", options=("x", "y")), Int(name="n", low=1, high=3, when=(("o", ("y",)),))))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "o: a value is missing"),
        ({"o": "y"}, "n: a value is missing"),
        ({"o": "z"}, r"o: 'z' is outside x \| y"),
        ({"o": "y", "n": 4}, r"n: 4 is outside \[1, 3\]"),
        ({"o": "y", "n": True}, r"n: true is outside \[1, 3\]"),
        ({"o": "y", "n": "1"}, r"n: '1' is outside \[1, 3\]"),
        ({"o": "x", "n": 1}, "n: not active beside these values"),
        ({"o": "x", "q": 1}, "q: not a parameter of this space"),
    ],
)
def test_check_says_what_is_wrong(values: dict[str, Value], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        SMALL.check(values)


LAYERED = Space((
    Int(name="layers", low=0, high=3),
    Int(name="units", low=8, high=64, step=8, each="layers"),
    Choice(name="activation", options=("relu",), each="layers"),
))  # fmt: skip


@pytest.mark.parametrize(
    ("values", "units"),
    [
        ({"units": 16}, [16, 16, 16]),
        ({"units": 16, "units_2": 8}, [16, 8, 16]),
        ({"units_1": 24, "units_3": 24, "units": 8, "activation": "relu"}, [24, 8, 24]),
    ],
)
def test_a_value_without_a_layer_is_that_of_all_layers_without_their_own(
    values: dict[str, Value], units: list[int]
) -> None:
    found = LAYERED.check({"layers": 3, **values})
    assert [found[f"units_{layer}"] for layer in (1, 2, 3)] == units
    assert list(found) == [name for name in LAYERED.names if name in found]
    assert LAYERED.check(found) == found


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"layers": 2}, "units_1: a value is missing; units alone is that of all layers"),
        ({"layers": 2, "units": 12}, r"units_1: 12 is outside \[8, 64\] step 8"),
        ({"layers": 1, "unit": 8}, "unit: not a parameter of this space. Did you mean 'units'?"),
        ({"layers": 4, "units_4": 8}, r"layers: 4 is outside \[0, 3\]"),
        ({"layers": 0, "units": 8}, "units: not active beside these values"),
        ({"layers": 1, "units_1": 8, "units": 16}, "units: not active beside these values"),
        ({"layers": 1, "units": 8, "activation": "tanh"}, "activation_1: 'tanh' is not its only value, 'relu'"),
    ],
)
def test_check_says_what_is_wrong_with_a_value_of_all_layers(values: dict[str, Value], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$".replace("?$", r"\?$")):
        LAYERED.check(values)


def test_check_holds_a_fixed_value_to_it() -> None:
    with pytest.raises(ValueError, match=r"^o: 'y' is not its only value, 'x'$"):
        Space((Choice(name="o", options=("x",)),)).check({"o": "y"})


LAYERS = Int(name="layers", low=1, high=2)
O = Choice(name="o", options=("x", "y"))  # noqa: E741


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([O, O], "o: given twice"),
        ([Int(name="u", low=1, high=2, each="layers"), LAYERS],
         "u: each = 'layers' needs a parameter of that name above it, of whole numbers"),
        ([O, Int(name="u", low=1, high=2, each="o")], "u: each = 'o' needs .* of whole numbers"),
        ([Int(name="n", low=-1, high=2), Int(name="u", low=1, high=2, each="n")], "u: each = 'n' needs"),
        ([Choice(name="n", options=(True, 2)), Int(name="u", low=1, high=2, each="n")], "u: each = 'n' needs"),
        ([Int(name="n", low=1, high=2, when=(("o", ("x",)),)), O],
         "n: its condition refers to 'o', which comes later; move it up"),
        ([Int(name="n", low=1, high=2, when=(("p", ("x",)),))],
         "n: its condition refers to 'p', which is not in the space"),
        ([Int(name="n", low=1, high=2, when=(("n", (1,)),))],
         "n: its condition refers to 'n', which comes later; move it up"),
        ([O, Int(name="n", low=1, high=2, when=(("o", ("z",)),))],
         r"n: its condition never holds, o is never 'z' \(x \| y\)"),
        ([O, Int(name="n", low=1, high=2, when=(("o", ()),))],
         "n: its condition refers to 'o', but names no value of it"),
        ([Float(name="f", low=0.0, high=1.0), Int(name="n", low=1, high=2, when=(("f", (0.5,)),))],
         "n: its condition refers to 'f', a continuum; give that a step or choices"),
        ([LAYERS, Int(name="k", low=1, high=2, each="layers"), Int(name="n", low=1, high=2, when=(("k", (1,)),))],
         'n: its condition refers to \'k\', which differs from layer to layer; say each = "layers" here too'),
        ([O, Choice(name="p", options=(1, 2), when=(("o", ("x",)),)),
          Int(name="n", low=1, high=2, when=(("p", (1,)), ("o", ("y",))))],
         "n: its conditions never hold together, as they want different values of 'o'"),
        ([LAYERS, Int(name="u", low=1, high=2, each="layers"), Int(name="u_2", low=1, high=2)],
         "u_2: the name is taken by layer 2 of u"),
    ],
)  # fmt: skip
def test_a_space_that_makes_no_sense(parameters: list[Parameter], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Space(tuple(parameters))


def test_every_problem_of_a_space_is_told() -> None:
    with pytest.raises(ValueError, match="o: given twice") as caught:
        Space((O, O, Int(name="n", low=1, high=2, when=(("p", (1,)), ("o", ("z",))))))
    assert len(str(caught.value).split("\n")) == 3


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Int(name="n", low=3, high=2), r"low must be at most high, got \[3, 2\]"),
        (lambda: Int(name="n", low=1, high=2, step=0), "step must be above 0, got 0"),
        (lambda: Int(name="n", low=0, high=2, log=True), r"a log scale needs a low above 0, got \[0, 2\]"),
        (lambda: Int(name="n", low=1, high=9, step=2, log=True), "log and step exclude each other; leave one out"),
        (lambda: Float(name="f", low=0.0, high=math.inf), "bounds must be finite, got inf"),
        (lambda: Float(name="f", low=math.nan, high=1.0), "bounds must be finite, got nan"),
        (lambda: Float(name="f", low=0.0, high=1.0, step=-0.1), "step must be above 0, got -0.1"),
        (lambda: Choice(name="c", options=()), r"expected at least one choice, got \[\]"),
        (lambda: Choice(name="c", options=("a", "a")), "the choice 'a' is given twice"),
        (lambda: Choice(name="c", options=(1, 1.0)), "the choice 1.0 is given twice"),
        (lambda: Choice(name="c", options=(0.1, math.inf)), "choices must be finite, got inf"),
    ],
)
def test_a_range_that_makes_no_sense(made: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        made()


def test_a_range_in_words() -> None:
    assert describe(Int(name="n", low=8, high=64, step=8)) == "[8, 64] step 8"
    assert describe(Float(name="f", low=1e-4, high=0.1, log=True)) == "[0.0001, 0.1] log"
    assert describe(Choice(name="c", options=("a", True, 0.5))) == "a | true | 0.5"
