"""Where rows come from: scikit-learn's own sets, the data folder before the network, and the Pima rows."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tuner.data import fetched, published, sources
from tuner.data.table import Kind, Table
from tuner.errors import DataError
from tuner.home import Home, user_cache
from tuner.metrics import Task
from tuner.study import Study, load


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home without a data folder, an empty cache, and a network that leads nowhere."""
    monkeypatch.delenv("TUNER_DATA", raising=False)
    monkeypatch.delenv("TUNER_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    (tmp_path / "home").mkdir()
    return Home(tmp_path / "home")


@pytest.mark.parametrize(
    ("name", "rows", "columns", "task", "classes"),
    [
        ("breast_cancer", 569, 30, Task.BINARY, ("benign", "malignant")),
        ("wine", 178, 13, Task.MULTICLASS, ("class_0", "class_1", "class_2")),
        ("iris", 150, 4, Task.MULTICLASS, ("setosa", "versicolor", "virginica")),
        ("diabetes", 442, 10, Task.REGRESSION, None),
    ],
)
def test_scikit_learns_own_sets_need_no_network(
    alone: Home, make_study: Callable[..., Study], name: str, rows: int, columns: int, task: Task, classes: object
) -> None:
    assert name in fetched.INSIDE
    table = sources.load(make_study(f"sklearn:{name}"), alone)
    assert (table.name, table.target, table.task, table.classes) == (f"sklearn:{name}", "target", task, classes)
    assert (len(table.rows), len(table.kinds), set(table.kinds.values())) == (rows, columns, {Kind.NUMERIC})
    assert table.warnings == ()


def test_a_set_of_scikit_learn_is_not_taken_for_a_file_of_that_name(
    alone: Home, make_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    (alone.root / "diabetes.csv").write_text("a,target\n1,0\n2,1\n")
    monkeypatch.setenv("TUNER_DATA", str(alone.root))
    assert len(sources.load(make_study("sklearn:diabetes"), alone).rows) == 442


def test_the_other_class_names_of_a_set(alone: Home, make_study: Callable[..., Study]) -> None:
    study = make_study("sklearn:breast_cancer", rename={"target": "tumour"}, labels={"malignant": 1, "benign": 0})
    table = sources.load(study, alone)
    assert (table.target, table.classes, int(table.rows.target.sum())) == ("tumour", (0, 1), 212)


def test_an_unknown_set_names_the_nearest(alone: Home, make_study: Callable[..., Study]) -> None:
    with pytest.raises(
        DataError, match=r"sklearn:wines: no such data set\. Did you mean 'wine'\? Known: breast_cancer,"
    ):
        sources.load(make_study("sklearn:wines"), alone)


def test_a_data_folder_comes_before_the_network(
    alone: Home, make_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = alone.root / "sets"
    folder.mkdir()
    (folder / "boats@3.csv").write_text("length,sails\n" + "".join(f"{i}.5,{i % 2}\n" for i in range(12)))
    monkeypatch.setenv("TUNER_DATA", str(folder))
    table = sources.load(make_study("openml:boats@3", target="sails"), alone)
    assert (table.name, len(table.rows)) == ("openml:boats@3", 12)
    pd.DataFrame({"size": [1.5, 2.5, 3.0], "MedHouseVal": [0.5, 1.5, 2.0]}).to_parquet(
        folder / "california_housing.parquet"
    )
    houses = sources.load(make_study("sklearn:california_housing"), alone)
    assert (houses.target, houses.task) == ("MedHouseVal", Task.REGRESSION)


@pytest.mark.parametrize(
    "source", ["openml:../secret@1", "openml:a/b@1", "openml:a\\b@1", "openml:a b@1", "sklearn:../x"]
)
def test_a_name_is_no_path(
    alone: Home, make_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    (alone.root / "secret@1.csv").write_text("a,y\n1,0\n2,1\n")
    (alone.root / "sets").mkdir()
    monkeypatch.setenv("TUNER_DATA", str(alone.root / "sets"))
    with pytest.raises(DataError, match="expected the name of a data set"):
        sources.load(make_study(source, target="y"), alone)


@pytest.mark.parametrize("source", ["openml:diabetes@1", "sklearn:california_housing"])
def test_without_network_and_file_one_line_says_what_to_do(
    alone: Home, make_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    file = f"{source.partition(':')[2]}.csv"
    with pytest.raises(DataError) as caught:
        sources.load(make_study(source), alone)
    assert len(caught.value.problems) == 1
    assert str(caught.value).startswith(f"{source}: cannot be fetched (")
    assert str(caught.value).endswith(
        f". Name a folder that has {file} in TUNER_DATA, or read another file with --data FILE; "
        "`tuner search breast-cancer` needs no network"
    )
    monkeypatch.setenv("TUNER_DATA", str(alone.root / "nowhere"))
    with pytest.raises(DataError, match=r"TUNER_DATA is not a folder, got '.*nowhere': put .*\.csv into one"):
        sources.load(make_study(source), alone)
    monkeypatch.setenv("TUNER_DATA", str(alone.root))
    with pytest.raises(DataError, match=rf"\. Put {file} into .*home, or read another file"):
        sources.load(make_study(source), alone)


def keep_as_openml_does(frame: pd.DataFrame, name: str, version: int, target: str, kinds: dict[str, str]) -> None:
    """Writes a data set into the cache as if it had been fetched before."""
    attributes = [f"@ATTRIBUTE {column} {kinds.get(column, 'NUMERIC')}" for column in frame]
    rows = frame.to_csv(index=False, header=False)
    arff = "\n".join(["@RELATION kept", *attributes, "@DATA", rows])
    features = [
        {
            "index": str(i),
            "name": column,
            "data_type": "nominal" if column in kinds else "numeric",
            "is_target": str(column == target).lower(),
            "is_ignore": "false",
            "is_row_identifier": "false",
            "number_of_missing_values": "0",
        }
        for i, column in enumerate(frame)
    ]
    about = {
        "id": "37", "name": name, "version": str(version), "format": "ARFF", "status": "active", "description": "",
        "url": "https://api.openml.org/data/v1/download/37/kept.arff", "file_id": "37",
        "md5_checksum": hashlib.md5(arff.encode()).hexdigest(),  # as OpenML has it
    }  # fmt: skip
    api = "api/v1/json/data"
    answers = {
        f"{api}/list/data_name/{name}/limit/2/data_version/{version}": {"data": {"dataset": [{"did": 37}]}},
        f"{api}/37": {"data_set_description": about},
        f"{api}/features/37": {"data_features": {"feature": features}},
        f"{api}/qualities/37": {
            "data_qualities": {"quality": [{"name": "NumberOfInstances", "value": str(len(frame))}]}
        },
    }
    texts = {path: json.dumps(answer) for path, answer in answers.items()} | {"data/v1/download/37/kept.arff": arff}
    for path, text in texts.items():
        kept = user_cache() / "openml" / "openml.org" / f"{path}.gz"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(gzip.compress(text.encode()))


def test_what_was_fetched_once_needs_no_network(alone: Home, make_study: Callable[..., Study]) -> None:
    frame = pd.DataFrame({"length": np.arange(12.0), "port": [1, 2, 3] * 4, "sails": ["one", "two"] * 6})
    quoted = frame.replace({"sails": {"one": "'one'"}})
    keep_as_openml_does(quoted, "boats", 3, "sails", {"port": "{1,2,3}", "sails": "{'one',two}"})
    table = sources.load(make_study("openml:boats@3"), alone)
    assert (table.target, table.classes) == ("sails", ("one", "two"))
    # Names that are numbers are told from numbers by the study alone, wherever the rows come from.
    assert dict(table.kinds) == {"length": Kind.NUMERIC, "port": Kind.NUMERIC}
    frame.to_csv(alone.root / "boats.csv", index=False)
    assert sources.load(make_study(alone.root / "boats.csv", target="sails"), alone).digest == table.digest


def test_a_fetched_file_that_was_altered_since_is_refused(alone: Home, make_study: Callable[..., Study]) -> None:
    frame = pd.DataFrame({"length": np.arange(12.0), "sails": ["one", "two"] * 6})
    keep_as_openml_does(frame, "boats", 3, "sails", {"sails": "{one,two}"})
    kept = user_cache() / "openml/openml.org/data/v1/download/37/kept.arff.gz"
    kept.write_bytes(gzip.compress(gzip.decompress(kept.read_bytes()).replace(b"3.0,", b"9.0,")))
    with pytest.raises(DataError, match=r"openml:boats@3: cannot be (used|fetched) \("):
        sources.load(make_study("openml:boats@3"), alone)


def test_the_pima_rows(pima: Table) -> None:
    assert (pima.name, pima.target, pima.task, pima.classes) == ("openml:diabetes@1", "Outcome", Task.BINARY, (0, 1))
    assert (len(pima.rows), int(pima.rows.target.sum())) == (768, 268)
    assert list(pima.kinds) == [
        "Pregnancies", "Glucose", "BloodPressure", "SkinThickness", "Insulin", "BMI", "DiabetesPedigreeFunction", "Age",
    ]  # fmt: skip
    assert pima.marks == dict.fromkeys(["Glucose", "BloodPressure", "SkinThickness", "Insulin", "BMI"], (0.0,))
    assert pima.rows.features.iloc[0].tolist() == [6, 148, 72, 35, 0, 33.6, 0.627, 50]
    assert pima.warnings == ()


def as_published(table: Table) -> pd.DataFrame:
    """The Pima rows under OpenML's names."""
    known = published.PUBLISHED["openml:diabetes@1"]
    frame = table.rows.features.set_axis(list(known.columns), axis=1)
    return frame.assign(**{known.target: np.array(sorted(known.counts))[table.rows.target]})


def test_the_same_rows_under_the_common_names_are_the_same_table(
    pima: Table, pima_study: Study, tmp_path: Path
) -> None:
    frame = pima.rows.features.assign(Outcome=pima.rows.target)
    frame.to_csv(tmp_path / "mine.csv", index=False)
    study = load(Path(__file__).parents[2] / "studies/diabetes.toml", {"data": {"source": str(tmp_path / "mine.csv")}})
    table = sources.load(study, Home(tmp_path))
    assert table.digest == pima.digest
    assert table.name == "mine.csv"
    assert table.warnings == ()


def test_the_pima_rows_as_openml_sends_them(pima: Table, pima_study: Study, alone: Home) -> None:
    keep_as_openml_does(as_published(pima), "diabetes", 1, "class", {"class": "{tested_negative,tested_positive}"})
    table = sources.load(pima_study, alone)
    assert table.digest == pima.digest


def alter_cell(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[3, "preg"] += 400
    return frame


def swap_cells(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[[0, 1], "plas"] = frame.loc[[1, 0], "plas"].to_numpy()
    return frame


ALTERED: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], list[str]]] = {
    "a cell": (alter_cell, ["column 'preg' has different cells: its mean is 4.36589, expected 3.84505"]),
    "two cells swapped": (swap_cells, ["column 'plas' has different cells"]),
    "a class": (
        lambda frame: frame.assign(**{"class": ["tested_positive", *frame["class"][:-1]]}),
        [
            "expected 500 rows with the class tested_negative, got 499",
            "expected 268 rows with the class tested_positive, got 269",
        ],
    ),
    "the order of classes": (
        lambda frame: frame.assign(**{"class": frame["class"].to_numpy()[::-1]}),
        ["column 'class' has its classes in other rows"],
    ),
    "a text": (lambda frame: frame.assign(age=["young", *frame["age"][1:]]), ["column 'age' has text in line 2"]),
    "columns": (
        lambda frame: frame.rename(columns={"class": "Outcome"}),
        [
            "expected the columns preg, plas, pres, skin, insu, mass, pedi, age, class, "
            "got preg, plas, pres, skin, insu, mass, pedi, age, Outcome"
        ],
    ),
}


@pytest.mark.parametrize("case", ALTERED)
def test_an_altered_copy_is_refused_with_what_differs(
    pima: Table, pima_study: Study, alone: Home, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    alter, expected = ALTERED[case]
    alter(as_published(pima)).to_csv(alone.root / "diabetes@1.csv", index=False)
    monkeypatch.setenv("TUNER_DATA", str(alone.root))
    with pytest.raises(DataError) as caught:
        sources.load(pima_study, alone)
    start = "diabetes@1.csv: not openml:diabetes@1 as it was published: "
    told = [line.partition(start)[2] for line in caught.value.problems[:-1]]
    assert told == expected
    assert "--data FILE" in caught.value.problems[-1]


def test_a_copy_cut_short_is_refused(
    pima: Table, pima_study: Study, alone: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_published(pima).head(700).to_csv(alone.root / "diabetes@1.csv", index=False)
    monkeypatch.setenv("TUNER_DATA", str(alone.root))
    with pytest.raises(DataError, match="expected 768 rows, got 700"):
        sources.load(pima_study, alone)


def test_nothing_heavy_is_imported_before_rows_are_read() -> None:
    code = (
        "import sys, tuner.data.sources; "
        "print([m for m in ('pandas', 'sklearn', 'pyarrow', 'tensorflow', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
