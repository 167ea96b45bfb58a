"""What the record says, in MLflow's terms: names, tags, parameters, metrics, JSON. Documented in mlflow/README.md."""

from __future__ import annotations

import getpass
import hashlib
import json
import math
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.trackers import Closing, Opening
from tuner.trial import Result

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Metric

SEARCH, STUDY, LABEL, KIND, TRIAL, STATE = (
    f"tuner.{word}" for word in ("search", "study", "label", "kind", "trial", "state")
)
PARENT = "mlflow.parentRunId"
BEST = "best."
PARETO = "tuner.pareto"
# What the UI shows of an experiment depends on its kind: without one, it opens on traces of language models.
EXPERIMENT = {"mlflow.experimentKind": "custom_model_development"}

# The limits of names and values, in mlflow.utils.validation.
_LONGEST_NAME, _LONGEST_PARAM, _LONGEST_TAG, _LONGEST_DIGEST = 250, 6000, 5000, 36


def search_tags(opening: Opening) -> dict[str, str]:
    """What the search's own run is found by, and what may change from one command to the next."""
    tags = {
        **_common_tags(opening, "search"),
        "mlflow.source.name": f"tuner search {opening.study}",
        "mlflow.source.type": "LOCAL",
    }
    optional = {
        "mlflow.note.content": opening.title,
        "mlflow.source.git.commit": opening.commit,
        "tuner.trials": opening.trials,
    }
    return written_tags({**tags, **{name: value for name, value in optional.items() if value}})


def search_params(opening: Opening) -> dict[str, str]:
    """What stays as it is for as long as the search lives."""
    params: dict[str, object] = {"seed": opening.seed, "metric": opening.metric, "goal": opening.goal}
    if opening.further:
        params["further"] = ", ".join(opening.further)
    given = opening.document.get("search", {})
    for key in ("driver", "sampler", "pruner"):
        if (value := opening.settings.get(f"search.{key}", given.get(key))) is not None:
            params[key] = value
    if isinstance(model := opening.document.get("model"), Mapping):
        params |= {"model": f"{Path(str(model['path'])).name}:{model['name']}", "model.digest": model["digest"]}
    return written_params({**params, **{f"data.{name}": value for name, value in opening.data.items()}})


def trial_tags(opening: Opening, result: Result, parent: str) -> dict[str, str]:
    tags: dict[str, object] = {
        **_common_tags(opening, "trial"),
        PARENT: parent,
        TRIAL: result.trial.number,
        STATE: result.state.value,
    }
    if result.trial.parent is not None:
        tags |= {"tuner.parent": result.trial.parent, "tuner.first_epoch": result.trial.first_epoch}
    if result.error is not None:
        tags["tuner.error"] = (result.error.strip().splitlines() or [""])[-1]
    return written_tags({**tags, **{f"tuner.program.{name}": value for name, value in result.program.items()}})


def trial_params(result: Result) -> dict[str, str]:
    seed = {} if result.imported else {"seed": result.trial.seed}
    # A user's own model may have one of that name.
    own = {f"tuner.{name}": value for name, value in seed.items() if name in result.trial.values}
    return written_params({**seed, **own, **result.trial.values})


def trial_metrics(result: Result, started: float, further: Sequence[str] = ()) -> Iterator[Metric]:
    """Every metric of every epoch, spread evenly over the trial's time, then the score and what belongs to it.

    `started` is in seconds since 1970, and `further` the names of the objectives after the first.
    """
    first, epochs = result.trial.first_epoch, len(result.history)
    for i, values in enumerate(result.history):
        yield from metrics(values, started + result.seconds * (i + 1) / epochs, first + i)
    final = {"score": result.score, "best_epoch": result.best_epoch, "seconds": result.seconds}
    known = {name: value for name, value in final.items() if value is not None}
    known |= {f"score.{name}": value for name, value in zip(further, result.further, strict=False)}
    yield from metrics(known, started + result.seconds, first + max(epochs, 1) - 1)


