"""How the run of a trial is written: by calls of MLflow's client, or, where the database is our own, as rows of it.

A trial of fifty epochs costs 30 ms of CPU time by calls, six transactions and three objects a point, and 4 ms as rows:
that is most of what a search costs beside its training. Both leave the same rows in every table, which is tested. A
run is RUNNING until its files are there too, so that a kill in between is seen.

The tables are MLflow's private matter, and a later MLflow may change them: rows are written only where they have the
columns that are known here, and all else is left to the client.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Metric, RunInfo
    from sqlalchemy import Engine

# The limits of one batch, in mlflow.utils.validation.
_MOST_ENTITIES, _MOST_PARAMS, _MOST_TAGS = 1000, 100, 100

_POINT = "run_uuid key value timestamp step is_nan"
# The tables of a run and all of their columns, as of MLflow 3.17.
_COLUMNS: Mapping[str, str] = {
    "runs": "run_uuid name source_type source_name entry_point_name user_id status start_time end_time deleted_time"
    " source_version lifecycle_stage artifact_uri experiment_id",
    "tags": "run_uuid key value",
    "params": "run_uuid key value",
    "metrics": _POINT,
    "latest_metrics": _POINT,
}


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run as it begins, with all that is logged to it. Names and values are as MLflow takes them."""

    name: str
    started: int  # milliseconds since 1970
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Sequence[Metric]


class Writer(Protocol):
    """Writes runs of one experiment."""

    def create(self, run: NewRun) -> RunInfo:
        """Makes a run that is RUNNING, with all of this."""
        ...

    def end(self, run_id: str, status: str, ended: int) -> None:
        """Ends a run that was made here, in milliseconds since 1970."""
        ...


def writer(client: MlflowClient, engine: Engine | None, experiment: Experiment) -> Writer:
    """As rows where there is a database of our own whose tables are as they are known here, else by calls."""
    return Calls(client, experiment) if engine is None or not known(engine) else Rows(engine, experiment)


def known(engine: Engine) -> bool:
    """Whether the tables of a run have the columns that `Rows` knows, and no others.

    One more that must be filled would refuse each row; one more that may be empty would be empty, and is there because
    MLflow reads it.
    """
    from sqlalchemy import inspect

    tables = inspect(engine)
    return all(
        tables.has_table(table) and {column["name"] for column in tables.get_columns(table)} == set(columns.split())
        for table, columns in _COLUMNS.items()
    )


class Calls(Writer):
    """Through MLflow's client, to a store of any kind."""

    def __init__(self, client: MlflowClient, experiment: Experiment) -> None:
        self._client, self._experiment = client, experiment.experiment_id

    def create(self, run: NewRun) -> RunInfo:
        made = self._client.create_run(self._experiment, run.started, dict(run.tags), run.name)
        log(self._client, made.info.run_id, run.params, run.metrics)
        return made.info

    def end(self, run_id: str, status: str, ended: int) -> None:
        self._client.set_terminated(run_id, status, ended)


class Rows(Writer):
    """Into the tables of MLflow's database, each run in one transaction."""

    def __init__(self, engine: Engine, experiment: Experiment) -> None:
        self._engine, self._experiment = engine, experiment

    def create(self, run: NewRun) -> RunInfo:
        from mlflow.entities import RunInfo
        from mlflow.store.tracking.dbmodels import models

        run_id = uuid.uuid4().hex
        info = RunInfo(
            run_id,
            self._experiment.experiment_id,
            user_id=run.tags.get("mlflow.user", "unknown"),
            status="RUNNING",
            start_time=run.started,
            end_time=None,
            lifecycle_stage="active",
            artifact_uri=f"{self._experiment.artifact_location}/{run_id}/artifacts",
            run_name=run.name,
        )
        # A point that comes twice counts once; the latest is that of the last step.
        points = list(dict.fromkeys(_point(metric) for metric in run.metrics))
        latest = {
            point.key: point for point in sorted(points, key=lambda each: (each.step, each.timestamp, each.value))
        }
        filled: list[tuple[Any, Sequence[Mapping[str, Any]]]] = [
            (models.SqlRun, [_columns(info)]),
            (models.SqlTag, _pairs({**run.tags, "mlflow.runName": run.name})),
            (models.SqlParam, _pairs(run.params)),
            (models.SqlMetric, [point._asdict() for point in points]),
            (models.SqlLatestMetric, [point._asdict() for point in latest.values()]),
        ]
        with self._engine.begin() as connection:
            for table, rows in filled:
                if rows:
                    connection.execute(table.__table__.insert(), [{**row, "run_uuid": run_id} for row in rows])
        return info

    def end(self, run_id: str, status: str, ended: int) -> None:
        from mlflow.store.tracking.dbmodels.models import SqlRun

        with self._engine.begin() as connection:
            run = SqlRun.__table__.update().where(SqlRun.run_uuid == run_id)
            connection.execute(run.values(status=status, end_time=ended))


class _Point(NamedTuple):
    key: str
    step: int
    timestamp: int
    value: float
    is_nan: bool


def _point(metric: Metric) -> _Point:
    nan = math.isnan(metric.value)
    return _Point(metric.key, metric.step, metric.timestamp, 0.0 if nan else metric.value, nan)


def _pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _columns(info: RunInfo) -> dict[str, Any]:
    """A run as MLflow's client makes it."""
    return {
        "name": info.run_name,
        "artifact_uri": info.artifact_uri,
        "experiment_id": int(info.experiment_id),
        "user_id": info.user_id,
        "status": info.status,
        "start_time": info.start_time,
        "lifecycle_stage": info.lifecycle_stage,
        "source_type": "UNKNOWN",
        "source_name": "",
        "entry_point_name": "",
        "source_version": "",
    }


def log(
    client: MlflowClient,
    run_id: str,
    params: Mapping[str, str] | None = None,
    metrics: Sequence[Metric] = (),
    tags: Mapping[str, str] | None = None,
) -> None:
    """Logs it all by calls, in as few batches as the store's limits allow."""
    from mlflow.entities import Param, RunTag

    left = [Param(name, value) for name, value in (params or {}).items()]
    marks = [RunTag(name, value) for name, value in (tags or {}).items()]
    points = list(metrics)
    while left or marks or points:
        some, left = left[:_MOST_PARAMS], left[_MOST_PARAMS:]
        some_marks, marks = marks[:_MOST_TAGS], marks[_MOST_TAGS:]
        room = _MOST_ENTITIES - len(some) - len(some_marks)
        some_points, points = points[:room], points[room:]
        client.log_batch(run_id, some_points, some, some_marks, synchronous=True)
