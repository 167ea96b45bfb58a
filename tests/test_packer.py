"""The process that packs: begun before there is anything to pack, replaced where it died, and ended when told to."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests import packings
from tuner import conclusion
from tuner.conclusion import Packer, packed_in_a_worker
from tuner.packaging import Order, Subject, Unfaithful
from tuner.sections import TrainingSection
from tuner.trainers import processes, weights
from tuner.trainers.work import Work
from tuner.trial import Objective, Result, State, Trial

PICTURES = ("optimisation-history", "importance", "learning-curves", "confusion")
TRIAL = Trial(3, {"layers": 0}, 7, 1)


@pytest.fixture
def order(saved_split: Callable[[str], Path], tmp_path: Path) -> Order:
    """To pack one trial, of a stack that gave what Keras gives."""
    work = Work(TrainingSection(), Objective("val_accuracy", "maximize"), saved_split("wine"), tmp_path / "weights")
    network = processes.call(packings.begun, work, TRIAL)
    path = weights.save(tmp_path / "weights" / "3.npz", network.weights, network.outputs)
    score, history = network.metrics["val_accuracy"], (network.metrics,)
    result = Result(TRIAL, State.COMPLETE, score, 1, history, weights=path, program={"trainer": "stacked"})
    return Order(Subject(work, "made", "made@1", {}, {}), result, (result,), (result,), {}, 1, "done", {"units": 1.0})


def files(folder: Path) -> Mapping[str, int]:
    """The files of a packed search, and the size of each picture."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.stat().st_size if path.suffix == ".png" else 0 for path in found}


def unfaithful(order: Order) -> Order:
    """The same with weights whose record says something else of the loss."""
    (metrics,) = order.champion.history
    off = replace(order.champion, history=({**metrics, "val_loss": metrics["val_loss"] + 1},))
    return replace(order, champion=off, kept=(off,))


def test_one_that_prepared_itself_packs_the_same_and_goes_on_after_a_refusal(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = packed_in_a_worker(order, tmp_path / "one", lambda: False)
    monkeypatch.setattr(conclusion, "packed_in_a_worker", lambda *given: pytest.fail("another was begun"))
    with Packer(order.subject.work) as packer:
        with pytest.raises(Unfaithful, match="its weights give val_loss"):
            packer.pack(unfaithful(order), tmp_path / "none", lambda: False)
        assert packer.pack(order, tmp_path / "other", lambda: False) == wanted
    assert not (tmp_path / "none").exists()
    assert files(tmp_path / "other") == files(tmp_path / "one")
    assert files(tmp_path / "one").keys() >= {f"plots/{name}.png" for name in PICTURES}
    assert [baseline.name for baseline in wanted.baselines] == ["majority class", "logistic regression"]
    assert not multiprocessing.active_children()


def test_one_that_has_died_is_replaced(order: Order, tmp_path: Path) -> None:
    with Packer(order.subject.work) as packer:
        packer._begins.join()
        assert packer._child is not None
        packer._child.process.kill()
        assert packer.pack(order, tmp_path / "made", lambda: False).champion == 3


def test_a_stop_is_seen_while_it_packs(order: Order, tmp_path: Path) -> None:
    with Packer(order.subject.work) as packer, pytest.raises(processes.Stopped, match="stopped"):
        packer.pack(order, tmp_path / "made", lambda: True)
    packer._begins.join()  # it may have waited for Keras, and begins nothing any more
    assert not multiprocessing.active_children()
