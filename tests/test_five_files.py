"""Files as people have them lying about: what `tuner init` makes of them, and that a network trains on it as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests import five_files
from tests.trainers import jobs
from tuner import opening
from tuner.drafting import Draft, draft
from tuner.home import Home
from tuner.metrics import Task
from tuner.study import Study, load
from tuner.trainers import processes
from tuner.trial import Trial


@dataclass(frozen=True)
class Meant:
    """What somebody who knows the rows would write."""

    task: Task
    metric: str
    drop: tuple[str, ...]
    missing: Mapping[str, Any]
    features: tuple[str, ...]
    asked: tuple[str, ...]  # of which columns there is a question


MEANT: Mapping[str, Meant] = {
    "churn": Meant(
        Task.BINARY, "val_loss", ("customerID",), {},
        ("gender", "SeniorCitizen", "tenure", "Contract", "PaymentMethod", "MonthlyCharges", "TotalCharges"), (),
    ),
    "used_cars": Meant(
        Task.REGRESSION, "val_rmse", ("Nr", "Erstzulassung"), {"Kraftstoff": "?", "PS": "?"},
        ("Marke", "Kraftstoff", "Getriebe", "km-Stand", "PS", "Verbrauch", "Unfall"), ("Erstzulassung", "PS"),
    ),
    "hospital_stays": Meant(
        Task.BINARY, "val_loss", ("encounter_id", "patient_id", "admitted"),
        {"weight_kg": "unknown", "lab_glucose": -999},
        ("age", "weight_kg", "sex", "admission_type", "diagnosis", "lab_glucose", "medications"),
        ("patient_id", "admitted", "diagnosis", "lab_glucose", "admission_type"),
    ),
    "sensor_readings": Meant(
        Task.MULTICLASS, "val_accuracy", ("timestamp", "firmware"), {"temp_C": -999},
        ("machine", "temp_C", "pressure_kPa", "vibration", "rpm"), ("timestamp", "temp_C"),
    ),
    "survey": Meant(
        Task.MULTICLASS, "val_accuracy", ("respondent", "submitted", "income", "comment"),
        {"country": "n/a", "q1_price": 99, "q2_quality": 99, "q3_support": 99},
        ("age_group", "country", "q1_price", "q2_quality", "q3_support", "visits"),
        ("submitted", "income", "q1_price", "q2_quality", "q3_support"),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Draft, Study]]:
    """The study file of one of them, as it is written and as it is read."""
    folder = tmp_path_factory.mktemp("five")

    @cache
    def made(name: str) -> tuple[Draft, Study]:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(five_files.write(name, folder).parent)
            written = draft(name.replace("_", "-"), Home(folder), f"{name}.csv")
            written.write()
            return written, load(written.path)

    return made


@pytest.mark.parametrize("name", five_files.FILES)
def test_it_is_what_somebody_who_knows_the_rows_would_write(
    name: str, drafted: Callable[[str], tuple[Draft, Study]]
) -> None:
    (written, study), meant = drafted(name), MEANT[name]
    assert (study.data.task, study.objective.metric) == (meant.task, meant.metric)
    assert (study.data.drop, dict(study.data.missing)) == (meant.drop, meant.missing)
    assert tuple(written.inferred.kinds) == meant.features
    asked, known = " ".join(written.inferred.questions), (*meant.features, *meant.drop)
    assert {column for column in known if re.search(rf"\b{column}\b", asked)} == set(meant.asked)
    lopsided = meant.metric == "val_loss"
    assert ("class_weight" in study.document["space"]) is lopsided


def test_networks_of_their_spaces_train_on_their_rows(
    drafted: Callable[[str], tuple[Draft, Study]], tmp_path: Path
) -> None:
    orders = {}
    for name in five_files.FILES:
        _, study = drafted(name)
        split = opening.split(study, Home(tmp_path))
        split.save(tmp_path / name)
        orders[name] = tmp_path / name, Trial(0, study.space.walk(lambda _, parameter: parameter.at(0.4)), 7, 1)
    for name, (loss, finite) in processes.call(jobs.steps, orders).items():
        assert 0 < loss < 100, name
        assert finite, name
