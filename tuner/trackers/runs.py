"""The runs of one search in MLflow: a parent for the search, a child for each trial."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.trackers import Closing, Opening, words
from tuner.trackers.store import Store
from tuner.trackers.writing import NewRun, log, writer
from tuner.trial import Result, State

if TYPE_CHECKING:
    from mlflow.entities import Experiment, Run


class Runs:
    """The record of a search as it is in the store. Made anew after each failure, so that it knows what got through.

    `parent` is the search's own run; `children` are the runs of the trials that are written to the end.
    """

    def __init__(self, store: Store, opening: Opening) -> None:
        self._store = store
        self._client = store.client
        self._opening = opening
        self.experiment = self._open_experiment()
        self._writer = writer(store.client, store.engine, self.experiment)
        self.parent = self._open_parent()
        self.children = self._kept_children()

    def begin(self) -> None:
        """Says what is searched, and that the search is running."""
        opening, run = self._opening, self._client.get_run(self.parent)
        if run.info.status != "RUNNING":
            self._client.update_run(self.parent, status="RUNNING")
        # A parameter can never be changed once it is logged.
        known = run.data.params
        params = {name: value for name, value in words.search_params(opening).items() if name not in known}
        log(self._client, self.parent, params=params, tags=words.search_tags(opening))
        if (data_set := words.data_set(opening)) is not None:
            self._client.log_inputs(self.parent, datasets=[data_set])
        self._store.log_text(run.info, words.to_json(opening.document), "study.json")
        self._store.log_text(run.info, words.to_json(opening.space), "space.json")
        self._store.log_text(run.info, words.to_json(opening.versions), "versions.json")
        if opening.text is not None:
            self._store.log_text(run.info, opening.text, "study.toml")
        if opening.model is not None:
            code = opening.model.read_text(encoding="utf-8", errors="replace")
            self._store.log_text(run.info, code, opening.model.name)

    def write(self, result: Result, ended: float) -> str:
        """The id of the run of a trial, which is written unless it is there. `ended` is in seconds since 1970."""
        number = result.trial.number
        if number in self.children:
            return self.children[number]
        started = ended - result.seconds
        run = self._writer.create(
            NewRun(
                f"trial {number}",
                words.milliseconds(started),
                words.trial_tags(self._opening, result, self.parent),
                words.trial_params(result),
                list(words.trial_metrics(result, started, self._opening.further)),
            )
        )
        self._store.log_text(run, words.trial_history(result), "history.json")
        if result.error is not None:
            self._store.log_text(run, result.error, "error.txt")
        status = "FINISHED" if result.state in (State.COMPLETE, State.PRUNED) else "FAILED"
        self._writer.end(run.run_id, status, words.milliseconds(ended))
        self.children[number] = run.run_id
        return self.children[number]

    def conclude(self, closing: Closing) -> None:
        """Writes what the search found. The champion's model is not among it, and the run stays open."""
        run = self._client.get_run(self.parent)
        best = words.best_tags(closing)
        for name in run.data.tags:
            if name.startswith(words.BEST) and name not in best:
                self._client.delete_tag(self.parent, name)
        champion = {"tuner.champion": str(closing.champion)}
        if closing.champion in self.children:
            champion["tuner.champion_run"] = self.children[closing.champion]
        # The step grows with the search, so that the values of its latest ending are the ones that show.
        scores = words.metrics(closing.scores, time.time(), len(self.children))
        new = [score for score in scores if run.data.metrics.get(score.key) != score.value]
        log(self._client, self.parent, metrics=new, tags={**best, **champion})
        self._store.log_text(run.info, words.to_json(closing.summary), "summary.json")
        for plot in closing.plots:
            self._client.log_artifact(self.parent, str(plot), "plots")
        if self._opening.further:
            self._mark({self.children[number] for number in closing.front if number in self.children})
        for number, files in closing.kept.items():
            for file in files if number in self.children else ():
                self._client.log_artifact(self.children[number], str(file), _folder(file))

    def _mark(self, front: set[str]) -> None:
        """Tags the runs on the Pareto front, and no others."""
        marked = {run.info.run_id for run in self._search({words.PARENT: self.parent, words.PARETO: "yes"})}
        for run in marked - front:
            self._client.delete_tag(run, words.PARETO)
        for run in front - marked:
            self._client.set_tag(run, words.PARETO, "yes")

    def close(self, status: str) -> None:
        """Ends the search's own run, as FINISHED, FAILED or KILLED."""
        self._client.set_terminated(self.parent, status)

    def _open_experiment(self) -> Experiment:
        """The experiment of the study, made where there is none, and restored where someone deleted it."""
        name, folder = self._opening.study, self._store.artifacts
        if (found := self._client.get_experiment_by_name(name)) is None:
            location = folder.absolute().as_uri() if folder is not None else None
            made = self._client.create_experiment(name, artifact_location=location, tags=words.EXPERIMENT)
            return self._client.get_experiment(made)
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        return found

    def _open_parent(self) -> str:
        mine = {words.SEARCH: self._opening.identity, words.KIND: "search"}
        found = list(self._search(mine))
        # A server may have made a run and its answer got lost. Nothing was written to that one.
        for copy in found[1:]:
            discard(self._store, copy)
        run = found[0] if found else self._client.create_run(
            self.experiment.experiment_id, run_name=self._opening.label, tags=words.search_tags(self._opening)
        )  # fmt: skip
        parent: str = run.info.run_id
        return parent

    def _kept_children(self) -> dict[int, str]:
        """The trials that are recorded to the end. Half a record is removed, as the search has the whole of it."""
        kept: dict[int, str] = {}
        for run in self._search({words.PARENT: self.parent, words.KIND: "trial"}):
            number = int(run.data.tags[words.TRIAL])
            if run.info.status in ("FINISHED", "FAILED") and number not in kept:
                kept[number] = run.info.run_id
            else:
                discard(self._store, run)
        return kept

    def _search(self, tags: Mapping[str, object]) -> Iterator[Run]:
        return find(self._store, [self.experiment.experiment_id], tags)


def find(store: Store, experiments: Sequence[str], tags: Mapping[str, object]) -> Iterator[Run]:
    """The runs with all of these tags, oldest first; deleted ones are not among them."""
    token: str | None = None
    while True:
        page = store.client.search_runs(
            list(experiments),
            words.chosen(tags),
            max_results=1000,
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        yield from page
        token = page.token
        if not token:
            return


def discard(store: Store, run: Run) -> None:
    """Deletes a run, and its files where they are in our own folder."""
    store.client.delete_run(run.info.run_id)
    store.remove_files(run.info.artifact_uri)


def _folder(file: Path) -> str:
    return "plots" if file.suffix in (".png", ".svg", ".html") else "model"
