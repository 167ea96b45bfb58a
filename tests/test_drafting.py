"""Study files for rows that nobody has described: what is read off them, and that the file can be searched as it is."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from tuner import defaults, opening
from tuner.drafting import Draft, draft, summary
from tuner.errors import DataError, StudyError, TunerError
from tuner.home import Home
from tuner.metrics import Task
from tuner.study import Study, load

Drafted = Callable[..., tuple[Draft, Study]]

SEMICOLONS = """\ufeffKunden-Nr;Name des Kunden;"Größe; in cm";Gewicht;Stadt;Kündigung
1;"Müller; Hans";1,78;80,5;Köln;ja
2;"Schmidt";1,65;60,1;Köln;nein
3;"O""Neill";1,80;77,7;Bonn;nein
4;"Weiß";1,70;70;Bonn;ja
5;"Klein";1,71;?;Köln;nein
6;"Groß";1,92;90,5;Köln;ja
7;"Lang";1,77;82,5;Bonn;nein
8;"Kurz";1,55;50,5;Bonn;nein
9;"Alt";1,58;55,5;Köln;ja
10;"Neu";1,61;58,5;Köln;nein
11;"Braun";1,66;61;Bonn;nein
12;"Schwarz";1,81;81;Köln;ja
"""


@pytest.fixture
def drafted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drafted:
    """Writes the rows, and a study for them; the study as its file is loaded, and is split as a search would."""
    monkeypatch.chdir(tmp_path)

    def made(
        rows: str | Iterable[Iterable[object]] | None, source: str = "rows.csv", **more: str
    ) -> tuple[Draft, Study]:
        if rows is not None:
            text = rows if isinstance(rows, str) else "\n".join(",".join(map(str, row)) for row in rows) + "\n"
            (tmp_path / source).write_text(text, encoding="utf-8")
        written = draft("mine", Home.here(), source, **more)
        written.write()
        study = load(tmp_path / "studies" / "mine.toml")
        opening.split(study, Home.here())
        return written, study

    return made


def people(**columns: Callable[[random.Random, int], object]) -> list[list[object]]:
    """200 rows with an age, the given columns, and a target that is the last one."""
    drawn = random.Random(0)
    rows: list[list[object]] = [["age", *columns, "left"]]
    for number in range(200):
        made = [each(drawn, number) for each in columns.values()]
        rows.append([drawn.randint(18, 80), *made, drawn.choice(("yes", "no"))])
    return rows


def test_semicolons_quotes_and_decimal_commas(drafted: Drafted) -> None:
    written, study = drafted(SEMICOLONS)
    assert (study.data.target, study.data.task) == ("Kündigung", Task.BINARY)
    assert study.data.drop == ("Kunden-Nr", "Name des Kunden")
    assert study.data.missing == {"Gewicht": "?"}
    assert "ja 5 (41.7 %), nein 7 (58.3 %)" in written.text
    assert study.document["space"] == defaults.space("semicolons.csv")
    assert study.training.batch_size == 8  # as many as there are rows to train on


def test_dates_identifiers_and_groups(drafted: Drafted) -> None:
    written, study = drafted(
        people(
            PassengerId=lambda drawn, number: number + 7,
            token=lambda drawn, number: f"{drawn.getrandbits(64):x}z",
            seen=lambda drawn, number: f"2024-{drawn.randint(1, 12):02d}-{drawn.randint(1, 28):02d}",
            booked=lambda drawn, number: f"{drawn.randint(1, 28)}.{drawn.randint(1, 12)}.2023",
            patient_id=lambda drawn, number: drawn.randint(1000, 1080),
            region_id=lambda drawn, number: drawn.randint(1, 4),
            empty=lambda drawn, number: "",
            always=lambda drawn, number: 7,
            price=lambda drawn, number: f"€ {drawn.randint(1, 9)}'{drawn.randint(100, 999)}.50",
            plan=lambda drawn, number: drawn.choice(("free", "paid")),
        )
    )
    assert study.data.drop == ("PassengerId", "token", "seen", "booked", "patient_id", "empty", "always", "price")
    assert "look like numbers with a unit" in " ".join(written.inferred.questions)
    assert study.data.categorical == ("region_id",)
    assert 'Then say: split = { time = "seen" }' in " ".join(written.inferred.questions)
    assert "booked: dates are only read as 2026-01-31" in " ".join(written.inferred.questions)
    assert 'split = { group = "patient_id" }' in " ".join(written.inferred.questions)


def test_what_the_questions_say_to_write_can_be_written(drafted: Drafted, tmp_path: Path) -> None:
    _, study = drafted(
        people(
            seen=lambda drawn, number: f"2024-{drawn.randint(1, 12):02d}-{drawn.randint(1, 28):02d}",
            patient_id=lambda drawn, number: drawn.randint(1000, 1080),
        )
    )
    text = study.text
    for said in ('time = "seen"', 'group = "patient_id"'):
        path = tmp_path / "studies" / "mine.toml"
        path.write_text(text.replace("test = 0.2, stratify = true", f"test = 0.2, {said}"))
        opening.split(load(path), Home.here())


@pytest.mark.parametrize(
    ("usual", "mark", "written"),
    [
        (lambda drawn: drawn.randint(44, 199), 0, 0),
        (lambda drawn: drawn.randint(0, 60), -1, -1),
        (lambda drawn: drawn.randint(18, 80), 999, 999),
        (lambda drawn: round(drawn.uniform(0, 5), 2), -99, -99),
        (lambda drawn: drawn.randint(18, 80), "?", "?"),
        (lambda drawn: drawn.randint(18, 80), "unknown", "unknown"),
        (lambda drawn: drawn.randint(18, 80), "12kg", "12kg"),
        (lambda drawn: drawn.choice("ab"), "N/A", "N/A"),
    ],
)
def test_marks_of_empty_cells(
    drafted: Drafted, usual: Callable[[random.Random], object], mark: object, written: object
) -> None:
    _, study = drafted(people(value=lambda drawn, n: mark if n % 20 == 0 else usual(drawn)))
    assert study.data.missing == {"value": written}


@pytest.mark.parametrize(
    "usual",
    [
        lambda drawn: drawn.randint(0, 17),
        lambda drawn: round(drawn.expovariate(1), 1),
        lambda drawn: drawn.randint(-30, 40),
        lambda drawn: drawn.choice((-1, 0, 1)),
        lambda drawn: drawn.randint(50, 99),
        lambda drawn: drawn.choice((0, 1)),
        lambda drawn: drawn.choice(("true", "false")),
        lambda drawn: drawn.choice(("none", "some", "much")),
    ],
)
def test_values_that_are_no_marks(drafted: Drafted, usual: Callable[[random.Random], object]) -> None:
    _, study = drafted(people(value=lambda drawn, n: usual(drawn)))
    assert study.data.missing == {}
    assert study.data.drop == ()


def test_a_column_that_counts_the_rows_is_kept_where_there_is_no_other(drafted: Drafted) -> None:
    rows = [["x", "y"], *([n, n * n % 13] for n in range(60))]
    written, study = drafted(rows, task="regression")
    assert (study.data.drop, tuple(written.inferred.kinds)) == ((), ("x",))
    (asked,) = written.inferred.questions
    assert asked.startswith("x: it numbers the rows, and is kept as nothing else is left to predict from. Is it")
    rows = [["x", "z", "y"], *([n, n % 7, n * n % 13] for n in range(60))]
    Path("rows.csv").write_text("\n".join(",".join(map(str, row)) for row in rows) + "\n")
    written = draft("mine", Home.here(), "rows.csv", task="regression", force=True)
    assert written.inferred.drop == {"x": "numbers the rows"}
    assert any(asked.startswith("x: does it only number the rows") for asked in written.inferred.questions)


def test_numbers_in_fewer_rows_than_words_for_none(drafted: Drafted) -> None:
    _, study = drafted(
        people(value=lambda drawn, n: drawn.randint(18, 80) if n % 4 == 0 else drawn.choice(("?", "None")))
    )
    assert set(study.data.missing["value"]) == {"?", "None"}  # type: ignore[arg-type]
    assert study.data.drop == ()


def test_zeros_in_most_rows_are_only_asked_about(drafted: Drafted) -> None:
    written, study = drafted(people(gain=lambda drawn, n: drawn.randint(114, 999) if n % 4 == 0 else 0))
    assert study.data.missing == {}
    asked = next(question for question in written.inferred.questions if "gain" in question)
    assert asked.endswith("Then say: missing = { gain = 0 }")


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("a,b,Class,c", "Class"),
        ("label,b,c,target", "target"),
        ("y,b,c,d", "y"),
        ("a,b,c,price", "price"),
    ],
)
def test_a_target_that_nobody_named_is_guessed_and_said(drafted: Drafted, header: str, target: str) -> None:
    rows = [header.split(","), *([n % 7, n % 5, n % 2, n % 3] for n in range(60))]
    written, study = drafted(rows)
    assert study.data.target == target
    assert f"nobody said which column is to be predicted; '{target}' was taken" in written.text


def test_a_named_target_is_no_guess(drafted: Drafted) -> None:
    written, study = drafted(people(), target="age")
    assert (study.data.target, study.data.task) == ("age", Task.REGRESSION)
    assert "nobody said" not in written.text
    assert 'metric = "val_rmse"' in written.text


def test_one_class_has_nearly_all_rows(drafted: Drafted) -> None:
    written, study = drafted([["a", "b", "y"], *([n, n % 3, int(n % 20 == 0)] for n in range(200))])
    assert "# Who always says 0 is right in 95% of the rows: an accuracy says little.\n" in written.text
    assert study.objective.metric == "val_loss"
    assert study.space.parameters[0].name == "class_weight"


def test_a_class_of_two_rows_is_not_shared_out(drafted: Drafted) -> None:
    written, study = drafted([["a", "y"], *([n * n, "rare" if n < 2 else "usual"] for n in range(40))])
    assert study.data.split.stratify is False
    (asked,) = written.inferred.questions
    assert asked.startswith("too few rows of rare")


def test_a_column_that_is_the_target_under_another_name_is_asked_about(drafted: Drafted) -> None:
    rows = people()
    rows = [[*row[:-1], "told" if i == 0 else row[-1].upper(), row[-1]] for i, row in enumerate(rows)]  # type: ignore[attr-defined]
    written, _ = drafted(rows)
    assert "told tells 'left' exactly" in " ".join(written.inferred.questions)
    same, _ = drafted_again(rows)
    assert "tells" not in " ".join(same.inferred.questions)


def drafted_again(rows: list[list[object]]) -> tuple[Draft, Study]:
    """The same with one row in which the two differ."""
    rows[5][1] = "NO" if rows[5][1] == "YES" else "YES"
    Path("rows.csv").write_text("\n".join(",".join(map(str, row)) for row in rows) + "\n")
    made = draft("mine", Home.here(), "rows.csv", force=True)
    return made, load(Path("studies/mine.toml"))


@pytest.mark.parametrize("source", ["sklearn:breast_cancer", "sklearn:wine", "sklearn:diabetes"])
def test_published_data_sets(drafted: Drafted, source: str) -> None:
    written, study = drafted(None, source)
    assert (study.data.source, study.data.target, written.inferred.guessed) == (source, "target", "")
    assert (study.data.missing, study.data.drop) == ({}, ())


def test_the_zeros_of_the_pima_rows(drafted: Drafted, pima_study: Study, pima: object) -> None:
    from tests.conftest import ROOT

    folder = Home(ROOT).data
    if folder is None:
        pytest.skip("there is no data folder")
    _, study = drafted(None, str(folder / "diabetes.csv"))
    assert (study.data.target, study.data.missing) == ("Outcome", pima_study.data.missing)


def test_arrays_and_parquet(drafted: Drafted, tmp_path: Path) -> None:
    import pandas as pd

    drawn = np.random.default_rng(0)
    x, y = drawn.random((90, 4, 4), dtype=np.float32), np.arange(90) % 3
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x[:9], y_test=y[:9])
    written, study = drafted(None, "a.npz")
    assert (study.data.target, study.data.task) == (None, Task.MULTICLASS)
    assert "90 rows, each an array of 4 × 4" in written.text
    assert [parameter.name for parameter in study.space.parameters][:2] == ["conv_layers", "filters"]
    (tmp_path / "studies" / "mine.toml").unlink()
    frame = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=90), "lists": [[1]] * 90, "v": y * 2.5 + 1})
    frame.assign(name=list("abc") * 30).to_parquet(tmp_path / "a.parquet")
    _, study = drafted(None, "a.parquet")
    assert (study.data.target, study.data.drop) == ("name", ("when", "lists"))


@pytest.mark.parametrize(
    ("rows", "more", "problem"),
    [
        ('a,y\n"1,5",x\n' + '"1,7",z\n' * 9, {}, "line 2: expected a number, got '1,5'.*Write 1.5 for 1,5"),
        ("a,y\n" + "1.5,x\n2.5,x\n" * 9, {}, "'y' is the target and has only one class, x.*taken because it has"),
        ("a,y\n1,x\n2,z\n", {}, "2 rows are too few for test = 0.2 and validation = 0.2: expected at least 5$"),
        ("a,y\n", {}, "has column names but no rows"),
        ("a,y\n1,x\n", {"target": "z"}, "--target: column 'z' not found. Columns: a, y"),
        ("a,y\n" + "1.5,x\n2.5,z\n" * 9, {"task": "regression"}, "column 'y', line 2: expected a number, got 'x'"),
        (None, {}, "rows.csv: no such file"),
        (None, {"source": "rows.xlsx"}, r"^--data: expected a file ending in .csv, .parquet, .npz, got 'rows.xlsx'"),
        (None, {"source": "openml:diabetes"}, "^--data: expected openml:NAME@VERSION"),
        (None, {"source": "my.py:load"}, '^--data: expected rows to look at, got a function, .* data = "my.py:load"$'),
        ("row_id,y\n" + "".join(f"{n},{n % 3}\n" for n in range(12)), {},
         r"no column is left to predict 'y' from. Left out: row_id \(numbers the rows\)$"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_is_refused_and_nothing_is_written(
    drafted: Drafted, tmp_path: Path, rows: str | None, more: dict[str, str], problem: str
) -> None:
    with pytest.raises(TunerError, match=problem) as caught:
        drafted(rows, **more)
    assert len(caught.value.problems) == 1
    assert not (tmp_path / "studies").exists()


def test_a_file_that_is_there_stays_unless_it_is_to_be_replaced(drafted: Drafted, tmp_path: Path) -> None:
    drafted(people())
    path = tmp_path / "studies" / "mine.toml"
    path.write_text("mine")
    with pytest.raises(StudyError, match=r"^studies/mine.toml: is there already. Replace it with --force"):
        drafted(None)
    replacing = draft("mine", Home.here(), "rows.csv", force=True)
    with pytest.raises(StudyError, match="is there already"):  # somebody else wrote it in between
        replacing.write()
    assert path.read_text() == "mine"
    replacing.write(force=True)
    assert "[space]" in path.read_text()
    with pytest.raises(StudyError, match=r"got 'My study'$"):
        draft("My study", Home.here(), "rows.csv")


def test_a_file_of_the_same_name_beside_the_study_is_another(drafted: Drafted, tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "rows.csv").write_text("other,y\n1,2\n")
    _, study = drafted(people())
    assert study.data.source == str(tmp_path / "rows.csv")
    assert study.data.target == "left"


def test_names_that_toml_would_trip_over(drafted: Drafted) -> None:
    rows = people(**{'say "hi" \\ [%]': lambda drawn, n: 999 if n % 20 == 0 else drawn.randint(1, 50)})
    rows[0] = [rows[0][0], '"say ""hi"" \\ [%]"', "left"]
    _, study = drafted(rows)
    assert study.data.missing == {'say "hi" \\ [%]': 999}


def test_names_that_a_terminal_would_take_for_commands(drafted: Drafted) -> None:
    rows = people(
        **{
            "seen\x1b[31m": lambda drawn, n: f"2024-{drawn.randint(1, 12):02d}-{drawn.randint(1, 28):02d}",
            "no\xa0number": lambda drawn, n: 999 if n % 20 == 0 else drawn.randint(1, 50),
            '"two\nlines"': lambda drawn, n: drawn.randint(0, 3),
            "exact": lambda drawn, n: round(drawn.random(), 6),
        }
    )
    written, study = drafted([*rows, rows[1]])
    told = [*summary(written.inferred), *written.inferred.questions]
    assert all(line.isprintable() for line in [*told, *written.text.splitlines()]), told
    assert study.data.drop == ("seen\x1b[31m",)
    assert study.data.missing == {"no\xa0number": 999}
    assert any(r'split = { time = "seen\u001b[31m" }' in line for line in told)
    assert any(r'categorical = ["two\nlines"]' in line for line in told)
    assert any(line.startswith("1 row is a copy of another: are they one thing") for line in told)


def test_what_the_readers_refuse_comes_from_them(drafted: Drafted) -> None:
    with pytest.raises(DataError, match="2 columns are named 'a'"):
        drafted("a,a,y\n1,2,3\n")
