"""Where a page may be written, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tuner.errors import ExportError, LedgerError
from tuner.home import Home
from tuner.page import writing

Homes = Callable[[str], Home]


def written(homes: Homes, output: Path, name: str = "made", *, top: int = 20, force: bool = False) -> str:
    return writing.report(homes("values"), name, output, top=top, test=False, force=force).read_text(encoding="utf-8")


def test_an_earlier_page_is_replaced_only_when_told_to(homes: Homes, tmp_path: Path) -> None:
    output = tmp_path / "report.html"
    first = written(homes, output)
    with pytest.raises(ExportError, match="exists already; --force replaces it"):
        written(homes, output, top=1)
    assert output.read_text(encoding="utf-8") == first
    second = written(homes, output, top=1, force=True)
    assert first.count('<tr class="') - second.count('<tr class="') == 5, "the leaderboard has one row"
    assert "--top shows more" in second
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_what_is_not_a_page_of_ours_is_left_alone(homes: Homes, tmp_path: Path) -> None:
    other = tmp_path / "other.html"
    other.write_text("<!doctype html>mine")
    for force in (False, True):
        with pytest.raises(ExportError, match="it is not an earlier report, so it is left alone"):
            written(homes, other, force=force)
    assert other.read_text() == "<!doctype html>mine"


def test_a_folder_or_a_missing_one_is_refused(homes: Homes, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"is a folder. Name a file in it with -o, as .*report\.html"):
        written(homes, tmp_path, force=True)
    with pytest.raises(ExportError, match=r"there is no folder .*none. Make it, or name another file with -o"):
        written(homes, tmp_path / "none" / "a.html")
    assert not list(tmp_path.iterdir())


def test_an_unknown_search_is_refused_before_anything_is_written(homes: Homes, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"nothing was searched under 'mad'\. Did you mean 'made'"):
        written(homes, tmp_path / "a.html", "mad")
    assert not list(tmp_path.iterdir())


def test_a_link_stays_one_and_what_it_names_is_replaced(homes: Homes, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    link = tmp_path / "link.html"
    first = written(homes, page)
    link.symlink_to(page)
    written(homes, link, top=1, force=True)
    assert link.is_symlink()
    assert page.read_text(encoding="utf-8") != first
