"""The sections of a study file, all but `[space]`: which keys there are, what each means, and its value by default."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema, model_validator

from tuner import metrics
from tuner.errors import nearest
from tuner.metrics import Task
from tuner.parameters import said
from tuner.strict import Scalar, Section, refused
from tuner.trial import PARAMS, Value

SCHEMES = ("openml", "sklearn", "keras")
FORMATS = (".csv", ".parquet", ".npz")
# The samplers of each driver; the first is what it has by default.
SAMPLERS_OF = {
    "optuna": ("tpe", "cma-es", "nsga-ii", "random", "grid", "qmc"),
    "keras-tuner": ("hyperband", "bayesian", "random", "grid"),
}
DRIVERS = tuple(SAMPLERS_OF)
SAMPLERS = tuple(dict.fromkeys(sampler for own in SAMPLERS_OF.values() for sampler in own))
TRAINERS = ("auto", "stacked", "plain")
PRUNERS = ("hyperband", "successive-halving", "median", "none")
# KerasTuner's oracles hear of no trial before it has ended.
PRUNERS_OF = {"optuna": PRUNERS, "keras-tuner": ("none",)}
# Metrics are read on the validation rows, as every choice is made there.
METRICS = tuple(f"val_{name}" for name in metrics.NAMES)

GOALS = ("maximize", "minimize")
_METRIC_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"enum": list(METRICS)},
        {"type": "string", "pattern": "^val_", "description": "one that a model of your own has"},
        {"type": "array", "items": {"enum": [*METRICS, PARAMS]}, "minItems": 2, "uniqueItems": True},
    ]
}
_GOAL_SCHEMA: dict[str, Any] = {
    "anyOf": [{"enum": list(GOALS)}, {"type": "object", "additionalProperties": {"enum": list(GOALS)}}]
}

Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
# The upper end is what a 64-bit column holds with room to spare; nobody waits for it.
Count = Annotated[int, Field(ge=1, le=10**9)]


def _each_once(words: tuple[str, ...]) -> tuple[str, ...]:
    for i, word in enumerate(words):
        if word in words[:i]:
            raise ValueError(f"'{word}' is given twice")
    return words


Words = Annotated[tuple[str, ...], AfterValidator(_each_once)]


class SplitSection(Section):
    """The parts of the rows. `group` keeps rows of one group together; `time` puts the latest rows last."""

    validation: Share = Field(0.2, description="share of the rows on which epochs and trials are chosen")
    test: Share = Field(0.2, description="share of the rows that only the champion is scored on")
    stratify: bool | None = Field(None, description="equal class shares in each part; by default for classes")
    group: str | None = Field(None, description="a column whose equal values stay in one part")
    time: str | None = Field(None, description="a column by which the test rows are the last ones")
    seed: Seed = Field(0, description="draws the parts; the seed of the search does not move rows")

    @model_validator(mode="after")
    def _consistent(self) -> SplitSection:
        if self.validation + self.test >= 0.95:
            raise ValueError(f"validation and test must leave rows to train on, got {self.validation} + {self.test}")
        if self.group and self.time:
            raise ValueError("group and time exclude each other; leave one out")
        if self.stratify and (self.group or self.time):
            raise ValueError(f"stratify cannot be combined with {'group' if self.group else 'time'}; leave it out")
        return self


def function_of(source: str) -> tuple[str, str] | None:
    """The file and the name of a function that gives the rows, as mymodel.py:load means; None for other sources."""
    file, _, name = source.rpartition(":")
    return (file, name) if file.lower().endswith(".py") else None


def _source(given: str) -> str:
    if given.lower().endswith(".py"):
        raise ValueError(f"expected FILE.py:FUNCTION, as {given}:load, got '{given}'")
    if function := function_of(given):
        if not function[1].isidentifier():
            raise ValueError(f"expected FILE.py:FUNCTION, as {function[0]}:load, got '{given}'")
        return given
    scheme, colon, rest = given.partition(":")
    if colon and len(scheme) > 1:  # one letter is a Windows drive
        if scheme not in SCHEMES:
            known = ", ".join(f"{scheme}:NAME" for scheme in SCHEMES)
            raise ValueError(f"expected a file or one of {known}, got '{given}'.{nearest(scheme, SCHEMES)}".rstrip("."))
        if scheme == "openml" and not re.fullmatch(r"[^@]+@\d+", rest):
            raise ValueError(f"expected openml:NAME@VERSION, as openml:diabetes@1, got '{given}'")
        if not rest:
            raise ValueError(f"expected {scheme}:NAME, got '{given}'")
        return given
    return _file(given)


def _file(given: str) -> str:
    if not given.lower().endswith(FORMATS):
        raise ValueError(f"expected a file ending in {', '.join(FORMATS)}, got '{given}'")
    return given


class DataSection(Section):
    """Where the rows come from and what their columns mean."""

    source: Annotated[str, AfterValidator(_source)] = Field(
        description="a .csv, .parquet or .npz file, openml:NAME@VERSION, sklearn:NAME, keras:NAME or FILE.py:FUNCTION"
    )
    target: str | None = Field(None, description="the column to predict; data sets with one of their own need none")
    task: Task | None = Field(None, description="by default what the target looks like")
    rename: dict[str, str] = Field({}, description="other names for columns, where the source has them")
    labels: dict[str, Scalar] = Field({}, description="other names for classes, where the source has them")
    missing: dict[str, Scalar | tuple[Scalar, ...]] = Field(
        {}, description="values that mean a missing cell, by column"
    )
    categorical: Words = Field((), description="columns whose values are names, whatever they look like")
    drop: Words = Field((), description="columns to leave out")
    test: Annotated[str, AfterValidator(_file)] | None = Field(
        None, description="a file with the test rows, where they come apart"
    )
    split: SplitSection = Field(SplitSection(), description="the parts of the rows")

    @model_validator(mode="after")
    def _consistent(self) -> DataSection:
        if self.target in self.drop:
            raise ValueError(f"the target '{self.target}' is also in drop; remove it from one of them")
        if self.function and (lines := list(self._idle())):
            raise refused(lines)
        return self

    def _idle(self) -> Iterator[str]:
        """A line for each key that means nothing where a function gives the rows."""
        for key in ("rename", "missing", "categorical", "drop"):
            if getattr(self, key):
                yield f"{key}: names columns, and the arrays of a function have none; leave it out"
        for key in ("group", "time"):
            if getattr(self.split, key):
                yield f"split.{key}: names a column, and the arrays of a function have none; leave it out"
        if self.test:
            yield "test: the test rows come from the function, with the others; leave it out"

    @property
    def is_file(self) -> bool:
        return not self.function and not self.source.startswith(tuple(f"{scheme}:" for scheme in SCHEMES))

    @property
    def function(self) -> tuple[str, str] | None:
        """The file and the name of the function that gives the rows, where one does."""
        return function_of(self.source)


def _metric(given: str | tuple[str, ...], info: ValidationInfo) -> str | tuple[str, ...]:
    # A model of the user's own may have metrics of its own; what is `own` is known before the model itself is read.
    if info.context and info.context.get("own"):
        for metric in [given] if isinstance(given, str) else given:
            if not metric.startswith("val_") and metric != PARAMS:
                raise ValueError(f"expected a metric of the validation rows, val_…, got {said(metric)}")
        return given if isinstance(given, str) else _each_once(given)
    if isinstance(given, str):
        return _among(given, METRICS)
    if len(given) < 2:
        raise ValueError(f"several objectives are a list of two or more, got {len(given)}; one is a text")
    for metric in given:
        _among(metric, (*METRICS, PARAMS))
    if given[0] == PARAMS:
        raise ValueError(
            f"the first objective chooses the epoch and the champion, and no epoch has {PARAMS}; put it last"
        )
    return _each_once(given)


def _goal(given: str | dict[str, str]) -> str | dict[str, str]:
    for goal in [given] if isinstance(given, str) else given.values():
        _among(goal, GOALS)
    return given


def _among(given: str, words: tuple[str, ...]) -> str:
    if given not in words:
        hint = nearest(given, words)
        raise ValueError(f"expected one of {', '.join(words)}, got {said(given)}{hint and f'.{hint}'}")
    return given


class ObjectiveSection(Section):
    """What the search makes better. Of several objectives the first chooses the epoch of a trial, and the champion."""

    metric: Annotated[str | tuple[str, ...], AfterValidator(_metric), WithJsonSchema(_METRIC_SCHEMA)] | None = Field(
        None, description="by default val_accuracy for classes and val_rmse for values; a list for several objectives"
    )
    goal: Annotated[str | dict[str, str], AfterValidator(_goal), WithJsonSchema(_GOAL_SCHEMA)] | None = Field(
        None, description="by default what the metric means; of several objectives a table of those that differ"
    )
    epoch: Literal["best", "last"] = Field("best", description="the epoch whose metric and weights count")

    @model_validator(mode="after")
    def _consistent(self) -> ObjectiveSection:
        if self.several and isinstance(self.goal, str):
            raise refused([f"goal: of several objectives each has its own, expected a table, got '{self.goal}'"])
        if isinstance(self.goal, dict):
            unknown = [name for name in self.goal if name not in self.metrics]
            if unknown:
                among = ", ".join(self.metrics) or "the metric, which must be named then"
                raise refused([f"goal.{name}: not an objective here, expected {among}" for name in unknown])
        return self

    @property
    def metrics(self) -> tuple[str, ...]:
        """All objectives in order; none where the task decides."""
        return () if self.metric is None else (self.metric,) if isinstance(self.metric, str) else self.metric

    @property
    def several(self) -> bool:
        return len(self.metrics) > 1

    def goal_of(self, metric: str) -> str | None:
        """What the file says of it."""
        return self.goal.get(metric) if isinstance(self.goal, dict) else self.goal


class EarlyStopping(Section):
    """Ends a trial whose objective has not been better for a while; without a patience, none."""

    patience: Count | None = Field(None, description="epochs to wait for a better objective")
    min_delta: float = Field(0.0, ge=0.0, description="a smaller change for the better does not count")


class TrainingSection(Section):
    """How a trial is trained."""

    epochs: Count = Field(50, description="the most epochs of a trial")
    batch_size: Count = Field(32, description="rows of one step")
    early_stopping: EarlyStopping | None = Field(None, description="ends a trial that no longer gets better")

    def epochs_of(self, values: Mapping[str, Value]) -> int:
        """The most epochs of a trial: those that its values say, or else the study's."""
        return int(values.get("epochs", self.epochs))

    def stopping_of(self, values: Mapping[str, Value]) -> EarlyStopping:
        """What ends a trial early: with the patience that its values say, where 0 is none, or else the study's."""
        rule = self.early_stopping or EarlyStopping()
        return rule.model_copy(update={"patience": int(values["patience"]) or None}) if "patience" in values else rule


