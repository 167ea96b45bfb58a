"""The page of a real search, as a person asks for it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.command.typed import shown, typed


def test_a_page_is_written_from_what_the_search_left(home: Path, tmp_path: Path) -> None:
    output = tmp_path / "report.html"
    assert typed(home, "report", "small", "-o", str(output), "--test") == f"wrote {output}\n"
    text, verdict = output.read_text(encoding="utf-8"), shown(home)["verdict"]
    # The mistakes on the page, and those of the predictions beside the model, are as many as the recorded scores say.
    search = home / ".tuner/searches/small@1"
    kept = np.load(search / "models" / f"trial-{verdict['champion']:05d}" / "predictions.npz")
    for part in ("validation", "test"):
        accuracy = pytest.approx(verdict[f"{part}_metrics"]["accuracy"], abs=1e-9)
        listed = text.partition(f'<section id="{part}-mistakes">')[2].partition("</section>")[0]
        wrong, rows = map(int, re.findall(r"<p>(\d+) of (\d+)", listed)[0])
        assert 1 - wrong / rows == accuracy
        assert listed.count("<tr><td>") == wrong
        assert float(((kept[part] >= 0.5) == np.load(search / "split" / f"y_{part}.npy")).mean()) == accuracy
    for package in ("python", "tensorflow", "keras", "optuna", "mlflow", "tuner"):
        assert f'<th scope="row">{package}</th>' in text
    said = typed(home, "report", "small", "-o", str(output), code=2)
    assert said == f"error: {output}: exists already; --force replaces it. Or name another file with -o\n"
    assert output.read_text(encoding="utf-8") == text
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
