"""Addresses that MLflow can use, and the one line that each other one is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tuner.errors import TrackingError
from tuner.home import Home
from tuner.trackers.address import check, shown


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:5000",
        "https://someone:secret@mlflow.example.org/team",
        "HTTP://[::1]:5000",
        "sqlite:///mlflow.db",
        "sqlite:////var/lib/mlflow.db?timeout=5",
        "sqlite:///C:\\record\\mlflow.db",
        "postgresql://someone:secret@db.example.org:5432/mlflow",
        "postgresql+psycopg2:///mlflow",
        "mysql+pymysql://db/mlflow",
        "mssql+pyodbc://db/mlflow?driver=some",
        "databricks",
        "databricks://profile",
    ],
)
def test_an_address_that_mlflow_can_use(uri: str) -> None:
    check(uri)


def test_our_own_store_is_one(tmp_path: Path) -> None:
    check(Home(tmp_path / "50 % of #1 @home?").own_store)


ANY = "an address that begins with http://, https://, sqlite:///, postgresql://, mysql://, mssql://"
FILE = "an address such as sqlite:///FILE, as MLflow keeps no record in plain files any more"


@pytest.mark.parametrize(
    ("uri", "expected", "got"),
    [
        ("htp://someone:secret@host", f"{ANY} (Did you mean 'http'?)", "htp://***@host"),
        ("gopher://example.org", ANY, "gopher://example.org"),
        ("postgres://u:p@db/mlflow", f"{ANY} (Did you mean 'postgresql'?)", "postgres://***@db/mlflow"),
        ("localhost:5000", ANY, "localhost:5000"),
        ("http+foo://host", f"{ANY} (Did you mean 'http'?)", "http+foo://host"),
        ("uc:x", ANY, "uc:x"),
        ("http://", "http://HOST:PORT", "http://"),
        ("http:///experiments", "http://HOST:PORT", "http:///experiments"),
        ("https://u:p@", "https://HOST:PORT", "https://***@"),
        ("http:host", "http://HOST:PORT", "http:host"),
        ("http://my host:5000", "http://HOST:PORT", "http://my host:5000"),
        ("http://host:abc", "a port from 0 to 65535", "http://host:abc"),
        ("http://u:p@host:99999", "a port from 0 to 65535", "http://***@host:99999"),
        ("http://[::1", "an address that can be parsed", "http://[::1"),
        ("sqlite:/mlflow.db", "sqlite:///FILE", "sqlite:/mlflow.db"),
        ("sqlite://", "sqlite:///FILE", "sqlite://"),
        ("sqlite:///", "sqlite:///FILE", "sqlite:///"),
        ("sqlite:///:memory:", "sqlite:///FILE", "sqlite:///:memory:"),
        ("postgresql://u:p@db", "postgresql://HOST/DATABASE", "postgresql://***@db"),
        ("mysql:db/mlflow", "mysql://HOST/DATABASE", "mysql:db/mlflow"),
        ("mlruns", FILE, "mlruns"),
        ("file:///tmp/mlruns", FILE, "file:///tmp/mlruns"),
        ("C:\\mlruns", FILE, "C:\\mlruns"),
    ],
)
def test_one_that_it_cannot_use_is_told_in_one_line(
    uri: str, expected: str, got: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    with pytest.raises(TrackingError, match=r"^MLFLOW_TRACKING_URI: expected .*, got '") as caught:
        check(uri)
    assert caught.value.problems == (
        f"MLFLOW_TRACKING_URI: expected {expected}, got '{got}'. "
        "Without that variable, the record is kept in mlflow/ here",
    )
    assert caught.value.exit_code == 2


def test_a_folder_is_not_a_file_for_sqlite(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="expected sqlite:///FILE"):
        check(f"sqlite:///{tmp_path}")


def test_plain_files_where_mlflow_is_told_to_allow_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    check("file:///tmp/mlruns")


@pytest.mark.parametrize(
    "uri",
    [
        "htp://someone:sec/ret@host",
        "htp:someone:secret@host",
        "someone:secret@host",
        "htp://host/x?password=secret",
        "htp://a:secret@b:secret@host",
        "htp://some\none:secret@host",
    ],
)
def test_no_secret_is_shown(uri: str) -> None:
    assert "***" in shown(uri)
    assert "sec" not in shown(uri)
    assert "ret" not in shown(uri)


def test_mlflow_is_not_imported() -> None:
    code = (
        "import sys; from tuner.trackers.address import check; check('sqlite:///x'); assert 'mlflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
