"""What is said where a search would go on with other settings or rows than it began with, and what to type."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tuner import opening
from tuner.errors import StudyError
from tuner.home import Home
from tuner.ledger import Ledger
from tuner.study import Study, from_document

OWN, OTHER = "sklearn:wine", "/rows/of mine.csv"


def study(source: str = OWN, epochs: int = 2, metric: str = "val_accuracy", **settings: Any) -> Study:
    document = {"data": {"source": source}, "space": {"layers": 1}, "training": {"epochs": epochs}, "search": settings}
    return from_document("wine", {**document, "objective": {"metric": metric}})


def rows(study: Study) -> Any:
    return SimpleNamespace(
        fingerprint=study.data.source,
        tested=study.data.source,
        table=study.data.source,
        y_train=[0] * 9,
        y_validation=[],
        y_test=[],
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(Home(tmp_path))
    yield made
    made.close()


def refused(ledger: Ledger, before: Study, now: Study) -> tuple[str, ...]:
    source = before.data.source
    ledger.create("wine", before.document, {"name": source, "fingerprint": source, "rows": 9})
    with pytest.raises(StudyError, match="begin another search beside it: tuner search wine") as caught:
        opening.claim(ledger, now, rows(now), 1, fresh=False)
    return caught.value.problems


BESIDE = "or begin another search beside it: tuner search wine"


@pytest.mark.parametrize(
    ("before", "now", "lines"),
    [
        (
            study(deterministic=True),
            study(),
            (
                "--deterministic is left out here, and wine@1 began with it",
                f"go on with: tuner search wine@1 --deterministic, {BESIDE} --no-deterministic --fresh",
            ),
        ),
        (
            study(),
            study(deterministic=True, seed=3),
            (
                "--seed is 3 here, and wine@1 began with --seed 0",
                "--deterministic is given here, and wine@1 began without it",
                f"go on with: tuner search wine@1 --seed 0 --no-deterministic, {BESIDE} --seed 3"
                " --deterministic --fresh",
            ),
        ),
        (
            study(epochs=3),
            study(),
            (
                "--epochs is 2 here, and wine@1 began with --epochs 3",
                f"go on with: tuner search wine@1 --epochs 3, {BESIDE} --epochs 2 --fresh",
            ),
        ),
        (
            study(metric="val_f1"),
            study(seed=3),
            (
                "objective.metric has changed from val_f1 to val_accuracy, since wine@1 began",
                "--seed is 3 here, and wine@1 began with --seed 0",
                f"the search was left as it is; put that back, {BESIDE} --seed 3 --fresh",
            ),
        ),
        (
            study(),
            study(OTHER),
            (
                f"{OTHER} has not the rows that wine@1 began with, those of {OWN} (9 then, 9 now)",
                f"go on with: tuner search wine@1, {BESIDE} --data '{OTHER}' --fresh",
            ),
        ),
        (
            study(OTHER),
            study(),
            (
                f"{OWN} has not the rows that wine@1 began with, those of {OTHER} (9 then, 9 now)",
                f"go on with: tuner search wine@1 --data '{OTHER}', {BESIDE} --fresh",
            ),
        ),
    ],
    ids=["left out", "given", "of training", "not an option", "other rows", "without its rows"],
)
def test_what_differs_is_said_of_the_option_and_what_to_type_has_it(
    ledger: Ledger, before: Study, now: Study, lines: tuple[str, ...]
) -> None:
    assert refused(ledger, before, now) == tuple(f"wine: {line}" for line in lines)


@pytest.mark.parametrize(
    ("options", "typed"),
    [
        ({}, "tuner search small@1"),
        (
            {
                "search": {"driver": "keras-tuner", "sampler": "random", "deterministic": True},
                "training": {"epochs": 9},
            },
            "tuner search small@1 --driver keras-tuner --sampler random --pruner none --deterministic --epochs 9",
        ),
        ({"data": {"source": "other.csv"}}, "tuner search small@1 --data {folder}/other.csv"),
    ],
    ids=["as the file says", "other settings", "other rows"],
)
def test_what_goes_on_with_a_search_has_the_options_that_its_file_does_not_say(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], typed: str
) -> None:
    home = ledger.home
    monkeypatch.chdir(home.root)
    (home.root / "studies").mkdir()
    (home.root / "studies" / "small.toml").write_text('[data]\nsource = "sklearn:wine"\n', encoding="utf-8")
    begun = opening.study("small", None, home, options)
    found = ledger.create("small", begun.document, {})
    assert opening.resuming(found, home) == typed.format(folder=home.root)
