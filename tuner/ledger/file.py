"""How the ledger's file is opened, read and changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock
from sqlalchemy import exc

from tuner.errors import LedgerError
from tuner.ledger import tables

_HELD = sa.select(tables.searches.c.token).where(tables.searches.c.id == sa.bindparam("search"))


def lock(path: Path) -> FileLock:
    """What a process holds for the moment in which it makes the ledger's file, begins a search or takes one over."""
    return FileLock(path.with_suffix(".lock"))


def connect(path: Path) -> sa.Engine:
    """Opens a ledger, and makes it where there is none. Raises LedgerError where the file is something else."""
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 60})
    sa.event.listen(engine, "connect", _configure)
    sa.event.listen(engine, "begin", _begin)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Several commands that make a new SQLite file at once get in each other's way: one makes it, the others wait.
        with lock(path):
            if not path.exists() or path.stat().st_size == 0:
                _prefer_readers(path)
            with _transaction(engine, changes=True) as connection:
                version = _upgraded(connection, _version(connection))
    except (exc.DatabaseError, sqlite3.Error, OSError) as error:
        raise LedgerError(
            f"{path}: not a ledger that can be used ({_cause(error)}). Move it away to begin anew"
        ) from None
    if version is None:
        raise LedgerError(f"{path}: not a ledger, but a database of something else. Move it away to begin anew")
    if version > tables.VERSION:
        raise LedgerError(
            f"{path}: written by a newer tuner (schema {version}, this one knows {tables.VERSION}). "
            f"Install that version"
        )
    return engine


def _version(connection: sa.Connection) -> int | None:
    """The schema of the file, which is made in a file without tables; None where its tables are not ours."""
    names = sa.inspect(connection).get_table_names()
    if not names:
        tables.metadata.create_all(connection)
        connection.execute(sa.insert(tables.about).values(key="version", value=str(tables.VERSION)))
        return tables.VERSION
    if tables.about.name not in names or tables.searches.name not in names:
        return None
    told = connection.execute(sa.select(tables.about.c.value).where(tables.about.c.key == "version")).scalar()
    return int(told) if told is not None and told.isdecimal() else None


def _upgraded(connection: sa.Connection, version: int | None) -> int | None:
    """The schema of the file, which is that of this version where it was an older one."""
    if version is None or version >= tables.VERSION:
        return version
    for older in range(version, tables.VERSION):
        connection.exec_driver_sql(tables.CHANGES[older])
    of_version = sa.update(tables.about).where(tables.about.c.key == "version")
    connection.execute(of_version.values(value=str(tables.VERSION)))
    return tables.VERSION


def _prefer_readers(path: Path) -> None:
    """Readers do not wait for the writer from now on; the file itself remembers it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def _configure(connection: Any, _: Any) -> None:
    # Python's own transactions leave out what makes tables, so that a kill could leave half of them. Ours begin below.
    connection.isolation_level = None
    # A commit is on the disk when it returns, so a power cut loses nothing.
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: sa.Connection) -> None:
    # Whoever will write waits for its turn at once: what it has read by then is still so when it writes.
    changes = connection.get_execution_options().get("changes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if changes else "BEGIN")


@contextmanager
def _transaction(engine: sa.Engine, changes: bool) -> Iterator[sa.Connection]:
    with engine.connect().execution_options(changes=changes) as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """The ledger as it is at one moment. Raises LedgerError where the file cannot be read."""
    with _told(engine), _transaction(engine, changes=False) as connection:
        yield connection


@contextmanager
def changing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """All of a change, or none of it. Raises LedgerError where the file cannot be written."""
    with _told(engine), _transaction(engine, changes=True) as connection:
        yield connection


@contextmanager
def writing(engine: sa.Engine, search: int, token: int) -> Iterator[sa.Connection]:
    """A change by a search's owner. Raises LedgerError, also where another owner came after it."""
    with changing(engine) as connection:
        if connection.execute(_HELD, {"search": search}).scalar() != token:
            raise LedgerError("another process has taken this search over, or it was deleted; nothing more is written")
        yield connection


@contextmanager
def _told(engine: sa.Engine) -> Iterator[None]:
    """What befalls the file, as a line for a person; a mistake of ours stays what it is."""
    try:
        yield
    except exc.DatabaseError as error:
        if type(error) not in (exc.DatabaseError, exc.OperationalError):
            raise
        raise LedgerError(
            f"{engine.url.database}: the ledger cannot be used ({_cause(error)}). Mend that and type the same command: "
            f"it goes on from what was written"
        ) from error


def _cause(error: Exception) -> Exception:
    return getattr(error, "orig", None) or error
