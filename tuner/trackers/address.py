"""Whether an address can be that of an MLflow store: told before a search begins, without importing MLflow."""

from __future__ import annotations

import os
import re
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from tuner.errors import TrackingError, nearest

_SERVERS = ("http", "https")
_DATABASES = ("postgresql", "mysql", "mssql")
_KNOWN = ", ".join([*(f"{each}://" for each in _SERVERS), "sqlite:///", *(f"{each}://" for each in _DATABASES)])
# Where MLflow looks for stores that other packages bring.
_PLUGINS = "mlflow.tracking_store"


def check(uri: str) -> None:
    """Raises TrackingError, one line without secrets, for an address that MLflow has no store for.

    Nothing is opened: a store that is away may come back.
    """
    try:
        expected = _expected(uri)
    except ValueError as error:  # a port out of range, or a bracket that is not closed
        expected = "a port from 0 to 65535" if "port" in str(error).lower() else "an address that can be parsed"
    if expected:
        raise TrackingError(
            f"MLFLOW_TRACKING_URI: expected {expected}, got '{shown(uri)}'. Without that variable, the record is kept "
            "in mlflow/ here"
        )


def _expected(uri: str) -> str:
    """What the address should have been; nothing where MLflow can use it. Raises ValueError as `urlsplit` does."""
    parts = urlsplit(uri)
    _ = parts.port  # not looked at before it is asked for
    scheme, _, driver = parts.scheme.partition("+")
    if scheme in _SERVERS and not driver:
        return "" if parts.hostname and not re.search(r"\s", parts.netloc) else f"{scheme}://HOST:PORT"
    if scheme == "sqlite":
        return "" if _is_file(uri) else "sqlite:///FILE"
    if scheme in _DATABASES:
        return (
            "" if uri.partition(":")[2].startswith("//") and _names_a_database(parts) else f"{scheme}://HOST/DATABASE"
        )
    if parts.scheme == "databricks" or uri == "databricks" or _is_added(parts.scheme):
        return ""
    if len(parts.scheme) < 2 or parts.scheme == "file":  # one letter is a Windows drive
        allowed = os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() in ("true", "1")
        return "" if allowed else "an address such as sqlite:///FILE, as MLflow keeps no record in plain files any more"
    meant = nearest(scheme, (*_SERVERS, "sqlite", *_DATABASES)).strip()
    return f"an address that begins with {_KNOWN}" + (f" ({meant})" if meant else "")


def _is_file(uri: str) -> bool:
    """Whether an address of SQLite names a file. One in memory would be lost with the command."""
    found = re.fullmatch(r"(?i)sqlite(?:\+\w+)?:///([^?]+)(?:\?.*)?", uri)
    return found is not None and found[1] != ":memory:" and not Path(found[1]).is_dir()


def _names_a_database(parts: SplitResult) -> bool:
    return bool(parts.path.strip("/")) and not re.search(r"\s", parts.netloc)


def _is_added(scheme: str) -> bool:
    return bool(scheme) and scheme in {each.name for each in entry_points(group=_PLUGINS)}


def shown(uri: str) -> str:
    """The address without what may be secret in it: all before the last @, and what is asked for behind a `?`."""
    start = re.match(r"[A-Za-z][\w+.-]*:/*", uri)
    scheme = start[0] if start else ""
    plain = re.sub(r"^.*@", "***@", uri[len(scheme) :], flags=re.DOTALL)
    return scheme + re.sub(r"[?#].*", "?***", plain, flags=re.DOTALL)
