"""The champion in MLflow's registry: a logged model, a version of the study's registered model, and the alias."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.trackers import Closing, Opening, words
from tuner.trackers.runs import Runs
from tuner.trackers.store import Store

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion

ALIAS = "champion"


def publish(store: Store, runs: Runs, opening: Opening, closing: Closing, folder: Path) -> None:
    """Makes the champion the model that `models:/<study>@champion` loads. Doing it again makes nothing new.

    `folder` is the champion in MLflow's model format.
    """
    tags = {words.SEARCH: opening.identity, words.TRIAL: str(closing.champion)}
    source_run = runs.children.get(closing.champion, runs.parent)
    model = _logged_model(store, runs.experiment.experiment_id, source_run, tags, closing, folder)
    _link(store, (runs.parent, source_run), model)
    version = _version(store, opening, source_run, tags, model)
    store.client.set_logged_model_tags(
        model.model_id, {"mlflow.modelVersions": json.dumps([{"name": opening.study, "version": version.version}])}
    )
    store.client.set_registered_model_alias(opening.study, ALIAS, version.version)


def withdraw(store: Store, experiments: list[str], tags: Mapping[str, str]) -> None:
    """Deletes the versions and logged models with all of these tags, and a registered model that is then empty."""
    for version in list(store.client.search_model_versions(words.chosen(tags))):
        store.client.delete_model_version(version.name, version.version)
        registered = store.client.get_registered_model(version.name)
        if words.STUDY in registered.tags and not store.client.search_model_versions(f"name = '{version.name}'"):
            store.client.delete_registered_model(version.name)
    for model in list(_logged_models(store, experiments, tags)):
        store.client.delete_logged_model(model.model_id)
        store.remove_files(model.artifact_location)


def _logged_model(
    store: Store, experiment: str, run_id: str, tags: Mapping[str, str], closing: Closing, folder: Path
) -> LoggedModel:
    """The champion's model. One whose files were not all written when an earlier attempt ended gets them now."""
    found = list(_logged_models(store, [experiment], tags))
    model = next((model for model in found if model.status == "READY"), found[0] if found else None)
    if model is None:
        model = store.client.create_logged_model(
            experiment,
            name=f"trial-{closing.champion}",
            source_run_id=run_id,
            tags=dict(tags),
            params=words.written_params(closing.values),
            model_type="keras",
        )
    if model.status != "READY":
        store.client.log_model_artifacts(model.model_id, str(folder))
        model = store.client.finalize_logged_model(model.model_id, "READY")
    return model


def _link(store: Store, run_ids: tuple[str, ...], model: LoggedModel) -> None:
    """Makes the model an output of the runs. MLflow itself would list it once more each time."""
    from mlflow.entities import LoggedModelOutput

    for run_id in dict.fromkeys(run_ids):
        outputs = store.client.get_run(run_id).outputs
        if all(output.model_id != model.model_id for output in (outputs.model_outputs if outputs else ())):
            store.client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])


def _version(store: Store, opening: Opening, run_id: str, tags: Mapping[str, str], model: LoggedModel) -> ModelVersion:
    client, name = store.client, opening.study
    if found := client.search_model_versions(f"name = '{name}' AND {words.chosen(tags)}"):
        return found[0]
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, tags={words.STUDY: name}, description=opening.title or None)
    # A server looks the model up by its id. Without one, MLflow would look in the store of its global setting.
    source = f"models:/{model.model_id}" if store.served else model.artifact_location
    return client.create_model_version(name, source, run_id, tags=dict(tags), model_id=model.model_id)


def _logged_models(store: Store, experiments: list[str], tags: Mapping[str, str]) -> Iterator[LoggedModel]:
    token: str | None = None
    while experiments:
        page = store.client.search_logged_models(experiments, words.chosen(tags), page_token=token)
        yield from page
        token = page.token
        if not token:
            return
