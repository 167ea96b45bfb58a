"""What the tests of kept programs do in processes whose programs are their own."""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from tuner.data.split import Split
from tuner.sections import TrainingSection
from tuner.space import Choice, Space
from tuner.trainers import processes
from tuner.trainers.stacked import Engine, cache, key_of, worker
from tuner.trainers.stacked.plan import Plan, Rows, plan
from tuner.trainers.work import Work
from tuner.trial import Metrics, Trial

T = TypeVar("T")
TRAINING = TrainingSection(epochs=2, batch_size=64)


def apart(kept: Path, function: Callable[..., T], *arguments: Any) -> T:
    """What a function gives in a process that keeps programs in a folder of its own.

    It is forked like a worker. TensorFlow reads its flags only then, so that it need not be imported each time.
    """
    processes.preload()
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=(kept,)) as pool:
        return pool.submit(function, *arguments).result()


def _begin(kept: Path) -> None:
    os.environ["TUNER_CACHE"] = str(kept)
    os.environ.pop("TF_XLA_FLAGS", None)
    cache.prepare()
    from tuner.trainers import plain

    plain.begin()


def programs_of(split: Split) -> Plan:
    """A space of two programs, one without a hidden layer and one with."""
    space = Space((Choice(name="layers", options=(0, 1)), Choice(name="units", options=(4,))))
    return plan(space, TRAINING, Rows.of(split))


def trained(folder: Path, layers: Sequence[int]) -> dict[int, Metrics]:
    """The metrics of an epoch in each program, in the order given."""
    from tuner.trainers.stacked.engine import XlaEngine

    split = Split.open(folder)
    engine = XlaEngine(programs_of(split), split)
    found = {}
    for each in layers:
        trial = Trial(each, {"layers": each, "units": 4}, 7, 2)
        stack = engine.stack(trial)
        stack.admit(trial)
        found[each] = stack.epoch()[key_of(trial)].metrics
    return found


def called(folder: Path, layers: Sequence[int]) -> list[tuple[bool, int]]:
    """Of each call of a program: whether it counted as compiled before, and how many steps it had."""
    from tuner.trainers.stacked.compiled import Compiled

    calls, run = [], Compiled._run

    def watched(self: Compiled, outputs: int, arguments: tuple[Any, ...]) -> Any:
        calls.append((self._file.with_suffix(".done").exists(), int(arguments[7])))
        return run(self, outputs, arguments)

    Compiled._run = watched  # type: ignore[method-assign]
    trained(folder, layers)
    return calls


def troubled(folder: Path, trouble: Callable[[], None]) -> tuple[Metrics, list[str]]:
    """The metrics of an epoch of a program before which something happens, and what was traced for it."""
    from tuner.trainers.stacked.compiled import Compiled

    traced, plainly = [], Compiled._traced

    def counted(self: Compiled, *arguments: Any, **more: Any) -> Any:
        traced.append(self._name)
        return plainly(self, *arguments, **more)

    Compiled._traced = counted  # type: ignore[method-assign]
    trouble()
    return trained(folder, [1])[1], traced


def nothing() -> None:
    pass


def meet() -> None:
    """Waits until another one is there, too."""
    meeting = Path(os.environ["TUNER_CACHE"]) / "meeting"
    meeting.mkdir(exist_ok=True)
    (meeting / str(os.getpid())).touch()
    while len(list(meeting.iterdir())) < 2:
        time.sleep(0.005)


def full(room: int = 500) -> None:
    """The disk is full: a file of more bytes than that fails, be it Python's or the compiler's."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))


def a_file() -> None:
    """Where the folder of programs was, there is a file."""
    gone()
    cache.programs().touch()


def gone() -> None:
    """The folder of programs was deleted."""
    shutil.rmtree(cache.programs())


def on_a_full_disk(work: Work) -> Engine:
    """The engine of a worker whose disk has room for the weights of a small network, and for no program."""
    os.environ["TUNER_CACHE"] = str(work.files)
    full(room=8_000)
    return worker.xla(work)
