"""The plan of a study hangs on its space, its settings and its rows alone; every trial of the space has a bucket that
it fits, or a reason why not. No worker is needed: the owner of a search plans.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainers.stacked import cases
from tuner.home import Home, names
from tuner.metrics import Task
from tuner.study import Study, TrainingSection, from_document, load
from tuner.trainers.stacked import cost
from tuner.trainers.stacked.plan import DEEPEST, MEMORY, SWITCHES, Plan, Rows, Traits, described, plan
from tuner.trial import Value
from tuner.tunables import ACTIVATIONS, OPTIMIZERS, OUTPUT_ACTIVATIONS, OUTPUTS, TUNABLES

ROOT = Path(__file__).parent.parent.parent.parent
Draw = Callable[[], float]


def sampled(study: Study, seed: int) -> dict[str, Value]:
    dice = random.Random(seed)
    return study.space.walk(lambda _, parameter: parameter.at(dice.random()))


def made(space: dict[str, Any], **training: Any) -> Study:
    return from_document(
        "made", {"data": {"source": "sklearn:wine"}, "space": space, "training": {"epochs": 20, **training}}
    )


def planned(study: Study, rows: Rows) -> Plan:
    return plan(study.space, study.training, rows)


@st.composite
def studies(draw: st.DrawFn) -> Study:
    """Studies of all sizes, some of them too deep, too wide, or of batches of many sizes."""

    def some(names: tuple[str, ...]) -> Any:
        found = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
        return {"choice": found} if len(found) > 1 else found[0]

    def range_(low: int, high: int) -> Any:
        first, last = sorted(draw(st.tuples(st.integers(low, high), st.integers(low, high))))
        return {"int": [first, last]} if first < last else first

    def by_layer(entry: Any) -> Any:
        return {**entry, "each": "layers"} if isinstance(entry, dict) and draw(st.booleans()) else entry

    space: dict[str, Any] = {"layers": range_(0, draw(st.sampled_from([3, 12, 40])))}
    more = {
        "units": lambda: by_layer(range_(1, draw(st.sampled_from([16, 200, 5000])))),
        "activation": lambda: by_layer(some(ACTIVATIONS)),
        "optimizer": lambda: some(OPTIMIZERS),
        "dropout": lambda: by_layer({"float": [0.0, 0.5]}),
        "batch_norm": lambda: by_layer({"choice": [False, True]}),
        "l2": lambda: {"choice": [0.0, 0.1]},
        "weight_decay": lambda: {"float": [0.0, 0.1]},
        "clipnorm": lambda: {"float": [0.1, 1.0]},
        "label_smoothing": lambda: 0.0,
        "class_weight": lambda: {"choice": ["none", "balanced"]},
        "batch_size": lambda: draw(st.sampled_from([{"choice": [16, 32, 500]}, {"int": [3, 300]}])),
    }  # fmt: skip
    for name in draw(st.lists(st.sampled_from(sorted(more)), unique=True)):
        space[name] = more[name]()
    return made(space)


ROWS = st.builds(
    Rows,
    st.sampled_from(Task),
    features=st.integers(1, 400),
    classes=st.integers(2, 12),
    train=st.integers(1, 3000),
    validation=st.integers(1, 500),
)


@settings(deadline=None, max_examples=60)
@given(studies(), ROWS, st.integers(0, 10**6))
def test_every_trial_fits_its_bucket_or_has_a_reason(study: Study, rows: Rows, seed: int) -> None:
    own = planned(study, rows)
    for number in range(20):
        values = sampled(study, seed + number)
        if own.reason(values) is not None:
            depth, width = cases.shape(values)
            # Four copies of weights and two slots, in the largest program that it may be in, and some for the rows.
            deepest = max(edge for edges in own.depths.values() for edge in edges)
            widest = min((each for each in own.depths if each >= width), default=width)
            bytes_ = 48 * deepest * widest**2 + 2**27
            assert depth > 24 or width > 2048 or bytes_ > MEMORY, own.reason(values)
            continue
        bucket = own.bucket(values)
        assert bucket.lanes * own.bytes(bucket.depth, bucket.width, bucket.batch) <= MEMORY
        depth, width = cases.shape(values)
        assert bucket.least <= depth <= bucket.depth
        assert width <= bucket.width or depth == 0
        assert (bucket.depth == 0) == (depth == 0)
        size = min(int(values.get("batch_size", own.batch_size)), rows.train)
        assert bucket.size == size <= bucket.batch <= max(2 * size - 1, 1)
        assert 1 <= bucket.lanes <= own.room
        assert set(own.traits.switches) >= {name for name in ("dropout", "l2", "weight_decay") if values.get(name)}
        assert "weight_decay" in own.traits.switches or values.get("optimizer") != "adamw"


def test_the_order_in_which_a_study_lists_its_parameters_moves_no_bucket() -> None:
    space = {
        "layers": {"int": [1, 16]},
        "units": {"int": [8, 64], "step": 8, "each": "layers"},
        "dropout": {"float": [0.0, 0.5], "each": "layers"},
        "learning_rate": {"float": [1e-4, 1e-1], "log": True},
    }
    rows = Rows(Task.BINARY, 8, 2, 400, 100)
    turned = {name: space[name] for name in ("learning_rate", "layers", "dropout", "units")}
    assert planned(made(space), rows) == planned(made(turned), rows)


@settings(deadline=None, max_examples=30)
@given(studies(), ROWS, st.integers(0, 10**6))
def test_a_bucket_hangs_on_the_values_alone(study: Study, rows: Rows, seed: int) -> None:
    """Not on what was asked before, in which order, how often, or of which plan among equal ones."""
    one, other = planned(study, rows), planned(study, rows)
    assert one == other
    sets = [values for n in range(12) if one.reason(values := sampled(study, seed + n)) is None]
    first = [one.bucket(values) for values in sets]
    assert [one.bucket(values) for values in reversed(sets)] == first[::-1]
    assert [other.bucket(dict(reversed(values.items()))) for values in sets] == first
    assert [one.bucket({**values, "learning_rate": 0.5}) for values in sets] == first


@settings(deadline=None, max_examples=30)
@given(studies(), ROWS)
def test_buckets_cover_all_shapes_without_overlap(study: Study, rows: Rows) -> None:
    own = planned(study, rows)
    for edges in own.depths.values():
        assert edges[0] == 0
        assert all(low < high for low, high in pairwise(edges))
    deepest = {edges[-1] for edges in own.depths.values()}
    assert len(deepest) == 1
    found = {(d, w): own.bucket({"layers": d, "units": w}) for d in range(deepest.pop() + 1) for w in own.depths}
    assert all(bucket.least <= depth <= bucket.depth for (depth, _), bucket in found.items())


def test_where_no_trial_was_drawn_there_is_one_program_for_all_depths() -> None:
    """A sampler that learns may go there, and should not find a program for each depth."""
    work = cost.Workload(8, 1, 32, 500)
    found = cost.edges([(20, 300)] * 50 + [(1, 300)] * 50, 20, 300, work)
    assert found == {300: (0, 1, 20)}
    assert cost._depths([0.0] * 21, 20, 16, work)[1] == (0, 20)


def test_the_number_of_trials_and_the_sampler_do_not_matter() -> None:
    rows = Rows(Task.BINARY, 8, 2, 400, 100)
    space = {"layers": {"int": [1, 10]}, "units": {"int": [8, 128], "each": "layers"}}
    plans = [
        planned(
            from_document(
                "made", {"data": {"source": "sklearn:wine"}, "space": space, "search": {"trials": n, "seed": n}}
            ),
            rows,
        )
        for n in (1, 10_000)
    ]
    assert plans[0] == plans[1]


PRINTING = "from tests.trainers.stacked.test_plan import told; told()"


def told() -> None:
    """Prints the plans of some studies, and the programs of some of their trials."""
    deep = made({"layers": {"int": [0, 20]}, "units": {"int": [1, 300], "each": "layers"}})
    rows = Rows(Task.BINARY, 8, 2, 400, 100)
    for name, study, own in [*shipped(), ("deep", deep, planned(deep, rows))]:
        print(name, own)
        for number in range(40):
            print(described(own.rows, own.traits, own.bucket(sampled(study, number))))


def shipped() -> list[tuple[str, Study, Plan]]:
    """The studies that come with the product, on as many rows as their data have."""
    rows = {
        "diabetes": Rows(Task.BINARY, 13, 2, 491, 123),
        "breast-cancer": Rows(Task.BINARY, 30, 2, 365, 91),
        **dict.fromkeys(("mnist-steps", "mnist-networks"), Rows(Task.MULTICLASS, 784, 10, 54000, 6000)),
    }
    found = []
    for name in names(Home(ROOT)):
        study = load(ROOT / "studies" / f"{name}.toml")
        found.append((name, study, planned(study, rows.get(name, Rows(Task.BINARY, 10, 2, 500, 100)))))
    return found


def test_two_processes_have_one_plan() -> None:
    """Whatever the order of sets is there."""
    printed = [
        subprocess.run(
            [sys.executable, "-c", PRINTING],
            cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert printed[0] == printed[1]
    assert len(printed[0].splitlines()) == 41 * (1 + len(shipped()))


def test_every_trial_of_the_shipped_studies_is_stacked_but_for_convolution() -> None:
    for name, study, own in shipped():
        for number in range(200):
            values = sampled(study, number)
            assert bool(own.reason(values)) == bool(values.get("conv_layers")), name


def test_the_outputs_of_a_task_are_known_and_no_others() -> None:
    for task, known in OUTPUTS.items():
        own = planned(
            made({**SPACE, "output_activation": {"choice": [*OUTPUT_ACTIVATIONS]}}), Rows(task, 8, 3, 400, 100)
        )
        for word in OUTPUT_ACTIVATIONS:
            expected = None if word in known else f"the stacked trainer knows no {word} outputs of a {task.value} task"
            assert own.reason({**WITHIN, "output_activation": word}) == expected


def test_equal_words_mean_equal_programs() -> None:
    rows = Rows(Task.BINARY, 8, 2, 400, 100)
    space = {"layers": {"int": [1, 3]}, "units": {"int": [1, 16]}, "optimizer": {"choice": ["sgd", "adam"]}}
    own = planned(made(space), rows)
    bucket = own.bucket({"layers": 2, "units": 8})
    others = [
        described(replace(rows, features=9), own.traits, bucket),
        described(replace(rows, validation=99), own.traits, bucket),
        described(replace(rows, task=Task.REGRESSION), own.traits, bucket),
        described(rows, replace(own.traits, optimizers=("adam",)), bucket),
        described(rows, replace(own.traits, activations=("tanh",)), bucket),
        described(rows, replace(own.traits, switches=("l2",)), bucket),
        described(rows, own.traits, replace(bucket, width=bucket.width + 1)),
        described(rows, own.traits, replace(bucket, depth=bucket.depth + 1)),
        described(rows, own.traits, replace(bucket, batch=bucket.batch + 1)),
        described(rows, own.traits, replace(bucket, lanes=bucket.lanes + 1)),
    ]
    assert len({described(rows, own.traits, bucket), *others}) == 11
    assert described(rows, own.traits, bucket) == described(rows, own.traits, replace(bucket))


WITHIN: dict[str, Value] = {"layers": 2, "units": 8}
SPACE = {
    "layers": {"int": [1, 3]},
    "units": {"int": [1, 16]},
    "activation": {"choice": ["relu", "tanh"]},
    "optimizer": {"choice": ["sgd", "adam"]},
}


@pytest.mark.parametrize(
    ("beyond", "reason"),
    [
        ({"layers": 4}, "its layers are more, or wider, than those of any program"),
        ({"units": 17}, "its layers are more, or wider"),
        ({"units_2": 100}, "its layers are more, or wider"),
        ({"activation": "gelu"}, "the activation gelu is not in the study's space"),
        ({"activation_2": "gelu"}, "the activation gelu is not in the study's space"),
        ({"optimizer": "lion"}, "the optimizer lion is not in the study's space"),
        ({"dropout_1": 0.5}, "dropout is not in the study's space"),
        ({"clipnorm": 1.0}, "clipnorm is not in the study's space"),
        ({"class_weight": "balanced"}, "class_weight is not in the study's space"),
        ({"strides": 3}, "the stacked trainer does not know strides"),
        ({"strides_2": 3}, "the stacked trainer does not know strides_2"),
        ({"conv_layers": 1, "filters_1": 3}, "the stacked trainer does not know conv_layers"),
        ({"conv_layers": 0, "rotation": 5.0}, "the stacked trainer does not know rotation"),
        ({"shift": 0.1}, "the stacked trainer does not know shift"),
        ({"output_activation": "softmax"}, "the stacked trainer knows no softmax outputs of a binary task"),
        ({"output_activation": "sigmoid"}, "output_activation is not in the study's space"),
    ],
)
def test_what_is_outside_of_the_space_has_a_reason(beyond: dict[str, Value], reason: str) -> None:
    own = planned(made(SPACE), Rows(Task.BINARY, 8, 2, 400, 100))
    assert own.reason(WITHIN) is None
    assert (own.reason({**WITHIN, **beyond}) or "").startswith(reason)


def test_images_that_are_neither_convolved_nor_moved_are_rows_like_others() -> None:
    own = planned(made(SPACE), Rows(Task.BINARY, 8, 2, 400, 100))
    assert own.reason({**WITHIN, "conv_layers": 0, "filters": 8, "pooling": "max", "rotation": 0.0}) is None


# What the programs do not know; whoever teaches them takes it off here, and puts it into the cases of parity.
REFUSED = {("conv_layers", 1), ("rotation", 0.1), ("shift", 0.1)}


def test_every_name_and_every_word_is_held_to_keras_or_refused() -> None:
    """In programs that have a term for all that there is. Nothing is ignored: what no case of parity has, has a reason
    against it.
    """
    compared = {
        (key if key in TUNABLES else key.rpartition("_")[0], value)
        for task in Task
        for values in cases.of_everything(task).values()
        for key, value in values.items()
    }
    own = planned(made(SPACE), Rows(Task.MULTICLASS, 8, 3, 400, 100))
    own = replace(own, traits=Traits(ACTIVATIONS, OPTIMIZERS, SWITCHES), depths={16: (0, 3)})
    within = {**WITHIN, "batch_norm": True}
    for name, tunable in TUNABLES.items():
        if tunable.counter == "conv_layers":
            reason = own.reason({**within, "conv_layers": 1, name: tunable.default or 1})
            assert reason == "the stacked trainer does not know conv_layers"
            continue
        some = {"shape": ("8-4",)}.get(name) or tunable.words or {bool: (True,), int: (1,)}.get(tunable.kind, (0.1,))
        for value in some:
            reason = own.reason({**within, name: value})
            expected = f"the stacked trainer does not know {name}" if (name, value) in REFUSED else None
            if value == "linear" and name == "output_activation":
                expected = "the stacked trainer knows no linear outputs of a multiclass task"
            assert reason == expected, (name, value)
            # Patience is not the engine's business.
            if reason is None and value != tunable.default and name not in ("shape", "batch_size", "patience"):
                known = any(key == name and (not tunable.words or value == its) for key, its in compared)
                assert known, f"no case of parity has {name} = {value}"


@pytest.mark.parametrize(("shape", "fits"), [("8-4", True), ("16", True), ("16-16-16-16", False), ("65", False)])
def test_a_shape_is_layers_and_units(shape: str, fits: bool) -> None:
    space = {"shape": {"choice": ["8-4-2", "16"]}}
    own = planned(made(space), Rows(Task.BINARY, 8, 2, 400, 100))
    assert (own.reason({"shape": shape}) is None) is fits
    if fits:
        units = [int(width) for width in shape.split("-")]
        values = {"layers": len(units), **{f"units_{layer}": width for layer, width in enumerate(units, 1)}}
        assert own.bucket({"shape": shape}) == own.bucket(values)


def test_the_share_of_a_space_that_is_refused_is_known_beforehand() -> None:
    rows = Rows(Task.BINARY, 8, 2, 400, 100)
    assert planned(made(SPACE), rows).refused == {}
    depth = {**SPACE, "layers": {"choice": [1, DEEPEST + 1, DEEPEST + 2, 2]}}
    refused = planned(made(depth), rows).refused
    assert list(refused) == ["its layers are more, or wider, than those of any program"]
    assert 0.4 < sum(refused.values()) < 0.6


@pytest.mark.parametrize("harmless", [{"dropout": 0.0}, {"class_weight": "none"}, {"dropout_3": 0.5}, {"l2_1": 0.0}])
def test_what_turns_nothing_on_needs_no_term(harmless: dict[str, Value]) -> None:
    own = planned(made(SPACE), Rows(Task.BINARY, 8, 2, 400, 100))
    assert own.reason({**WITHIN, **harmless}) is None


def test_training_section_is_what_a_plan_reads() -> None:
    """The size of batches and the number of epochs, which schedules hang on."""
    study = made(SPACE)
    rows = Rows(Task.BINARY, 8, 2, 400, 100)
    own = plan(study.space, TrainingSection(epochs=7, batch_size=50), rows)
    assert (own.epochs, own.batch_size, own.sizes) == (7, 50, (50,))
    assert own.bucket(WITHIN).batch == own.bucket(WITHIN).size == 50
    assert own.steps(50) == 8
    assert own.steps(64) == 7