class OwnTraining(TrainingSection):
    """How a trial of a user's own model is trained: what its values are called means nothing here."""

    @classmethod
    def of(cls, section: TrainingSection) -> OwnTraining:
        return cls.model_construct(section.model_fields_set, **dict(section))

    def epochs_of(self, values: Mapping[str, Value]) -> int:
        return self.epochs

    def stopping_of(self, values: Mapping[str, Value]) -> EarlyStopping:
        return self.early_stopping or EarlyStopping()


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(duration: str) -> float:
    """The seconds of `90s`, `10m`, `1h30m` or `2d`. Raises ValueError for anything else, and for nothing at all."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", duration)
    total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != duration.replace(" ", "") or not 0 < total < math.inf:
        raise ValueError(f"expected a time such as 90s, 10m or 1h30m, got '{duration}'")
    return total


def _duration(duration: str) -> str:
    seconds(duration)
    return duration


class SearchSection(Section):
    """How the space is searched."""

    driver: Literal[DRIVERS] = Field("optuna", description="what proposes trials")  # type: ignore[valid-type]
    sampler: Literal[SAMPLERS] = Field(  # type: ignore[valid-type]
        "tpe", description="how it proposes them; by default hyperband where keras-tuner does"
    )
    pruner: Literal[PRUNERS] = Field(  # type: ignore[valid-type]
        "hyperband", description="how it stops bad ones early; keras-tuner stops none"
    )
    trainer: Literal[TRAINERS] = Field(  # type: ignore[valid-type]
        "auto", description="many trials in one program, one by one with Keras, or each as it can"
    )
    trials: Count = Field(100, description="how many in all, those of earlier commands included")
    time: Annotated[str, AfterValidator(_duration)] | None = Field(None, description="a limit for one command, as 10m")
    max_params: Count | None = Field(None, description="the most weights of a network; larger ones are not proposed")
    repeats: Annotated[int, Field(ge=1, le=1000)] = Field(
        1, description="how often the grid sampler runs each combination, with another seed every time"
    )
    seed: Seed = Field(0, description="decides the proposals and the seed of each trial")
    deterministic: bool = Field(False, description="the same trials at any number of workers, after interruptions too")
    keep_models: Count = Field(5, description="the models of that many best trials are kept")
    finalists: Count = Field(3, description="the best trials that are trained again with fresh seeds")
    max_failures: Count = Field(10, description="that many failed trials in a row end the search")

    @model_validator(mode="before")
    @classmethod
    def _by_default(cls, given: Any) -> Any:
        """What is not said is the driver's own."""
        if not isinstance(given, dict) or given.get("driver") not in DRIVERS:
            return given
        driver = given["driver"]
        return {"sampler": SAMPLERS_OF[driver][0], "pruner": PRUNERS_OF[driver][0], **given}

    @model_validator(mode="after")
    def _consistent(self) -> SearchSection:
        if self.sampler not in (own := SAMPLERS_OF[self.driver]):
            (other,) = (driver for driver in DRIVERS if self.sampler in SAMPLERS_OF[driver])
            raise refused(
                [f"sampler: expected one of {', '.join(own)}, got '{self.sampler}', which is of the driver {other}"]
            )
        if self.pruner not in PRUNERS_OF[self.driver]:
            raise refused([f"pruner: {self.driver} stops no trial early, got '{self.pruner}'; leave it out"])
        if self.repeats > 1 and self.sampler != "grid":
            raise ValueError(
                f"repeats are of the grid sampler, got {self.repeats} with '{self.sampler}'; leave them out"
            )
        return self

    @property
    def learns(self) -> bool:
        """Whether what a trial comes to has a say in later ones."""
        return bool(self.sampler in ("tpe", "cma-es", "nsga-ii", "bayesian", "hyperband") or self.pruner != "none")
