"""A champion as an MLflow model, with a stand-in for the code that predicts, so that no Keras is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tuner.models.pyfunc import save

# MLflow's own: of its own types, while it is imported, and of how it looks at an example under pandas 3.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*type hint is inferred as AnyType"),
    pytest.mark.filterwarnings("ignore:Operation with range is deprecated"),
]

MANIFEST = {
    "format": 1,
    "task": "binary",
    "target": "Outcome",
    "classes": ["no", "yes"],
    "columns": [{"name": "Glucose", "kind": "numeric"}, {"name": "town", "kind": "text"}],
    "checksum": "0",
}
EXAMPLE = [{"Glucose": 148, "town": "Bern"}, {"Glucose": float("nan"), "town": None}]
CODE = """
import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd


@dataclass
class Champion:
    folder: Path

    def predict(self, frame):
        assert (self.folder / "model.keras").read_bytes() == b"weights"
        manifest = json.loads((self.folder / "manifest.json").read_text())
        p = pd.to_numeric(frame["Glucose"]).fillna(0.0) / 200
        label = [manifest["classes"][int(each > 0.5)] for each in p]
        return pd.DataFrame({"label": label, "probability": p, "p(no)": 1 - p, "p(yes)": p})


recorded = Champion
"""


@pytest.fixture
def champion(tmp_path: Path) -> Path:
    folder = tmp_path / "champion"
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    (folder / "model.keras").write_bytes(b"weights")
    (folder / "notes.txt").write_text("not part of the model")
    (tmp_path / "code.py").write_text(CODE)
    return folder


@pytest.fixture
def saved(champion: Path, tmp_path: Path) -> Path:
    save(tmp_path / "made" / "model", champion, EXAMPLE, tmp_path / "code.py")
    return tmp_path / "made" / "model"


@pytest.mark.parametrize(
    ("rows", "labels"),
    [
        ({"Glucose": [148, 20], "town": ["Bern", "Basel"]}, ["yes", "no"]),
        ({"Glucose": [148.5, None], "town": ["Bern", None]}, ["yes", "no"]),
        ({"town": [None, None], "Glucose": [None, None]}, ["no", "no"]),
    ],
    ids=["whole numbers", "missing cells", "nothing but missing cells"],
)
def test_raw_rows_of_any_type_are_taken(saved: Path, rows: dict[str, list[object]], labels: list[str]) -> None:
    """With `double` in its signature, MLflow refuses a column of whole numbers; with `string`, one with no text."""
    import mlflow.pyfunc
    import pandas as pd

    predicted = mlflow.pyfunc.load_model(str(saved)).predict(pd.DataFrame(rows))
    assert list(predicted["label"]) == labels
    assert list(predicted.columns) == ["label", "probability", "p(no)", "p(yes)"]


def test_a_missing_column_is_named(saved: Path) -> None:
    import mlflow.pyfunc
    import pandas as pd
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match=r"missing inputs \['town'\]"):
        mlflow.pyfunc.load_model(str(saved)).predict(pd.DataFrame({"Glucose": [1]}))


def test_a_column_is_taken_by_the_name_that_it_has_at_its_source(champion: Path, tmp_path: Path) -> None:
    """MLflow hands on only the columns that a signature names; which of two names it is, the champion finds out."""
    import mlflow.pyfunc
    import pandas as pd

    (champion / "manifest.json").write_text(json.dumps({**MANIFEST, "rename": {"plas": "Glucose", "age": "Age"}}))
    (tmp_path / "code.py").write_text(
        CODE.replace("        manifest", "        frame = frame.rename(columns={'plas': 'Glucose'})\n        manifest")
    )
    save(tmp_path / "model", champion, EXAMPLE, tmp_path / "code.py")
    model = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    for name in ("plas", "Glucose"):
        assert list(model.predict(pd.DataFrame({name: [148], "town": ["Bern"]}))["label"]) == ["yes"]
    assert model.metadata.get_input_schema().input_names() == ["Glucose", "town", "plas"]


def test_it_is_loaded_without_tuner_and_without_a_warning(saved: Path, tmp_path: Path) -> None:
    code = (
        "import sys, mlflow.pyfunc, pandas as pd\n"
        f"model = mlflow.pyfunc.load_model({str(saved)!r})\n"
        "print(*model.predict(pd.DataFrame({'Glucose': [148], 'town': ['Bern']}))['label'])\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'tuner'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.splitlines() == ["yes", "[]"], done.stderr
    assert "Warning" not in done.stderr


def test_what_lies_in_the_folder(saved: Path) -> None:
    import yaml

    files = sorted(path.relative_to(saved).as_posix() for path in saved.rglob("*") if path.is_file())
    assert files == [
        "MLmodel",
        "artifacts/champion/champion.py",
        "artifacts/champion/manifest.json",
        "artifacts/champion/model.keras",
        "conda.yaml",
        "input_example.json",
        "mlflow_model.py",
        "python_env.yaml",
        "requirements.txt",
        "serving_input_example.json",
    ]
    assert [path.name for path in saved.parent.iterdir()] == ["model"]
    assert json.loads((saved / "input_example.json").read_text()) == {
        "columns": ["Glucose", "town"],
        "data": [[148, "Bern"], [None, None]],
    }
    required = (saved / "requirements.txt").read_text().split()
    assert [line.split("==")[0] for line in required] == ["mlflow", "keras", "tensorflow", "numpy", "pandas"]
    assert all("==" in line for line in required)
    described = yaml.safe_load((saved / "MLmodel").read_text())
    assert described["metadata"] == {"task": "binary", "columns": MANIFEST["columns"]}
    assert [each["name"] for each in json.loads(described["signature"]["inputs"])] == ["Glucose", "town"]
    assert "p(yes)" in described["signature"]["outputs"]


def test_a_value_has_one_column(champion: Path, tmp_path: Path) -> None:
    import yaml

    (champion / "manifest.json").write_text(json.dumps({**MANIFEST, "task": "regression", "classes": []}))
    save(tmp_path / "model", champion, EXAMPLE, tmp_path / "code.py")
    outputs = yaml.safe_load((tmp_path / "model" / "MLmodel").read_text())["signature"]["outputs"]
    assert json.loads(outputs) == [{"type": "double", "name": "value", "required": True}]


def test_saving_again_takes_the_place_of_what_was_there(saved: Path, champion: Path, tmp_path: Path) -> None:
    (saved / "stale").touch()
    save(saved, champion, EXAMPLE, tmp_path / "code.py")
    assert not (saved / "stale").exists()


def test_a_champion_that_is_not_whole_leaves_the_folder_as_it_was(saved: Path, champion: Path, tmp_path: Path) -> None:
    (champion / "model.keras").unlink()
    with pytest.raises(FileNotFoundError, match=r"model\.keras"):
        save(saved, champion, EXAMPLE, tmp_path / "code.py")
    assert (saved / "MLmodel").exists()
    assert [path.name for path in saved.parent.iterdir()] == ["model"]
