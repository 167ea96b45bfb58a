"""A ledger in a temporary folder, with one search in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ledger.told import DATA, DOCUMENT, take
from tuner.home import Home
from tuner.ledger import Ledger, Owned, Search


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    ledger = Ledger(home)
    yield ledger
    ledger.close()


@pytest.fixture
def search(ledger: Ledger) -> Search:
    return ledger.create("wine", DOCUMENT, DATA)


@pytest.fixture
def owned(ledger: Ledger, search: Search) -> Owned:
    return take(ledger, search)
