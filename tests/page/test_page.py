"""What is on the page of a search, and what never is."""

from __future__ import annotations

import base64
import io
import math
import re
import tomllib
import zlib
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.page import made
from tests.page.conftest import Written
from tests.page.elements import Elements
from tuner.home import Home
from tuner.ledger import Ledger, own
from tuner.page import champion, gathered, pictures, scales, toml, writing
from tuner.report import print_search
from tuner.shown import load_search
from tuner.trial import Result, State, Trial

KINDS = ("classes", "images", "values", "double", "single", "unended", "hopeless", "empty")


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_whole_and_asks_for_nothing(page: Written, kind: str) -> None:
    found = Elements(page(kind))
    assert not found.open
    assert not found.named("link")
    assert not found.named("iframe")
    for _, attributes in found.found:
        for name in ("src", "href", "srcset", "action", "data"):
            assert (attributes.get(name) or "data:").startswith("data:")
    text = page(kind).read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|import\(", text)
    policy = next(each["content"] for each in found.named("meta") if "http-equiv" in each) or ""
    assert policy.startswith("default-src 'none'")
    assert "script-src 'sha256-" in policy


@pytest.mark.parametrize("kind", KINDS)
def test_every_drawing_says_what_it_is_and_headings_are_in_order(page: Written, kind: str) -> None:
    found = Elements(page(kind))
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in found.named("svg"))
    assert all(image["alt"] for image in found.named("img"))
    levels = [int(tag[1]) for tag, _ in found.found if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    numbers = re.findall(r'(?:x|y|x1|y1|x2|y2|cx|cy|width|height|r|points)="([^"]*)"', page(kind).read_text())
    assert not [each for each in numbers if "nan" in each or "inf" in each]


@pytest.mark.parametrize("kind", ["classes", "double", "values"])
def test_what_comes_from_data_is_never_markup(page: Written, kind: str) -> None:
    text = page(kind).read_text(encoding="utf-8")
    found = Elements(page(kind))
    assert len(found.named("script")) == 1
    assert not found.named("img"), "the only images of this search would be those of a trap"
    assert not [attributes for _, attributes in found.found if any(name.startswith("on") for name in attributes)]
    assert made.SCRIPT not in text
    assert "<img" not in text
    for section in ("top", "validation", "validation-mistakes", "settings"):
        assert made.SCRIPT in found.said(section) or made.IMAGE in found.said(section), section


def test_the_head_says_champion_scores_interval_and_rows(homes: Callable[[str], Home], page: Written) -> None:
    home = homes("values")
    verdict = Ledger(home).get("made").verdict
    assert verdict is not None
    said = Elements(page("values")).said("top")
    for wanted in (
        "Prices", "made@1", f"regression of {made.PRICE}", "150 rows", "90 train / 30 validation / 30 test",
        f"trial {verdict['champion']}, chosen among 6", f"{verdict['test']:.4f}", f"{verdict['score']:.4f}",
        f"95 % interval {verdict['low']:.4f} to {verdict['high']:.4f}", "seen once",
    ):  # fmt: skip
        assert wanted in said, wanted


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("unended", "This search has not ended: 4 of 4 trials have, no champion is named"),
        ("hopeless", "No trial of this search has completed (3 of 3 trials have ended), so that there is no champion."),
        ("empty", "No trial of this search has ended yet."),
    ],
)
def test_a_search_without_a_champion_says_so(page: Written, kind: str, wanted: str) -> None:
    found = Elements(page(kind))
    assert wanted in found.said("top")
    assert "not looked at" in found.said("top")
    assert "There is no champion yet." in found.said("mistakes")
    assert ("No trial has a score." in found.said("history")) == (kind != "unended")
    assert ("ValueError: no room for" in found.said("failed")) == (kind == "hopeless")


def test_a_search_at_work_says_so(tmp_path: Path) -> None:
    home = made.search(tmp_path / "home", made.values, 2, ends=False)
    ledger = Ledger(home)
    with own(ledger, ledger.get("made")):
        path = writing.report(home, "made", tmp_path / "a.html", top=5, test=False, force=False)
    ledger.close()
    assert "This search is running: 2 of 2 trials have ended" in Elements(path).said("top")


