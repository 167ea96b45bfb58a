"""The targets of `make`: none is taken for a file of its name, and the README has them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE)


def test_every_target_runs_whatever_files_there_are() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    assert len(TARGETS) > 10
    assert sorted(phony.split()) == sorted(TARGETS)


def test_the_readme_has_every_target_but_the_plain_ones() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = set(re.findall(r"(?:\$ |`)make ([a-z-]+)", readme))
    assert {"help", "setup", "ui", "format", "clean"} | told == set(TARGETS)
