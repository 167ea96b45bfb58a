"""The champion in other hands: exported, registered, moved away, damaged, and given rows."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command.typed import ENVIRONMENT, shown, tuner, typed


def test_the_registered_champion_predicts_where_tuner_is_never_imported(
    home: Path, exported: Path, rows: Path, tmp_path: Path
) -> None:
    typed(tmp_path, "predict", str(exported), str(rows), "-o", "here.csv")
    code = (
        "import sys, os, mlflow, pandas as pd\n"
        f"mlflow.set_tracking_uri('sqlite:///{home}/mlflow/mlflow.db')\n"
        "model = mlflow.pyfunc.load_model('models:/small@champion')\n"
        f"model.predict(pd.read_csv({str(rows)!r})).to_csv('there.csv', index=False)\n"
        "assert not any(name.partition('.')[0] == 'tuner' for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=ENVIRONMENT, check=True, capture_output=True)
    import pandas as pd

    here, there = pd.read_csv(tmp_path / "here.csv"), pd.read_csv(tmp_path / "there.csv")
    assert len(here) == 8
    assert list(here["label"]) == list(there["label"])
    assert (here["probability"] - there["probability"]).abs().max() < 1e-6


def test_an_export_predicts_elsewhere_without_study_data_and_ledger(
    exported: Path, rows: Path, tmp_path: Path, home: Path
) -> None:
    exported.rename(tmp_path / "moved")
    try:
        elsewhere = tuner(tmp_path, "predict", "moved", str(rows))
    finally:
        (tmp_path / "moved").rename(exported)
    assert elsewhere == typed(home, "predict", "small", str(rows))
    header, *lines = elsewhere.splitlines()
    assert header == "label,probability,p(benign),p(malignant)"
    assert len(lines) == 8


def test_the_exported_model_gives_the_recorded_validation_score(home: Path, exported: Path) -> None:
    """From raw rows, with nothing but Keras: the score in the manifest is that of the model beside it."""
    code = """
import json, sys
import numpy as np, keras
from sklearn.datasets import load_breast_cancer
frame = load_breast_cancer(as_frame=True)
rows = np.load(sys.argv[1] + "/rows_validation.npy")
model = keras.models.load_model("model.keras")
manifest = json.load(open("manifest.json"))
raw = {c.get("input", c["name"]): frame.data[c["name"]].to_numpy("float32")[rows, None] for c in manifest["columns"]}
p = np.asarray(model.predict(raw, verbose=0))[:, 0]
names = np.array(manifest["classes"])[(p >= 0.5).astype(int)]
truth = np.array(frame.target_names)[frame.target.to_numpy()[rows]]
assert not any(name.partition(".")[0] == "tuner" for name in sys.modules)
print(np.mean(names == truth), manifest["score"])
"""
    split = home / ".tuner" / "searches" / "small@1" / "split"
    told = subprocess.run([sys.executable, "-c", code, str(split)], cwd=exported, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    found, recorded = map(float, told.stdout.split()[-2:])
    assert found == recorded


def test_the_manifest_says_where_the_model_comes_from(home: Path, exported: Path) -> None:
    manifest = json.loads((exported / "manifest.json").read_text())
    told = shown(home)
    champion = next(t for t in told["trials"] if t["number"] == told["verdict"]["champion"])
    assert manifest["checksum"]["model.keras"] == hashlib.sha256((exported / "model.keras").read_bytes()).hexdigest()
    assert manifest["values"] == champion["values"]
    assert manifest["run"] == champion["run"]
    assert manifest["score"] == champion["score"]
    assert manifest["test"]["score"] == told["verdict"]["test"]
    assert manifest["data"]["fingerprint"] == told["data"]["fingerprint"]
    assert {"python", "keras", "tensorflow"} <= manifest["versions"].keys()


def test_an_export_never_replaces_what_it_did_not_write(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "precious").write_text("mine")
    for force in ((), ("--force",)):
        said = typed(home, "export", "small", "-o", str(other), *force, code=2)
        assert "is not an earlier export, so it is left alone" in said
    assert [path.name for path in other.iterdir()] == ["precious"]
    model = tmp_path / "model"
    typed(home, "export", "small", "-o", str(model))
    (model / "model.keras").write_text("older")
    assert "exists already; --force replaces it" in typed(home, "export", "small", "-o", str(model), code=2)
    assert (model / "model.keras").read_text() == "older"
    typed(home, "export", "small", "-o", str(model), "--force")
    assert (model / "model.keras").read_bytes()[:2] == b"PK"


def test_another_trial_is_trained_again_to_be_exported(home: Path, tmp_path: Path) -> None:
    kept = {path.name for path in (home / ".tuner/searches/small@1/models").iterdir()}
    left = [t for t in shown(home)["trials"] if t["state"] == "complete" and f"trial-{t['number']:05d}" not in kept]
    if not left:
        pytest.fail("the fixture's search must leave a completed trial whose model is not kept")
    said = typed(home, "export", "small", "--trial", str(left[0]["number"]), "-o", str(tmp_path / "other"))
    assert "was not kept; training it again" in said
    assert json.loads((tmp_path / "other" / "manifest.json").read_text())["score"] == left[0]["score"]


def test_a_damaged_model_is_not_loaded(exported: Path, rows: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "manifest.json").write_bytes((exported / "manifest.json").read_bytes())
    (broken / "model.keras").write_bytes((exported / "model.keras").read_bytes()[:-100])
    assert "checksum" in typed(tmp_path, "predict", "broken", str(rows), code=2)


def test_rows_that_do_not_fit_are_refused(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("mean radius,mean texture\n1,2\n")
    said = typed(tmp_path, "predict", str(exported), "few.csv", code=2)
    assert "mean area" in said
    assert said.count("error:") == len(said.strip().splitlines())
