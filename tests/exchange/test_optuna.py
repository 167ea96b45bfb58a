"""Studies in storages of Optuna's, read, and written: there and back."""

from __future__ import annotations

import sqlite3
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.exceptions import ExperimentalWarning
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from tests.page import made
from tuner.errors import ExchangeError
from tuner.exchange import optuna_copy, optuna_study, storage
from tuner.exchange.optuna_copy import distribution
from tuner.home import Home
from tuner.ledger import Ledger
from tuner.parameters import Choice, Float, Int
from tuner.trial import Objective, State

ACCURACY = Objective("val_accuracy", "maximize")


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def tried(trial: Any) -> float:
    """Trial 1 is pruned, trial 2 fails, and the others report three epochs, counted from 0."""
    units = trial.suggest_int("units", 4, 16, step=4)
    trial.suggest_categorical("optimizer", ["adam", "sgd"])
    for step in range(3):
        trial.report(units / 32 + step / 8, step)
        if step == 1 and trial.number == 1:
            raise optuna.TrialPruned
    if trial.number == 2:
        raise OSError("no room")
    return float(units / 32 + 2 / 8)


def studied(storage: Any, **about: Any) -> Any:
    study = optuna.create_study(storage=storage, study_name="old", **{"direction": "maximize", **about})
    study.optimize(tried, 4, catch=(OSError,))
    study.ask()
    study.enqueue_trial({"units": 4})
    return study


