"""The pool of processes: what every trainer does, and what it does when processes are killed."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from tests.contracts.trainer import ENDLESS, Case, Play, TrainerContract, alone
from tests.trainers.living import children, memory, needs_proc, open_files, parent, still_there
from tuner.study import TrainingSection
from tuner.trainers import Trainer, processes
from tuner.trainers.pool import PoolTrainer
from tuner.trainers.work import Work
from tuner.trial import Batch, Objective, Report, Result, State, Trial, derive_seed

VALUES = {"layers": 1, "units": 8, "dropout": 0.1, "optimizer": "sgd", "learning_rate": 0.1}


def trial(number: int, epochs: int, **values: bool | int | float | str) -> Trial:
    return Trial(number, {**VALUES, **values}, derive_seed(0, number), epochs)


@dataclass(frozen=True)
class Pool:
    """Trainers that do not write over each other's files."""

    work: Work
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def objective(self) -> Objective:
        return self.work.objective

    def trainer(self, room: int) -> Trainer:
        return PoolTrainer(replace(self.work, files=self.work.files / str(next(self.numbers))), room)

    def room(self, room: int) -> int:
        return room

    def trial(self, number: int, epochs: int) -> Trial:
        return trial(number, epochs)

    def broken(self, number: int) -> Trial:
        return trial(number, 1, activation="no such")

    def left_behind(self) -> Sequence[object]:
        return multiprocessing.active_children()


