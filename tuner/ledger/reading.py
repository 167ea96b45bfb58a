"""What the ledger says, for anyone who asks."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tuner.errors import LedgerError, nearest
from tuner.home import Home, names
from tuner.ledger import file, tables
from tuner.trial import Result, State, Trial


@dataclass(frozen=True, slots=True)
class Search:
    """A search, as it stood when it was read."""

    id: int
    study: str
    number: int
    identity: str
    document: Mapping[str, Any]
    data: Mapping[str, Any]
    created: float
    owner: Mapping[str, Any] | None
    run: str | None
    looks: int
    verdict: Mapping[str, Any] | None
    next_number: int  # above that of every trial it ever had

    @property
    def label(self) -> str:
        """`diabetes@1`: the name under which this one of the study's searches is asked for."""
        return f"{self.study}@{self.number}"


class Ledger:
    """The searches of a folder."""

    def __init__(self, home: Home) -> None:
        """Raises LedgerError where the file is not a ledger, or a newer one."""
        self.home = home
        self.engine = file.connect(home.ledger)

    @classmethod
    def existing(cls, home: Home) -> Ledger | None:
        """The ledger, or None where nothing was ever searched: looking must not leave files behind."""
        return cls(home) if home.ledger.exists() else None

    def close(self) -> None:
        """Lets go of the file; the ledger opens it again where it is used after that."""
        self.engine.dispose()

    def searches(self) -> list[Search]:
        """Every search, in the order in which they were begun."""
        return [_search(row) for row in self._rows(sa.select(tables.searches).order_by(tables.searches.c.id))]

    def find(self, name: str) -> Search | None:
        """The newest search of a study, or the one that `diabetes@2` names."""
        study, _, number = name.partition("@")
        found = [s for s in self.searches() if s.study == study and (not number or str(s.number) == number)]
        return found[-1] if found else None

    def get(self, name: str) -> Search:
        """As `find`. Raises LedgerError where there is none, with the nearest name."""
        found = self.find(name)
        if found is None:
            raise _unknown(name, self.home, [label for s in self.searches() for label in (s.study, s.label)])
        return found

    @classmethod
    def lookup(cls, home: Home, name: str) -> tuple[Ledger, Search]:
        """The ledger of a folder and a search in it. Raises LedgerError where there is none, and makes nothing."""
        ledger = cls.existing(home)
        if ledger is None:
            raise _unknown(name, home, [])
        return ledger, ledger.get(name)

    def create(self, study: str, document: Mapping[str, Any], data: Mapping[str, Any]) -> Search:
        """A new search, beside those that the study has."""
        with file.lock(self.home.ledger):
            return self._create(study, document, data)

    def find_or_create(self, study: str, document: Mapping[str, Any], data: Mapping[str, Any]) -> Search:
        """The newest search of a study, or its first one: the same for all who ask at once."""
        with file.lock(self.home.ledger):
            return self.find(study) or self._create(study, document, data)

    def _create(self, study: str, document: Mapping[str, Any], data: Mapping[str, Any]) -> Search:
        columns = tables.searches.c
        with file.changing(self.engine) as connection:
            last = connection.execute(sa.select(sa.func.max(columns.number)).where(columns.study == study)).scalar()
            number = (last or 0) + 1
            connection.execute(
                sa.insert(tables.searches).values(
                    study=study,
                    number=number,
                    identity=uuid.uuid4().hex,
                    document=tables.dumps(document),
                    data=tables.dumps(data),
                    created=time.time(),
                )
            )
        return self.get(f"{study}@{number}")

    def results(self, search: Search) -> list[Result]:
        """The outcomes of a search, in the order told."""
        columns = tables.trials.c
        mine = sa.select(tables.trials).where(columns.search == search.id, columns.place.is_not(None))
        folder = self.home.search(search.label)
        return [_result(row, folder) for row in self._rows(mine.order_by(columns.place))]

    def waiting(self, search: Search) -> list[Trial]:
        """The trials that were asked for and have no outcome, in the order asked."""
        columns = tables.trials.c
        mine = sa.select(tables.trials).where(columns.search == search.id, columns.place.is_(None))
        return [_trial(row) for row in self._rows(mine.order_by(columns.number))]

    def retakes(self, search: Search) -> list[Result]:
        """The finalists that were trained again, by number and retake; only their state and score are kept."""
        again, trials = tables.retakes, tables.trials
        both = sa.and_(trials.c.search == again.c.search, trials.c.number == again.c.number)
        names = ("number", "values", "first_epoch", "last_epoch", "parent")
        query = sa.select(
            *(trials.c[name] for name in names), again.c.retake, again.c.seed, again.c.state, again.c.score
        ).join_from(again, trials, both)
        mine = query.where(again.c.search == search.id).order_by(again.c.number, again.c.retake)
        return [
            Result(replace(_trial(row), retake=row["retake"]), State(row["state"]), row["score"])
            for row in self._rows(mine)
        ]

    def verdicts(self, search: Search) -> dict[int, int]:
        """By trial number, the epoch after which the judge stopped it."""
        columns = tables.verdicts.c
        mine = sa.select(columns.number, columns.epoch).where(columns.search == search.id)
        return {row["number"]: row["epoch"] for row in self._rows(mine)}

    def runs(self, search: Search) -> dict[int, str]:
        """MLflow's run ids by trial number, of the trials whose record is written."""
        columns = tables.trials.c
        query = sa.select(columns.number, columns.run).where(columns.search == search.id, columns.run.is_not(None))
        return {row["number"]: row["run"] for row in self._rows(query)}

    def driver_state(self, search: Search) -> dict[str, Any]:
        """The latest value of every key that the driver gave."""
        columns = tables.driver_state.c
        mine = sa.select(columns.key, columns.value).where(columns.search == search.id)
        return {row["key"]: json.loads(row["value"]) for row in self._rows(mine)}

    def delete(self, search: Search) -> None:
        """Removes a search and all that the ledger knows of it."""
        with file.changing(self.engine) as connection:
            connection.execute(sa.delete(tables.searches).where(tables.searches.c.id == search.id))

    def delete_trial(self, search: Search, number: int) -> None:
        """Removes one trial; its number is not used again, and a verdict that chose among it and others is void."""
        mine = tables.searches.c.id == search.id
        with file.changing(self.engine) as connection:
            connection.execute(sa.update(tables.searches).where(mine).values(verdict=None))
            for table in (tables.trials, tables.retakes, tables.verdicts):
                connection.execute(sa.delete(table).where(table.c.search == search.id, table.c.number == number))

    def _rows(self, query: sa.Select[Any]) -> Sequence[Mapping[str, Any]]:
        with file.reading(self.engine) as connection:
            return connection.execute(query).mappings().all()  # type: ignore[return-value]