@pytest.mark.parametrize("url", ["sqlite:///old.db", "old.journal"])
def test_each_trial_that_ended_has_its_fate_and_its_curve(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = studied(url if "://" in url else JournalStorage(JournalFileBackend(url)))
    found = optuna_study.read(url, "old", ACCURACY)
    assert [t.state for t in found.trials] == [State.COMPLETE, State.PRUNED, State.FAILED, State.COMPLETE]
    assert found.left_out == {"still running there": 1, "waiting there": 1}
    assert found.place == f"the Optuna study old in old.{url.rpartition('.')[2]}"
    for trial, there in zip(found.trials, study.trials, strict=False):
        assert trial.values == there.params
        assert [metrics["val_accuracy"] for metrics in trial.history] == [*there.intermediate_values.values()]
        assert trial.first_epoch == 1
    assert (found.trials[0].score, found.trials[0].best_epoch) == (study.trials[0].value, 3)
    assert (found.trials[1].score, found.trials[1].best_epoch) == (study.trials[1].intermediate_values[1], 2)
    assert found.trials[0].ended == study.trials[0].datetime_complete.timestamp()
    assert len({trial.digest for trial in found.trials}) == 4
    assert found.trials == optuna_study.read(url, "old", ACCURACY).trials


def test_one_that_returned_an_infinity_diverged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = optuna.create_study(storage="sqlite:///old.db", study_name="old", direction="maximize")
    study.optimize(lambda trial: float("inf"), 1)
    (trial,) = optuna_study.read("sqlite:///old.db", "old", ACCURACY).trials
    assert (trial.state, trial.score) == (State.DIVERGED, None)


def test_the_direction_and_the_metrics_that_it_names_must_be_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = studied("sqlite:///old.db")
    assert "old does not name its metric" in optuna_study.read("sqlite:///old.db", "old", ACCURACY).remarks[0]
    with pytest.raises(ExchangeError, match=r"it is to maximize, .* is val_loss \(minimize\)"):
        optuna_study.read("sqlite:///old.db", "old", Objective("val_loss", "minimize"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.set_metric_names(["val_auc"])
    with pytest.raises(ExchangeError, match=r"its values are val_auc, .* is val_accuracy"):
        optuna_study.read("sqlite:///old.db", "old", ACCURACY)
    assert optuna_study.read("sqlite:///old.db", "old", Objective("val_auc", "maximize")).remarks == ()


def test_what_is_no_storage_is_told_in_a_line_and_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    studied("sqlite:///old.db")
    Ledger(Home(tmp_path)).close()
    before = (tmp_path / ".tuner" / "ledger.db").read_bytes()
    Path("a.txt").write_text("no journal\nat all\n")
    for url, line in [
        ("sqlite:///none.db", "sqlite:///none.db: no such file"),
        ("none.journal", "none.journal: no such file. Expected a URL, as sqlite:///study.db, or the path of a journal"),
        ("old.db", "is a database, not a journal file. Type it as sqlite:///old.db"),
        ("sqlite:///.tuner/ledger.db", "a database without studies of Optuna"),
        ("a.txt", "a.txt: cannot be used as a storage of Optuna"),
        ("mine://me:secret@there/db", r"mine://\*\*\*@there/db: cannot be used as a storage of Optuna"),
    ]:
        with pytest.raises(ExchangeError, match=line):
            optuna_study.read(url, "old", ACCURACY)
    with pytest.raises(ExchangeError, match=r"no study 'odl'. Did you mean 'old'\? It has old"):
        optuna_study.read("sqlite:///old.db", "odl", ACCURACY)
    assert not Path("none.db").exists()
    assert not Path("none.journal").exists()
    assert (tmp_path / ".tuner" / "ledger.db").read_bytes() == before


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@there/db", "postgresql://***@there/db"),
        ("postgresql://me:sec/r@et@there/db", "postgresql://***@there/db"),
        ("postgresql:///db?user=me&password=secret&host=there", "postgresql:///db?user=me&password=***&host=there"),
        ("mysql://there:3306/db", "mysql://there:3306/db"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert storage.shown(url) == shown


FATES = [State.COMPLETE, State.PRUNED, State.COMPLETE, State.DIVERGED, State.FAILED]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Any, str]:
    """A search of thirty trials and its copy, once written and once more."""
    folder = tmp_path_factory.mktemp("exported")
    home = made.search(folder, made.flowers, 30, fate=lambda trial: FATES[trial.number % 5], ends=False)
    storage = InMemoryStorage()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optuna_copy.storage, "opened", lambda _: storage)
        first = optuna_copy.write(home, "made", "memory")
        second = optuna_copy.write(home, "made", "memory")
    assert first == "wrote 30 trials of made@1 to the study made@1 in memory"
    assert second == "wrote 0 trials of made@1 to the study made@1 in memory, 30 were there already"
    return home, optuna.load_study(study_name="made@1", storage=storage), second


def test_a_copy_has_every_trial_once_with_what_it_came_to(exported: tuple[Home, Any, str]) -> None:
    home, copy, _ = exported
    ledger = Ledger(home)
    results = ledger.results(ledger.get("made"))
    assert len(copy.trials) == len(results) == 30
    assert copy.metric_names == ["val_accuracy"]
    for there, result in zip(copy.trials, results, strict=True):
        states = {State.COMPLETE: TrialState.COMPLETE, State.PRUNED: TrialState.PRUNED}
        assert there.state is states.get(result.state, TrialState.FAIL)
        assert there.params == result.trial.values
        if result.state is State.COMPLETE:
            assert there.value == result.score
        known = enumerate((metrics["val_accuracy"] for metrics in result.history), start=1)
        assert there.intermediate_values == dict(known)
        assert there.user_attrs["tuner.trial"] == result.trial.number
        assert there.user_attrs["seed"] == result.trial.seed
        assert there.user_attrs["epochs"] == len(result.history)
        assert there.user_attrs["state"] == result.state.value
    assert copy.best_trial.value == max(r.score for r in results if r.state is State.COMPLETE and r.score is not None)


def test_every_plot_of_optunas_can_be_drawn(exported: tuple[Home, Any, str]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as drawn

    _, copy, _ = exported
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Optuna's own drawings say of themselves
        for plot in (
            drawn.plot_optimization_history, drawn.plot_intermediate_values, drawn.plot_edf, drawn.plot_timeline,
        ):  # fmt: skip
            plot(copy)
        drawn.plot_slice(copy, params=["layers", "units_1", "optimizer", "learning_rate", "momentum"])
        drawn.plot_parallel_coordinate(copy, params=["units_1", "optimizer", "learning_rate"])
        drawn.plot_contour(copy, params=["units_1", "learning_rate"])
        drawn.plot_param_importances(copy, params=["units_1", "optimizer", "learning_rate"])
        pyplot.close("all")


def test_a_study_that_is_another_ones_is_not_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = made.search(tmp_path, made.flowers, 1, ends=False)
    monkeypatch.chdir(tmp_path)
    optuna.create_study(storage="sqlite:///a.db", study_name="made@1")
    with pytest.raises(ExchangeError, match=r"a.db: there is a study made@1 that is not this search"):
        optuna_copy.write(home, "made", "sqlite:///a.db")
    assert optuna.load_study(storage="sqlite:///a.db", study_name="made@1").trials == []


def test_a_database_of_something_else_is_not_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = made.search(tmp_path, made.flowers, 1, ends=False)
    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect("other.db")) as other:
        other.execute("create table mine (a)")
        with pytest.raises(ExchangeError, match=r"sqlite:///other.db: a database without studies of Optuna"):
            optuna_copy.write(home, "made", "sqlite:///other.db")
        assert other.execute("select name from sqlite_master").fetchall() == [("mine",)]
    before = (tmp_path / ".tuner" / "ledger.db").read_bytes()
    for url in ("sqlite:///.tuner/ledger.db", "sqlite+pysqlite:///.tuner/ledger.db"):  # as a shared ledger's, too
        with pytest.raises(ExchangeError, match=r"without studies of Optuna|other trials than Optuna's, as a ledger"):
            optuna_copy.write(home, "made", url)
    assert (tmp_path / ".tuner" / "ledger.db").read_bytes() == before


def test_a_copy_read_back_is_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = made.search(tmp_path, made.flowers, 5, fate=lambda trial: FATES[trial.number], ends=False)
    monkeypatch.chdir(tmp_path)
    optuna_copy.write(home, "made", "there.journal")
    found = optuna_study.read("there.journal", "made@1", ACCURACY)
    ledger = Ledger(home)
    results = ledger.results(ledger.get("made"))
    failed = [State.FAILED if r.state is State.DIVERGED else r.state for r in results]
    assert [trial.state for trial in found.trials] == failed
    assert [trial.values for trial in found.trials] == [r.trial.values for r in results]
    assert found.trials[0].score == results[0].score
    assert [t.first_epoch for t in found.trials if t.history] == [1] * sum(bool(t.history) for t in found.trials)


def test_of_several_objectives_all_values_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aims = '[objective]\nmetric = ["val_accuracy", "params"]\n'
    home = made.search(tmp_path, made.flowers, 6, ends=False, objective=aims)
    monkeypatch.chdir(tmp_path)
    optuna_copy.write(home, "made", "sqlite:///several.db")
    copy = optuna.load_study(storage="sqlite:///several.db", study_name="made@1")
    ledger = Ledger(home)
    aimed = [[r.score, *r.further] for r in ledger.results(ledger.get("made"))]
    assert [trial.values for trial in copy.trials] == aimed
    assert [d.name for d in copy.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert copy.best_trials


def test_a_range_is_one_that_optuna_takes_whole() -> None:
    for parameter in (
        Int(name="a", low=1, high=10, step=4),
        Int(name="a", low=1, high=100, log=True),
        Float(name="a", low=0.1, high=0.65, step=0.1),
        Float(name="a", low=1e-4, high=0.1, log=True),
        Choice(name="a", options=(True, False)),
        Choice(name="a", options=("8-4", 8, 0.5)),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            made = distribution(parameter)
        for value in (parameter.at(0.0), parameter.at(0.5), parameter.at(0.999999)):
            assert made.to_external_repr(made.to_internal_repr(value)) == pytest.approx(value)
            assert made._contains(made.to_internal_repr(value))
