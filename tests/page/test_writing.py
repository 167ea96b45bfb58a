"""Where a page may be written, and what is refused."""

from __future__ import annotations

import errno
import os
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


def test_a_name_that_is_nearly_too_long_is_written_and_one_that_is_is_refused(homes: Homes, tmp_path: Path) -> None:
    longest = tmp_path / f"{'a' * 250}.html"
    assert len(longest.name) == 255
    written(homes, longest)
    with pytest.raises(ExportError, match=r"aa\.html: cannot be written \(File name too long\)") as refused:
        written(homes, tmp_path / f"{'a' * 251}.html")
    assert refused.value.exit_code == 2
    assert list(tmp_path.iterdir()) == [longest]


def test_links_in_a_circle_are_refused(homes: Homes, tmp_path: Path) -> None:
    one, other = tmp_path / "one.html", tmp_path / "other.html"
    one.symlink_to(other)
    other.symlink_to(one)
    with pytest.raises(ExportError, match=r"one\.html: cannot be written \(Too many .*\)\. Name another file with -o"):
        written(homes, one, force=True)
    assert one.is_symlink()


def test_a_file_that_cannot_be_read_is_left_alone(homes: Homes, tmp_path: Path) -> None:
    locked = tmp_path / "locked.html"
    locked.write_text("mine")
    locked.chmod(0)
    output = locked if os.geteuid() else Path("/proc/self/mem")  # root reads what is locked
    with pytest.raises(ExportError, match=rf"{output}: cannot be read \(.+\)\. Name another file with -o"):
        written(homes, output, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["locked.html"]


def test_what_cannot_be_written_is_said_and_nothing_is_left(
    homes: Homes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(ExportError, match=r"a\.html: cannot be written \(Read-only file system\)"):
        written(homes, tmp_path / "a.html")
    assert not list(tmp_path.iterdir())

    def locked(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "unlink", locked)
    with pytest.raises(ExportError, match=r"a\.html: cannot be written \(Read-only file system\)"):
        written(homes, tmp_path / "a.html")


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
