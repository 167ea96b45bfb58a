"""Optuna's storages, by what a person types: a URL of a database, or the path of a journal file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy as sa
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalRedisBackend

from tuner.drivers.mirror import quietly
from tuner.errors import ExchangeError, listing, nearest
from tuner.trackers.outbox import masked, one_line

# A table that only Optuna's databases have.
_OWN_TABLE = "study_user_attributes"
# A table of its that our ledger has, too: beside that, its others refer to the wrong one, and the ledger is lost.
_TAKEN = "trials"
_SQLITE = "sqlite:///"


def is_journal(url: str) -> bool:
    return "://" not in url


def shown(url: str) -> str:
    """The address as it may be shown: without secrets, and without the folders of a file."""
    return Path(url.removeprefix(_SQLITE)).name if is_journal(url) or url.startswith(_SQLITE) else masked(url)


@contextmanager
def told(url: str) -> Iterator[None]:
    """What befalls a storage, as a line for a person."""
    with quietly():
        try:
            yield
        except ExchangeError:
            raise
        except ImportError as error:
            raise ExchangeError(f"{masked(url)}: needs a package that is not here: {error}") from error
        except RuntimeError as error:
            hint = (
                " Type: optuna storage upgrade --storage …" if "schema" in str(error) or "version" in str(error) else ""
            )
            raise ExchangeError(f"{masked(url)}: {one_line(error)}.{hint}") from error
        except Exception as error:  # whatever a database, a driver of it or a damaged file makes of it
            raise ExchangeError(f"{masked(url)}: cannot be used as a storage of Optuna ({one_line(error)})") from error


def existing(url: str) -> BaseStorage:
    """A storage in which there is something. Nothing is made, or written into a database of something else."""
    if is_journal(url):
        if not Path(url).is_file():
            raise ExchangeError(
                f"{url}: no such file. Expected a URL, as {_SQLITE}study.db, or the path of a journal file of Optuna"
            )
        if Path(url).read_bytes()[:16].startswith(b"SQLite format 3"):
            raise ExchangeError(f"{url}: is a database, not a journal file. Type it as {_SQLITE}{url}")
        return JournalStorage(JournalFileBackend(url))
    if url.startswith("redis"):
        return JournalStorage(JournalRedisBackend(url))
    if url.startswith(_SQLITE) and not Path(url.removeprefix(_SQLITE)).is_file():
        raise ExchangeError(f"{url}: no such file")
    if not _has_table(url):
        raise ExchangeError(f"{masked(url)}: a database without studies of Optuna")
    return RDBStorage(url)


def opened(url: str) -> BaseStorage:
    """A storage to write to, made where there is none. Nothing is written into a file of something else."""
    file = Path(url.removeprefix(_SQLITE))
    if (is_journal(url) or url.startswith(_SQLITE)) and file.is_file() and file.stat().st_size:
        return existing(url)
    if url.startswith("redis"):
        return JournalStorage(JournalRedisBackend(url))
    if is_journal(url):
        return JournalStorage(JournalFileBackend(url))
    if _has_table(url, _TAKEN) and not _has_table(url):
        raise ExchangeError(
            f"{masked(url)}: a database with other {_TAKEN} than Optuna's, as a ledger has them. Name another one"
        )
    return RDBStorage(url)


def load(url: str, name: str) -> Any:
    """The study of that name. Raises ExchangeError, with those there are."""
    storage = existing(url)
    names = [study.study_name for study in storage.get_all_studies()]
    if name not in names:
        there = listing(sorted(names)) or "none"
        raise ExchangeError(f"{masked(url)}: no study '{name}'.{nearest(name, names)} It has {there}")
    return optuna.load_study(study_name=name, storage=storage)


def _has_table(url: str, name: str = _OWN_TABLE) -> bool:
    engine = sa.create_engine(url)
    try:
        return bool(sa.inspect(engine).has_table(name))
    finally:
        engine.dispose()
