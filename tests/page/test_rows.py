"""The rows that the champion mistakes: which they are, where they are found, and what is said where nobody knows."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.page import made
from tests.page.conftest import Written
from tests.page.elements import Elements
from tuner.data import returned, sources
from tuner.data.calling import Source
from tuner.errors import DataError
from tuner.home import Home
from tuner.ledger import Ledger
from tuner.packaging import PREDICTIONS, folder_of
from tuner.page import rows, writing
from tuner.shown import load_search
from tuner.trainers import loading


def test_the_mistakes_are_those_of_the_stored_predictions(homes: Callable[[str], Home], page: Written) -> None:
    found = Elements(page("classes"))
    rows = made.wrong_rows(homes("classes"), "validation", first=2)
    said = found.said("validation-mistakes")
    assert f"{len(rows)} of 24" in said
    section = page("classes").read_text(encoding="utf-8").partition('<section id="validation-mistakes">')[2]
    listed = re.findall(r"<tr><td>(\d+)</td>", section.partition("</section>")[0])
    assert sorted(map(int, listed)) == sorted(rows)
    assert '<th scope="col">line</th>' in section
    sure = re.findall(r"</td><td>(0\.\d\d)</td>", section.partition("</section>")[0])
    assert sure == sorted(sure, reverse=True), "the surest mistakes first"
    assert set(sure) == {"0.80", "0.90"}
    assert f"plain → {made.IMAGE}" in said or f"{made.IMAGE} → plain" in said
    assert f"{made.SCRIPT}1" in said, "the cells of a row stand beside it"
    assert "Lines are those of rows.csv, with its header as line 1." in said


def test_test_rows_are_shown_only_when_asked_for(homes: Callable[[str], Home], page: Written) -> None:
    assert "test" not in Elements(page("values")).texts
    asked = Elements(page("values", test=True))
    assert "These rows were kept apart." in asked.said("test")
    for row in made.wrong_rows(homes("values"), "test", first=2):
        assert str(row) in asked.texts["test-mistakes"]
    assert Ledger(homes("values")).get("made").looks == 1, "the same champion on the same rows is the same look"


def test_a_row_is_named_by_its_line_in_the_file_that_it_is_from(tmp_path: Path) -> None:
    home = made.search(tmp_path / "home", made.gaps, 2)
    found, _ = rows.parts(load_search(home, "made"), home, ("validation", "test"))
    for part, name in zip(found, ("rows.csv", "more.csv"), strict=True):
        lines = (home.root / "studies" / name).read_text(encoding="utf-8").splitlines()
        named = [lines[mistake.place - 1].split(",") for mistake in part.mistakes]
        assert [(*mistake.cells, mistake.true) for mistake in part.mistakes] == [tuple(cells) for cells in named]
        assert (part.unit, part.remarks) == ("line", (f"Lines are those of {name}, with its header as line 1.",))


def test_a_row_of_a_source_without_lines_is_counted_and_the_page_says_so(tmp_path: Path) -> None:
    home = made.search(tmp_path / "home", made.flowers, 2)
    ((part,), _) = rows.parts(load_search(home, "made"), home, ("validation",))
    assert sorted(mistake.place for mistake in part.mistakes) == made.wrong_rows(home, "validation", first=1)
    assert part.unit == "row"
    assert part.remarks == ("Rows are counted from 1, without a header and without empty ones.",)


def test_a_page_runs_no_function_that_gave_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []

    def load(source: Source, folder: Path, stop: object) -> returned.Returned:
        calls.append(folder)
        x = np.random.default_rng(0).normal(size=(80, 3))
        return returned.write(((x, np.arange(80) % 2), (x, np.arange(80) % 2)), folder, source.shown)

    monkeypatch.setattr(loading, "load", load)
    home = made.search(tmp_path / "home", lambda folder: "[data]\nsource = 'mine.py:load'\n", 2)
    ((part,), _) = rows.parts(load_search(home, "made"), home, ("validation",))
    assert sorted(mistake.place for mistake in part.mistakes) == made.wrong_rows(home, "validation", first=1)
    assert (part.remarks, len(calls)) == (("Rows are counted from 1.",), 1)


def test_without_stored_predictions_or_arrays_the_page_says_why(tmp_path: Path) -> None:
    home = made.search(tmp_path / "home", made.values, 2)
    number = (Ledger(home).get("made").verdict or {})["champion"]
    (folder_of(home.search("made@1"), number) / PREDICTIONS).unlink()
    first = writing.report(home, "made", tmp_path / "a.html", top=5, test=False, force=False)
    assert "The champion's predictions were not kept with it" in Elements(first).said("mistakes")
    for path in (home.search("made@1") / "split").iterdir():
        path.unlink()
    second = writing.report(home, "made", tmp_path / "b.html", top=5, test=False, force=False)
    assert "The arrays of this search are not in its folder" in Elements(second).said("mistakes")


def test_rows_that_have_changed_are_not_shown_beside_the_mistakes(tmp_path: Path) -> None:
    home = made.search(tmp_path / "home", made.values, 2)
    source = home.root / "studies" / "rows.csv"
    source.write_text(source.read_text().replace("1000", "1001"))
    written = writing.report(home, "made", tmp_path / "a.html", top=5, test=False, force=False)
    said = Elements(written).said("validation-mistakes")
    assert "has other rows now than those that were searched" in said


def test_what_a_source_says_when_it_cannot_be_read_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = made.search(tmp_path / "home", made.values, 2)

    def load(*_: object) -> None:
        raise DataError("rows.csv: no such file. Put rows.csv into /srv/patients")

    monkeypatch.setattr(sources, "load", load)
    ((part,), _) = rows.parts(load_search(home, "made"), home, ("validation",))
    assert part.remarks[1] == (
        "The cells of these rows are not shown: rows.csv is not where it was, or cannot be read as it could be then."
    )
    assert len(part.remarks) == 2
    assert [mistake.cells for mistake in part.mistakes] == [()] * len(part.mistakes)


def test_damaged_predictions_are_no_traceback(tmp_path: Path) -> None:
    home = made.search(tmp_path / "home", made.values, 2)
    shown = load_search(home, "made")
    assert shown.champion is not None
    path = folder_of(home.search("made@1"), shown.champion) / PREDICTIONS
    whole = path.read_bytes()
    with np.load(path) as file:
        kept = dict(file)
    packed = whole.index(b"PK\x01\x02")  # where the archive says how its first array is packed
    damaged = "The champion's predictions cannot be read, as the file with them (predictions.npz) is damaged"
    strange = "The champion's predictions in predictions.npz are not for its rows"
    for given, wanted in (
        (b"", damaged),
        (whole[: len(whole) // 2], damaged),
        (changed(whole, 400, 255), damaged),
        (changed(whole, packed + 8, 1), damaged),  # wants a password
        (changed(whole, packed + 10, 99), damaged),  # packed by a method that nobody knows
        (b"no archive", damaged),
        (saved(np.save, kept["test"]), damaged),
        (saved(np.savez, validation=kept["validation"]), damaged),
        (saved(np.savez, validation=kept["validation"][1:], test=kept["test"]), strange),
        (saved(np.savez, validation=np.float64(1.0), test=kept["test"]), strange),
    ):
        path.write_bytes(given)
        assert rows.parts(shown, home, ("validation", "test")) == ([], f"{wanted}, so that its rows cannot be shown.")
    path.write_bytes(whole)
    assert rows.parts(shown, home, ("validation", "test"))[1] == ""


def changed(whole: bytes, place: int, bits: int) -> bytes:
    return whole[:place] + bytes([whole[place] ^ bits]) + whole[place + 1 :]


def saved(write: Callable[..., None], *arrays: np.ndarray, **named: np.ndarray) -> bytes:
    file = io.BytesIO()
    write(file, *arrays, **named)
    return file.getvalue()
