"""The study file: TOML, read into strict frozen models. The only reader of study files.

Everything that is wrong in a file is reported at once, a line each: `FILE: section.key: expected …, got …`.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from tuner import entries, metrics, model_file, own_entries
from tuner.document import flatten, parsed, placed_beside, sectioned, shown, unpruned, with_options, with_space, written
from tuner.errors import StudyError
from tuner.home import find, names
from tuner.metrics import Task
from tuner.model_file import ModelFile
from tuner.sections import (
    DRIVERS,
    PRUNERS,
    SAMPLERS,
    SAMPLERS_OF,
    TRAINERS,
    DataSection,
    EarlyStopping,
    ObjectiveSection,
    OwnTraining,
    SearchSection,
    SplitSection,
    TrainingSection,
    seconds,
)
from tuner.space import Choice, Space
from tuner.strict import Section, got, problems, refused
from tuner.trial import PARAMS, Aim, Objective, Value

__all__ = [
    "DRIVERS", "PRUNERS", "SAMPLERS", "TRAINERS", "DataSection", "EarlyStopping", "ObjectiveSection", "SearchSection",
    "SplitSection", "Study", "TrainingSection", "find", "from_document", "load", "names", "schema", "seconds",
    "with_options",
]  # fmt: skip

NAME = re.compile(r"(?!.*\.\.)(?!\.$)[a-z0-9._-]{1,64}")
# Keys that do not decide the trials: the budget, what is kept, and the places of files, whose content is compared.
_NOT_A_SETTING = {
    "title", "data.source", "data.test", "model.path", "search.trials", "search.time", "search.repeats",
    "search.keep_models", "search.finalists", "search.max_failures",
}  # fmt: skip


# So many values of a continuum are in KerasTuner's grid.
_LISTED = 10

# What a study has that is not a key of its file.
_INNER = ("name", "document", "text")


def _tables(given: object) -> object:
    """What `start` may be, told in the words of a file."""
    if isinstance(given, dict):
        raise ValueError("expected a table for each trial, each below a line [[start]], got one below [start]")
    if not isinstance(given, list):
        raise ValueError(f"expected a table for each trial, each below a line [[start]], got {got(given)}")
    lines = [
        f"[{i}]: expected a table of values, as {{ layers = 1, units = 64 }}, got {got(each)}"
        for i, each in enumerate(given, start=1)
        if not isinstance(each, dict)
    ]
    if lines:
        raise refused(lines)
    return tuple(given)


def _space(given: object, info: ValidationInfo) -> Space:
    """What a model of the user's own lets vary is its own business, and is told in entries of its own."""
    return entries.parse(given) if info.data.get("model") is None else own_entries.parse(given)


def _training(section: TrainingSection, info: ValidationInfo) -> TrainingSection:
    return section if info.data.get("model") is None else OwnTraining.of(section)


