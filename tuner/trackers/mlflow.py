"""The record of a search in MLflow: one run a search, one a trial below it, the best model in the registry.

How all of it is named is documented in mlflow/README.md.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path

from tuner.errors import TrackingError
from tuner.trackers import Closing, Opening, registry, words
from tuner.trackers.outbox import Outbox, masked, one_line
from tuner.trackers.runs import Runs, discard, find
from tuner.trackers.store import Store, connect
from tuner.trial import Result


class MlflowTracker:
    """Records one search in MLflow, from a thread of its own. MLflow is imported there, once there is work.

    `uri` is MLflow's tracking address. `artifacts` is the folder for files where the store is `mlflow.db` beside it;
    for any other store, files go where that store says.
    """

    def __init__(self, uri: str, artifacts: Path) -> None:
        self._uri = uri
        self._artifacts = artifacts
        self._opening: Opening | None = None
        self._store: Store | None = None
        self._outbox: Outbox[Runs] = Outbox(self._connect)
        self._ids: dict[int | None, str] = {}
        self._lock = threading.Lock()
        self._open = False  # begun and not ended, as far as the store has been told

    def begin(self, opening: Opening) -> None:
        self._opening = opening
        self._outbox.put(self._begin, counts=False)

    def record(self, result: Result) -> None:
        if result.trial.retake:
            return
        ended = time.time() if result.ended is None else result.ended
        self._outbox.put(lambda runs: self._note(result.trial.number, runs.write(result, ended)))

    def end(self, closing: Closing | None) -> None:
        self._outbox.put(lambda runs: self._end(runs, closing))

    def recorded(self) -> Mapping[int | None, str]:
        with self._lock:
            ids, self._ids = self._ids, {}
        return ids

    @property
    def offline(self) -> str | None:
        trouble = self._outbox.trouble
        return None if trouble is None else f"{masked(self._uri)}: {trouble}"

    @property
    def waiting(self) -> int:
        return self._outbox.waiting

    def close(self, seconds: float) -> int:
        if self._opening is not None:
            self._outbox.put(self._leave, counts=False)
        return self._outbox.close(seconds)

    def _connect(self) -> Runs:
        assert self._opening is not None, "begin comes first"
        if self._store is None:
            self._store = connect(self._uri, self._artifacts)
        return Runs(self._store, self._opening)

    def _begin(self, runs: Runs) -> None:
        runs.begin()
        self._open = True
        self._note(None, runs.parent)

    def _end(self, runs: Runs, closing: Closing | None) -> None:
        if closing is not None:
            assert self._store is not None
            assert self._opening is not None
            runs.conclude(closing)
            if closing.model is not None:
                registry.publish(self._store, runs, self._opening, closing, closing.model)
        runs.close("FINISHED" if closing is not None else "FAILED")
        self._open = False

    def _leave(self, runs: Runs) -> None:
        if self._open:
            runs.close("KILLED")

    def _note(self, trial: int | None, run_id: str) -> None:
        with self._lock:
            self._ids[trial] = run_id


def forget(uri: str, artifacts: Path, identity: str, trial: int | None = None) -> int:
    """Deletes a search from the record, or one trial of it: runs, models and versions. Returns how many runs.

    Files are removed too where the store is our own; elsewhere MLflow keeps what is deleted until `mlflow gc`. Raises
    TrackingError where the store cannot be reached.
    """
    tags = {words.SEARCH: identity} | ({} if trial is None else {words.TRIAL: str(trial)})
    try:
        store = connect(uri, artifacts)
        experiments = [each.experiment_id for each in store.client.search_experiments()]
        registry.withdraw(store, experiments, tags)
        runs = list(find(store, experiments, tags))
        for run in runs:
            discard(store, run)
    except Exception as error:
        raise TrackingError(f"the record at {masked(uri)} cannot be changed: {one_line(error)}") from error
    return len(runs)
