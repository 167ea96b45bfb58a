"""What tests share: studies made from a few settings, and the Pima rows as the product's own loader finds them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.study_files import Write
from tuner.data import sources
from tuner.data.split import split
from tuner.data.table import Table
from tuner.errors import DataError
from tuner.home import Home
from tuner.ledger import Ledger
from tuner.study import Study, from_document, load

ROOT = Path(__file__).parent.parent
# The suite keeps its compiled programs where no command of the user's own looks. Processes of all kinds take it over
# from here, those that run tests side by side among them, so that each program is compiled once.
os.environ["TUNER_CACHE"] = str(ROOT / ".pytest_cache" / "tuner")

# The same examples in every run, so that what one change breaks is not found in another; another draw:
# --hypothesis-profile=default.
hypothesis.settings.register_profile("steady", derandomize=True)
hypothesis.settings.load_profile("steady")

# The rooms of the long files, which begin first: a core that takes one of them last leaves the others idle.
LONG = ("command", "trainers", "models")


def pytest_configure(config: pytest.Config) -> None:
    # xdist would end with the files of few tests, and here those are the long ones.
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        room = item.path.relative_to(ROOT / "tests").parts[0]
        return LONG.index(room) if room in LONG else len(LONG)

    items.sort(key=place)


@pytest.fixture
def make_study() -> Callable[..., Study]:
    """Makes a study on a source, with more settings of its `[data]`."""

    def make(source: str | Path, **data: Any) -> Study:
        return from_document("made", {"data": {"source": str(source), **data}, "space": {"layers": 1}})

    return make


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a study file into the current folder, which is empty."""
    monkeypatch.chdir(tmp_path)

    def written(text: str | bytes, name: str = "a.toml") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return written


@pytest.fixture(scope="session")
def pima_study() -> Study:
    return load(ROOT / "studies" / "diabetes.toml")


@pytest.fixture(scope="session")
def pima(pima_study: Study) -> Table:
    """The 768 rows of `studies/diabetes.toml`; a test that asks for them is skipped where nothing has them."""
    try:
        return sources.load(pima_study, Home(ROOT))
    except DataError as error:
        if "cannot be fetched" in str(error) or "the server answered" in str(error):
            pytest.skip(f"the Pima rows are neither in a data folder nor on the network: {error}")
        raise


@pytest.fixture(scope="session")
def saved_split(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder with the parts of one of scikit-learn's own data sets, as a search leaves it for its workers."""
    home = Home(tmp_path_factory.mktemp("splits"))

    @cache
    def saved(name: str) -> Path:
        study = from_document(name, {"data": {"source": f"sklearn:{name}"}, "space": {"layers": 1}})
        split(sources.load(study, home), study.data.split).save(home.root / name)
        return home.root / name

    return saved


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with a search of `tests.lives` in which no trial was asked for."""
    from tests.lives import DATA, DOCUMENT

    ledger = Ledger(Home(tmp_path))
    ledger.create("wine", DOCUMENT, DATA)
    yield ledger
    ledger.close()
