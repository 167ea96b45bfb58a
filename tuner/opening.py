"""What a search needs before its first trial: its rows, its place in the ledger, and its record."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tuner import discovering, model_file, sizing
from tuner.errors import DataError, StudyError
from tuner.home import Home, find, names
from tuner.ledger import Ledger, Owned, Search
from tuner.study import Study, as_now, from_document, load, of_model, with_options
from tuner.trackers import Opening, Tracker
from tuner.trainers import Stop
from tuner.trainers.stacked import plan
from tuner.trainers.work import Work
from tuner.trial import Value
from tuner.versions import versions
from tuner.watch import Watch

if TYPE_CHECKING:
    from tuner.data.split import Split
    from tuner.data.table import Table

# The settings that an option of the command replaces.
_OPTIONS = (
    "search.driver", "search.seed", "search.sampler", "search.pruner", "search.trainer", "search.deterministic",
    "training.epochs", "training.batch_size",
)  # fmt: skip
# Stands for the rows among the settings that differ.
_ROWS = "rows"

# Seconds that the record may take to be complete, once the search has ended.
_GRACE, _HURRIED = 60.0, 5.0
# So many are written before anyone notices.
_WORTH_A_LINE = 20


def study(name: str, number: int | None, home: Home, options: Mapping[str, Mapping[str, Any]]) -> Study:
    """The study of that name or path, or of a model as `mymodel.py:build_model`, with the options of a command.

    One that was searched, and whose file is not among the studies, is as its search has it. Raises StudyError.
    """
    if model_file.is_one(name):
        return _of_model(name, number, home, options)
    try:
        path = find(name, home)
    except StudyError:
        found = searched(name, number, home)
        if found is None:
            raise
        return as_now(from_document(name, with_options(found.document, options)))
    loaded = load(path, options)
    if not loaded.undiscovered:
        return loaded
    return discovering.known(loaded, _document(searched(loaded.name, number, home)))


def _of_model(given: str, number: int | None, home: Home, options: Mapping[str, Mapping[str, Any]]) -> Study:
    """The study of a model, on the rows of the command, or else on those that it was searched on before."""
    file = model_file.read(given, home.root)
    name = model_file.study_name(file)
    if (path := names(home).get(name)) is not None:
        raise StudyError(
            f"{given}: {path.name} is a study of that name. Give the file another, or write "
            f'model = "{given}" into a study'
        )
    before = _document(searched(name, number, home))
    if "source" in options.get("data", {}):
        return discovering.known(of_model(given, options), before)
    if before is None:
        raise StudyError(f"{given}: expected rows to train on, as --data rows.csv --target y")
    now = {**with_options(before, options), "model": file.to_json(), "space": []}
    return discovering.known(from_document(name, now), before)


def with_space(name: str, number: int | None, home: Home, say: Callable[[str], None]) -> Study:
    """The study of that name, path or model, with its space: what a model lets vary is found. No rows are read."""
    known = not model_file.is_one(name) or searched(
        model_file.study_name(model_file.read(name, home.root)), number, home
    )
    # A study has rows; which they are is of no matter here.
    rows = {} if known else {"data": {"source": "sklearn:wine"}}
    return discovering.discovered(study(name, number, home, rows), say=say)


def _document(found: Search | None) -> Mapping[str, Any] | None:
    return None if found is None else found.document


def searched(name: str, number: int | None, home: Home) -> Search | None:
    """The search of a study, the newest or that number; None where there is none."""
    ledger = Ledger.existing(home)
    return ledger.find(name if number is None else f"{name}@{number}") if ledger else None


def table(study: Study, home: Home, stop: Stop = lambda: False) -> Table:
    """The study's rows. Raises DataError, and processes.Stopped where `stop()` turns true while a function is at it."""
    from tuner.data import function_table, sources

    if study.data.function is None:
        return sources.load(study, home)
    from tuner.data.calling import Source
    from tuner.trainers import loading

    file, function = study.data.function
    shown = sources.shown(study.data.source, home)
    # Its files may go as soon as they are mapped: the rows stay until nobody has them any more.
    with TemporaryDirectory(prefix="tuner-", ignore_cleanup_errors=True) as folder:
        given = loading.load(Source(Path(file), function, shown), Path(folder), stop)
        return function_table.assemble(f"{Path(file).name}:{function}", shown, given, study)


def split(study: Study, home: Home, stop: Stop = lambda: False) -> Split:
    """The study's rows in three parts. Raises as `table`, and StudyError where the study does not go with them."""
    return drawn(study, table(study, home, stop))