def test_a_search_that_went_on_says_of_which_trials_its_champion_is(
    homes: Callable[[str], Home], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = made.search(tmp_path / "home", made.values, 2, later=3)
    whose = "The champion is that of the first 2 trials; the search has gone on since, by 3 trials"
    said = Elements(writing.report(home, "made", tmp_path / "a.html", top=5, test=False, force=False)).said("top")
    assert f"This search has not ended: 5 of 5 trials have. {whose}" in said
    assert "chosen among the first 2 on" in said
    shown = load_search(home, "made")
    print_search(shown, 5)
    assert (
        f"{whose}, and names a champion anew when it ends. Go on with: tuner search made@1" in capsys.readouterr().out
    )
    running = replace(shown, owner={"host": "here", "pid": 1, "since": 0})
    assert f"This search is running: 5 of 5 trials have ended. {whose}" in gathered._state(running)
    print_search(running, 5)
    assert f"{whose}, and names a champion anew when it ends\n" in capsys.readouterr().out
    ended = load_search(homes("values"), "made")
    print_search(ended, 5)
    assert gathered._state(ended) == ""
    assert "gone on" not in capsys.readouterr().out


def test_the_leaderboard_says_which_layer_a_value_is_of(homes: Callable[[str], Home]) -> None:
    shown = load_search(homes("values"), "made")
    slopes: tuple[dict[str, float], ...] = ({"slope_2": 0.1}, {"slope_1": 0.2, "slope_2": 0.3})
    results = [
        replace(result, trial=replace(result.trial, values={"layers": 2, "units_1": 4, "units_2": 8 + i, **own}))
        for i, (result, own) in enumerate(zip(shown.results, slopes, strict=False))
    ]
    board = gathered._board(replace(shown, results=results), 5)
    place = board.columns.index("slope")
    cells = {line.cells[place].text: line.cells[place].order for line in board.lines}
    assert cells == {"·-0.1": 0.1, "0.2-0.3": 0.2}
    assert all(line.cells[place].number for line in board.lines)


def test_why_a_trial_failed_names_no_folder() -> None:
    error = "Traceback\nOSError: No space left: '/home/somebody/tuner data/weights/trial.h5' (see ~/a/b.log, 1/2/3)"
    failed = gathered._failure(Result(Trial(0, {}, 0, 1), State.FAILED, error=error))
    assert failed[2] == "OSError: No space left: 'tuner data/weights/trial.h5' (see b.log, 1/2/3)"


def test_an_interval_that_is_no_number_is_not_drawn(homes: Callable[[str], Home]) -> None:
    verdict = load_search(homes("values"), "made").verdict
    assert verdict is not None
    assert champion.worth(verdict) is not None
    assert champion.worth(replace(verdict, low=math.nan)) is None


def test_trials_of_every_fate_are_told(page: Written) -> None:
    found = Elements(page("classes"))
    assert "16 complete · 8 pruned · 8 diverged · 8 failed" in found.said("history")
    assert "those without a score stand below the axis" in found.said("history")
    assert found.said("failed").count("ValueError: no room for") == 8
    assert "loss or weights were no numbers any more after 2 epochs" in found.said("failed")
    assert "by Optuna's PED-ANOVA" in found.said("importance")


def test_images_are_drawn_as_they_are(homes: Callable[[str], Home], page: Written) -> None:
    images = Elements(page("images")).named("img")
    rows = made.wrong_rows(homes("images"), "validation", first=1)
    assert sorted(int(re.findall(r"row (\d+)", image["alt"] or "")[0]) for image in images) == sorted(rows)
    from sklearn.datasets import load_digits

    every = load_digits().images
    for image in images[:5]:
        row = int(re.findall(r"row (\d+)", image["alt"] or "")[0]) - 1
        cells = read(base64.b64decode((image["src"] or "").partition(",")[2]))
        wanted = every[row] / 16 * 255
        assert np.corrcoef(cells.ravel(), wanted.ravel())[0, 1] > 0.999


def read(data: bytes) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(data)))


def test_colours_are_drawn_from_the_darkest_to_the_lightest() -> None:
    images = np.linspace(-1.0, 1.0, 2 * 4 * 3 * 3).reshape(2, 4, 3, 3)
    found = [read(base64.b64decode(each.partition(",")[2])) for each in pictures.addresses(images)]
    assert (np.array(found) == np.rint((images + 1) / 2 * 255)).all()


def test_a_png_is_what_another_reader_reads() -> None:
    random = np.random.default_rng(0)
    for shape in ((5, 7), (4, 3, 3), (1, 1)):
        cells = random.integers(0, 256, shape).astype(np.uint8)
        assert (read(pictures.png(cells)) == cells).all()
    assert zlib.crc32(b"IEND") == int.from_bytes(pictures.png(np.zeros((1, 1), np.uint8))[-4:], "big")


def test_where_files_lie_is_not_told(homes: Callable[[str], Home], page: Written) -> None:
    assert str(homes("values").root) not in page("values").read_text(encoding="utf-8")
    assert 'source = "studies/rows.csv"' in Elements(page("values")).said("settings")


def test_a_study_reads_as_it_was_written() -> None:
    document = {
        "title": f'say "{made.SCRIPT}"\n\x7f\\',
        "data": {"source": "a b.csv", "missing": {"a b": 0, "c": [1, "?"]}, "split": {"test": 0.25, "stratify": True}},
        "space": {"units": {"int": [8, 64], "step": 8}, "layers": 1, "rules": [{"if": {"a": 1}}, {"then": {"b": "c"}}]},
        "start": [{"units": 8}],
    }
    assert tomllib.loads(toml.written(document)) == document


@pytest.mark.parametrize(
    ("low", "high", "most", "wanted"),
    [
        (0.0, 1.0, 5, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0.7461, 0.7803, 5, ["0.75", "0.76", "0.77", "0.78"]),
        (0, 12000, 5, ["0", "5,000", "10,000"]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, most: int, wanted: list[str]) -> None:
    assert [said for _, said in scales.Numbers(low, high, 0.0, 100.0).ticks(most)] == wanted


def test_a_scale_without_width_and_one_of_decades_have_ticks() -> None:
    same = scales.Numbers.over([0.5, 0.5], 0.0, 100.0)
    assert abs(same.at(0.5) - 50.0) < 1e-9
    assert same.ticks(5)
    decades = scales.Numbers.over([1e-4, 1e-1], 0.0, 90.0, log=True)
    assert [said for _, said in decades.ticks(6)] == ["0.0001", "0.001", "0.01", "0.1"]
    assert decades.at(1e-9) == 0.0
    assert decades.at(1.0) == 90.0
