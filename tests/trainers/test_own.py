"""A user's own model is trained by its own fit, and judged, kept, pruned and replayed as any other."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.trainers import own_jobs
from tests.trainers.own_jobs import Fitted, Order
from tuner.metrics import Task
from tuner.trainers import processes, weights
from tuner.trainers.pool import PoolTrainer
from tuner.trainers.work import weights_of
from tuner.trial import Batch, State, Trial, Value, derive_seed

MINE = ("val_mine", "minimize")


def trial(number: int, epochs: int, /, **values: Value) -> Trial:
    return Trial(number, values, derive_seed(0, number), epochs)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path, Path]:
    """The rows of two classes, those of values, those of several inputs, and where weights go."""
    root = tmp_path_factory.mktemp("own")
    classes, values = (own_jobs.table(root / task.value, task) for task in (Task.BINARY, Task.REGRESSION))
    return classes, values, own_jobs.arrays(root / "arrays"), root / "weights"


@pytest.fixture(scope="module")
def fitted(places: tuple[Path, Path, Path, Path]) -> dict[str, Fitted]:
    classes, values, arrays, files = places

    def order(name: str, given: Trial, *objective: str, rows: Path = classes, stop: int | None = None) -> Order:
        return Order(own_jobs.work(name, rows, files, *objective), given, stop)

    again = replace(trial(4, 5, units=5), first_epoch=4, parent=1)
    orders = {
        "traced": order("traced", trial(0, 3, units=5)),
        "best": order("small", trial(1, 3, units=5), "val_loss", "minimize"),
        "warm": order("small", again, "val_loss", "minimize"),
        "orphan": order("small", replace(again, number=5, parent=77)),
        "pruned": order("small", trial(6, 4), stop=2),
        "values": order("values", trial(7, 2, rate=0.05), "val_rmse", "minimize", rows=values),
        "diverged": order("values", trial(8, 4, rate=1e30), "val_rmse", "minimize", rows=values),
        "several": order("several", trial(9, 1), rows=arrays),
        "wide": order("wide", trial(10, 1)),
        "broken": order("broken", trial(11, 1)),
        "overridden": order("Overridden", trial(13, 5)),
        "loop": order("Loop", trial(14, 3), *MINE),
        "stopped loop": order("Loop", trial(15, 9), *MINE, stop=2),
        "stopped at once": order("Loop", trial(17, 9, begins=True), *MINE, stop=2),
        "fails": order("Fails", trial(16, 1)),
        **{
            kind: order("Silent", trial(20 + i, 3, returns=kind), *MINE)
            for i, kind in enumerate(("float", "dict", "history", "list", "nothing"))
        },
        "highest": order("Silent", trial(25, 3, returns="history"), "val_mine", "maximize"),
        "no objective": order("small", trial(30, 1), *MINE),
    }
    return processes.call(own_jobs.fits, orders)


def test_an_epoch_has_our_validation_metrics_and_the_models_own(fitted: dict[str, Fitted]) -> None:
    result = fitted["traced"].result
    assert result.state is State.COMPLETE, result.error
    assert len(result.history) == 3
    own = {"loss", "accuracy", "precision", "val_precision"}
    assert all(epoch.keys() == own | {"val_loss", "val_accuracy"} for epoch in result.history)
    assert [report.metrics for report in fitted["traced"].reports] == list(result.history)
    assert result.history[2]["loss"] < result.history[0]["loss"]
    assert (result.score, result.best_epoch) == own_jobs.Objective("val_accuracy", "maximize").score(result.history)
    assert result.program["trainer"] == "plain"
    assert {"keras", "tensorflow", "keras-tuner", "model"} < result.program.keys()


def test_the_kept_weights_are_those_of_the_best_epoch(fitted: dict[str, Fitted]) -> None:
    for name in ("traced", "best", "several", "values", "overridden"):
        result, looked = fitted[name].result, fitted[name].looked
        assert result.state is State.COMPLETE, result.error
        assert looked is not None
        best = result.history[(result.best_epoch or 0) - 1]
        assert looked == pytest.approx({key: best[key] for key in looked}, rel=1e-5)


def test_alone_in_a_process_it_is_the_same_to_the_last_bit(
    fitted: dict[str, Fitted], places: tuple[Path, Path, Path, Path]
) -> None:
    """As a search trains it, and as a replay does; nothing hangs on what the process did before."""
    before = fitted["traced"].result
    work = own_jobs.work("traced", places[0], places[3].with_name("again"))
    with PoolTrainer(work) as pool:
        (result,) = pool.run(lambda _: Batch((before.trial,), more=False), lambda _: set(), lambda: False)
    assert (result.history, result.score, result.program) == (before.history, before.score, before.program)
    assert result.weights is not None
    assert before.weights is not None
    pairs = zip(weights.load(result.weights), weights.load(before.weights), strict=True)
    assert all((a == b).all() for a, b in pairs)


def test_one_goes_on_from_the_weights_of_its_parent(fitted: dict[str, Fitted]) -> None:
    first, second = fitted["best"].result, fitted["warm"].result
    assert len(second.history) == 2, second.error
    assert [report.epoch for report in fitted["warm"].reports] == [4, 5]
    # Three epochs make a third of the loss that there is at first; one of its own weights would begin up there again.
    assert second.history[0]["val_loss"] < first.history[2]["val_loss"] < first.history[1]["val_loss"]
    orphan = fitted["orphan"].result
    assert (orphan.state, orphan.error) == (
        State.FAILED,
        "the weights of trial 77, which it goes on from, are not there: it did not complete, or "
        f"{weights_of(Path(), 77).name} was deleted",
    )


def test_who_is_told_to_stop_stops(fitted: dict[str, Fitted]) -> None:
    """By `model.stop_training`, and in a loop that does not look at that by an exception."""
    for name in ("pruned", "stopped loop", "stopped at once"):
        result = fitted[name].result
        assert (result.state, len(result.history), result.weights, result.error) == (State.PRUNED, 2, None, None)
    # One that does not say when an epoch begins has trained another one.
    assert [fitted[name].heard["loop"] for name in ("stopped loop", "stopped at once")] == [3, 2]


def test_values_are_learned_and_scored_in_their_own_units(fitted: dict[str, Fitted]) -> None:
    """The network begins at 0 for a target around 500."""
    history = fitted["values"].result.history
    assert 5e3 < history[0]["loss"] < 5e5
    assert history[1]["val_rmse"] < history[0]["val_rmse"] < 600
    assert history[1]["val_rmse"] > 20


def test_a_loss_that_is_not_finite_has_diverged(fitted: dict[str, Fitted]) -> None:
    result = fitted["diverged"].result
    assert (result.state, result.weights, result.error) == (State.DIVERGED, None, None)
    assert len(result.history) < 4


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("wide", "the model takes 9 columns, the rows have 8: "),
        ("no objective", "the model compiles no metric mine, which is the objective; it has accuracy, loss."),
        ("nothing", "the model's own fit did not tell val_mine, which is the objective; it told nothing"),
    ],
)
def test_what_does_not_go_together_is_one_line(fitted: dict[str, Fitted], name: str, error: str) -> None:
    result = fitted[name].result
    assert result.state is State.FAILED
    assert (result.error or "").startswith(error)
    assert len((result.error or "").splitlines()) == 1


def test_an_exception_of_the_users_is_the_trials_failure_with_its_traceback(fitted: dict[str, Fitted]) -> None:
    for name, last in (("broken", "RuntimeError: no such layer"), ("fails", "KeyError: 'after the first epochs'")):
        result = fitted[name].result
        assert (result.state, result.weights) == (State.FAILED, None)
        assert (result.error or "").strip().endswith(last)
        assert 'own_models.py", line' in (result.error or "")


def test_a_step_has_the_rows_that_the_study_says_or_a_fit_of_its_own(fitted: dict[str, Fitted]) -> None:
    assert [fitted[name].heard["size"] for name in ("best", "overridden")] == [12, 8]


def test_what_an_overridden_fit_sets_is_left_to_it(fitted: dict[str, Fitted]) -> None:
    """Its epochs, its `verbose` and its batch size; and its callbacks work beside ours."""
    result = fitted["overridden"].result
    assert (result.state, len(result.history)) == (State.COMPLETE, 2), result.error
    assert fitted["overridden"].heard["overridden"] == ["callbacks", "validation_data"]


def test_a_value_that_the_trial_has_not_is_its_default_and_its_result_says_so(fitted: dict[str, Fitted]) -> None:
    assert fitted["overridden"].result.program["defaults"] == "batch_size = 8"
    assert "defaults" not in fitted["traced"].result.program
    assert "units" in fitted["pruned"].result.program["defaults"]


def test_a_loop_of_its_own_tells_of_its_epochs(fitted: dict[str, Fitted]) -> None:
    result = fitted["loop"].result
    assert (result.state, result.score, result.best_epoch) == (State.COMPLETE, 8.0, 3)
    names = {"val_mine", "loss", "now_and_then", "val_loss", "val_accuracy"}
    assert [epoch.keys() for epoch in result.history] == [names] * 3
    assert [epoch["now_and_then"] for epoch in result.history] == [1.0] * 3


@pytest.mark.parametrize("kind", ["float", "dict", "history", "highest", "list"])
def test_a_fit_that_tells_of_no_epoch_is_one(fitted: dict[str, Fitted], kind: str) -> None:
    """Of a history it is the best epoch by the objective."""
    result = fitted[kind].result
    best = {"history": 1.0}.get(kind, 3.0)
    assert (result.state, result.score, len(result.history)) == (State.COMPLETE, best, 1), result.error
    assert math.isfinite(result.history[0]["val_accuracy"])
    assert result.history[0].get("other") == {"dict": 8.0, "history": 7.0, "highest": 8.0}.get(kind)
    assert result.weights is not None