def drawn(study: Study, rows: Table) -> Split:
    """Those rows in three parts. Raises DataError, and StudyError where the study does not go with them."""
    from tuner.data import batches, classes, image_rows
    from tuner.data import split as parts

    made = parts.split(rows, study.data.split)
    study.objective_for(made.task)
    if study.model is not None:  # what its values are called means nothing to us
        return made
    classes.check(study, made)
    image_rows.check(study, made)
    _check_limit(study, made)
    return replace(made, warnings=(*made.warnings, *batches.check(study, made)))


def _check_limit(study: Study, split: Split) -> None:
    """Raises StudyError where no network is small enough, or one that is to be tried first is not."""
    most, counted = study.search.max_params, weights(split)
    if most is None:
        return
    from tuner.drivers.limit import Limit

    if problem := Limit(study.space, counted, most).problem(study.search.seed):
        raise StudyError(f"{study.name}: search.max_params: {problem}; raise it, or let layers be smaller")
    large = [(i, n) for i, values in enumerate(study.starts, start=1) if (n := counted(values)) > most]
    if large:
        told = (f"start[{i}], of [[start]] or --from: {n} weights, and max_params is {most}" for i, n in large)
        raise StudyError(*(f"{study.name}: {line}" for line in told))


def weights(split: Split) -> Callable[[Mapping[str, Value]], int]:
    """What counts the weights of a network on those rows."""
    rows = plan.Rows.of(split)
    return lambda values: sizing.weights(values, rows.features, rows.outputs, split.image)


def claim(ledger: Ledger, study: Study, split: Split, number: int | None, fresh: bool) -> Search:
    """The search to go on with: the newest, or that number; a new one where there is none or `fresh` asks for it.

    Raises StudyError, with all that differs, where the study or the rows are not what the search began with.
    """
    if number is not None:
        found = ledger.get(f"{study.name}@{number}")
    else:
        begin = ledger.create if fresh else ledger.find_or_create
        found = begin(study.name, study.document, describe(study, split))
    changes = _changes(found, study, split)
    if changes:
        raise StudyError(
            *(f"{study.name}: {change}" for change in changes.values()),
            f"{study.name}: {_go_on(found, study, changes)}, or begin another search beside it: "
            f"{_command(study.name, changes, study)} --fresh",
        )
    return found


def begun(study: Study, found: Search) -> Study:
    """The study with what its search began with: values that `--from` put first stay there."""
    start = from_document(found.study, found.document).start
    return study.model_copy(update={"start": start, "document": with_start(study.document, start)})


def with_start(document: Mapping[str, Any], start: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The document with other values to be tried first."""
    rest = {key: value for key, value in document.items() if key != "start"}
    return {**rest, "start": [dict(values) for values in start]} if start else rest


def _go_on(found: Search, study: Study, changes: Mapping[str, str]) -> str:
    """How to go on with a search whose settings are not those of the command."""
    before = from_document(found.study, found.document)
    moved = before.data.source != study.data.source
    if not all(key in _OPTIONS or (key == _ROWS and moved) for key in changes):
        return "the search was left as it is; put that back"
    return f"go on with: {_command(found.label, changes, before)}"


def _command(name: str, changes: Mapping[str, str], wanted: Study) -> str:
    """What to type for a search with the settings of `wanted`, where those of `changes` are to be said."""
    settings = wanted.settings()
    given = [_option(key, settings[key]) for key in changes if key in _OPTIONS]
    # Rows of another kind of source than a file are the study's own.
    if _ROWS in changes and (wanted.data.is_file or wanted.data.function):
        given.append(f"--data {shlex.quote(wanted.data.source)}")
    return " ".join(["tuner search", name, *given])


def resuming(found: Search, home: Home) -> str:
    """What to type to go on with a search, with the options that it began with and its study's file does not say."""
    began = from_document(found.study, found.document)
    try:
        now = study(found.study, found.number, home, {})
    except StudyError:
        return f"tuner search {found.label}"  # which will say what is wrong with the file
    before, after = began.settings(), now.settings()
    changes = {key: "" for key in _OPTIONS if before.get(key) != after.get(key)}
    if began.data.source != now.data.source:
        changes[_ROWS] = ""
    return _command(found.label, changes, began)


def _option(key: str, value: Any) -> str:
    name = _name(key)
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    return f"--{name} {value}"


def _name(key: str) -> str:
    return key.partition(".")[2].replace("_", "-")


def _changes(found: Search, study: Study, split: Split) -> dict[str, str]:
    """What differs from what the search began with, in words by key."""
    before, now = from_document(study.name, found.document).settings(), study.settings()
    changes = {
        key: _change(key, before.get(key), now.get(key), found.label)
        for key in dict.fromkeys([*before, *now])
        if before.get(key) != now.get(key)
        # Of a command without --from, where the search began with it.
        and not (key == "start" and before[key][1:] == now[key])
    }
    if not changes and found.data["fingerprint"] != split.fingerprint:
        changes[_ROWS] = (
            f"{split.table} has not the rows that {found.label} began with, those of {found.data['name']} "
            f"({found.data['rows']} then, {rows(split)} now)"
        )
    return changes


def _change(key: str, before: Any, now: Any, label: str) -> str:
    """What is not as it was, said of the option where there is one."""
    if key == "model.digest":
        return f"model: the file is not what it was when {label} began"
    if key not in _OPTIONS:
        return f"{key} has changed from {_shown(before)} to {_shown(now)}, since {label} began"
    option = f"--{_name(key)}"
    if isinstance(before, bool):
        given, told = ("left out", "with") if before else ("given", "without")
        return f"{option} is {given} here, and {label} began {told} it"
    return f"{option} is {now} here, and {label} began with {option} {before}"


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)