class Study(Section):
    """A study: what may vary, on which rows, towards which objective, and how it is searched."""

    name: str = Field(exclude=True)
    title: str = Field("", description="one line for lists and pages")
    data: DataSection = Field(description="[data] with a source: where the rows come from and what they mean")
    objective: ObjectiveSection = Field(ObjectiveSection(), description="what the search makes better")
    model: Annotated[
        ModelFile | None,
        PlainValidator(model_file.parse),
        PlainSerializer(lambda file: None if file is None else file.to_json()),
        WithJsonSchema(model_file.schema()),
    ] = Field(None, description='a model of your own: "mymodel.py:build_model", a function of hp or a HyperModel')
    space: Annotated[
        Space,
        PlainValidator(_space),
        PlainSerializer(entries.dump),
        WithJsonSchema(entries.schema()),
    ] = Field(description="[space] with at least one parameter; without one, what `tuner space` shows is varied")
    start: Annotated[tuple[dict[str, Any], ...], BeforeValidator(_tables)] = Field(
        (), description="values that are tried first, a table for each trial"
    )
    training: Annotated[TrainingSection, AfterValidator(_training)] = Field(
        TrainingSection(), validate_default=True, description="how a trial is trained"
    )
    search: SearchSection = Field(SearchSection(), description="how the space is searched")
    document: dict[str, Any] = Field(exclude=True, repr=False)
    text: str = Field("", exclude=True, repr=False, description="the file as it was written")

    @model_validator(mode="after")
    def _consistent(self) -> Study:
        # The names of a user's own model mean nothing of ours.
        own = self.model is not None
        named = {} if own else {parameter.name: parameter for parameter in self.space.parameters}
        lines = list(self._said_twice({name for name, parameter in named.items() if parameter.always}))
        lines += self._of_own_model() if own else []
        if (stopping := self.training.early_stopping) and stopping.patience is None and "patience" not in named:
            lines.append("training.early_stopping.patience: is missing. Expected epochs to wait for a better objective")
        if self.search.sampler == "grid" and self.space.size is None:
            lines += self._of_grid()
        if self.search.sampler == "hyperband" and "epochs" in named:
            lines.append("space.epochs: hyperband gives each trial its epochs, up to training.epochs; leave it out")
        if not self.undiscovered:
            lines += self._wrong_starts()
        if self.objective.several:
            lines += self._of_several()
        if self.data.task:
            try:
                self.objective_for(self.data.task)
            except StudyError as error:
                lines += [problem.removeprefix(f"{self.name}: ") for problem in error.problems]
        if lines:
            raise refused(lines)
        return self

    @property
    def undiscovered(self) -> bool:
        """Whether it is still to be found what the user's own model lets vary."""
        return self.model is not None and not self.space.parameters

    def _of_grid(self) -> Iterator[str]:
        """What cannot be listed."""
        if self.search.driver == "keras-tuner":
            try:
                _ = self.listed
            except ValueError as error:
                yield from (f"space.{line}" for line in str(error).splitlines())
            return
        for parameter in self.space.parameters:
            if parameter.size is None:
                yield f"space.{parameter.name}: the grid sampler needs listed values; give it a step or a choice"

    @property
    def listed(self) -> Space:
        """The space as KerasTuner's grid has it: ten values of a continuum, evenly spread on its scale.

        Raises ValueError where rules leave none of them.
        """
        shares = [(i + 0.5) / _LISTED for i in range(_LISTED)]
        parameters = (
            Choice(
                name=each.name, each=each.each, when=each.when, ruled=each.ruled,
                options=tuple(dict.fromkeys(each.at(share) for share in shares)),
            ) if each.size is None else each
            for each in self.space.parameters
        )  # fmt: skip
        return Space(tuple(parameters), self.space.rules)

    def _of_own_model(self) -> Iterator[str]:
        """What does not go with a model of the user's own."""
        if self.search.trainer == "stacked":
            yield "search.trainer: a model of your own is trained by itself, expected auto or plain, got 'stacked'"
        if self.search.max_params is not None:
            yield "search.max_params: a model of your own is not counted before it is built; leave it out"
        if PARAMS in self.objective.metrics:
            yield f"objective.metric: a model of your own is not counted before it is built; leave out {PARAMS}"

    def _said_twice(self, always: set[str]) -> Iterator[str]:
        """A line for each setting of the training that counts for no trial, as all have a value of their own for it."""
        for name in sorted(self.training.model_fields_set & always):
            yield f"training.{name}: also in [space]; leave one out"
        stopping = self.training.early_stopping
        if stopping is not None and stopping.patience is not None and "patience" in always:
            yield "training.early_stopping.patience: also in [space]; leave one out"

    @property
    def most_epochs(self) -> int:
        """The most epochs that any trial may have."""
        parameter = next((each for each in self.space.parameters if each.name == "epochs"), None)
        if parameter is None or self.model is not None:
            return self.training.epochs
        others = [] if parameter.always else [self.training.epochs]
        return max(int(epochs) for epochs in (*parameter.choices(), *others))

    def _wrong_starts(self) -> Iterator[str]:
        """A line for each table of `start`, counted from 1, that is no set of values of the space, or one once more."""
        for i, values in enumerate(self.start, start=1):
            try:
                known = self.space.check(values)
            except ValueError as error:
                yield f"start[{i}].{error}"
                continue
            for j, other in enumerate(self.start[: i - 1], start=1):
                if self.space.check(other) == known:
                    yield f"start[{i}]: the same values as start[{j}]; leave one out"

    @property
    def starts(self) -> tuple[dict[str, Value], ...]:
        """What is tried first, whole: with the values that could be no others."""
        return tuple(self.space.check(values) for values in self.start)

    def _of_several(self) -> Iterator[str]:
        """What does not go with several objectives."""
        if self.search.pruner != "none":
            yield f"search.pruner: several objectives stop no trial, got '{self.search.pruner}'; leave it out"
        if self.search.driver != "optuna":
            yield f"search.driver: {self.search.driver} has one objective, expected optuna for several"
        elif self.search.sampler == "cma-es":
            others = ", ".join(sampler for sampler in SAMPLERS_OF["optuna"] if sampler != "cma-es")
            yield f"search.sampler: cma-es has one objective, expected one of {others} for several"

    def objective_for(self, task: Task) -> Objective:
        """The objective on data of that task. Raises StudyError where a metric is not one of it.

        A model of the user's own may have others, of which it must be known which way is better.
        """
        known = {f"val_{name}": metric.goal for name, metric in metrics.METRICS[task].items()}
        goals = {**known, PARAMS: "minimize"}
        names = self.objective.metrics or tuple(known)[:1]
        if self.model is not None:
            told = {name: known.get(name) or self.objective.goal_of(name) or model_file.goal(name) for name in names}
            goals = {name: goal for name, goal in told.items() if goal}
            if unclear := next((name for name in names if name not in goals), None):
                raise StudyError(
                    f"{self.name}: objective.goal: whether more or less is better is not known of {unclear}; write "
                    f'goal = "maximize" or "minimize" under [objective]'
                )
        if unknown := [name for name in names if name not in goals]:
            raise StudyError(
                f"{self.name}: objective.metric: the data is a {task} task, expected one of "
                f"{', '.join(known)}, got '{unknown[0]}'"
            )
        first, *further = (Aim(name, self.objective.goal_of(name) or goals[name]) for name in names)
        return Objective(first.metric, first.goal, self.objective.epoch, tuple(further))

    def settings(self) -> dict[str, Any]:
        """What decides the trials, flat: `search.seed` → 0."""
        flat = flatten(self.model_dump(mode="json"))
        return {key: value for key, value in flat if key not in _NOT_A_SETTING}


