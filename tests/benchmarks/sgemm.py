"""The rate at which this machine multiplies matrices of float32: one thread on every core, all at once."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.benchmarks.machine import answering, cores

SIDE = 1024


def answer(order: Mapping[str, Any]) -> dict[str, float]:
    """Operations a second of all cores together, by library. The greater one is what can be reached."""
    os.environ.update(OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", OMP_NUM_THREADS="1")
    context = multiprocessing.get_context("spawn")
    barrier, heard = context.Barrier(cores()), context.SimpleQueue()
    workers = [context.Process(target=_work, args=(order["seconds"], barrier, heard)) for _ in range(cores())]
    for worker in workers:
        worker.start()
    rates = [heard.get() for _ in workers]
    for worker in workers:
        worker.join()
    return {library: sum(each[library] for each in rates) for library in rates[0]}


def _work(seconds: float, barrier: Any, heard: Any) -> None:
    import numpy as np
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    a = np.random.default_rng(0).standard_normal((SIDE, SIDE), dtype=np.float32)
    b = tf.constant(a)
    rates = {}
    for library, multiply in {"numpy": lambda: a @ a, "tensorflow": lambda: tf.linalg.matmul(b, b).numpy()}.items():
        multiply()
        barrier.wait()
        rates[library] = _rate(multiply, seconds)
    heard.put(rates)


def _rate(multiply: Callable[[], object], seconds: float) -> float:
    began, times = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds:
        multiply()
        times += 1
    return 2.0 * SIDE**3 * times / passed


if __name__ == "__main__":
    answering(answer)
