"""A study of the user's own model: what it says, what it may not say, and what its search is recognised by."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tuner import discovering, opening, study
from tuner.drivers.evolution import share, steered
from tuner.errors import StudyError
from tuner.home import Home
from tuner.ledger import Ledger
from tuner.metrics import Task
from tuner.parameters import Choice, Float, Int, Parameter
from tuner.sections import EarlyStopping
from tuner.study import Study
from tuner.trainers import processes
from tuner.trainers.discovery import Discovered

CODE = "def build_model(hp): ...\n"
ENTRIES: tuple[dict[str, Any], ...] = (
    {"name": "layers", "int": [1, 3]},
    {"name": "units_0", "choice": [16, 32, 64], "ordered": True},
    {"name": "units_1", "int": [8, 64], "step": 8, "when": {"layers": [2, 3]}},
    {"name": "epochs", "int": [2, 900]},
    {"name": "batch_size", "choice": ["small", "large"]},
    {"name": "a b/patience", "float": [0.5, 0.9], "reverse": True},
)
STUDY = 'model = "mymodel.py:build_model"\n[data]\nsource = "sklearn:wine"\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mymodel.py").write_text(CODE)
    return Home(tmp_path)


def written(home: Home, text: str = "", head: str = STUDY) -> Study:
    path = home.root / "wine2.toml"
    path.write_text(head + text)
    return study.load(path)


def found(home: Home, text: str = "") -> Study:
    return study.discovered(written(home, text), ENTRIES)


# What a study says


def test_the_file_is_named_from_the_folder_of_the_study_and_known_by_its_digest(home: Home) -> None:
    (home.root / "there").mkdir()
    (home.root / "there" / "mymodel.py").write_text(CODE)
    (home.root / "there" / "s.toml").write_text(STUDY)
    there, here = study.load(home.root / "there" / "s.toml").model, written(home).model
    assert there is not None
    assert here is not None
    assert (there.path, there.name) == (home.root / "there" / "mymodel.py", "build_model")
    assert there.digest == here.digest == hashlib.sha256(CODE.encode()).hexdigest()


def test_a_space_that_was_found_is_in_the_document_and_made_of_it_again(home: Home) -> None:
    whole = found(home)
    again = study.from_document("wine2", whole.document)
    assert again.space == whole.space
    assert again.model == whole.model
    assert [each.name for each in again.space.parameters] == [entry["name"] for entry in ENTRIES]
    assert not again.undiscovered
    assert written(home).undiscovered


def test_names_mean_nothing_of_ours(home: Home) -> None:
    text = "[training]\nepochs = 7\nbatch_size = 9\nearly_stopping = { patience = 3, min_delta = 0.1 }\n"
    whole = found(home, text)
    values = {"epochs": 500, "patience": 1, "batch_size": "large"}
    assert (whole.most_epochs, whole.training.epochs_of(values), whole.training.batch_size) == (7, 7, 9)
    assert whole.training.stopping_of(values) == EarlyStopping(patience=3, min_delta=0.1)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[search]\ntrainer = 'stacked'\n", "search.trainer: a model of your own is trained by itself"),
        ("[search]\nmax_params = 9\n", "search.max_params: a model of your own is not counted before it is built"),
        ("[objective]\nmetric = ['val_loss', 'params']\n", "objective.metric: .* leave out params"),
        ("[objective]\nmetric = 'f1'\n", "objective.metric: expected a metric of the validation rows, val_…, got 'f1'"),
        ("[space]\nlayers = 3\n", "wine2.toml: space: model says itself what may vary; leave out"),
        ("[training]\nearly_stopping = {}\n", "training.early_stopping.patience: is missing"),
    ],
)
def test_what_does_not_go_with_a_model(home: Home, text: str, line: str) -> None:
    with pytest.raises(StudyError, match=line) as caught:
        written(home, text)
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("gone.py:build_model", "model: gone.py: no such file, expected FILE.py:NAME, as mymodel.py:build_model"),
        ("mymodel.py", "model: expected FILE.py:NAME, as mymodel.py:build_model, got 'mymodel.py'"),
        ("mymodel.py:a-b", "model: expected FILE.py:NAME, as mymodel.py:build_model, got 'mymodel.py:a-b'"),
    ],
)
def test_a_model_that_is_none(home: Home, given: str, line: str) -> None:
    with pytest.raises(StudyError, match=line):
        written(home, head=STUDY.replace("mymodel.py:build_model", given))


def test_a_grid_says_which_of_what_was_found_cannot_be_listed(home: Home) -> None:
    with pytest.raises(StudyError, match=r"space\.a b/patience: the grid sampler needs listed values"):
        found(home, "[search]\nsampler = 'grid'\n")


def test_values_to_be_tried_first_are_checked_once_the_space_is_known(home: Home) -> None:
    start = "[[start]]\nlayers = 1\nunits_0 = 17\nepochs = 2\nbatch_size = 'small'\n\"a b/patience\" = 0.6\n"
    assert written(home, start).undiscovered
    with pytest.raises(StudyError, match=r"start\[1\]\.units_0: 17 is outside 16 \| 32 \| 64"):
        found(home, start)


@pytest.mark.parametrize(
    ("objective", "goal"),
    [
        ("", "maximize"),
        ("metric = 'val_loss'", "minimize"),
        ("metric = 'val_f1_score'", "maximize"),
        ("metric = 'val_out_mean_absolute_error_1'", "minimize"),
        ("metric = 'val_cost'\ngoal = 'minimize'", "minimize"),
    ],
)
def test_which_way_a_metric_of_the_models_own_is_better(home: Home, objective: str, goal: str) -> None:
    assert written(home, f"[objective]\n{objective}\n").objective_for(Task.BINARY).goal == goal


@pytest.mark.parametrize("metric", ["val_cost", "val_brier_score", "val_false_positives_rate"])
def test_a_metric_whose_name_does_not_say_needs_a_goal(home: Home, metric: str) -> None:
    told = written(home, f"[objective]\nmetric = '{metric}'\n")
    with pytest.raises(StudyError, match=rf"objective\.goal: whether more or less is better is not known of {metric};"):
        told.objective_for(Task.BINARY)


# What a command says


ROWS = {"data": {"source": "sklearn:wine"}}


def searched(home: Home, whole: Study) -> None:
    ledger = Ledger(home)
    ledger.create(whole.name, whole.document, {"name": "wine", "fingerprint": "f", "rows": 3})
    ledger.close()


def test_a_model_alone_is_a_study_of_its_files_name(home: Home) -> None:
    path = home.root / "My Model.py"
    path.write_text(CODE)
    made = opening.study(f"{path.name}:build_model", None, home, ROWS)
    assert (made.name, made.title) == ("my-model", "build_model of My Model.py")
    assert made.undiscovered


def test_a_model_alone_needs_rows_until_it_was_searched(home: Home) -> None:
    with pytest.raises(StudyError, match=r"mymodel\.py:build_model: expected rows to train on, as --data"):
        opening.study("mymodel.py:build_model", None, home, {})
    searched(home, study.discovered(opening.study("mymodel.py:build_model", None, home, ROWS), ENTRIES))
    for name in ("mymodel.py:build_model", "mymodel"):
        again = opening.study(name, None, home, {})
        assert (again.data.source, again.undiscovered, len(again.space.parameters)) == ("sklearn:wine", False, 6)


def test_a_model_is_not_called_as_a_study_that_there_is(home: Home) -> None:
    (home.root / "mymodel.py").rename(home.root / "diabetes.py")
    with pytest.raises(StudyError, match=r"diabetes\.py:build_model: diabetes\.toml is a study of that name"):
        opening.study("diabetes.py:build_model", None, home, ROWS)


def test_a_changed_file_is_told_and_what_it_varies_is_found_anew(home: Home) -> None:
    searched(home, study.discovered(opening.study("mymodel.py:build_model", None, home, ROWS), ENTRIES))
    (home.root / "mymodel.py").write_text(CODE + "# more\n")
    for name in ("mymodel.py:build_model", "mymodel"):
        now = opening.study(name, None, home, {})
        assert now.undiscovered
        split: Any = SimpleNamespace(fingerprint="f", table="wine", y_train=[0] * 3, y_validation=[], y_test=[])
        ledger = Ledger(home)
        with pytest.raises(StudyError) as caught:
            opening.claim(ledger, study.discovered(now, ENTRIES[:1]), split, 1, fresh=False)
        ledger.close()
        first, *_, last = caught.value.problems
        assert first == "mymodel: model: the file is not what it was when mymodel@1 began"
        assert last.endswith("begin another search beside it: tuner search mymodel --fresh")


def test_a_file_that_moved_is_the_same(home: Home) -> None:
    before = study.discovered(opening.study("mymodel.py:build_model", None, home, ROWS), ENTRIES)
    (home.root / "there").mkdir()
    (home.root / "mymodel.py").rename(home.root / "there" / "mymodel.py")
    now = opening.study("there/mymodel.py:build_model", None, home, ROWS)
    assert not discovering.known(now, before.document).undiscovered
    assert discovering.known(now, before.document).settings() == before.settings()


# What a worker finds


def answering(answer: Callable[[], object]) -> Callable[..., object]:
    return lambda *_, **__: answer()


def test_what_a_worker_finds_is_the_space(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(processes, "call", answering(lambda: Discovered(ENTRIES, ("note: so",), fits=True)))
    whole = discovering.discovered(written(home), say=lines.append)
    assert [each.name for each in whole.space.parameters] == [entry["name"] for entry in ENTRIES]
    assert lines[0] == "building mymodel.py:build_model with one value after the other, to find what it lets vary"
    assert lines[1:] == ["note: so", "note: what its own fit lets vary is found when a search begins, on its rows"]


def raising(error: Exception) -> Callable[[], object]:
    def answer() -> object:
        raise error

    return answer


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (raising(processes.Stopped("stopped")), "mymodel.py:build_model: has not come to an end after 9 seconds"),
        (raising(processes.WorkerDied("discover: signal 11")), "model: mymodel.py:build_model: signal 11"),
        (raising(StudyError("mymodel.py:3: KeyError: 'a'")), "model: mymodel.py:3: KeyError: 'a'"),
        (lambda: Discovered(()), "mymodel.py:build_model: asks hp for nothing"),
    ],
)
def test_a_worker_that_finds_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch, answer: Callable[[], object], line: str
) -> None:
    monkeypatch.setattr(processes, "call", answering(answer))
    with pytest.raises(StudyError, match=line) as caught:
        discovering.discovered(written(home), limit=9)
    assert len(caught.value.problems) == 1


def test_a_stop_while_a_worker_looks_is_no_error_of_the_file(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "call", answering(raising(processes.Stopped("stopped"))))
    with pytest.raises(processes.Stopped, match="stopped"):
        discovering.discovered(written(home), stop=lambda: True)


def test_the_copy_in_the_searchs_folder_is_of_the_file_that_it_began_with(home: Home) -> None:
    whole = written(home)
    copy = discovering.keep(whole, home.root / "search")
    (home.root / "mymodel.py").write_text("changed")
    assert copy == discovering.keep(whole, home.root / "search")
    assert copy is not None
    assert copy.read_text() == CODE


# How its values are drawn


@pytest.mark.parametrize(
    "parameter",
    [
        Choice(name="x", options=(16, 32, 8), ordered=True),
        Int(name="x", low=3, high=70, reverse=True),
        Float(name="x", low=0.5, high=90.0, reverse=True),
    ],
)
def test_what_is_ordered_is_steered(parameter: Parameter) -> None:
    for u in (0.01, 0.3, 0.5, 0.77, 0.99):
        value = parameter.at(u)
        assert parameter.at(share(parameter, value)) == pytest.approx(value)


def test_the_strategy_has_a_say_in_ordered_choices(home: Home) -> None:
    assert steered(found(home).space) == ["layers", "units_0", "epochs", "a b/patience"]


def test_reverse_log_is_dense_where_log_is_not() -> None:
    reverse = Float(name="x", low=1.0, high=1000.0, reverse=True)
    drawn: Mapping[float, float] = {u: reverse.at(u) for u in (0.1, 0.5, 0.9)}
    assert drawn == {
        0.1: pytest.approx(499.8, abs=1),
        0.5: pytest.approx(969.4, abs=1),
        0.9: pytest.approx(999.0, abs=1),
    }
