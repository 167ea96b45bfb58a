"""An MLflow store in a folder, read back with MLflow's own client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.contracts.tracker import OPENING, Child, Seen
from tuner.trackers.mlflow import MlflowTracker
from tuner.trackers.store import connect


class Folder:
    """A store of our own in a folder, as `mlflow/` in a checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "mlflow"
        self.uri = f"sqlite:///{self.folder / 'mlflow.db'}"
        self.artifacts = self.folder / "artifacts"

    def tracker(self) -> MlflowTracker:
        return MlflowTracker(self.uri, self.artifacts)

    @property
    def client(self) -> Any:
        return connect(self.uri, self.artifacts).client

    def runs(self, filter_string: str = "") -> list[Any]:
        experiments = [each.experiment_id for each in self.client.search_experiments()]
        return list(self.client.search_runs(experiments, filter_string))

    def parent(self) -> Any:
        (run,) = self.runs(f"tags.`tuner.search` = '{OPENING.identity}' AND tags.`tuner.kind` = 'search'")
        return run

    def child(self, number: int) -> Any:
        (run,) = self.runs(f"tags.`tuner.search` = '{OPENING.identity}' AND tags.`tuner.trial` = '{number}'")
        return run

    def files(self, run: Any, path: str | None = None) -> list[str]:
        return sorted(each.path for each in self.client.list_artifacts(run.info.run_id, path))

    def text(self, run: Any, path: str) -> str:
        return Path(self.client.download_artifacts(run.info.run_id, path)).read_text()

    def seen(self, identity: str) -> list[Seen]:
        return [
            self._seen(run) for run in self.runs(f"tags.`tuner.search` = '{identity}' AND tags.`tuner.kind` = 'search'")
        ]

    def _seen(self, parent: Any) -> Seen:
        children: dict[int, list[Child]] = {}
        for run in self.runs(f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"):
            history = {
                name: {point.step: point.value for point in self.client.get_metric_history(run.info.run_id, name)}
                for name in run.data.metrics
            }
            child = Child(run.data.tags["tuner.state"], run.info.status, run.data.params, history)
            children.setdefault(int(run.data.tags["tuner.trial"]), []).append(child)
        champion = parent.data.tags.get("tuner.champion")
        return Seen(
            parent.info.status,
            dict(sorted(children.items())),
            parent.data.metrics,
            None if champion is None else int(champion),
        )

    def take_away(self) -> None:
        """A file where the folder should be: no store can be made or opened there."""
        self.folder.rename(self.root / "away")
        self.folder.touch()

    def bring_back(self) -> None:
        self.folder.unlink()
        (self.root / "away").rename(self.folder)


def record(store: Folder, *results: Any, closing: Any = None, opening: Any = OPENING) -> None:
    tracker = store.tracker()
    tracker.begin(opening)
    for each in results:
        tracker.record(each)
    if closing is not None:
        tracker.end(closing)
    assert tracker.close(60) == 0, tracker.offline
