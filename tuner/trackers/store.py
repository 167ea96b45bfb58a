"""Where MLflow keeps the record: a connection that answers soon, and the files of a store that is ours.

The only place that MLflow is imported from, when a store is opened and not before: it takes seconds.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlparse
from urllib.request import url2pathname

from filelock import FileLock

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import RunInfo
    from sqlalchemy import Engine

# What MLflow reads when it is imported or when it asks a server. A person's own setting wins.
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # Its own retries block for four minutes, and repeat requests that create runs. Ours look first.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_preparing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Store:
    """An open store. `artifacts` is the folder of its files where the store is our own, else None."""

    client: MlflowClient
    uri: str
    artifacts: Path | None

    @property
    def served(self) -> bool:
        """Whether a server stands between us and the database."""
        return urlparse(self.uri).scheme in ("http", "https")

    @property
    def engine(self) -> Engine | None:
        """The database behind the store where it is our own: `connect` made it, or has looked at its schema."""
        engine: Engine | None = None if self.artifacts is None else _engine(self.client)
        return engine

    def log_text(self, run: RunInfo, text: str, name: str) -> None:
        """Writes an artifact of a run. Into our own folder directly: MLflow would read the whole run to find it."""
        if (folder := self._own(run.artifact_uri)) is None:
            self.client.log_text(run.run_id, text, name)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")

    def remove_files(self, location: str) -> None:
        """Removes the files of a run or model, given its artifact address, where they are in our own folder.

        MLflow keeps them in `<artifacts>/<run id>/artifacts`; the folder above goes too, as nothing else is in it.
        """
        if (folder := self._own(location)) is not None and folder.name == "artifacts":
            shutil.rmtree(folder.parent, ignore_errors=True)

    def _own(self, location: str) -> Path | None:
        """The folder at an artifact address, where it is two steps or more inside our own."""
        if self.artifacts is None or urlparse(location).scheme not in ("", "file"):
            return None
        folder = Path(url2pathname(urlparse(location).path)).resolve()
        return folder if self.artifacts.resolve() in folder.parent.parents else None


def connect(uri: str, artifacts: Path) -> Store:
    """Opens the store at `uri`, and creates it where it is a SQLite file that is not there yet.

    `artifacts` is where files go if the store is `mlflow.db` beside that folder; elsewhere the store decides. Raises
    whatever MLflow raises where there is no store to be had.
    """
    with _preparing:
        make = _prepare()
        if (file := _sqlite_file(uri)) is not None and not file.exists():
            _create(file)
        own = file is not None and file.absolute() == artifacts.parent.absolute() / "mlflow.db"
        return Store(make(uri), uri, artifacts if own else None)


def preload(uri: str) -> None:
    """Begins in the background with what `connect` has to wait for; nothing is written where the store will be."""
    threading.Thread(target=_preload, args=[uri], name="mlflow", daemon=True).start()


def _preload(uri: str) -> None:
    # `connect` meets the same reason again and tells it: a traceback of the thread would fall into the live table.
    with _preparing, suppress(Exception):
        _prepare()
        if (file := _sqlite_file(uri)) is not None:
            import mlflow.store.tracking.sqlalchemy_store  # noqa: F401

            if not file.exists():
                _empty()


def _prepare() -> Callable[[str], MlflowClient]:
    """Imports MLflow, quietly, and returns what makes a client."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient
    from mlflow.store.db import utils

    # Ten attempts, 100 s in all, at a database that cannot be opened: we make our own.
    utils.MAX_RETRY_COUNT = 1
    # Tracebacks of what is tried again would fall into the live table. `Tracker.offline` tells of it.
    for name in ("mlflow", "alembic", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    make: Callable[[str], MlflowClient] = MlflowClient
    return make


def _sqlite_file(uri: str) -> Path | None:
    if not uri.startswith("sqlite:///"):
        return None
    from sqlalchemy import make_url

    database = make_url(uri).database
    return Path(database) if database and database != ":memory:" else None


def _create(file: Path) -> None:
    """Makes an MLflow database, all at once: one process does it, and a kill leaves none that is half made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{file}.lock", timeout=60):
        if not file.exists():
            fresh = file.with_name(f"{file.name}.new")
            fresh.write_bytes(_empty())
            fresh.replace(file)


@cache
def _empty() -> bytes:
    """A database as MLflow makes it, in a second and more, without any content."""
    with TemporaryDirectory(prefix="tuner-") as folder:
        file = Path(folder, "mlflow.db")
        _engine(_prepare()(f"sqlite:///{file}")).dispose()
        return file.read_bytes()


def _engine(client: MlflowClient) -> Engine:
    """That of a client with a database; MLflow has no public name for it."""
    engine: Engine = client._tracking_client.store.engine
    return engine