def rows(split: Split) -> int:
    return len(split.y_train) + len(split.y_validation) + len(split.y_test)


def describe(study: Study, split: Split) -> dict[str, Any]:
    """The data of a search in a few words, for the ledger, the record and the manifest."""
    return {
        "name": split.table,
        "digest": split.digest,
        "fingerprint": split.fingerprint,
        "tested": split.tested,
        "rows": rows(split),
        "train": len(split.y_train),
        "validation": len(split.y_validation),
        "test": len(split.y_test),
        "task": split.task.value,
        "target": split.target,
        **({"code": split.code} if split.code else {}),
    }


def work(folder: Path, study: Study, split: Split) -> Work:
    """The arrays as files in a folder, which the workers share, beside where their weights go."""
    arrays = folder / "split"
    # Workers of another command may be reading those that are there.
    if not _is_saved(split, arrays):
        split.save(arrays)
    made = None if study.model else plan.plan(study.space, study.training, plan.Rows.of(split))
    return Work(study.training, study.objective_for(split.task), arrays, folder / "weights", made, study.model)


def _is_saved(split: Split, arrays: Path) -> bool:
    try:
        return split.open(arrays).fingerprint == split.fingerprint
    except DataError:
        return False


@contextmanager
def recording(home: Home, record: Owned, study: Study, split: Split, watch: Watch, stop: Stop) -> Iterator[Tracker]:
    """The record of the search while the block runs; what is still to be written then has some time.

    A minute where the store answers, and seconds where it does not, or where somebody waits for the end.
    """
    tracker = _tracker(home, record, study, split)
    try:
        yield tracker
    finally:
        hurry = stop() or tracker.offline is not None
        if tracker.waiting > _WORTH_A_LINE and not hurry:
            watch.say(f"writing the record of {tracker.waiting} trials")
        left = tracker.close(_HURRIED if hurry else _GRACE)
        record.recorded(tracker.recorded())
        if left:
            watch.say(
                f"tracking offline ({tracker.offline or 'too slow'}), {left} trials waiting: they are in the ledger, "
                f"and the next `tuner search {study.name}` records them"
            )


def _tracker(home: Home, record: Owned, study: Study, split: Split) -> Tracker:
    """The record, with what earlier commands could not write on its way there."""
    from tuner.trackers.mlflow import MlflowTracker

    found, objective = record.search, study.objective_for(split.task)
    made = MlflowTracker(home.tracking_uri, home.artifacts)
    made.begin(
        Opening(
            study=study.name,
            label=found.label,
            identity=found.identity,
            title=study.title or study.name,
            document=study.document,
            space=study.model_dump(mode="json")["space"],
            metric=objective.metric,
            goal=objective.goal,
            seed=study.search.seed,
            data={key: str(value) for key, value in found.data.items()},
            versions=versions(),
            commit=_commit(home),
            settings=study.settings(),
            trials=study.search.trials,
            text=study.text or None,
            further=tuple(aim.metric for aim in objective.further),
            model=discovering.keep(study, record.folder),
        )
    )
    # All of them: what is there already changes nothing, and this may be another store than the last time.
    for result in record.results:
        made.record(result)
    return made


def _commit(home: Home) -> str | None:
    try:
        told = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=home.root, capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None  # not a checkout, or no git: then there is no commit to record
    return told.stdout.strip()