@pytest.fixture(scope="module")
def work(saved_split: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Work:
    # 106 train rows: 16 of them a step leaves 10 for the last.
    training = TrainingSection(batch_size=16)
    folder = tmp_path_factory.mktemp("pool")
    return Work(training, Objective("val_accuracy", "maximize"), saved_split("wine"), folder / "weights")


class TestPoolTrainer(TrainerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def case(cls, work: Work) -> Case:
        return Pool(work)

    def test_the_weights_of_a_complete_trial_are_the_same_alone(self, case: Case, results: dict[int, Result]) -> None:
        first, second = (result.weights for result in (results[0], alone(case, case.trial(0, 3))))
        assert first is not None
        assert second is not None
        assert first != second
        with np.load(first) as before, np.load(second) as after:
            assert len(before.files) == 4
            assert all(np.array_equal(before[name], after[name]) for name in before.files)

    def test_only_weights_are_left_in_the_folder(self, results: dict[int, Result]) -> None:
        assert results[0].weights is not None
        names = sorted(path.name for path in results[0].weights.parent.iterdir())
        assert names == ["trial-00000.weights.npz", "trial-00002.weights.npz"]

    def test_a_killed_worker_is_tried_again_and_its_neighbour_is_unhurt(
        self, work: Work, results: dict[int, Result]
    ) -> None:
        lines: list[str] = []
        killed: list[int] = []
        answers = [Batch((trial(0, 2), trial(1, 2)), more=False)]

        def judge(reports: Sequence[Report]) -> set[int]:
            if not killed and any(report.trial == 0 for report in reports):
                killed.append(0)
                kill_a_worker()
            return set()

        pool = PoolTrainer(work, 2, say=lines.append)
        found = {result.trial.number: result for result in pool.run(lambda n: answers.pop(), judge, bool)}
        assert lines == ["trial 0: worker died (signal 9), retry 1 of 2"]
        assert [found[number].state for number in (0, 1)] == [State.COMPLETE] * 2
        for number in (0, 1):
            assert found[number].history == results[number].history[:2]

    def test_what_trained_it_is_said(self, results: dict[int, Result]) -> None:
        assert results[0].program.keys() == {"trainer", "keras", "tensorflow"}
        assert results[0].program["trainer"] == "plain"

    def test_the_owner_has_no_tensorflow(self, results: dict[int, Result]) -> None:
        code = (
            "import sys; from tuner.trainers import pool; "
            "assert not {'tensorflow', 'keras', 'numpy', 'tuner.trainers.plain'} & sys.modules.keys(), sys.modules"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


def kill_a_worker() -> None:
    """Kills the worker that was started first of those that live."""
    first = min(multiprocessing.active_children(), key=lambda each: int(each.name.rpartition("-")[2]))
    os.kill(first.pid or 0, signal.SIGKILL)


def test_one_that_dies_again_and_again_has_failed(work: Work) -> None:
    lines: list[str] = []
    answers = [Batch((trial(0, 2),), more=False)]

    def judge(reports: Sequence[Report]) -> set[int]:
        kill_a_worker()
        return set()

    (result,) = PoolTrainer(work, retries=1, say=lines.append).run(lambda n: answers.pop(), judge, bool)
    assert lines == ["trial 0: worker died (signal 9), retry 1 of 1"]
    assert (result.state, result.error) == (State.FAILED, "worker died (signal 9)")
    assert not multiprocessing.active_children()
    assert not list(work.files.glob(".*.log"))


def test_a_stop_in_the_middle_of_an_epoch(work: Work) -> None:
    looks = itertools.count()
    play = Play(
        PoolTrainer(work, 1),
        [Batch((trial(0, ENDLESS, batch_size=1),), more=False)],
        end=lambda play: bool(multiprocessing.active_children()) and next(looks) > 2,
    )
    assert list(play.run()) == []
    assert not multiprocessing.active_children()


@needs_proc
@pytest.mark.timeout(300)  # forty trials: 20 s on two idle cores
def test_memory_stays_where_it_is(work: Work) -> None:
    """What a trial leaves in the owner and in the server; a process of its own ends with each trial."""
    numbers = itertools.count()
    seen: list[tuple[float, float, int, int]] = []

    def ask(n: int) -> Batch:
        return Batch(tuple(trial(next(numbers), 1, layers=0, batch_size=128) for _ in range(n)))

    processes.warm().wait()
    server = max(children(os.getpid()), key=memory)
    for result in PoolTrainer(work, 2).run(ask, lambda reports: set(), lambda: len(seen) == 40):
        assert result.state is State.COMPLETE, result.error
        seen.append((memory(os.getpid()), memory(server), open_files(os.getpid()), open_files(server)))
    assert memory(server) > 100  # it is the one with Keras
    grown = [late - early for early, late in zip(seen[14], seen[39], strict=True)]
    assert all(each <= 4 for each in grown), seen


# An owner. Says what it does, line by line; signals only count.
OWNER = """
import multiprocessing, signal, sys
from pathlib import Path
from tuner.study import TrainingSection
from tuner.trainers import processes
from tuner.trainers.pool import PoolTrainer
from tuner.trainers.work import Work
from tuner.trial import Batch, Objective, Trial

def main(split, files, stops):
    came = []
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda number, _: came.append(number))
    work = Work(TrainingSection(), Objective("val_accuracy", "maximize"), Path(split), Path(files))
    trials = [Trial(n, {"layers": 1}, n, 10**6) for n in range(2)]
    def ask(n):
        print("asked", flush=True)
        return Batch(tuple(trials), more=False)
    def judge(reports):
        for report in reports:
            pids = sorted(child.pid for child in multiprocessing.active_children())
            print("report", report.trial, report.epoch, len(came), *pids, flush=True)
        return set()
    processes.preload()
    pool = PoolTrainer(work, 2, say=lambda line: print("said", line, flush=True))
    for result in pool.run(ask, judge, lambda: stops and len(came) > 0):
        print("result", flush=True)
    print("ended", flush=True)
    sys.stdin.read()

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3] == "stops")
"""


@contextmanager
def owner(work: Work, folder: Path, mode: str) -> Iterator[subprocess.Popen[str]]:
    script = folder / "owner.py"
    script.write_text(OWNER)
    command = [sys.executable, str(script), str(work.split), str(folder / "weights"), mode]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return process.stdout.readline().split()


@needs_proc
def test_a_stop_while_keras_is_imported_and_a_kill(work: Work, tmp_path: Path) -> None:
    with owner(work, tmp_path, "stops") as process:
        assert line(process) == ["asked"]
        started = children(process.pid)
        assert started
        os.killpg(process.pid, signal.SIGINT)
        assert line(process) == ["ended"]
        # Neither the signal nor the end of the run has ended the server: what follows a search needs it.
        assert children(process.pid) >= started
        process.kill()
        assert still_there(started, 5) == set()
        assert process.stderr is not None
        assert process.stderr.read() == ""


@needs_proc
def test_signals_are_the_owners_and_its_end_is_everyones(work: Work, tmp_path: Path) -> None:
    """A terminal, `timeout` and systemd send theirs to the whole group: here while Keras is imported, and later."""
    with owner(work, tmp_path, "goes on") as process:
        assert line(process) == ["asked"]
        family = children(process.pid)
        for each in (signal.SIGINT, signal.SIGTERM):
            os.killpg(process.pid, each)
        workers: set[int] = set()
        while len(workers) < 2:
            workers = {int(pid) for pid in line(process)[4:]}
        assert {parent(pid) for pid in workers} <= family
        for each in (signal.SIGTERM, signal.SIGINT):
            os.killpg(process.pid, each)
        while (told := line(process))[3] != "4":
            assert told[0] == "report"
        heard: set[str] = set()
        while heard != {"0", "1"}:  # one may be at its first epoch still, which is long
            told = line(process)
            assert told[0] == "report"
            assert {int(pid) for pid in told[4:]} == workers
            heard.add(told[1])
        family |= workers
        assert still_there(family, 0) == family
        process.kill()
        assert still_there(family, 5) == set()
        assert list((tmp_path / "weights").iterdir()) == []
        assert process.stderr is not None
        assert process.stderr.read() == ""
