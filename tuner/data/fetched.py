"""Tables by name: those of OpenML, fetched and kept, and those of scikit-learn, nearly all of which come with it."""

from __future__ import annotations

import os
import re
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError

from tuner.data import files, published
from tuner.data.sheet import Sheet, rows_from, tidied
from tuner.errors import DataError, listing, nearest
from tuner.home import Home, user_cache

if TYPE_CHECKING:
    import pandas as pd

# Those inside scikit-learn, which need no network; the fetched ones with the column that is to be predicted.
INSIDE = ("breast_cancer", "diabetes", "iris", "wine")
FETCHED = {"california_housing": "MedHouseVal"}
_SECONDS = 30.0  # how long a silent server is waited for
_RETRIES, _DELAY = 2, 0.3


def fetch(source: str, home: Home) -> Sheet:
    """The rows of `openml:NAME@VERSION` or `sklearn:NAME`: from the data folder, or else from where they are published.

    Raises DataError where there is no such data set, where it cannot be reached, and where a copy is not what it must
    be.
    """
    scheme, _, name = source.partition(":")
    if re.search(r"[/\\?#%\s]|\.\.", name):
        raise DataError(f"{source}: expected the name of a data set, without / \\ ? # % and blanks")
    if scheme == "openml":
        sheet = _from_folder(source, name, home) or _openml(source, name, home)
    elif name in INSIDE:
        sheet = _inside(source, name)
    elif name in FETCHED:
        sheet = _from_folder(source, name, home) or _california(source, home)
    else:
        known = sorted((*INSIDE, "digits", *FETCHED))
        raise DataError(f"{source}: no such data set.{nearest(name, known)} Known: {listing(known)}")
    published.check(source, sheet)
    return sheet


def _from_folder(source: str, name: str, home: Home) -> Sheet | None:
    for suffix in (".csv", ".parquet"):
        if home.data is not None and (path := home.data / f"{name}{suffix}").is_file():
            known = published.PUBLISHED.get(source)
            return replace(files.read(path), target=known.target if known else FETCHED.get(name))
    return None


def _openml(source: str, name: str, home: Home) -> Sheet:
    from sklearn.datasets import fetch_openml

    name, _, version = name.rpartition("@")
    with _reached(source, home) as told:
        found = fetch_openml(
            name,
            version=int(version),
            as_frame=True,
            data_home=user_cache(),
            n_retries=_RETRIES,
            delay=_DELAY,
            parser="pandas",
            # Everything as text, as in a CSV, so that a copy in a data folder gives the same table. It also avoids
            # categories that are numbers, on which scikit-learn 1.9 fails with pandas 3.1 and throws its cache away.
            read_csv_kwargs={"dtype": str},
        )
    target = found.target_names[0] if len(found.target_names) == 1 else None
    return replace(_sheet(source, found.frame, target), warnings=tuple(told))


def _california(source: str, home: Home) -> Sheet:
    from sklearn.datasets import fetch_california_housing

    with _reached(source, home):
        found = fetch_california_housing(data_home=user_cache(), as_frame=True, n_retries=_RETRIES, delay=_DELAY)
    return _sheet(source, found.frame, "MedHouseVal")


def _inside(source: str, name: str) -> Sheet:
    from sklearn import datasets

    found = getattr(datasets, f"load_{name}")(as_frame=True)
    frame = found.frame
    if "target_names" in found:
        frame = frame.assign(target=found.target_names[frame["target"].to_numpy()].tolist())
    return _sheet(source, frame, "target")


def _sheet(source: str, frame: pd.DataFrame, target: str | None) -> Sheet:
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {}
    for name in frame:
        column = pa.array(frame[name].astype(object), from_pandas=True)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            # ARFF allows single quotes too, which a reader of CSV leaves around the text.
            column = pc.replace_substring_regex(column, "^'(.*)'$", r"\1")
        columns[str(name)] = column
    return tidied(Sheet(source, columns, rows_from(len(frame)), target=target))


@contextmanager
def _reached(source: str, home: Home) -> Iterator[list[str]]:
    """Says in one line what is wrong with the network or the answer, and what to do; gathers warnings of the source."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SECONDS)
    told: list[str] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield told
        # Retries are of no interest once they helped, nor is what the libraries deprecate.
        said = [str(each.message) for each in caught if each.category is UserWarning]
        told += [f"{source}: {' '.join(line.split())}" for line in said if "network error" not in line]
    except HTTPError as error:
        with error:
            raise DataError(
                f"{source}: the server answered {error.code} {error.reason}. {_instead(source, home)}"
            ) from None
    except (URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", error)
        reason = getattr(reason, "strerror", None) or reason
        raise DataError(f"{source}: cannot be fetched ({reason}). {_instead(source, home)}") from None
    except (ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(f"{source}: cannot be used ({reason}). {_instead(source, home)}") from None
    finally:
        socket.setdefaulttimeout(before)


def _instead(source: str, home: Home) -> str:
    return instead(f"{source.partition(':')[2]}.csv", home)


def instead(file: str, home: Home) -> str:
    """What to do where a data set cannot be had: where to put a file of it."""
    named = os.environ.get("TUNER_DATA")
    if home.data is not None:
        place = f"Put {file} into {home.data}"
    elif named:
        place = f"TUNER_DATA is not a folder, got '{named}': put {file} into one and name that"
    else:
        place = f"Name a folder that has {file} in TUNER_DATA"
    return f"{place}, or read another file with --data FILE; `tuner search breast-cancer` needs no network"
