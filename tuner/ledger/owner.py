"""The one process that asks, judges and writes for a search."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.dialects.sqlite import insert as upsert

from tuner.errors import LedgerError
from tuner.ledger import file, tables
from tuner.ledger.reading import Ledger, Search
from tuner.trial import Batch, Metrics, Report, Result, Trial

State = Callable[[], Mapping[str, Any]]
Judge = Callable[[Sequence[Report]], set[int]]

_NONE: Mapping[Any, Any] = MappingProxyType({})

# What is written again and again, put together once: that takes longer than writing it.
_searches, _trials, _memory = tables.searches.c, tables.trials.c, upsert(tables.driver_state)
_mine: sa.BindParameter[int] = sa.bindparam("mine")
_which: sa.BindParameter[int] = sa.bindparam("which")
_last_place = sa.select(sa.func.coalesce(sa.func.max(_trials.place), 0)).where(_trials.search == _mine)
_SEARCH = sa.update(tables.searches).where(_searches.id == _mine)
_TRIAL = sa.update(tables.trials).where(_trials.search == _mine, _trials.number == _which)
_OUTCOME = _TRIAL.where(_trials.place.is_(None)).values(place=_last_place.scalar_subquery() + 1)
_MEMORY = _memory.on_conflict_do_update(["search", "key"], set_={"value": _memory.excluded.value})
_ASKED, _VERDICTS = sa.insert(tables.trials), sa.insert(tables.verdicts)


@contextmanager
def own(ledger: Ledger, search: Search) -> Iterator[Owned]:
    """Holds a search until the block ends, or the process, however it ends.

    Raises LedgerError where another process holds it, saying which, and where it was deleted.
    """
    folder = ledger.home.search(search.label)
    folder.mkdir(parents=True, exist_ok=True)
    lock = _lock(folder)
    try:
        # Taken and written down in one go, so that whoever comes second reads of the first, not of the one before.
        with file.lock(ledger.home.ledger):
            try:
                lock.acquire()
            except Timeout:
                raise LedgerError(_held(ledger, search)) from None
            token = _take_over(ledger, search)
        yield Owned(ledger, ledger.get(search.label), token)
    finally:
        lock.release()


def holder(ledger: Ledger, search: Search) -> Mapping[str, Any] | None:
    """Who holds a search at this moment: its host, pid, and since when; None where nobody does."""
    folder = ledger.home.search(search.label)
    if not folder.is_dir():
        return None
    try:
        # As `own` takes it, so that nobody who begins now is refused because of a look.
        with file.lock(ledger.home.ledger), _lock(folder):
            return None
    except Timeout:
        return (ledger.find(search.label) or search).owner
    except OSError:
        return None  # a folder in which one may only read has no owner of ours


def _lock(folder: Path) -> FileLock:
    return FileLock(folder / "owner.lock", blocking=False)


def _held(ledger: Ledger, search: Search) -> str:
    owner = (ledger.find(search.label) or search).owner or {}
    since = time.strftime("%H:%M:%S on %d %B", time.localtime(owner.get("since", time.time())))
    return (
        f"{search.label} is being searched by process {owner.get('pid', '?')} on {owner.get('host', '?')} since "
        f"{since}. Wait for it, stop it there with Ctrl-C, or begin another beside it with --fresh"
    )


def _take_over(ledger: Ledger, search: Search) -> int:
    """Writes this process down as the owner, and returns the token with which it writes from now on."""
    me = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}
    columns = tables.searches.c
    mine = sa.and_(columns.id == search.id, columns.identity == search.identity)
    with file.changing(ledger.engine) as connection:
        connection.execute(
            sa.update(tables.searches).where(mine).values(token=columns.token + 1, owner=tables.dumps(me))
        )
        token = connection.execute(sa.select(columns.token).where(mine)).scalar()
    if token is None:
        raise LedgerError(f"{search.label} was deleted meanwhile. Type the command again to begin anew")
    return int(token)


class Owned:
    """A search that this process owns, as the ledger knows it."""

    def __init__(self, ledger: Ledger, search: Search, token: int) -> None:
        self.ledger, self.search, self._token = ledger, search, token
        self.folder = ledger.home.search(search.label)
        self.next_number = search.next_number
        self.results = ledger.results(search)
        self.waiting = ledger.waiting(search)
        self.retakes = ledger.retakes(search)
        self._verdicts = ledger.verdicts(search)
        self._unwritten: Mapping[str, Any] = {}  # what the driver remembers since the last line

    def asks(self, ask: Callable[[int], Batch], state: State) -> Callable[[int], Batch]:
        """`ask`, with trials that wait for an outcome first, and every new one written before it is handed out."""
        waiting = list(self.waiting)

        def asking(n: int) -> Batch:
            if waiting:
                again, waiting[:] = waiting[:n], waiting[n:]
                return Batch(tuple(again), more=True)
            batch = ask(n)
            changed = state()
            if batch.trials or changed:
                self._asked(batch.trials, changed)
            return batch

        return asking

    def imports(self, results: Sequence[Result]) -> None:
        """Writes trials that were trained elsewhere, with their outcomes, after those that are told: all, or none.

        Each must have the next number from `next_number` on.
        """
        expected = range(self.next_number, self.next_number + len(results))
        if [result.trial.number for result in results] != [*expected]:
            raise ValueError(f"expected trials {expected.start} to {expected.stop - 1}, in their order")
        mine = {"mine": self.search.id}
        with self._writing() as connection:
            place = connection.execute(_last_place, mine).scalar_one()
            rows = [
                {**self._proposed(result.trial), **self._row(result), "place": place + i}
                for i, result in enumerate(results, start=1)
            ]
            for row, result in zip(rows, results, strict=True):
                row["told"] = result.ended or row["told"]
            if rows:
                connection.execute(_ASKED, rows)
                connection.execute(_SEARCH, {**mine, "next_number": expected.stop})
        self.next_number = expected.stop
        self.results += results

    def judges(self, judge: Judge, state: State) -> Judge:
        """`judge`, with every verdict, and what the driver remembers of it, written before it is carried out.

        What it remembers of a trial that goes on is written with the next line of any kind: after a kill the trial
        trains again, and where its marks were not kept it is judged again. A verdict from before a restart still
        stands.
        """

        def judging(reports: Sequence[Report]) -> set[int]:
            epochs = {report.trial: report.epoch for report in reports}
            stopped = judge(reports) & epochs.keys()
            new = {number: epochs[number] for number in stopped if number not in self._verdicts}
            self._judged(new, state())
            return stopped | {n for n, epoch in epochs.items() if epoch >= self._verdicts.get(n, math.inf)}

        return judging

    def told(self, result: Result, state: Mapping[str, Any], runs: Mapping[int | None, str] = _NONE) -> None:
        """Writes an outcome together with what the driver remembers of it, and with `runs` as `recorded` has them.

        Raises ValueError where that trial was not asked for, or was told before.
        """
        outcome = {"mine": self.search.id, "which": result.trial.number, **self._row(result)}
        with self._writing(state) as connection:
            if connection.execute(_OUTCOME, outcome).rowcount != 1:
                raise ValueError(f"trial {result.trial.number} was not asked for, or was told before")
            self._recorded(connection, runs)
        self.results.append(result)
        self.waiting = [trial for trial in self.waiting if trial.number != result.trial.number]

    def _row(self, result: Result) -> dict[str, Any]:
        return {
            "told": time.time(),
            "state": result.state.value,
            "score": result.score,
            "best_epoch": result.best_epoch,
            "history": tables.dumps(_columns(result.history)),
            "seconds": result.seconds,
            "weights": result.weights.relative_to(self.folder).as_posix() if result.weights else None,
            # A traceback may quote what no encoding can write; SQLite takes UTF-8 only.
            "error": result.error and result.error.encode("utf-8", "backslashreplace").decode(),
            "program": tables.dumps(dict(result.program)),
            "further": tables.dumps(result.further) if result.further else None,
        }

    def retaken(self, result: Result) -> None:
        """Writes the outcome of a finalist that was trained again."""
        row = {
            "search": self.search.id,
            "number": result.trial.number,
            "retake": result.trial.retake,
            "seed": result.trial.seed,
            "state": result.state.value,
            "score": result.score,
        }
        with self._writing() as connection:
            connection.execute(sa.insert(tables.retakes).values(row))
        self.retakes.append(result)

    def looking(self, champion: int) -> int:
        """Counts a look at the test rows, before it happens, and returns how many there are with it.

        Those of other searches on the same rows count too, whatever these prepare of them. Looking once more at the
        same champion of the same trials, because the last time was interrupted, is the same look.
        """
        looked = f"{champion} of {sum(not result.imported for result in self.results)}"
        with self._writing() as connection:
            change = _SEARCH.where(_searches.looked.is_distinct_from(looked))
            connection.execute(change.values(looks=_searches.looks + 1, looked=looked), {"mine": self.search.id})
        rows = _tested(self.search)
        return sum(search.looks for search in self.ledger.searches() if _tested(search) == rows)

    def continued(self, document: Mapping[str, Any]) -> None:
        """Takes over what may change from one command to the next: the budget, the title, where the rows lie."""
        if document == self.search.document:
            return
        with self._writing() as connection:
            connection.execute(_SEARCH, {"mine": self.search.id, "document": tables.dumps(document)})
        self.search = replace(self.search, document=document)

    def concluded(self, verdict: Mapping[str, Any]) -> None:
        """Writes what the search found."""
        with self._writing() as connection:
            connection.execute(_SEARCH, {"mine": self.search.id, "verdict": tables.dumps(verdict)})
        self.search = replace(self.search, verdict=verdict)

    def recorded(self, runs: Mapping[int | None, str]) -> None:
        """Writes MLflow's ids of the runs that are complete there, and what else waits to be written.

        None is the search's own run. They only repeat what the record has, so those that a kill takes are found again.
        """
        if runs or self._unwritten:
            with self._writing() as connection:
                self._recorded(connection, runs)

    def _recorded(self, connection: sa.Connection, runs: Mapping[int | None, str]) -> None:
        for number, run in runs.items():
            change = _SEARCH if number is None else _TRIAL
            which = {} if number is None else {"which": number}
            connection.execute(change, {"mine": self.search.id, "run": run, **which})

    def _asked(self, trials: Sequence[Trial], state: Mapping[str, Any]) -> None:
        rows = [self._proposed(trial) for trial in trials]
        following = max([self.next_number, *(trial.number + 1 for trial in trials)])
        with self._writing(state) as connection:
            if rows:
                connection.execute(_ASKED, rows)
                connection.execute(_SEARCH, {"mine": self.search.id, "next_number": following})
        self.next_number = following
        self.waiting += trials

    def _proposed(self, trial: Trial) -> dict[str, Any]:
        return {
            "search": self.search.id,
            "number": trial.number,
            "values": tables.dumps(dict(trial.values)),
            "seed": trial.seed,
            "first_epoch": trial.first_epoch,
            "last_epoch": trial.last_epoch,
            "parent": trial.parent,
            "asked": time.time(),
        }

    def _judged(self, verdicts: Mapping[int, int], state: Mapping[str, Any]) -> None:
        """Writes after which epoch each of these trials stops."""
        if not verdicts:
            self._unwritten = {**self._unwritten, **state} if state else self._unwritten
            return
        rows = [{"search": self.search.id, "number": n, "epoch": epoch} for n, epoch in verdicts.items()]
        with self._writing(state) as connection:
            connection.execute(_VERDICTS, rows)
        self._verdicts |= verdicts

    @contextmanager
    def _writing(self, state: Mapping[str, Any] = _NONE) -> Iterator[sa.Connection]:
        """A change, together with what the driver remembers."""
        remembered = {**self._unwritten, **state}
        rows = [{"search": self.search.id, "key": key, "value": tables.dumps(remembered[key])} for key in remembered]
        with file.writing(self.ledger.engine, self.search.id, self._token) as connection:
            yield connection
            if rows:
                connection.execute(_MEMORY, rows)
        self._unwritten = {}


def _tested(search: Search) -> object:
    """Which rows are kept apart for its test. An earlier ledger has only the whole split's fingerprint."""
    return search.data.get("tested", search.data.get("fingerprint"))


def _columns(history: Sequence[Metrics]) -> dict[str, list[float]]:
    """Metrics by name instead of by epoch: a third of the size. Raises ValueError where an epoch has others."""
    names = history[0].keys() if history else ()
    if any(metrics.keys() != names for metrics in history):
        raise ValueError("every epoch of a history has the same metrics")
    return {name: [metrics[name] for metrics in history] for name in names}
