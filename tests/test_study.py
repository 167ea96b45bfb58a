"""The study file: what is read from it, and one line for each thing that is wrong in it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.study_files import DATA, SPACE, Write, data, space, with_
from tuner import study
from tuner.errors import StudyError
from tuner.home import shipped
from tuner.metrics import Task
from tuner.trial import Objective


@pytest.mark.parametrize("name", ["a.toml", "a.b-c_1.toml", "0.toml", f"{'a' * 64}.toml"])
def test_a_name(write: Write, name: str) -> None:
    assert study.load(write(DATA + SPACE, name)).name == name.removesuffix(".toml")


def test_a_mark_before_utf8_and_line_ends_of_windows_are_fine(write: Write) -> None:
    text = ("title = 'é'\n" + DATA + SPACE).replace("\n", "\r\n")
    assert study.load(write(b"\xef\xbb\xbf" + text.encode())).title == "é"


def test_what_nobody_wrote_has_its_default(write: Write) -> None:
    read = study.load(write(DATA + SPACE))
    assert (read.search.trials, read.search.sampler, read.search.pruner, read.search.seed) == (
        100,
        "tpe",
        "hyperband",
        0,
    )
    assert (read.training.epochs, read.training.batch_size, read.training.early_stopping) == (50, 32, None)
    assert (read.data.split.validation, read.data.split.test) == (0.2, 0.2)


def test_equal_numbers_of_a_choice_have_one_type(write: Write) -> None:
    read = study.load(write(space("l2 = { choice = [0, 1e-4] }\ndropout = 0\nunits = { choice = [8, 16] }")))
    walked = read.space.walk(lambda _, parameter: parameter.at(0.0))
    assert json.dumps(walked) == '{"l2": 0.0, "dropout": 0.0, "units": 8}'


def test_a_condition_may_name_a_number_in_another_way(write: Write) -> None:
    read = study.load(
        write(space("dropout = { float = [0.0, 0.5], step = 0.1 }\nunits = { int = [1, 9], when = { dropout = 0 } }"))
    )
    assert read.space.size == 9 + 5


@pytest.mark.parametrize(
    ("task", "section", "expected"),
    [
        (Task.BINARY, "", Objective("val_accuracy", "maximize")),
        (Task.REGRESSION, "", Objective("val_rmse", "minimize")),
        (Task.MULTICLASS, "metric = 'val_loss'\nepoch = 'last'", Objective("val_loss", "minimize", "last")),
        (Task.REGRESSION, "metric = 'val_mae'\ngoal = 'maximize'", Objective("val_mae", "maximize")),
    ],
)
def test_the_objective_on_data_of_a_task(write: Write, task: Task, section: str, expected: Objective) -> None:
    assert study.load(write(with_("objective", section))).objective_for(task) == expected


def test_a_metric_of_another_task_than_the_data_turns_out_to_be(write: Write) -> None:
    read = study.load(write(with_("objective", "metric = 'val_accuracy'")))
    message = r"^a: objective\.metric: the data is a regression task, expected one of val_rmse, .* got 'val_accuracy'$"
    with pytest.raises(StudyError, match=message):
        read.objective_for(Task.REGRESSION)


TUNED = {"epochs": [5, 40], "patience": [0, 3]}


def tuned(training: str, *, always: bool) -> str:
    """A study whose trials have epochs and a patience of their own, where they have two layers or always."""
    when = "" if always else ", when = { layers = 2 }"
    entries = (f"{name} = {{ choice = {choice}{when} }}" for name, choice in TUNED.items())
    return space("layers = { int = [1, 3] }\n" + "\n".join(entries)) + f"[training]\n{training}\n"


def test_a_trial_has_the_epochs_and_the_patience_of_its_values_or_else_of_the_study(write: Write) -> None:
    text = tuned("epochs = 20\nearly_stopping = { patience = 2, min_delta = 0.25 }", always=False)
    training = study.load(write(text)).training
    assert [training.epochs_of(values) for values in ({}, {"epochs": 5})] == [20, 5]
    stopping = [training.stopping_of(values) for values in ({}, {"patience": 3}, {"patience": 0})]
    assert [(each.patience, each.min_delta) for each in stopping] == [(2, 0.25), (3, 0.25), (None, 0.25)]
    alone = study.load(write(tuned("early_stopping = { min_delta = 0.25 }", always=True))).training
    assert alone.stopping_of({"patience": 3}).min_delta == 0.25
    nothing = study.load(write(DATA + SPACE)).training
    assert (nothing.stopping_of({}).patience, nothing.stopping_of({"patience": 3}).patience) == (None, 3)


@pytest.mark.parametrize(
    ("training", "always", "most"), [("epochs = 50", False, 50), ("epochs = 20", False, 40), ("", True, 40)]
)
def test_the_most_epochs_of_any_trial(write: Write, training: str, always: bool, most: int) -> None:
    """Where each has its own, those of the study by default count for none."""
    assert study.load(write(tuned(training, always=always))).most_epochs == most
    assert study.load(write(with_("training", "epochs = 7"))).most_epochs == 7


def test_options_stand_in_for_the_files_own_values(write: Write) -> None:
    path = write(with_("search", "trials = 7\nseed = 3"))
    read = study.load(path, {"search": {"trials": 9}, "training": {"epochs": 2}})
    assert (read.search.trials, read.search.seed, read.training.epochs) == (9, 3, 2)
    with pytest.raises(StudyError, match=r"^a\.toml: search\.trials: expected a value at least 1, got 0$"):
        study.load(path, {"search": {"trials": 0}})


def test_an_option_does_not_hide_a_section_that_is_no_table(write: Write) -> None:
    with pytest.raises(StudyError, match=r"^a\.toml: search: expected a table, got 3$"):
        study.load(write(f"search = 3\n{DATA}{SPACE}"), {"search": {"trials": 1}})


def test_a_function_that_gives_the_rows_is_looked_for_like_a_data_file(write: Write, tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "mine.py").write_text("")
    path = write(f"data = 'mine.py:load'\n{SPACE}", "studies/a.toml")
    beside, here = f"{tmp_path / 'studies' / 'mine.py'}:load", f"{tmp_path / 'other.py'}:load"
    read = study.load(path)
    assert (read.data.source, read.document["data"]) == (beside, {"source": beside})
    assert (read.data.function, read.data.is_file) == ((str(tmp_path / "studies" / "mine.py"), "load"), False)
    assert (
        study.load(write(f"[data]\nsource = 'mine.py:load'\n{SPACE}", "studies/a.toml")).settings() == read.settings()
    )
    assert study.load(path, {"data": {"source": "other.py:load"}}).data.source == here
    assert study.from_document("a", {**read.document, "data": here}).data.source == here


def test_a_data_file_is_looked_for_beside_the_study_then_here(write: Write, tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    path = write(f"[data]\nsource = 'rows.csv'\ntest = 'Test.CSV'\n{SPACE}", "studies/a.toml")
    (tmp_path / "rows.csv").write_text("here")
    (tmp_path / "studies" / "Test.CSV").write_text("beside")
    read = study.load(path)
    assert read.data.source == str(tmp_path / "rows.csv")
    assert read.data.test == str(tmp_path / "studies" / "Test.CSV")
    assert read.data.is_file


def test_a_data_file_of_an_option_is_here(write: Write, tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    path = write(DATA + SPACE, "studies/a.toml")
    for folder in (tmp_path, tmp_path / "studies"):
        (folder / "rows.csv").write_text("")
    assert study.load(path, {"data": {"source": "rows.csv"}}).data.source == str(tmp_path / "rows.csv")
    assert not study.load(path).data.is_file


def test_a_study_comes_back_from_its_document(write: Write) -> None:
    read = study.load(write(DATA + SPACE))
    again = study.from_document(read.name, json.loads(json.dumps(read.document)))
    assert again == read.model_copy(update={"text": ""})
    assert read.text == DATA + SPACE
    assert again.settings() == read.settings()
    with pytest.raises(StudyError, match=r"^a: data: is missing"):
        study.from_document("a", {"space": {"layers": 2}})


def test_the_settings_are_what_decides_the_trials(write: Write) -> None:
    plain = study.load(write(DATA + SPACE)).settings()
    assert plain["search.seed"] == 0
    assert plain["space.layers"] == "int [1, 3]"
    budget = "trials = 3\ntime = '1h'\nkeep_models = 1\nfinalists = 1\nmax_failures = 2\n"
    assert study.load(write(f"title = 'x'\n{DATA}{SPACE}[search]\n{budget}")).settings() == plain
    for other in (
        with_("search", "seed = 1"),
        with_("training", "epochs = 3"),
        with_("objective", "metric = 'val_loss'"),
        data("drop = ['a']"),
        data("split = { seed = 1 }"),
        space("layers = { int = [1, 4] }"),
        space("layers = { int = [1, 3], log = true }"),
        space("layers = { choice = [1, 2, 3] }"),
        SPACE + "units = { int = [1, 3], each = 'layers' }\n" + DATA,
        SPACE + "units = { int = [1, 3], when = { layers = 1 } }\n" + DATA,
    ):
        assert study.load(write(other)).settings() != plain, other


def test_the_order_of_the_space_is_kept(write: Write) -> None:
    read = study.load(write(space("units = 3\nlayers = 2\nactivation = 'tanh'")))
    assert [parameter.name for parameter in read.space.parameters] == ["units", "layers", "activation"]


def test_a_study_does_not_change(write: Write) -> None:
    read = study.load(write(DATA + SPACE))
    with pytest.raises(ValueError, match="frozen"):
        read.search.trials = 3


@pytest.mark.parametrize(
    ("text", "expected"), [("90s", 90), ("10m", 600), ("1h30m", 5400), ("1h 30m", 5400), ("1.5h", 5400), ("2d", 172800)]
)
def test_seconds(text: str, expected: float) -> None:
    assert study.seconds(text) == expected


@pytest.mark.parametrize("text", ["", "10", "m", "0s", "-3s", "10 minutes", "3x", "1h!", f"{'9' * 400}d"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="expected a time such as 90s, 10m or 1h30m, got"):
        study.seconds(text)


SHIPPED = sorted(shipped().glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_the_shipped_studies(path: Path) -> None:
    read = study.load(path)
    assert read.title
    assert not list(_violations(read.document, study.schema(), study.schema()))


def test_every_key_of_the_schema_has_a_description_and_is_allowed_alone() -> None:
    made = study.schema()
    tables = [made, *made["$defs"].values(), made["properties"]["space"]]
    *entries, rules = made["properties"]["space"]["properties"].values()
    tables += [*(kind for entry in entries for kind in entry["anyOf"]), rules["items"]]
    for table in (table for table in tables if "properties" in table):
        assert table["additionalProperties"] is False
        for key, about in table["properties"].items():
            assert about.get("description"), f"{key} has no description"


def test_the_schema_knows_the_sections_and_words() -> None:
    made = study.schema()
    assert list(made["properties"]) == ["title", "data", "objective", "model", "space", "start", "training", "search"]
    assert made["required"] == ["data"]
    activation = made["properties"]["space"]["properties"]["activation"]["anyOf"]
    assert "relu" in activation[0]["properties"]["choice"]["items"]["enum"]
    assert "float" not in activation[0]["properties"]
    assert "each" not in made["properties"]["space"]["properties"]["batch_size"]["anyOf"][0]["properties"]


@pytest.mark.parametrize(
    "text",
    [
        space("unit = 3"),
        space("units = { int = [8, 16], stepp = 3 }"),
        space("activation = 'rellu'"),
        space("batch_size = { int = [8, 16], each = 'layers' }"),
        space("units = 8\nrules = [{ if = { units = 8 } }]"),
        space("units = 8\nrules = [{ if = { units = 8 }, then = { activation = 'rellu' } }]"),
        space("units = 8\nrules = [{ if = { units = { mini = 8 } }, then = { activation = 'relu' } }]"),
        with_("search", "sampler = 'tpee'"),
        with_("search", "trials = 'a'"),
        with_("objective", "metric = 'accuracy'"),
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(text: str) -> None:
    assert list(_violations(tomllib.loads(text), study.schema(), study.schema()))


def _violations(value: Any, rule: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[str]:
    """What a value breaks of the parts of JSON schema that are used here."""
    if "$ref" in rule:
        rule = {**rule, **root["$defs"][rule["$ref"].rpartition("/")[2]]}
    if "anyOf" in rule and all(list(_violations(value, each, root)) for each in rule["anyOf"]):
        yield f"{value!r} is none of {len(rule['anyOf'])} kinds"
    if "enum" in rule and value not in rule["enum"]:
        yield f"{value!r} is not in {rule['enum']}"
    if "pattern" in rule and isinstance(value, str) and not re.search(rule["pattern"], value):
        yield f"{value!r} is not like {rule['pattern']}"
    if (kind := rule.get("type")) and not _is_a(kind, value):
        yield f"{value!r} is no {kind}"
    if isinstance(value, dict):
        inner, others = rule.get("properties", {}), rule.get("additionalProperties", True)
        for key, below in value.items():
            if key in inner or isinstance(others, dict):
                yield from _violations(below, inner.get(key, others), root)
            elif not others:
                yield f"{key} is unknown"
        yield from (f"{key} is missing" for key in rule.get("required", ()) if key not in value)
    for below in value if isinstance(value, list) else ():
        yield from _violations(below, rule.get("items", {}), root)


def _is_a(kind: str, value: Any) -> bool:
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "null": type(None)}
    wanted = kinds.get(kind, (int, float))
    return isinstance(value, wanted) and (kind == "boolean" or not isinstance(value, bool))


def test_reading_a_study_imports_nothing_heavy(write: Write) -> None:
    good, bad = write(DATA + SPACE, "good.toml"), write("[data]\n", "bad.toml")
    heavy = "numpy pandas sklearn scipy matplotlib tensorflow keras keras_tuner mlflow optuna sqlalchemy rich click"
    code = f"""
import sys
from pathlib import Path
from tuner import study
from tuner.errors import StudyError
study.load(Path({str(good)!r})).objective_for("binary")
study.schema()
try:
    study.load(Path({str(bad)!r}))
except StudyError:
    pass
print(*set(sys.modules) & set("{heavy}".split()))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
