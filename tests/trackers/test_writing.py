"""A trial's run as rows of MLflow's tables, held against what MLflow's own client makes of the same trial."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contracts.tracker import FATES, result
from tests.trackers.folder import Folder, record
from tuner.trackers.store import Store

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
