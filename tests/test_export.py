"""Predictions as files: whole or not at all, and what is no ordinary file stays what it is."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pandas as pd
import pytest

from tuner.errors import ExportError
from tuner.export import champion_of, write_csv
from tuner.home import Home
from tuner.ledger import Ledger

TABLE = pd.DataFrame({"label": ["yes", "no"]})
TEXT = "label\nyes\nno\n"


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_csv(TABLE, pipe)
    reader.join(10)
    assert read == [TEXT]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("old")
    link = tmp_path / "link.csv"
    link.symlink_to("there.csv")
    write_csv(TABLE, link)
    assert link.is_symlink()
    assert (tmp_path / "there.csv").read_text() == TEXT


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    file.write_text("old")
    write_csv(TABLE, file)
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    assert file.read_text() == TEXT


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot be written"):
        write_csv(TABLE, tmp_path)


def test_a_search_without_a_champion_is_told_how_that_one_goes_on(tmp_path: Path) -> None:
    """Its study may have a newer one, with which the study's name alone would go on."""
    ledger = Ledger(Home(tmp_path))
    first, _ = ledger.create("wine", {}, {}), ledger.create("wine", {}, {})
    with pytest.raises(ExportError, match=r"^wine@1 has no champion yet\. Type: tuner search wine@1$"):
        champion_of(first)
