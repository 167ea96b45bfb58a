"""From rows that nobody has described to a table: the study file is written, searched as it is, and tabled."""

from __future__ import annotations

import csv
import random
from io import StringIO
from pathlib import Path

import pytest

from tests import five_files
from tests.command.typed import shown, tuner, typed
from tuner.commands import looking, studies
from tuner.metrics import Task
from tuner.table_formats import FORMATS


def write_customers(folder: Path) -> None:
    drawn = random.Random(0)
    lines = ["customer_id;Umsatz;Stadt;seit;Kündigung"]
    for number in range(120):
        spent = "?" if number % 30 == 7 else f"{drawn.uniform(5, 90):.2f}".replace(".", ",")
        day = f"2024-{drawn.randint(1, 12):02d}-{drawn.randint(1, 28):02d}"
        lines.append(f"{number};{spent};{drawn.choice(('Köln', 'Bonn'))};{day};{drawn.choice(('ja', 'nein'))}")
    (folder / "kunden.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.timeout(300)  # a real search: two minutes are too few where the cores have other work
def test_a_drafted_study_is_searched_as_it_is_and_tabled(tmp_path: Path) -> None:
    write_customers(tmp_path)
    said = tuner(tmp_path, "init", "kunden", "--data", "kunden.csv")
    assert "'Kündigung' was taken, as it is the last column" in said
    assert "left out: customer_id (numbers the rows)" in said
    assert "question: seit: are later rows to be predicted from earlier ones?" in said
    assert said.endswith("wrote studies/kunden.toml\nsearch with: tuner search kunden\n")
    typed(tmp_path, "search", "kunden", "--trials", "2", "--sampler", "random", "--pruner", "none", "--workers", "1")
    trials = shown(tmp_path, "kunden")["trials"]
    assert [trial["state"] for trial in trials] == ["complete"] * 2
    rows = list(
        csv.DictReader(StringIO(typed(tmp_path, "table", "kunden", "--rows", "learning_rate", "--format", "csv")))
    )
    assert sorted(float(row["validation"]) for row in rows) == sorted(trial["score"] for trial in trials)
    assert (tmp_path / ".tuner/searches/kunden@1/tables/learning_rate-accuracy.png").stat().st_size > 5000


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", five_files.FILES)
def test_files_as_people_have_them_are_searched_without_an_edit(name: str, tmp_path: Path) -> None:
    five_files.write(name, tmp_path)
    tuner(tmp_path, "init", "mine", "--data", f"{name}.csv")
    said = tuner(tmp_path, "search", "mine", "--trials", "2", "--workers", "1")
    assert "Traceback" not in said
    found = shown(tmp_path, "mine")
    assert {trial["state"] for trial in found["trials"]} <= {"complete", "pruned"}
    assert any(trial["champion"] for trial in found["trials"])


def test_a_table_before_the_first_trial_and_of_a_study_that_is_none(tmp_path: Path) -> None:
    told = tuner(tmp_path, "table", "diabetes", "--rows", "units", code=2)
    assert told == "error: nothing was searched under 'diabetes' yet. Type: tuner search diabetes\n"
    told = tuner(tmp_path, "table", "diabets", "--rows", "units", code=2)
    assert told.startswith("error: nothing was searched under 'diabets'. Did you mean 'diabetes'?")
    assert not list(tmp_path.iterdir())


def test_a_study_file_is_only_replaced_where_that_is_said(tmp_path: Path) -> None:
    write_customers(tmp_path)
    typed(tmp_path, "init", "diabetes", "--data", "kunden.csv")
    path = tmp_path / "studies" / "diabetes.toml"
    path.write_text("mine")
    told = typed(tmp_path, "init", "diabetes", "--data", "kunden.csv", code=2)
    assert told == "error: studies/diabetes.toml: is there already. Replace it with --force, or choose another name\n"
    assert path.read_text() == "mine"
    said = typed(tmp_path, "init", "diabetes", "--data", "kunden.csv", "--force", "--target", "Umsatz", code=2)
    assert said.startswith("error: kunden.csv: column 'Umsatz'")
    assert path.read_text() == "mine"
    said = typed(tmp_path, "init", "diabetes", "--data", "kunden.csv", "--force", "--target", "Stadt")
    assert "wrote studies/diabetes.toml, which comes before the shipped study of its name" in said
    assert 'target = "Stadt"' in path.read_text(encoding="utf-8")


def test_the_choices_are_those_that_there_are() -> None:
    assert tuple(FORMATS) == looking.FORMATS
    assert tuple(Task) == studies.TASKS
