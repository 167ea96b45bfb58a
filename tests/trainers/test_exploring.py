"""What a model lets vary is found by asking it, and beside which values of others each parameter is asked for."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.trainers import own_jobs
from tuner import own_entries
from tuner.errors import StudyError
from tuner.metrics import Task
from tuner.model_file import ModelFile
from tuner.sections import TrainingSection
from tuner.trainers import exploring
from tuner.trainers.discovery import discover
from tuner.trainers.work import Work
from tuner.trial import Objective, Value

Model = Callable[[Any], object]


def found(model: Model, **limits: Any) -> dict[str, dict[str, Any]]:
    entries, _ = exploring.explore(model, **limits)  # type: ignore[arg-type]
    own_entries.parse(entries)  # a space can be made of them
    return {entry["name"]: {key: value for key, value in entry.items() if key != "name"} for entry in entries}


def when(model: Model, **limits: Any) -> dict[str, object]:
    return {name: entry.get("when") for name, entry in found(model, **limits).items()}


def in_a_loop(hp: Any) -> None:
    for i in range(hp.Int("layers", 1, 5)):
        hp.Int(f"units_{i}", 32, 512, step=32)
        if hp.Boolean(f"dropout_{i}"):
            hp.Float(f"rate_{i}", 0.1, 0.5, step=0.1)


def test_a_loop_has_all_its_rounds_each_beside_the_numbers_of_layers_that_reach_it() -> None:
    assert when(in_a_loop) == {
        "layers": None,
        "units_0": None,
        "dropout_0": None,
        "rate_0": {"dropout_0": [True]},
        **{f"{name}_{i}": {"layers": list(range(i + 1, 6))} for i in range(1, 5) for name in ("units", "dropout")},
        **{f"rate_{i}": {f"dropout_{i}": [True]} for i in range(1, 5)},
    }


def test_what_the_space_proposes_is_just_what_the_model_asks_for() -> None:
    entries, _ = exploring.explore(in_a_loop)  # type: ignore[arg-type]
    space = own_entries.parse(entries)
    for share in (0.0, 0.2, 0.5, 0.7, 0.99):
        values = space.walk(lambda _, parameter, share=share: parameter.at(share))  # type: ignore[misc]
        hp = exploring.Asked(values)
        in_a_loop(hp)
        assert (hp.values, hp.defaulted) == (values, {})


def test_a_border_between_many_numbers_is_found() -> None:
    def model(hp: Any) -> None:
        if hp.Int("layers", 1, 60) > 41:
            hp.Boolean("residual")

    assert when(model)["residual"] == {"layers": list(range(42, 61))}


def test_what_two_parameters_ask_for_together_is_found_and_rests_on_both() -> None:
    def model(hp: Any) -> None:
        kind, bias = hp.Choice("kind", ["a", "b", "c"]), hp.Boolean("bias")
        if kind != "a" and bias:
            hp.Float("scale", 0.0, 1.0)

    assert when(model)["scale"] == {"kind": ["b", "c"], "bias": [True]}


def test_a_parameter_that_no_one_condition_tells_of_is_always_there() -> None:
    def model(hp: Any) -> None:
        a, b = hp.Boolean("a"), hp.Boolean("b")
        if a != b:
            hp.Int("c", 1, 3)

    assert when(model) == {"a": None, "b": None, "c": None}


def test_scopes_stand_as_they_are_and_are_looked_into() -> None:
    def model(hp: Any) -> None:
        kind = hp.Choice("kind", ["mlp", "cnn"])
        with hp.conditional_scope("kind", ["mlp"]):
            hp.Int("width", 1, 9)  # asked for in the other kind, too, where it is None
        with hp.conditional_scope("kind", ["cnn"]):
            if kind == "cnn":
                for i in range(hp.Int("blocks", 1, 2)):
                    with hp.name_scope(f"block {i}"):
                        hp.Choice("filters", [4, 8])
        hp.Boolean("bias", parent_name="kind", parent_values="mlp")

    cnn = {"kind": ["cnn"]}
    assert when(model) == {
        "kind": None,
        "width": {"kind": ["mlp"]},
        "bias": {"kind": ["mlp"]},
        "blocks": cnn,
        "block 0/filters": cnn,
        "block 1/filters": {**cnn, "blocks": [2]},
    }


def test_one_name_in_two_scopes_is_one_parameter_with_what_each_leaves_of_it() -> None:
    def model(hp: Any) -> None:
        hp.Choice("kind", ["mlp", "cnn", "none"])
        hp.Int("units", 4, 6, parent_name="kind", parent_values=["mlp"])
        hp.Int("units", 64, 128, step=64, parent_name="kind", parent_values=["cnn"])
        hp.Boolean("same", parent_name="kind", parent_values=["mlp"])
        hp.Boolean("same", parent_name="kind", parent_values=["none"])

    entries, _ = exploring.explore(model)  # type: ignore[arg-type]
    space = own_entries.parse(entries)
    sets = [tuple(sorted(each.items())) for each in space.grid()]
    assert len(sets) == len(set(sets)) == 3 * 2 + 2 + 2
    drawn: dict[Value, set[Value | None]] = {}
    for each in map(dict, sets):
        drawn.setdefault(each["kind"], set()).add(each.get("units"))
    assert drawn == {"mlp": {4, 5, 6}, "cnn": {64, 128}, "none": {None}}


def test_a_build_that_raises_with_other_values_says_so_and_ends_nothing() -> None:
    def model(hp: Any) -> None:
        if hp.Choice("side", [8, 2]) == 2:
            raise ValueError("a side of 2 is too small")
        hp.Boolean("bias")

    entries, lines = exploring.explore(model)  # type: ignore[arg-type]
    assert [entry["name"] for entry in entries] == ["side", "bias"]
    assert "when" not in entries[1]
    assert len(lines) == 1
    assert "a side of 2 is too small" in lines[0]


def test_it_is_bounded_and_says_where_it_ended() -> None:
    def model(hp: Any) -> None:
        n = 0
        hp.Boolean("more_0")
        hp.Int("scale", 1, 9, parent_name="more_0", parent_values=[True])
        while hp.Boolean(f"more_{n}"):
            n += 1

    assert when(model, builds=1) == {"more_0": None, "scale": {"more_0": [True]}}
    entries, lines = exploring.explore(model, builds=25)  # type: ignore[arg-type]
    assert 3 < len(entries) <= 25
    assert lines[0].startswith("note: hyperparameters were looked for in 25 builds, and there may be others")


def test_the_numbers_of_layers_of_a_long_loop_are_told_apart_before_its_rounds_are_varied() -> None:
    def model(hp: Any) -> None:
        for i in range(hp.Int("layers", 2, 20)):
            hp.Choice(f"activation_{i}", ["relu", "tanh", "elu"])
            hp.Float(f"rate_{i}", 0.0, 0.5, step=0.1)

    conditions = when(model, builds=40)
    assert [conditions[f"rate_{i}"] for i in (2, 11, 19)] == [{"layers": list(range(i + 1, 21))} for i in (2, 11, 19)]


def test_a_fit_is_looked_at_for_what_no_build_asks_for() -> None:
    fitted = set()

    def model(hp: Any) -> None:
        hp.Int("units", 8, 512)

    def fit(hp: Any) -> None:
        model(hp)
        fitted.add(hp.get("units"))
        if hp.Choice("order", ["kept", "drawn"]) == "drawn":
            hp.Int("buffer", 10, 1000, sampling="log")

    entries, _ = exploring.explore(model, fit)  # type: ignore[arg-type]
    assert {entry["name"]: entry.get("when") for entry in entries} == {
        "units": None,
        "order": None,
        "buffer": {"order": ["drawn"]},
    }
    assert fitted == {8}  # a fit takes long: what builds ask for is not varied again


def file(folder: Path, code: str, name: str = "build_model") -> ModelFile:
    path = folder / "mymodel.py"
    path.write_text(code, encoding="utf-8")
    return ModelFile(path, name, hashlib.sha256(path.read_bytes()).hexdigest())


MODEL = "m = keras.Sequential([keras.Input((3,)), keras.layers.Dense(hp.Int('units', 1, 2))])"
FUNCTION = f"def build_model(hp):\n  {MODEL}\n  return m"


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("def build_model(hp:\n", r"mymodel.py:1: SyntaxError: '\(' was never closed"),
        ("\nimport not_there", "mymodel.py:2: ModuleNotFoundError: No module named 'not_there'"),
        ("exit(3)", "mymodel.py:1: SystemExit: 3"),
        ("", r"mymodel.py: has no 'build_model'. Expected a function build_model\(hp\) or a HyperModel"),
        ("def bild_model(hp): pass", r"has no 'build_model'\. Did you mean 'bild_model'\?$"),
        ("build_model = 3", "build_model is of type int, expected a function of hp or a HyperModel"),
        ("def build_model(): pass", r"build_model must take one argument, hp: too many positional arguments in \(\)"),
        ("class build_model: pass", "build_model is a class, expected a function of hp or a HyperModel"),
        (
            "import keras_tuner\nclass build_model(keras_tuner.HyperModel):\n  def __init__(self, classes): pass",
            r"missing 1 required positional argument: 'classes'. build_model\(\) must need no arguments",
        ),
        (
            "def build_model(hp):\n  return inner(hp)\ndef inner(hp):\n  return hp.Int('a', 3, 1)\n",
            "mymodel.py:4: ValueError: For HyperParameters.Int.*, raised by build_model with the defaults of its hp",
        ),
        (
            "import keras\nclass A(keras.layers.Layer):\n  def call(self, x):\n    return self.gone(x)\n"
            "def build_model(hp):\n  return keras.Sequential([keras.Input((3,)), A()])",
            "mymodel.py:4: AttributeError: 'A' object has no attribute 'gone', raised by build_model with the defaults",
        ),
        ("def build_model(hp): return 3", "build_model must return a Keras model, it returned one of type int"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(tmp_path: Path, code: str, line: str) -> None:
    with pytest.raises(StudyError, match=line) as caught:
        discover(file(tmp_path, code))
    assert len(str(caught.value).splitlines()) == 1


def test_a_model_that_does_not_go_with_the_rows_is_told_before_there_is_any_trial(tmp_path: Path) -> None:
    rows, model = own_jobs.table(tmp_path / "rows", Task.BINARY), file(tmp_path, f"import keras\n{FUNCTION}")
    work = Work(TrainingSection(), Objective("val_accuracy", "maximize"), rows, tmp_path, model=model)
    line = "mymodel.py:build_model: the model takes 3 columns, the rows have 8.*; it was built with the defaults"
    with pytest.raises(StudyError, match=line):
        discover(model, work)
    assert discover(model).entries


TRAINED = "m = keras.Sequential([keras.Input((8,)), keras.layers.Dense(hp.Int('units', 1, 1), 'sigmoid')])"
COMPILED = "m.compile('sgd', 'binary_crossentropy', metrics=['accuracy', keras.metrics.Precision()])"
CLASS = f"class build_model(keras_tuner.HyperModel):\n  def build(self, hp):\n    {TRAINED}\n    return m"
LOOP = "  def fit(self, hp, model, x, y, **kwargs):\n    return {'val_precision_1': float(hp.Int('one', 1, 2))}"


@pytest.mark.parametrize(
    ("code", "line"),
    [
        (
            f"def build_model(hp):\n  {TRAINED}\n  return m",
            r"mymodel\.py:2: build_model must return a compiled model: call model\.compile\(…\)$",
        ),
        (CLASS, r"mymodel\.py:3: build_model must return a compiled model"),
        (
            f"def build_model(hp):\n  {TRAINED}\n  {COMPILED}\n  return m",
            r"mymodel\.py:2: the model compiles no metric precision_1, which is the objective; it has accuracy, loss, "
            r"precision\. Did you mean 'precision'\?$",
        ),
    ],
    ids=["function", "class", "metric"],
)
def test_a_model_that_could_not_be_trained_is_told_before_there_is_any_trial(
    tmp_path: Path, code: str, line: str
) -> None:
    rows, model = own_jobs.table(tmp_path / "rows", Task.BINARY), file(tmp_path, f"import keras, keras_tuner\n{code}")
    with pytest.raises(StudyError, match=line):
        discover(model, Work(TrainingSection(), Objective("val_precision_1", "maximize"), rows, tmp_path, model=model))


@pytest.mark.parametrize(
    ("code", "names"),
    [
        (f"def build_model(hp):\n  {TRAINED}\n  {COMPILED}\n  return m", ["units"]),
        (f"{CLASS}\n{LOOP}", ["units", "one"]),
    ],
    ids=["has the metric", "loop of its own"],
)
def test_a_model_that_can_be_trained_is_let_be(tmp_path: Path, code: str, names: list[str]) -> None:
    rows, model = own_jobs.table(tmp_path / "rows", Task.BINARY), file(tmp_path, f"import keras, keras_tuner\n{code}")
    metric = "val_precision_1" if "fit" in code else "val_precision"
    made = discover(model, Work(TrainingSection(), Objective(metric, "maximize"), rows, tmp_path, model=model))
    assert [entry["name"] for entry in made.entries] == names
    assert made.lines == ()


def test_a_fit_that_raises_on_a_few_rows_is_told_with_its_line(tmp_path: Path) -> None:
    code = f"import keras, keras_tuner\n{CLASS}\n  def fit(self, hp, model, x, y, **kwargs):\n    return {{}}['gone']"
    rows, model = own_jobs.table(tmp_path / "rows", Task.BINARY), file(tmp_path, code)
    made = discover(model, Work(TrainingSection(), Objective("val_loss", "minimize"), rows, tmp_path, model=model))
    assert made.lines == (
        f"note: its fit raised on a few rows ({model.path}:7: KeyError: 'gone'); what it asks for after that has its "
        "default",
    )


@pytest.mark.parametrize(
    "code",
    [
        FUNCTION,
        f"import keras_tuner\nclass build_model(keras_tuner.HyperModel):\n"
        f"  def build(self, hp):\n    {MODEL}\n    return m",
        f"import keras_tuner\nclass A(keras_tuner.HyperModel):\n  def build(self, hp):\n    {MODEL}\n    return m\n"
        "build_model = A()",
        f"def of(rows):\n  def build(hp):\n    {MODEL}\n    return m\n  return build\nbuild_model = of(3)",
    ],
    ids=["function", "class", "instance", "closure"],
)
def test_a_model_is_a_function_or_a_hypermodel(tmp_path: Path, code: str) -> None:
    made = discover(file(tmp_path, f"import keras\n{code}"))
    assert made.entries == ({"name": "units", "int": [1, 2]},)
    assert not made.fits


def test_a_file_that_was_changed_since_is_not_run(tmp_path: Path) -> None:
    known = file(tmp_path, "")
    known.path.write_text("raise SystemError")
    with pytest.raises(StudyError, match=r"mymodel\.py: has changed since the search began"):
        discover(known)


def test_nothing_is_written_beside_the_file_and_its_neighbours_may_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "beside_it.py").write_text("RATE = 0.5")
    code = f"import keras, beside_it\ndef build_model(hp):\n  {MODEL}\n  hp.Fixed('rate', beside_it.RATE)\n  return m"
    names = [entry["name"] for entry in discover(file(tmp_path, code)).entries]
    assert names == ["units", "rate"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["beside_it.py", "mymodel.py"]
