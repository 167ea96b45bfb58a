"""A stacked engine without TensorFlow, whose trials do what their values say, and die when they say so.

    epochs go by in no time, unless a trial is `slow` (seconds an epoch)
    broken          cannot be admitted
    dies_at         kills its process in that epoch; in epoch 0 as it is admitted
    dies_kept       kills its process while its weights are written
    raises_at       raises in that epoch
    diverges_at     has a loss that is not finite then
    spoilt_at       has weights that are not finite then
    size            trials of different sizes do not share a stack
    odd             there is no program for it
    uncompiled      its stack's program is none that is compiled

What happens is written down line by line in `work.files.parent / "log"`.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tuner.metrics import Array
from tuner.trainers.stacked import Epoch, Key, key_of
from tuner.trainers.work import Work
from tuner.trial import Batch, Trial, Value, derive_seed

LANES = 3


def trial(number: int, epochs: int, **values: Value) -> Trial:
    return Trial(number, values, derive_seed(0, number), epochs)


def whole(trials: Sequence[Trial]) -> list[Batch]:
    return [Batch(tuple(trials), more=False)]


@dataclass(frozen=True)
class Shelf:
    size: int
    lanes: int


@dataclass(frozen=True)
class NumberPlan:
    room: int = 3
    most_bytes: int = 0
    refused: Mapping[str, float] = field(default_factory=dict)

    def reason(self, values: Mapping[str, Value]) -> str | None:
        return "it is odd" if values.get("odd") else None

    def bucket(self, values: Mapping[str, Value]) -> Shelf:
        return Shelf(int(values.get("size", 1)), self.room)


def open_(work: Work) -> NumberEngine:
    return NumberEngine(work.plan, work.files.parent / "log")


def unusable(work: Work) -> NumberEngine:
    raise RuntimeError("no such device")


@dataclass
class NumberEngine:
    plan: NumberPlan
    log: Path
    stacks: dict[Hashable, NumberStack] = field(default_factory=dict)

    def bucket(self, trial: Trial) -> Shelf:
        return self.plan.bucket(trial.values)

    def stack(self, trial: Trial) -> NumberStack:
        bucket = self.bucket(trial)
        return self.stacks.setdefault(bucket, NumberStack(bucket, self.log))


@dataclass
class _Tenant:
    trial: Trial
    epoch: int
    weights: Array


class _Deadly:
    """Weights that nobody writes and lives."""

    def __array__(self, *_: object, **__: object) -> Array:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


@dataclass
class NumberStack:
    bucket: Shelf
    log: Path
    tenants: dict[Key, _Tenant] = field(default_factory=dict)
    compiled: bool = True

    @property
    def free(self) -> int:
        return self.bucket.lanes - len(self.tenants)

    def admit(self, trial: Trial, weights: Sequence[Array] | None = None) -> None:
        assert self.free > 0
        assert trial.values.get("size", 1) == self.bucket.size
        if "broken" in trial.values:
            raise ValueError("broken")
        self._may_die(trial, 0)
        self.compiled = "uncompiled" not in trial.values
        key = key_of(trial)
        assert key not in self.tenants
        self.tenants[key] = _Tenant(trial, trial.first_epoch - 1, np.zeros(2) if weights is None else weights[0])

    def epoch(self) -> Mapping[Key, Epoch]:
        return {key: self._train(tenant) for key, tenant in list(self.tenants.items())}

    def weights(self, key: Key) -> list[Array]:
        tenant = self.tenants[key]
        return [_Deadly() if "dies_kept" in tenant.trial.values else tenant.weights.copy()]  # type: ignore[list-item]

    def outputs(self, key: Key) -> Array:
        return self.tenants[key].weights[:1, None] * 2

    def drop(self, key: Key) -> None:
        del self.tenants[key]

    def _train(self, tenant: _Tenant) -> Epoch:
        tenant.epoch += 1
        trial, epoch = tenant.trial, tenant.epoch
        with self.log.open("a") as file:
            file.write(f"{os.getpid()} {trial.number} {trial.retake} {epoch}\n")
        time.sleep(float(trial.values.get("slow", 0)))
        self._may_die(trial, epoch)
        # Each epoch goes on from the one before.
        tenant.weights = tenant.weights / 2 + random.Random(f"{trial.seed} {epoch}").random()
        loss = float("nan") if trial.values.get("diverges_at") == epoch else float(tenant.weights[0])
        metrics = {"loss": loss, "val_loss": loss, "val_accuracy": 1 - loss / 2}
        return Epoch(metrics, trial.values.get("spoilt_at") != epoch)

    def _may_die(self, trial: Trial, epoch: int) -> None:
        if trial.values.get("dies_at") == epoch:
            os.write(2, f"trial {trial.number} was here\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)
        if trial.values.get("raises_at") == epoch:
            raise ValueError(f"trial {trial.number} raised this")
