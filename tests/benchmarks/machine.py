"""Runs what is measured in processes of their own, and says what the machine was at meanwhile."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.benchmarks.tasks import HOME, ROOT

# What would make one side another than a user's own, or one run another than the next.
_UNSET = ("MLFLOW_TRACKING_URI", "TUNER_CACHE", "TF_XLA_FLAGS", "XLA_FLAGS")
_TAIL = 3000
_LOOK = 0.2  # seconds between looks at the memory


@dataclass(frozen=True)
class Taken:
    """What a process answered, its wall time from start to exit, and the load of the machine before it began."""

    whole: float
    load: float
    peak: float = 0.0  # bytes, where memory was watched
    answer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def numbers(self) -> dict[str, float]:
        """Those of the answer that are not lists of something."""
        return {key: value for key, value in self.answer.items() if isinstance(value, int | float)}

    def __getitem__(self, name: str) -> float:
        return self.numbers[name]


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(command: list[str], folder: Path, *, cache: str = "", watch_memory: bool = False) -> Taken:
    """Runs a command in a folder, to its end; `cache` is the folder in which we keep what was compiled.

    Raises RuntimeError with what it printed last, where it fails.
    """
    load, log = os.getloadavg()[0], folder / "printed.log"
    environment = {name: value for name, value in os.environ.items() if name not in _UNSET}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [environment.get("PYTHONPATH")])])
    if cache:
        environment["TUNER_CACHE"] = cache
    if HOME.data:
        environment["TUNER_DATA"] = str(HOME.data.absolute())
    began = time.perf_counter()
    with log.open("wb") as printed:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=printed, stderr=printed)
        peak = _wait(process, watch_memory)
    whole = time.perf_counter() - began
    if process.returncode:
        tail = log.read_text(encoding="utf-8", errors="replace")[-_TAIL:]
        raise RuntimeError(f"{' '.join(command)}: exit code {process.returncode}\n{tail}")
    return Taken(whole, load, peak)


def ask(module: str, order: Mapping[str, Any], folder: Path, **how: Any) -> Taken:
    """Runs a module of this folder, which reads an order and writes an answer, both JSON."""
    (folder / "order.json").write_text(json.dumps(order), encoding="utf-8")
    taken = run([sys.executable, "-m", f"tests.benchmarks.{module}", "order.json", "answer.json"], folder, **how)
    return replace(taken, answer=json.loads((folder / "answer.json").read_text(encoding="utf-8")))


def answering(answer: Callable[[Any], Mapping[str, Any]]) -> None:
    """The other end of `ask`."""
    order = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    given, target = answer(order), Path(sys.argv[2]).absolute()
    target.write_text(json.dumps(given), encoding="utf-8")


@contextmanager
def folder() -> Iterator[Path]:
    """A fresh one, gone afterwards."""
    with TemporaryDirectory(prefix="tuner-bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _wait(process: subprocess.Popen[bytes], watch_memory: bool) -> float:
    """Waits for its end, and returns the most memory that it and all below it had at a time, where that is wanted."""
    peak = 0.0
    while watch_memory and process.poll() is None:
        peak = max(peak, sum(_memory(each) for each in _tree(process.pid)))
        time.sleep(_LOOK)
    process.wait()
    return peak


def _tree(pid: int) -> list[int]:
    below = []
    for file in Path("/proc").glob(f"{pid}/task/*/children"):
        try:
            below += [int(child) for child in file.read_text().split()]
        except OSError:
            continue  # it has ended meanwhile
    return [pid, *(each for child in below for each in _tree(child))]


def _memory(pid: int) -> float:
    """Bytes of a process, a page that n processes share counting as a n-th of one."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(float(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def described() -> str:
    """The machine and what is installed on it, in a line."""
    names = ("tensorflow", "keras", "keras-tuner", "tensorboard", "optuna", "numpy")
    return f"{cores()} cores ({_processor()}) · Python {platform.python_version()} · " + " · ".join(
        map(_version, names)
    )


def _version(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"no {name}"


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