def trial_history(result: Result) -> str:
    """The whole of a result, as JSON: a line for each epoch, after what is known of the trial."""
    trial = result.trial
    about = to_json(
        {
            "trial": trial.number,
            "state": result.state.value,
            "values": trial.values,
            "seed": None if result.imported else trial.seed,
            **({"parent": trial.parent, "first_epoch": trial.first_epoch} if trial.parent is not None else {}),
            "score": result.score,
            "best_epoch": result.best_epoch,
            **({"further": list(result.further)} if result.further else {}),
            "seconds": result.seconds,
            "program": result.program,
        }
    )
    epochs = ({"epoch": trial.first_epoch + i, **values} for i, values in enumerate(result.history))
    lines = ",\n  ".join(json.dumps(_plain(epoch), ensure_ascii=False, allow_nan=False) for epoch in epochs)
    return f'{about.removesuffix("}").rstrip()},\n "epochs": [\n  {lines}\n ]\n}}'


def data_set(opening: Opening) -> DatasetInput | None:
    """The rows as an input of the search's run; None where their digest is not known."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = opening.data
    if "digest" not in data:
        return None
    name = data.get("name", opening.study)
    rows = data.get("rows", "")
    entity = Dataset(
        name=name,
        digest=data["digest"][:_LONGEST_DIGEST],
        source_type="local",
        source=json.dumps({"uri": _source(opening)}, ensure_ascii=False),
        profile=json.dumps({"num_rows": int(rows)}) if rows.isdigit() else None,
    )
    return DatasetInput(dataset=entity, tags=[InputTag(key="mlflow.data.context", value="search")])


def _source(opening: Opening) -> str:
    """Where the study says that the rows come from."""
    said = opening.document.get("data")
    source = said.get("source") if isinstance(said, Mapping) else None
    return str(source or opening.data.get("name", opening.study))


def best_tags(closing: Closing) -> dict[str, str]:
    """The champion's values. Tags, as a search that goes on may find another, and a parameter can never change."""
    return written_tags({f"{BEST}{name}": value for name, value in closing.values.items()})


def metrics(values: Mapping[str, float], at: float, step: int) -> list[Metric]:
    """An infinite value becomes NaN: MLflow would store the largest number there is, and flatten every chart."""
    from mlflow.entities import Metric

    return [
        Metric(_name(name), float(value) if math.isfinite(value) else math.nan, milliseconds(at), step)
        for name, value in values.items()
    ]


def written_params(values: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value)[:_LONGEST_PARAM] for name, value in _named(values)}


def written_tags(values: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value)[:_LONGEST_TAG] for name, value in _named(values)}


def _named(values: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The values by names that MLflow takes; of two that would be one, the second ends in a digest of it."""
    taken: set[str] = set()
    for name, value in values.items():
        made = _name(name)
        if made in taken:
            made = f"{made[: _LONGEST_NAME - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        taken.add(made)
        yield made, value


def chosen(tags: Mapping[str, object]) -> str:
    """A filter for the runs, models or versions that have all of these tags."""
    return " AND ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())


def to_json(value: object) -> str:
    """JSON for people and programs; NaN and the infinities, for which it has no word, as text."""
    return json.dumps(_plain(value), ensure_ascii=False, indent=1, allow_nan=False, default=str)


def milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _common_tags(opening: Opening, kind: str) -> dict[str, str]:
    return {
        KIND: kind,
        SEARCH: opening.identity,
        STUDY: opening.study,
        LABEL: opening.label,
        "mlflow.user": _user(),
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container whose user has no name
        return "unknown"


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


@lru_cache(maxsize=1024)
def _name(name: str) -> str:
    """The name, with what MLflow does not take in one replaced: signs, and a path that is not the shortest there is."""
    made = re.sub(r"[^/\w.\- :]", "_", name)
    if made != posixpath.normpath(made) or made.startswith(("/", "..")) or made == ".":
        made = made.replace("/", "_").replace("..", "__").removeprefix(".") or "_"
    return made[:_LONGEST_NAME]