def _unknown(name: str, home: Home, searched: Sequence[str]) -> LedgerError:
    """What to say, and to type, where nothing was searched under a name."""
    study = name.partition("@")[0]
    if study in names(home) and study not in searched:
        return LedgerError(f"nothing was searched under '{name}' yet. Type: tuner search {study}")
    hint = nearest(name, [*searched, *names(home)]) or " `tuner studies` lists what there is"
    return LedgerError(f"nothing was searched under '{name}'.{hint}")


def retaken(trial: Trial, retake: int, seed: int) -> Trial:
    """The same trial once more, with a fresh seed."""
    return replace(trial, seed=seed, retake=retake)


def _search(row: Mapping[str, Any]) -> Search:
    return Search(
        id=row["id"],
        study=row["study"],
        number=row["number"],
        identity=row["identity"],
        document=json.loads(row["document"]),
        data=json.loads(row["data"]),
        created=row["created"],
        owner=json.loads(row["owner"]) if row["owner"] else None,
        run=row["run"],
        looks=row["looks"],
        verdict=json.loads(row["verdict"]) if row["verdict"] else None,
        next_number=row["next_number"],
    )


def _trial(row: Mapping[str, Any]) -> Trial:
    return Trial(
        number=row["number"],
        values=json.loads(row["values"]),
        seed=row["seed"],
        last_epoch=row["last_epoch"],
        first_epoch=row["first_epoch"],
        parent=row["parent"],
    )


def _result(row: Mapping[str, Any], folder: Path) -> Result:
    return Result(
        trial=_trial(row),
        state=State(row["state"]),
        score=row["score"],
        best_epoch=row["best_epoch"],
        history=_history(json.loads(row["history"])),
        seconds=row["seconds"],
        weights=folder / row["weights"] if row["weights"] else None,
        error=row["error"],
        program=json.loads(row["program"]),
        ended=row["told"],
        further=tuple(json.loads(row["further"])) if row["further"] else (),
    )


def _history(columns: Mapping[str, Sequence[float]]) -> tuple[dict[str, float], ...]:
    return tuple(dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
