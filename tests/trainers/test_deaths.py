"""What becomes of trials in stacks when a process dies, theirs or their owner's."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.conftest import ROOT
from tests.contracts.trainer import Play
from tests.trainers import numbers
from tests.trainers.living import children, needs_proc, still_there
from tests.trainers.numbers import trial, whole
from tuner.trainers.pool import PoolTrainer
from tuner.trial import Report, Result, State

# Trials in flight when one of them kills its process, and the one that does.
DEADLY = [trial(n, 4, dies_at=2) if n == 5 else trial(n, 4) for n in range(8)]


def innocent(trainer: PoolTrainer) -> dict[int, Result]:
    with trainer:
        return Play(trainer, whole([trial(n, 4) for n in range(8)])).results()


def test_a_trial_that_kills_its_process_fails_and_its_neighbours_do_not(pool: Callable[..., PoolTrainer]) -> None:
    lines: list[str] = []
    without = innocent(pool(lanes=8))
    results = Play(pool(lanes=8, retries=2, say=lines.append), whole(DEADLY)).results()
    assert (results[5].state, results[5].score) == (State.FAILED, None)
    assert results[5].error == "trial 5 was here\nworker died (signal 9)"
    for number in set(range(8)) - {5}:
        assert (results[number].state, results[number].history) == (State.COMPLETE, without[number].history)
    halves = "{} in training; they begin again in halves, to find out which it was"
    assert lines == [
        "worker died (signal 9), with trials " + halves.format("0, 1, 2, 3, 4, 5, 6, 7"),
        "worker died (signal 9), with trials " + halves.format("4, 5, 6, 7"),
        "worker died (signal 9), with trials " + halves.format("4, 5"),
        "trial 5: worker died (signal 9), retry 1 of 2",
        "trial 5: worker died (signal 9), retry 2 of 2",
    ]


def test_an_exception_of_a_whole_stack_is_kept_with_its_traceback(pool: Callable[..., PoolTrainer]) -> None:
    trials = [trial(0, 3), trial(1, 3, raises_at=2), trial(2, 3)]
    results = Play(pool(retries=0), whole(trials)).results()
    assert [results[n].state for n in range(3)] == [State.COMPLETE, State.FAILED, State.COMPLETE]
    assert results[1].error is not None
    assert results[1].error.startswith("Traceback")
    assert results[1].error.endswith("ValueError: trial 1 raised this\n")


def test_those_that_wait_in_a_worker_are_not_suspected(pool: Callable[..., PoolTrainer]) -> None:
    lines: list[str] = []
    trials = [trial(0, 9, dies_at=1), *(trial(n, 2) for n in (1, 2, 3))]
    results = Play(pool(retries=0, say=lines.append), whole(trials)).results()
    assert [results[n].state for n in range(4)] == [State.FAILED, *[State.COMPLETE] * 3]
    assert "trials 0, 1, 2 in training" in lines[0]
    assert "3" not in "".join(lines)


def forget_torn(trainer: PoolTrainer) -> None:
    """Deletes the weights that a killed process left unfinished, as the ending of a search does."""
    torn = list(trainer.work.files.glob(".trial-*"))
    assert torn
    for path in torn:
        path.unlink()


def test_one_whose_weights_kill_as_they_are_written_is_charged_with_it(pool: Callable[..., PoolTrainer]) -> None:
    """It has left its lane by then; without a single retry, its neighbour must not pay."""
    trials = [trial(0, 30), trial(1, 2, dies_kept=True)]
    trainer = pool(retries=0)
    results = Play(trainer, whole(trials)).results()
    assert [results[n].state for n in range(2)] == [State.COMPLETE, State.FAILED]
    forget_torn(trainer)


def test_one_whose_weights_kill_as_the_next_trial_takes_its_lane_is_charged(pool: Callable[..., PoolTrainer]) -> None:
    trials = [trial(0, 2, dies_kept=True), trial(1, 2)]
    trainer = pool(lanes=1, retries=0)
    results = Play(trainer, whole(trials)).results()
    assert [results[n].state for n in range(2)] == [State.FAILED, State.COMPLETE]
    forget_torn(trainer)


def test_a_bystander_of_many_deaths_loses_nothing(pool: Callable[..., PoolTrainer]) -> None:
    """Without a single retry for anyone: all of these die, again and again, beside trial 0."""
    trials = [trial(0, 6), *(trial(n, 6, dies_at=3) for n in range(1, 8))]
    results = Play(pool(lanes=8, retries=0), whole(trials)).results()
    assert [results[n].state for n in range(8)] == [State.COMPLETE, *[State.FAILED] * 7]


def test_a_worker_that_is_killed_from_outside_is_replaced(pool: Callable[..., PoolTrainer]) -> None:
    lines: list[str] = []
    without = innocent(pool(2))
    killed: list[int] = []
    play = Play(pool(2, retries=0, say=lines.append), whole([trial(n, 4) for n in range(8)]))
    judge = play.judge

    def deadly(reports: Sequence[Report]) -> set[int]:
        if not killed:
            killed.append(multiprocessing.active_children()[0].pid or 0)
            os.kill(killed[0], signal.SIGKILL)
        return judge(reports)

    play.judge = deadly  # type: ignore[method-assign]
    results = play.results()
    assert {n: result.history for n, result in results.items()} == {n: each.history for n, each in without.items()}
    assert len(lines) == 1
    assert killed[0] not in {child.pid for child in multiprocessing.active_children()}


def test_an_engine_that_cannot_be_opened_fails_its_trials(pool: Callable[..., PoolTrainer]) -> None:
    trainer = pool(retries=0, opener=numbers.unusable)
    results = Play(trainer, whole([trial(0, 1), trial(1, 1)])).results()
    assert [results[n].state for n in (0, 1)] == [State.FAILED] * 2
    assert "RuntimeError: no such device" in str(results[0].error)


def test_weights_that_cannot_be_written_are_that_trials_failure(pool: Callable[..., PoolTrainer]) -> None:
    lines: list[str] = []
    trainer = pool(say=lines.append)
    trainer.work.weights(trial(1, 2)).mkdir(parents=True)  # where the file should be
    results = Play(trainer, whole([trial(0, 2), trial(1, 2)])).results()
    assert [results[n].state for n in (0, 1)] == [State.COMPLETE, State.FAILED]
    assert "Is a directory" in str(results[1].error)
    assert lines == []  # the worker lives


# An owner of two stacks, which says who its workers are, and is at a loss for an answer when it is killed.
OWNER = """
import multiprocessing, sys
from pathlib import Path
from tests.trainers import numbers
from tests.trainers.numbers import trial
from tuner.sections import TrainingSection
from tuner.trainers.pool import PoolTrainer
from tuner.trainers.work import Work
from tuner.trial import Batch, Objective

def judge(reports):
    if {0, 1} <= (seen := seen_so_far | {report.trial for report in reports}):
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)
        sys.stdin.read()
    seen_so_far.update(seen)
    return set()

seen_so_far = set()

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    work = Work(TrainingSection(), Objective("val_loss", "minimize"), folder, folder / "w", numbers.NumberPlan())
    batch = Batch((trial(0, 10**6), trial(1, 10**6, slow=0.01)), more=False)
    list(PoolTrainer(work, 2, opener=numbers.open_).run(lambda n: batch, judge, lambda: False))
"""


@needs_proc
def test_workers_end_with_their_owner(tmp_path: Path) -> None:
    """One way or the other: they are at work, or wait for an answer."""
    script = tmp_path / "owner.py"
    script.write_text(OWNER)
    pipe = subprocess.PIPE
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), str(tmp_path)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        assert process.stdout is not None
        workers = {int(pid) for pid in process.stdout.readline().split()}
        assert len(workers) == 2
        family = workers | children(process.pid)
        assert still_there(family, 0) == family
        process.kill()
        assert still_there(family, 5) == set()
    assert not list(tmp_path.rglob(".*"))
