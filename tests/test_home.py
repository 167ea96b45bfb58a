"""Where things are kept and looked for."""

from pathlib import Path

import pytest

from tuner.errors import StudyError
from tuner.home import Home, find, names, shipped


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in ("TUNER_DATA", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return Home.here()


def test_everything_lies_under_the_root(home: Home, tmp_path: Path) -> None:
    for path in (home.ledger, home.search("diabetes@1"), home.artifacts):
        assert path.is_relative_to(tmp_path)
    assert home.tracking_uri == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
    assert not list(tmp_path.iterdir()), "to ask where a thing is does not make it"


def test_the_tracking_address_is_respected(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert home.tracking_uri == "http://127.0.0.1:5000"


def test_no_setting_no_data_folder(home: Home, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert home.data is None


def test_the_setting_is_relative_to_its_file_and_found_from_below(tmp_path: Path, home: Home) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "work" / "deep").mkdir(parents=True)
    (tmp_path / "work" / "pyproject.toml").write_text('[tool.tuner]\ndata = "../rows"\n')
    found = Home(tmp_path / "work" / "deep").data
    assert found is not None
    assert found.samefile(tmp_path / "rows")


def test_the_environment_wins_over_the_setting(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "pyproject.toml").write_text('[tool.tuner]\ndata = "a"\n')
    monkeypatch.setenv("TUNER_DATA", str(tmp_path / "b"))
    assert home.data == tmp_path / "b"


def test_a_folder_that_is_not_there_is_none(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.tuner]\ndata = "nowhere"\n')
    assert home.data is None
    monkeypatch.setenv("TUNER_DATA", str(tmp_path / "nowhere"))
    assert home.data is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[tool.tuner\n", "cannot be read as TOML .* Mend it, or set TUNER_DATA"),
        (b"\xff", "cannot be read as TOML .* Mend it, or set TUNER_DATA"),
        (b"[tool.tuner]\ndata = 3\n", "tool.tuner.data: expected the name of a folder, got 3"),
    ],
)
def test_a_broken_setting_is_one_line(home: Home, tmp_path: Path, text: bytes, message: str) -> None:
    (tmp_path / "pyproject.toml").write_bytes(text)
    with pytest.raises(StudyError, match=message) as caught:
        _ = home.data
    assert len(caught.value.problems) == 1


def test_a_setting_of_another_shape_is_no_setting(home: Home, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("tool = 3\n")
    assert home.data is None


def test_the_shipped_studies_are_found_everywhere(home: Home) -> None:
    assert {"diabetes", "breast-cancer"} <= set(names(home))
    assert find("diabetes", home) == shipped() / "diabetes.toml"


def test_an_own_study_hides_a_shipped_one(home: Home, tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    own = tmp_path / "studies" / "diabetes.toml"
    own.write_text("")
    assert find("diabetes", home) == own


def test_a_folder_is_no_study(home: Home, tmp_path: Path) -> None:
    (tmp_path / "studies" / "odd.toml").mkdir(parents=True)
    assert "odd" not in names(home)
    with pytest.raises(StudyError, match=r"^studies/odd\.toml: is a folder, expected a study file$"):
        find("studies/odd.toml", home)


def test_a_study_is_found_by_path(home: Home, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("")
    assert find("mine.toml", home) == tmp_path / "mine.toml"
    assert find("./mine.toml", home).samefile(tmp_path / "mine.toml")
    assert find(str(tmp_path / "mine.toml"), home) == tmp_path / "mine.toml"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("diabets", r"^no study 'diabets'\. Did you mean 'diabetes'\? Studies: breast-cancer, california"),
        ("my.py", r"^my\.py: which model of it\? Expected FILE\.py:NAME, as my\.py:build_model$"),
        ("zzz", r"^no study 'zzz'\. Studies: breast-cancer, california"),
        ("../diabetes.toml", r"^\.\./diabetes\.toml: no such study file\. Did you mean 'diabetes'\?$"),
        ("x/zzz.toml", r"^x/zzz\.toml: no such study file\. `tuner studies` lists those there are$"),
    ],
)
def test_a_missing_study_is_told_the_nearest(home: Home, name: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        find(name, home)
