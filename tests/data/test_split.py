"""Parts of a table: who is in which, what is fitted on whom, and what a saved split brings back."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tuner.data.split import PARTS, Split, split
from tuner.data.table import Kind, Rows, Table
from tuner.errors import DataError
from tuner.metrics import Task
from tuner.study import SplitSection


def table(target, classes=("no", "yes"), extra=None, **more) -> Table:
    target = np.asarray(target)
    rng = np.random.default_rng(5)
    features = pd.DataFrame({"row": np.arange(len(target), dtype=float), "noise": rng.normal(size=len(target))})
    task = Task.REGRESSION if classes is None else Task.BINARY if len(classes) == 2 else Task.MULTICLASS
    kinds = {"row": Kind.NUMERIC, "noise": Kind.NUMERIC}
    given = Table("t.csv", "y", task, classes, kinds, {}, Rows(features, target), None, "digest", (), extra or {})
    return replace(given, **more)


def balanced(rows=100, **more) -> Table:
    return table(np.arange(rows) % 2, **more)


def values(rows=100, **more) -> Table:
    return table(np.random.default_rng(2).normal(50, 9, rows), classes=None, **more)


def assert_whole(made: Split, rows: int) -> None:
    """Every row is in one part, and the arrays of the parts are those rows."""
    together = np.concatenate([made.indices[part] for part in PARTS])
    assert sorted(together.tolist()) == list(range(rows))
    for part in PARTS:
        assert len(getattr(made, f"x_{part}")) == len(getattr(made, f"y_{part}")) == len(made.indices[part]) > 0


def test_the_parts_have_their_shares_of_every_class():
    target = np.array([0] * 500 + [1] * 268)
    made = split(table(target), SplitSection())
    assert_whole(made, 768)
    counts = {part: np.bincount(getattr(made, f"y_{part}")).tolist() for part in PARTS}
    assert counts == {"train": [300, 160], "validation": [100, 54], "test": [100, 54]}


def test_rounding_for_many_classes_does_not_add_up():
    target = np.repeat(np.arange(40), 14)
    made = split(table(target, classes=tuple(range(40))), SplitSection(validation=0.1, test=0.1))
    assert_whole(made, 560)
    assert abs(len(made.y_test) - 56) <= 1
    assert abs(len(made.y_validation) - 56) <= 1
    assert set(made.y_test) == set(made.y_validation) == set(range(40))


def test_every_class_is_in_every_part_even_with_three_rows():
    for seed in range(20):
        made = split(table([0] * 97 + [1] * 3), SplitSection(validation=0.1, test=0.1, seed=seed))
        assert [int(getattr(made, f"y_{part}").sum()) for part in PARTS] == [1, 1, 1]


def test_the_matrix_of_a_part_is_that_of_its_rows():
    made = split(balanced(), SplitSection())
    row = made.preprocessing.steps[0]
    for part in PARTS:
        x = getattr(made, f"x_{part}")
        assert x.dtype == np.float32
        np.testing.assert_allclose(x[:, 0] * row.scale + row.mean, made.indices[part], atol=1e-4)
        np.testing.assert_array_equal(getattr(made, f"y_{part}"), made.indices[part] % 2)


def test_nothing_is_fitted_on_rows_that_are_not_for_training():
    given = values(kinds={"row": Kind.NUMERIC, "noise": Kind.NUMERIC, "word": Kind.TEXT})
    given.rows.features["word"] = ["a", "b"] * 50
    before = split(given, SplitSection())
    np.testing.assert_allclose(before.x_train.mean(axis=0)[:2], 0, atol=1e-6)
    np.testing.assert_allclose(before.x_train.std(axis=0)[:2], 1, atol=1e-5)
    others = np.concatenate([before.indices["validation"], before.indices["test"]])
    given.rows.features.loc[others, "noise"] = np.nan
    given.rows.features.loc[others[:5], "row"] = 1e6
    given.rows.features.loc[others, "word"] = "unseen"
    given.rows.target[others] = 1e9
    after = split(given, SplitSection())
    assert after.preprocessing == before.preprocessing
    np.testing.assert_array_equal(after.x_train, before.x_train)


def test_the_seed_alone_draws_the_parts():
    first, again, other = (split(values(), SplitSection(seed=seed)).indices for seed in (0, 0, 1))
    for part in PARTS:
        np.testing.assert_array_equal(first[part], again[part])
    assert not np.array_equal(first["test"], other["test"])


def test_values_are_split_at_random_and_kept_in_their_units():
    made = split(values(), SplitSection(validation=0.3, test=0.1))
    assert_whole(made, 100)
    assert [len(made.indices[part]) for part in PARTS] == [60, 30, 10]
    assert made.y_train.dtype == np.float64
    assert made.y_train.mean() == pytest.approx(50, abs=5)
    assert made.preprocessing.target_mean == pytest.approx(made.y_train.mean(), rel=1e-6)


def test_a_test_part_of_its_own_is_kept():
    own = Rows(pd.DataFrame({"row": [1000.0, 1001.0], "noise": [0.0, np.nan]}), np.array([1, 1]))
    made = split(balanced(test=own), SplitSection())
    assert [len(made.indices[part]) for part in PARTS] == [80, 20, 2]
    assert made.indices["test"].tolist() == [0, 1]
    assert made.y_test.tolist() == [1, 1]
    assert made.x_test[:, 0].min() > made.x_train[:, 0].max()


def test_a_share_of_test_rows_beside_those_that_come_apart_is_said_to_be_idle():
    own = Rows(balanced(9).rows.features, balanced(9).rows.target)
    assert split(balanced(test=own), SplitSection(validation=0.3)).warnings == ()
    (warning,) = split(balanced(test=own), SplitSection(test=0.3)).warnings
    assert warning == (
        "t.csv: data.split.test = 0.3 is not looked at, as the rows for the test come apart; leave it out"
    )
    assert split(balanced(), SplitSection(test=0.3)).warnings == ()


def test_a_validation_part_of_its_own_is_kept_and_the_test_rows_are_drawn_from_the_others():
    own = Rows(pd.DataFrame({"row": [1000.0, 1001.0], "noise": [0.0, np.nan]}), np.array([1, 0]))
    given = balanced(validation=own, code="sum")
    made = split(given, SplitSection())
    assert [len(made.indices[part]) for part in PARTS] == [80, 2, 20]
    assert sorted([*made.indices["train"], *made.indices["test"]]) == list(range(100))
    assert made.y_validation.tolist() == [1, 0]
    assert made.y_test.sum() == 10, "in the shares of the classes"
    assert made.warnings == (
        "t.csv gives no test part: 20 of its 100 train rows (data.split.test = 0.2) are kept apart, for a score on "
        "rows that nothing was chosen by",
    )
    assert not np.array_equal(split(given, SplitSection(seed=1)).indices["test"], made.indices["test"])
    (idle, _) = split(given, SplitSection(validation=0.3)).warnings
    assert idle.startswith("t.csv: data.split.validation = 0.3 is not looked at, as the validation rows come apart")
    changed = Rows(own.features, np.array([0, 1]))
    assert split(replace(given, validation=changed), SplitSection()).tested == made.tested


def test_three_parts_of_their_own_are_all_kept():
    own = Rows(balanced(9).rows.features, balanced(9).rows.target)
    made = split(balanced(4, validation=own, test=own), SplitSection())
    assert [made.indices[part].tolist() for part in PARTS] == [[0, 1, 2, 3], list(range(9)), list(range(9))]
    assert made.warnings == ()


def test_a_class_that_no_row_is_of_is_in_no_part():
    own = Rows(balanced(9).rows.features, balanced(9).rows.target)
    made = split(table(np.arange(100) % 2, classes=(0, 1, 2), validation=own), SplitSection())
    assert len(made.y_test) == 20
    assert made.warnings[1:] == ("class '2' of 'y' is in no train row; it will never be predicted",)


def test_groups_stay_together_and_come_near_their_share_of_rows():
    rng = np.random.default_rng(3)
    groups = np.repeat([f"g{i}" for i in range(40)], rng.integers(1, 40, 40))
    given = values(len(groups), extra={"who": groups.astype(object)})
    made = split(given, SplitSection(group="who"))
    assert_whole(made, len(groups))
    seen = [set(groups[made.indices[part]]) for part in PARTS]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]
    for part in ("validation", "test"):
        assert len(made.indices[part]) == pytest.approx(0.2 * len(groups), abs=5)


def test_three_groups_are_enough_for_three_parts():
    for seed in range(10):
        made = split(
            values(30, extra={"g": np.repeat([1.0, 2.0, 3.0], [28, 1, 1])}), SplitSection(group="g", seed=seed)
        )
        assert_whole(made, 30)


def test_the_latest_rows_are_the_test_and_those_before_them_the_validation():
    times = np.random.default_rng(4).permutation(100).astype(float)
    made = split(balanced(extra={"when": times}), SplitSection(time="when"))
    assert_whole(made, 100)
    assert sorted(times[made.indices["test"]]) == list(range(80, 100))
    assert sorted(times[made.indices["validation"]]) == list(range(60, 80))


def test_rows_of_one_time_are_not_on_both_sides_of_a_border():
    years = np.repeat([2001.0, 2002, 2003, 2004], [40, 27, 18, 15])
    made = split(balanced(extra={"year": years}), SplitSection(time="year"))
    assert [sorted(set(years[made.indices[part]])) for part in PARTS] == [[2001, 2002], [2003], [2004]]
    two = split(balanced(extra={"year": np.repeat([1.0, 2, 3], [2, 2, 96])}), SplitSection(time="year"))
    assert [len(two.indices[part]) for part in PARTS] == [2, 2, 96]


@pytest.mark.parametrize(
    ("given", "section", "problem"),
    [
        (table([0] * 50 + [1] * 2), {}, "class 'yes' of 'y' has 2 rows, 3 are needed for one in each part"),
        (table([0] * 50 + [1]), {}, "class 'yes' of 'y' has 1 row, 3 are needed"),
        (balanced(4), {}, "4 rows are too few for test = 0.2 and validation = 0.2: expected at least 5"),
        (values(15), {"test": 0.05}, "15 rows are too few .* expected at least 20"),
        (values(), {"stratify": True}, "data.split.stratify: 'y' has values, not classes; leave it out"),
        (values(extra={"g": np.arange(100.0) % 2}), {"group": "g"}, "column 'g': expected at least 3 groups, .* got 2"),
        (values(extra={"g": np.array(["a", None] * 50, object)}), {"group": "g"}, "column 'g', row 2: is empty"),
        (values(extra={"g": np.arange(100.0) % 2}), {"time": "g"}, "column 'g': expected at least 3 different times"),
        (values(extra={"when": np.array([1.0, np.nan] * 50)}), {"time": "when"}, "column 'when', row 2: is empty"),
        (values(extra={"when": np.arange(100.0)}), {"time": "wen"}, r"column 'wen' not found.*Did you mean 'when'\?"),
        (
            table([0] * 60 + [1] * 40, extra={"when": np.arange(100.0)}),
            {"time": "when"},
            "every train row is of class 'no' of 'y'",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_told(given, section, problem):
    with pytest.raises(DataError, match=f"t.csv: {problem}"):
        split(given, SplitSection(**section))


def test_every_rare_class_has_a_line():
    with pytest.raises(DataError) as caught:
        split(table([0] * 9 + [1, 2], classes=("a", "b", "c")), SplitSection())
    assert [problem.split("'")[1] for problem in caught.value.problems] == ["b", "c"]


def test_a_rare_class_is_allowed_without_strata_and_warned_of():
    target = np.array([0] * 50 + [1] * 49 + [2])
    given = table(target, classes=("a", "b", "c"), warnings=("of the table",))
    for seed in range(20):
        made = split(given, SplitSection(stratify=False, seed=seed))
        warned = made.warnings == ("of the table", "class 'c' of 'y' is in no train row; it will never be predicted")
        assert warned == (99 not in made.indices["train"])


def test_problems_of_a_column_name_the_table():
    given = values()
    given.rows.features["noise"] = 1e300
    with pytest.raises(DataError, match=r"t.csv: column 'noise', row \d+: expected a number within"):
        split(given, SplitSection())


def test_the_fingerprint_changes_with_rows_parts_and_constants():
    base = split(values(), SplitSection()).fingerprint
    assert base == split(values(), SplitSection()).fingerprint
    assert len(base) == 64
    assert base != split(values(), SplitSection(seed=1)).fingerprint
    assert base != split(values(), SplitSection(test=0.21)).fingerprint
    assert base != split(values(digest="other"), SplitSection()).fingerprint
    assert base != split(values(marks={"noise": (0.0, 1.0)}), SplitSection()).fingerprint


def test_what_is_tested_changes_with_the_test_rows_alone():
    base = split(values(), SplitSection()).tested
    assert base == split(values(digest="other", marks={"noise": (0.0, 1.0)}), SplitSection()).tested
    assert base == split(values(), SplitSection(validation=0.1)).tested
    assert base != split(values(), SplitSection(seed=1)).tested
    assert base != split(values(), SplitSection(test=0.21)).tested
    other = values()
    other.rows.target[0] += 1.0
    assert base != split(other, SplitSection()).tested
    apart = [replace(values(), test=Rows(values().rows.features[:9], values().rows.target[:9] + n)) for n in (0, 0, 1)]
    first, same, changed = (split(each, SplitSection()).tested for each in apart)
    assert first == same != changed


def test_the_example_is_the_first_raw_train_rows_in_the_columns_of_the_model():
    given = balanced(kinds={"row": Kind.NUMERIC, "noise": Kind.NUMERIC, "flat": Kind.NUMERIC, "word": Kind.TEXT})
    given.rows.features["flat"] = 1.0
    given.rows.features["word"] = pd.Series(["a", None] * 50, dtype=object)
    given.rows.features.loc[::3, "noise"] = np.nan
    made = split(given, SplitSection())
    assert len(made.example) == 5
    for number, row in zip(made.indices["train"], made.example, strict=False):
        noise, word = given.rows.features.loc[number, ["noise", "word"]]
        assert row == {"row": float(number), "noise": None if np.isnan(noise) else noise, "word": word}
    assert json.loads(json.dumps(made.example, allow_nan=False)) == list(made.example)


def test_arrays_are_split_too():
    x = np.random.default_rng(6).normal(size=(50, 4, 3)).astype(np.float32)
    given = table(np.arange(50) % 2, kinds={"x": Kind.ARRAY}, rows=Rows(x, np.arange(50) % 2))
    made = split(given, SplitSection())
    assert_whole(made, 50)
    assert made.x_train.shape == (30, 12)
    assert np.array(made.example[0]["x"]).shape == (4, 3)


def test_a_saved_split_comes_back_mapped_into_memory(tmp_path):
    made = split(values(warnings=("careful",), extra={}), SplitSection())
    made = replace(made, code="sum of a file")
    made.save(tmp_path / "deep" / "split")
    again = Split.open(tmp_path / "deep" / "split")
    for name in [f"{axis}_{part}" for axis in "xy" for part in PARTS]:
        np.testing.assert_array_equal(getattr(again, name), getattr(made, name))
        assert isinstance(getattr(again, name), np.memmap)
        assert getattr(again, name).dtype == getattr(made, name).dtype
    for part in PARTS:
        np.testing.assert_array_equal(again.indices[part], made.indices[part])
    for name in (
        "table", "target", "task", "classes", "digest", "preprocessing", "fingerprint", "tested", "example", "warnings",
        "code",
    ):  # fmt: skip
        assert getattr(again, name) == getattr(made, name), name
    assert isinstance(again.task, Task)
    classes = split(balanced(), SplitSection())
    classes.save(tmp_path / "deep" / "split")  # in place of the other
    assert Split.open(tmp_path / "deep" / "split").classes == ("no", "yes")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["split"], "nothing half-written is left"


def test_a_folder_is_never_half_written(tmp_path, monkeypatch):
    made, other = split(values(), SplitSection()), split(values(), SplitSection(seed=1))
    made.save(tmp_path / "split")
    save, written = np.save, []

    def full_disk(path, *given, **more):
        written.append(path)
        if len(written) == 4:
            raise OSError(28, "No space left on device")
        save(path, *given, **more)

    monkeypatch.setattr(np, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        other.save(tmp_path / "split")
    assert Split.open(tmp_path / "split").fingerprint == made.fingerprint
    assert [path.name for path in tmp_path.iterdir()] == ["split"]


def test_what_is_no_split_is_told(tmp_path):
    with pytest.raises(DataError, match=r"nothing: not a saved split .*No such file"):
        Split.open(tmp_path / "nothing")
    split(values(), SplitSection()).save(tmp_path / "split")
    document = json.loads((tmp_path / "split" / "split.json").read_text())
    (tmp_path / "split" / "split.json").write_text(json.dumps({**document, "format": 2}))
    with pytest.raises(DataError, match="expected a split of format 1, got 2"):
        Split.open(tmp_path / "split")
