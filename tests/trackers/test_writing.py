"""A trial's run as rows of MLflow's tables, held against what MLflow's own client makes of the same trial."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from tests.contracts.tracker import FATES, result
from tests.trackers.folder import Folder, record
from tuner.trackers.store import Store
from tuner.trackers.writing import Calls, Rows, known

# MLflow 3.17's own tables, under SQLAlchemy 2.1.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")

TOLD = [
    *(replace(each, ended=1_700_000_000.5 + i) for i, each in enumerate(FATES)),
    # A metric that is infinite, one that two names stand for, and steps whose last value is not the largest.
    replace(
        result(7),
        ended=1_700_000_100.0,
        history=({"a?": 3.0, "a!": 3.0, "b": float("inf")}, {"a?": 1.0, "b": 2.0}, {"a?": 2.0}),
    ),
]


# What is not about a trial's run: the search's own run has a time of its own.
_OTHER = ("wine@1", None)


def rows(store: Folder) -> dict[str, list[str]]:
    """What each table has of trials, their runs under their names in place of identifiers."""
    with closing(sqlite3.connect(store.folder / "mlflow.db")) as connection:
        names = dict(connection.execute("SELECT run_uuid, name FROM runs"))
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: sorted(_rows(connection, store, table, names)) for table in tables}


def _rows(connection: sqlite3.Connection, store: Folder, table: str, names: dict[str, str]) -> Iterator[str]:
    found = connection.execute(f"SELECT * FROM {table}")
    columns = [column for column, *_ in found.description]
    for row in found:
        if names.get(dict(zip(columns, row, strict=True)).get("run_uuid", "")) not in _OTHER:
            told = repr(row).replace(str(store.root), "")
            for run_id, name in names.items():
                told = told.replace(run_id, name)
            yield told


def test_the_tables_are_as_mlflow_itself_fills_them(
    store: Folder, empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without:
        without.setattr(Calls, "create", None)
        record(store, *TOLD)
    other = Folder(tmp_path / "calls")
    other.folder.mkdir(parents=True)
    shutil.copy(empty_store, other.folder)
    monkeypatch.setattr(Store, "engine", None)  # as one that is not ours
    record(other, *TOLD)
    ours, theirs = rows(store), rows(other)
    assert {table for table, found in theirs.items() if found} == {
        "runs",
        "tags",
        "params",
        "metrics",
        "latest_metrics",
    }
    for table, found in theirs.items():
        assert ours[table] == found, table


# As a later MLflow may have its tables.
LATER = (
    "ALTER TABLE runs ADD COLUMN owner VARCHAR(9) NOT NULL DEFAULT 'nobody'",
    "ALTER TABLE latest_metrics ADD COLUMN unit VARCHAR(9)",
    "ALTER TABLE metrics RENAME COLUMN is_nan TO absent",
    "DROP TABLE params",
    "UPDATE sqlite_master SET sql = replace(sql, 'start_time', 'owner TEXT NOT NULL, start_time') WHERE name = 'runs'",
)


def change(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize("statement", LATER)
def test_tables_are_known_by_their_columns(store: Folder, statement: str) -> None:
    def asked() -> bool:
        engine = create_engine(store.uri)
        try:
            return known(engine)
        finally:
            engine.dispose()

    assert asked()
    change(store.folder / "mlflow.db", statement)
    assert not asked()


def test_tables_that_are_not_known_are_left_to_mlflow(store: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    change(store.folder / "mlflow.db", LATER[0])
    monkeypatch.setattr(Rows, "create", None)
    record(store, *TOLD)
    assert [store.child(each.trial.number).data.tags["tuner.state"] for each in TOLD] == [
        each.state.value for each in TOLD
    ]
    with closing(sqlite3.connect(store.folder / "mlflow.db")) as connection:
        assert set(connection.execute("SELECT owner FROM runs")) == {("nobody",)}
