"""Data that no shipped study names, from rows to predictions: text, gaps, classes, values, a file of one's own.

Each search is tiny; what is checked is that every kind of data goes all the way, not how good the champion is.
"""

from __future__ import annotations

import csv
import random
import re
from io import StringIO
from pathlib import Path

import pytest

from tests.command.typed import new_home, shown, typed
from tests.conftest import ROOT
from tuner.data.table import Table
from tuner.home import Home

# Several real searches a test: two minutes are too few where the cores have other work.
pytestmark = pytest.mark.timeout(300)

TINY = """
[space]
layers        = 1
units         = { choice = [8, 16] }
learning_rate = { choice = [0.01, 0.03] }
[training]
epochs = 2
[search]
trials = 3
finalists = 2
keep_models = 1
pruner = "none"
"""
CITIES = ("Oslo", "Bergen", "São Paulo", "")


def _champion(tmp_path: Path, name: str, data: str, *options: str) -> tuple[Path, str]:
    """Searches and exports the champion: a folder that has nothing but `model`, and what the search printed."""
    home = new_home(tmp_path / "home", data + TINY, name)
    said = typed(home, "search", name, *options)
    assert re.search(r"^\[3/3\] trial \d complete ", said, re.MULTILINE)
    told = shown(home, name)
    assert {trial["state"] for trial in told["trials"]} == {"complete"}
    assert told["verdict"]["low"] <= told["verdict"]["test"] <= told["verdict"]["high"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    typed(home, "export", name, "-o", str(elsewhere / "model"))
    return elsewhere, said


def _predicted(elsewhere: Path, rows: str) -> list[dict[str, str]]:
    """The predictions of the exported model for a file of raw rows, one by row."""
    (elsewhere / "rows.csv").write_text(rows, encoding="utf-8")
    table = list(csv.DictReader(StringIO(typed(elsewhere, "predict", "model", "rows.csv"))))
    assert len(table) == len(rows.splitlines()) - 1
    return table


def _check_labels(table: list[dict[str, str]], classes: tuple[str, ...]) -> None:
    """Each label is the class with the largest share, its probability that share, and the shares add up to 1."""
    for row in table:
        assert list(row) == ["label", "probability", *(f"p({name})" for name in classes)]
        shares = {name: float(row[f"p({name})"]) for name in classes}
        assert sum(shares.values()) == pytest.approx(1.0, abs=1e-5)
        assert row["label"] == max(shares, key=lambda name: shares[name])
        assert float(row["probability"]) == pytest.approx(shares[row["label"]], abs=1e-6)


def test_a_csv_of_text_and_gaps_with_a_text_target(tmp_path: Path) -> None:
    drawn = random.Random(0)
    lines = ["id,age,city,plan,visits,renewed"]
    for number in range(200):
        age, city = drawn.randint(18, 80), drawn.choice(CITIES)
        renewed = "yes" if age + (40 if city == "Oslo" else 0) > 60 else "no"
        told = "" if drawn.random() < 0.1 else str(age)
        lines.append(f"c-{number:04d},{told},{city},{drawn.choice(('free', 'paid'))},{drawn.randint(0, 9)},{renewed}")
    (tmp_path / "customers.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    elsewhere, said = _champion(
        tmp_path, "customers", f'[data]\nsource = "{tmp_path}/customers.csv"\ntarget = "renewed"\n'
    )
    assert re.search(r"note: .*column 'id'", said)
    table = _predicted(
        elsewhere,
        # Another order of columns, no id and no target; empty cells of each kind, and a city that was never there.
        "city,visits,plan,age\nOslo,3,paid,70\n,0,,\nSão Paulo,2,free,\nAtlantis,1,,22\n",
    )
    _check_labels(table, ("no", "yes"))
    assert len({row["p(yes)"] for row in table}) == 4


def test_three_classes_by_their_own_names(tmp_path: Path) -> None:
    from sklearn.datasets import load_wine

    elsewhere, said = _champion(tmp_path, "grapes", '[data]\nsource = "sklearn:wine"\n')
    assert "majority class" in said
    frame = load_wine(as_frame=True).data.iloc[::20].reset_index(drop=True)
    frame.iloc[0, 0] = frame.iloc[1, 5] = float("nan")
    table = _predicted(elsewhere, frame.to_csv(index=False))
    assert len(table) == 9
    _check_labels(table, ("class_0", "class_1", "class_2"))


def test_values_in_the_units_of_the_target(tmp_path: Path) -> None:
    from sklearn.datasets import load_diabetes

    elsewhere, said = _champion(tmp_path, "progression", '[data]\nsource = "sklearn:diabetes"\n')
    assert "ridge regression" in said
    data = load_diabetes(as_frame=True)
    frame = data.data.iloc[::10].reset_index(drop=True)
    frame.iloc[0, 0] = frame.iloc[1, 2] = float("nan")
    table = _predicted(elsewhere, frame.to_csv(index=False))
    assert {tuple(row) for row in table} == {("value",)}
    values = [float(row["value"]) for row in table]
    # The targets are 25 to 346; standardised ones would be around 0.
    assert data.target.min() < sum(values) / len(values) < data.target.max()
    assert len(set(values)) == len(values)


@pytest.fixture
def pima_file(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The Pima rows under the column names that most copies have, as a person has them in a file."""
    folder = Home(ROOT).data
    if folder is not None and (folder / "diabetes.csv").is_file():
        return folder.absolute() / "diabetes.csv"
    table: Table = request.getfixturevalue("pima")
    path = tmp_path / "diabetes.csv"
    table.rows.features.assign(Outcome=table.rows.target).to_csv(path, index=False)
    return path


def test_the_diabetes_study_takes_a_file_with_the_common_column_names(tmp_path: Path, pima_file: Path) -> None:
    shipped = (ROOT / "studies" / "diabetes.toml").read_text(encoding="utf-8")
    data = shipped[shipped.index("[data]") : shipped.index("[objective]")]
    assert "rename" in data
    assert "labels" in data
    elsewhere, said = _champion(tmp_path, "diabetes", data, "--data", str(pima_file))
    assert "460 rows to train on, 154 to choose by, 154 kept apart for the test" in said
    common = (
        "Pregnancies,Glucose,BloodPressure,SkinThickness,Insulin,BMI,DiabetesPedigreeFunction,Age\n"
        "6,148,72,35,0,33.6,0.627,50\n1,85,66,29,,26.6,0.351,31\n,,,,,,,40\n"
    )
    table = _predicted(elsewhere, common)
    _check_labels(table, ("0", "1"))
    # A zero was never measured, and OpenML's short names are the same columns.
    assert _predicted(elsewhere, common.replace(",35,0,", ",35,,")) == table
    assert _predicted(elsewhere, "preg,plas,pres,skin,insu,mass,pedi,age\n" + common.split("\n", 1)[1]) == table