def load(path: Path, options: Mapping[str, Mapping[str, Any]] | None = None) -> Study:
    """Reads a study file, with the options of a command in place of its own values.

    A data file named in it is looked for beside it, then in the current folder; one named in an option is in the
    current folder. Raises StudyError with everything that is wrong, a line each.
    """
    where = shown(path)
    text = written(path, where)
    document = parsed(text, where)
    if "model" in document and "space" in document:
        raise StudyError(f"{where}: space: model says itself what may vary; leave out [space]")
    if not NAME.fullmatch(path.stem):
        raise StudyError(
            f"{where}: a study is named by its file: expected 1 to 64 of a-z, 0-9, '.', '_' and '-' before .toml, "
            f"and no '..', got '{path.stem}'"
        )
    try:
        placed = placed_beside(sectioned(document), path.parent)
    except StudyError as error:
        raise StudyError(*(f"{where}: {problem}" for problem in error.problems)) from None
    return from_document(path.stem, with_options(placed, options or {}), where, text)


def of_model(given: str, options: Mapping[str, Mapping[str, Any]]) -> Study:
    """The study of a model alone, as a command names it: `mymodel.py:build_model`. It has the name of the file.

    Raises StudyError as `load` does.
    """
    file = model_file.read(given, Path())
    document: dict[str, Any] = {"title": f"{file.name} of {file.path.name}", "model": file.to_json()}
    return from_document(model_file.study_name(file), with_options(document, options), file.path.name)


def discovered(study: Study, found: Sequence[Mapping[str, Any]]) -> Study:
    """The study of a user's own model, with what it lets vary. Raises StudyError where they do not go together."""
    document = {**study.document, "space": [dict(entry) for entry in found]}
    return from_document(study.name, document, text=study.text)


def as_now(study: Study) -> Study:
    """The study with its model as the file is by now; what another file lets vary is still to be found.

    Raises StudyError where the file is gone.
    """
    if study.model is None or (now := study.model.now()) == study.model:
        return study
    document = {**study.document, "model": now.to_json(), "space": []}
    return from_document(study.name, document, text=study.text)


def from_document(name: str, document: Mapping[str, Any], where: str | None = None, text: str = "") -> Study:
    """A study from a parsed file, as the ledger keeps it. Raises StudyError as `load` does."""
    own = with_space(sectioned(document))
    lines = [f"{key}: unknown key, it is set by the file itself" for key in _INNER if key in own]
    lines += [
        f"{key}: a date, expected a text, a number or true or false, got {value}. Put it in quotes"
        for key, value in flatten(own)
        if isinstance(value, datetime.date | datetime.time)
    ]
    own |= {**unpruned(own), "name": name, "document": dict(own), "text": text}
    try:
        study = Study.model_validate_json(json.dumps(own, default=str), context={"own": "model" in own})
    except ValidationError as error:
        lines = [*problems(error, Study), *lines]
    if lines:
        raise StudyError(*(f"{where or name}: {line}" for line in lines))
    return study


def schema() -> dict[str, Any]:
    """The JSON schema of study files, for editors."""
    made = Study.model_json_schema(by_alias=True)
    for inner in _INNER:
        made["properties"].pop(inner)
    made["required"] = [name for name in made["required"] if name not in (*_INNER, "space")]
    made["properties"]["data"] = {
        "anyOf": [{"$ref": made["properties"]["data"]["$ref"]}, {"type": "string"}],
        "description": f"{made['properties']['data']['description']}; or the source alone",
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "A study of tuner"}
