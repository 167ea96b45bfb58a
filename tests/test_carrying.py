"""The best values of one search as the first of another: what fits, and what is said of the rest."""

from __future__ import annotations

from tuner import sizing
from tuner.carrying import fit, within
from tuner.drivers.limit import Limit
from tuner.space import Choice, Float, Int, Parameter, Rule, Space, Wanted
from tuner.trial import Value

LAYERS = Int(name="layers", low=1, high=3)
UNITS = Int(name="units", low=8, high=64, step=8, each="layers")


def space(*more: Parameter) -> Space:
    return Space((LAYERS, UNITS, *more))


def test_what_fits_is_as_it_was() -> None:
    given: dict[str, Value] = {"layers": 2, "units_1": 64, "units_2": 8, "l2": 0.0}
    assert fit(space(Choice(name="l2", options=(0.0,))), given) == (given, {}, [])


def test_a_number_that_is_not_there_becomes_the_nearest() -> None:
    rate = Float(name="learning_rate", low=1e-3, high=1e-2, log=True)
    given: dict[str, Value] = {"layers": 5, "units_1": 200, "units_2": 21, "units_3": 8, "learning_rate": 0.1}
    values, moved, left_out = fit(space(rate), given)
    assert values == {"layers": 3, "units_1": 64, "units_2": 24, "units_3": 8, "learning_rate": 1e-2}
    assert [*moved.values()] == ["layers = 3, there 5", "units_1 = 64, there 200", "units_2 = 24, there 21",
                     "learning_rate = 0.01, there 0.1"]  # fmt: skip
    assert left_out == []


def test_what_has_no_value_has_its_default_or_the_middle() -> None:
    optimizer = Choice(name="optimizer", options=("sgd", "adam"))
    activation = Choice(name="activation", options=("elu", "selu", "tanh"))
    dropout = Float(name="dropout", low=0.1, high=0.5, step=0.1)
    given: dict[str, Value] = {"layers": 1, "units_1": 8, "optimizer": "nadam", "beta_1": 0.5}
    values, moved, left_out = fit(space(optimizer, activation, dropout), given)
    assert values == {"layers": 1, "units_1": 8, "optimizer": "adam", "activation": "selu", "dropout": 0.1}
    assert [*moved.values()] == ["optimizer = 'adam', there 'nadam'", "activation = 'selu'", "dropout = 0.1"]
    assert left_out == ["beta_1"]


def test_a_value_of_the_network_is_that_of_each_layer_and_the_first_layers_that_of_the_network() -> None:
    activation = Choice(name="activation", options=("relu", "tanh"), each="layers")
    given: dict[str, Value] = {"layers": 2, "units_1": 8, "units_2": 8, "activation": "tanh", "l2_1": 0.5, "l2_2": 0.1}
    values, moved, _ = fit(space(activation, Float(name="l2", low=0.0, high=1.0)), given)
    assert [values["activation_1"], values["activation_2"], values["l2"]] == ["tanh", "tanh", 0.5]
    assert moved == {"l2": "l2 = 0.5, there 0.5-0.1"}
    assert fit(space(Float(name="l2", low=0.0, high=1.0)), {**given, "l2_2": 0.5})[1] == {}


def test_what_cannot_vary_here_is_told_too() -> None:
    made = Space((Choice(name="layers", options=(1,)), Choice(name="units", options=(32,))))
    values, moved, _ = fit(made, {"layers": 2, "units_1": 32, "units_2": 8})
    assert values == {"layers": 1, "units": 32}
    assert moved == {"layers": "layers = 1, there 2", "units": "units = 32, there 32-8"}


def test_what_is_not_active_there_is_not_told_as_unknown() -> None:
    optimizer = Choice(name="optimizer", options=("sgd", "adam"))
    decay = Float(name="beta_1", low=0.5, high=0.9, when=(("optimizer", ("adam",)),))
    given: dict[str, Value] = {"layers": 1, "units_1": 8, "optimizer": "sgd", "beta_1": 0.8, "rho": 0.5}
    assert fit(space(optimizer, decay), given)[2] == ["rho"]


def test_the_rules_of_the_other_space_hold() -> None:
    narrow = Rule((("layers", Wanted(low=2)),), (("units", Wanted(high=16)),))
    made = Space((LAYERS, UNITS), (narrow,))
    values, moved, _ = fit(made, {"layers": 2, "units_1": 64, "units_2": 8})
    assert values == {"layers": 2, "units_1": 16, "units_2": 8}
    assert moved == {"units_1": "units_1 = 16, there 64"}
    assert made.check(values) == values


def test_what_is_beyond_a_limit_is_made_smaller_as_a_proposal_is() -> None:
    made = space(Choice(name="activation", options=("relu", "prelu")))

    def limit(most: int) -> Limit:
        return Limit(made, lambda values: sizing.weights(values, 8, 1), most)

    given: dict[str, Value] = {"layers": 2, "units_1": 64, "units_2": 32, "activation": "prelu"}
    large = sizing.weights(given, 8, 1)
    assert within(limit(large), given) == (given, {})
    values, shrunk = within(limit(large - 1), given)
    assert values == {**given, **shrunk} == limit(large - 1).shrunk(given)
    assert shrunk == {"units_1": 48, "units_2": 24}
    # Fewer layers where smaller ones are not enough, and nothing where no network is small enough.
    fewer, shrunk = within(limit(150), given)
    assert (fewer, shrunk) == ({"layers": 1, "units_1": 8, "activation": "prelu"}, {"layers": 1, "units_1": 8})
    assert within(limit(10), given) == (given, {})
