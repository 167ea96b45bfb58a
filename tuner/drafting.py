"""A study file for rows that nobody has described: written from what they look like, with a comment for each guess."""

from __future__ import annotations

import json
import re
import textwrap
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tuner import defaults, toml, wording
from tuner.data.table import Kind
from tuner.errors import StudyError, listing, one_line
from tuner.home import Home, shipped
from tuner.inferring import Inferred, infer
from tuner.metrics import METRICS, Task
from tuner.study import NAME, from_document
from tuner.trial import Value

_WIDTH = 110
_HEAD = "Written by tuner init, from what the rows look like. A line with a question is a guess: look at it first."
# So many rows are trained on in larger batches, and images fewer times.
_MANY_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Draft:
    """A study file that can be searched as it is."""

    path: Path
    text: str
    inferred: Inferred

    @property
    def shown(self) -> str:
        """Where it is, as a person would type it."""
        return _shown(self.path)

    @property
    def hides(self) -> bool:
        """Whether there is a shipped study of that name, which is then no longer found."""
        shipped_one = shipped() / self.path.name
        return shipped_one.exists() and not (self.path.exists() and shipped_one.samefile(self.path))

    def write(self, force: bool = False) -> None:
        """Raises StudyError where there is such a file, unless `force` replaces it."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("w" if force else "x", encoding="utf-8", newline="\n") as file:
                file.write(self.text)
        except FileExistsError:
            raise _taken(self.path) from None
        except OSError as error:
            raise StudyError(f"{_shown(self.path)}: cannot be written ({error.strerror})") from None


def draft(
    name: str, home: Home, source: str, target: str | None = None, task: str | None = None, force: bool = False
) -> Draft:
    """The study file of that name for a source; nothing is written yet.

    Raises StudyError where there is such a file, unless `force` is set, and DataError for rows that no search could
    be made on.
    """
    if not NAME.fullmatch(name):
        raise StudyError(f"expected a name of 1 to 64 of a-z, 0-9, '.', '_' and '-', and no '..', got '{name}'")
    path = home.root / "studies" / f"{name}.toml"
    if path.exists() and not force:
        raise _taken(path)
    inferred = infer(source, home, target, task)
    made = Draft(path, _written(name, inferred, _from(path.parent, source)), inferred)
    document = tomllib.loads(made.text)
    from_document(name, {**document, "data": {**document["data"], "source": source}}, _shown(path))
    return made


def summary(inferred: Inferred) -> list[str]:
    """What was found, a line each, for the terminal and the head of the file; names may have anything in them."""
    return [one_line(line) for line in _summary(inferred)]


def _summary(inferred: Inferred) -> list[str]:
    lines = [f"{inferred.source}: {wording.count(inferred.rows, 'row')}, {_kinds(inferred)}"]
    lines.append(f"target '{inferred.target}', {_task(inferred)}")
    if inferred.guessed:
        lines.append(
            f"nobody said which column is to be predicted; '{inferred.target}' was taken, as {inferred.guessed}"
        )
    for why in dict.fromkeys(inferred.drop.values()):
        lines.append(f"left out: {listing([name for name, each in inferred.drop.items() if each == why])} ({why})")
    for marks in dict.fromkeys(inferred.missing.values()):
        named = [name for name, each in inferred.missing.items() if each == marks]
        lines.append(f"an empty cell is written as {' or '.join(map(str, marks))} in {listing(named)}")
    return [*lines, *(f"note: {note}" for note in inferred.notes)]


def _taken(path: Path) -> StudyError:
    return StudyError(f"{_shown(path)}: is there already. Replace it with --force, or choose another name")


def _shown(path: Path) -> str:
    return str(Path(*path.parts[-2:]))


def _from(folder: Path, source: str) -> str:
    """The source as the file must name it: a file beside the study would be taken for one that is seen from here."""
    beside = folder / source
    return str(Path(source).absolute()) if beside.exists() and not Path(source).samefile(beside) else source


def _kinds(inferred: Inferred) -> str:
    if inferred.shape is not None:
        return f"each an array of {' × '.join(map(str, inferred.shape))}"
    numbers = [name for name, kind in inferred.kinds.items() if kind is Kind.NUMERIC]
    names = [name for name in inferred.kinds if name not in numbers]
    told = [f"{wording.count(len(each), 'column')} of {what}" for each, what in ((numbers, "numbers"), (names, "names"))
            if each]  # fmt: skip
    return " and ".join(told)


def _task(inferred: Inferred) -> str:
    if inferred.counts is None:
        return "values: a regression"
    rows = sum(inferred.counts.values())
    told = [f"{name} {count} ({100 * count / rows:.1f} %)" for name, count in inferred.counts.items()]
    return f"{len(told)} classes: {listing(told, 8)}"


def _written(name: str, inferred: Inferred, source: str) -> str:
    sections = [
        [*_comment([_HEAD, *summary(inferred)])],
        [f"title = {toml.text(name if inferred.shape else f'{name}: {inferred.target}')}"],
        ["[data]", *_data(inferred, source)],
        ["[objective]", *_objective(inferred)],
        ["[space]  # what may vary, in order: a condition refers only upward", *_space(inferred)],
        ["[training]", *_training(inferred)],
        ["[search]", 'sampler = "tpe"', 'pruner = "hyperband"  # stops bad trials early', "trials = 100", "seed = 0"],
    ]  # fmt: skip
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _data(inferred: Inferred, source: str) -> Iterator[str]:
    yield f"source = {toml.text(source)}"
    if inferred.shape is None or inferred.target != "y":
        yield f"target = {toml.text(inferred.target)}"
    yield f"task = {toml.text(inferred.task.value)}{_other_task(inferred)}"
    for question in inferred.questions:
        yield from _comment([f"Question: {question}"])
    if inferred.missing:
        marks = ", ".join(f"{toml.key(name)} = {_marks(marks)}" for name, marks in inferred.missing.items())
        yield f"missing = {{ {marks} }}"
    if inferred.categorical:
        yield f"categorical = {_list(inferred.categorical)}"
    if inferred.drop:
        yield f"drop = {_list(inferred.drop)}"
    shares = "validation = 0.2" if inferred.own_test else "validation = 0.2, test = 0.2"
    stratify = "" if inferred.counts is None else f", stratify = {'true' if inferred.stratify else 'false'}"
    yield f"split = {{ {shares}{stratify} }}  # shares of the rows; trials are chosen on the first"


def _other_task(inferred: Inferred) -> str:
    """What else the target might be, where it is written in whole numbers."""
    if inferred.counts is None:
        return '  # of amounts; "multiclass" if they are names'
    numbers = all(re.fullmatch(r"-?\d+", name) for name in inferred.counts)
    return '  # of names; "regression" if they are amounts' if numbers and len(inferred.counts) > 2 else ""


def _objective(inferred: Inferred) -> Iterator[str]:
    if inferred.task is Task.REGRESSION:
        yield 'metric = "val_rmse"  # or "val_mae", which large errors weigh less in'
    elif inferred.lopsided:
        counts = inferred.counts or {}
        most = max(counts, key=counts.__getitem__)
        share = counts[most] / sum(counts.values())
        yield from _comment(
            [f"Who always says {one_line(most)} is right in {share:.0%} of the rows: an accuracy says little"]
        )
        others = [f'"val_{name}"' for name in ("auc", "f1") if name in METRICS[inferred.task]]
        yield f'metric = "val_loss"{"  # or " * bool(others)}{" or ".join(others)}'
    else:
        yield 'metric = "val_accuracy"  # or "val_loss", which also counts how sure a prediction is'


def _space(inferred: Inferred) -> Iterator[str]:
    if inferred.lopsided:
        yield 'class_weight  = { choice = ["none", "balanced"] }'
    yield defaults.written(inferred.image).rstrip("\n")


def _training(inferred: Inferred) -> Iterator[str]:
    epochs, patience = (12, 3) if inferred.image and inferred.rows > _MANY_ROWS else (50, 10)
    yield f"epochs = {epochs}  # at most"
    yield f"batch_size = {min(128 if inferred.rows > _MANY_ROWS else 32, inferred.train)}"
    yield f"early_stopping = {{ patience = {patience} }}  # epochs without a better score"


def _comment(lines: Iterable[str]) -> Iterator[str]:
    """Lines of a comment, each a sentence of its own."""
    for given in lines:
        line = given if given.endswith(("?", ".")) else f"{given}."
        yield from textwrap.wrap(
            line, _WIDTH, initial_indent="# ", subsequent_indent="#   ", break_on_hyphens=False, break_long_words=False
        )


def _marks(marks: tuple[Value, ...]) -> str:
    return _value(marks[0]) if len(marks) == 1 else f"[{', '.join(map(_value, marks))}]"


def _value(mark: Value) -> str:
    return toml.text(mark) if isinstance(mark, str) else json.dumps(mark)


def _list(names: Iterable[str] | Mapping[str, str]) -> str:
    return f"[{', '.join(map(toml.text, names))}]"
