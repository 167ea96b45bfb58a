"""A space in words, and the one of a study that has none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.archives import DAMAGED
from tests.study_files import DATA, Write, space
from tests.trainers import jobs
from tuner import defaults, sizing, spaces, study
from tuner.home import shipped
from tuner.space import Choice, Float, Int, Space
from tuner.trainers import processes
from tuner.trial import Trial


def test_a_space_in_words(write: Write) -> None:
    text = space(
        "layers = { int = [1, 2] }\n"
        "units = { int = [8, 16], step = 8, each = 'layers', taper = true }\n"
        "optimizer = { choice = ['adam', 'sgd'] }\n"
        "momentum = { choice = [0.5, 0.9], when = { optimizer = 'sgd' } }\n"
        "rules = [{ if = { layers = 2 }, then = { l2 = 0.1 } }]"
    )
    read = study.load(write(text + "[search]\nmax_params = 50000\n"))
    *told, first, second, third = spaces.in_words(read)
    assert [" ".join(line.split()) for line in told] == [
        "a: 15 combinations",  # 2 and 3 shapes, 3 optimizers
        "",
        "layers [1, 2] hidden layers",
        "units [8, 16] step 8, each of the layers, tapering width of a hidden layer",
        "optimizer adam | sgd optimizer",
        "momentum 0.5 | 0.9, if optimizer = sgd momentum of sgd or rmsprop",
        "l2 0.1, by a rule L2 penalty on the weights of a layer",
        "",
        "rules",
        "1. if layers = 2 then l2 = 0.1",
        "networks of more than 50,000 weights are left out",
        "",
        "examples (weights counted for rows of one feature: of more features, fewer networks fit)",
    ]
    drawn = spaces.examples(read.space, 0)
    assert drawn != spaces.examples(read.space, 1)
    assert all(read.space.check(values) == values for values in drawn)
    assert [line.count("layers ") for line in (first, second, third)] == [1, 1, 1]


def test_no_example_is_a_network_that_is_never_proposed(write: Write) -> None:
    widths = "layers = { int = [1, 4] }\nunits = { int = [8, 512], log = true, each = 'layers' }\n"
    read = study.load(write(space(widths) + "[search]\nmax_params = 2000\n"))
    before, drawn = spaces.examples(read.space, 0), spaces.examples(read.space, 0, 2000)
    assert max(sizing.weights(values, 1, 1) for values in before) > 2000
    assert len(drawn) == 3
    assert all(sizing.weights(values, 1, 1) <= 2000 and read.space.check(values) == values for values in drawn)
    read = study.load(write(space(widths) + "[search]\nmax_params = 20\n"))
    assert list(spaces.in_words(read))[-1] == "no network of it is that small"


@pytest.mark.parametrize(
    ("entries", "ending"),
    [
        ("layers = 1\nunits = 32\n", ["example", "  layers 1 · units 32"]),
        ("layers = 1\nunits = { choice = [32, 64] }\n", ["examples", "  units 64", "  units 32"]),
    ],
)
def test_an_example_is_shown_once_without_what_all_have(write: Write, entries: str, ending: list[str]) -> None:
    told = list(spaces.in_words(study.load(write(space(entries)))))
    assert told[told.index("", 2) + 1 :] == ending


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (Space((Choice(name="layers", options=(1,)),)), "1 combination"),
        (Space((Int(name="layers", low=1, high=1200),)), "1,200 combinations"),
        (Space((Int(name="layers", low=0, high=100), Int(name="units", low=1, high=65536, each="layers"))),
         "about 10^482 combinations"),
        (Space((Float(name="l2", low=0.0, high=1.0),)), "a continuum of combinations"),
    ],
)  # fmt: skip
def test_how_many_there_are(made: Space, words: str) -> None:
    assert spaces.size(made) == words


@pytest.mark.parametrize(
    ("source", "blocks"), [("sklearn:wine", False), ("keras:mnist", True), ("sklearn:digits", True)]
)
def test_a_study_without_a_space(write: Write, source: str, blocks: bool) -> None:
    read = study.load(write(f'[data]\nsource = "{source}"\n'))
    names = {parameter.name for parameter in read.space.parameters}
    assert {"layers", "units", "activation", "optimizer", "learning_rate"} <= names
    assert ("conv_layers" in names) == blocks
    assert next(spaces.in_words(read)).endswith("as it has no [space] of its own")
    # A ledger knows of it, whatever a later version varies.
    assert read.document["space"] == defaults.space(source)
    assert study.from_document("a", read.document).settings() == read.settings()


def test_a_file_with_the_space_that_we_would_give_it_has_one_of_its_own(write: Write) -> None:
    read = study.load(write(f"{DATA}[space]\n{defaults.written(images=False)}"))
    assert read.document["space"] == defaults.space(read.data.source)
    assert next(spaces.in_words(read)) == "a: a continuum of combinations"


@pytest.mark.parametrize("name", ["sklearn:wine", "keras:mnist", "mnist.toml", "fashion-mnist.toml"])
def test_what_does_not_go_together_is_not_together(name: str) -> None:
    path = shipped() / name
    made = (study.load(path) if path.exists() else study.from_document("a", {"data": {"source": name}})).space
    dice, seen = np.random.default_rng(0), set[tuple[bool, ...]]()
    for _ in range(200):
        values = made.walk(lambda _, parameter: parameter.at(dice.random()))
        selu, dropped = values["activation"] == "selu", (values["dropout"], values.get("conv_dropout", 0.0)) != (0, 0)
        seen.add((selu, bool(values["batch_norm"]), dropped))
        assert ((values.get("initializer"), values.get("alpha_dropout")) == ("lecun_normal", True)) is selu, values
    assert seen == {(True, False, False), (True, False, True),
                    (False, False, False), (False, False, True), (False, True, False)}  # fmt: skip


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    ("shape", "x", "blocks"),
    [((6, 8, 8), "x", True), ((6, 8, 8, 3), "x_train", True), ((6, 64), "x", False), ((6, 2, 2, 2, 2), "x", False)],
)
def test_arrays_are_images_where_their_rows_have_sides(
    write: Write, save: Callable[..., None], shape: tuple[int, ...], x: str, blocks: bool
) -> None:
    path = write('[data]\nsource = "rows.npz"\n')
    save(path.parent / "rows.npz", **{x.replace("x", "y"): np.zeros(6), x: np.zeros(shape, dtype="uint8")})
    named = {parameter.name for parameter in study.load(path).space.parameters}
    assert ("conv_layers" in named) is blocks


@pytest.mark.parametrize("content", [None, b"", b"PK", b"no archive at all", *DAMAGED.values()])
def test_what_is_no_archive_is_left_to_its_reader(write: Write, content: bytes | None) -> None:
    path = write('[data]\nsource = "rows.npz"\n')
    if content is not None:
        (path.parent / "rows.npz").write_bytes(content)
    assert "conv_layers" not in study.load(path).document["space"]


def test_a_network_of_the_space_for_images_trains(saved_split: Callable[[str], Path]) -> None:
    made = study.from_document("a", {"data": {"source": "sklearn:digits"}}).space
    values = made.walk(lambda _, parameter: parameter.at(0.6))
    assert values["conv_layers"] == 2
    ((loss, finite),) = processes.call(jobs.steps, {"a": (saved_split("digits"), Trial(0, values, 7, 1))}).values()
    assert 0 < loss < 100
    assert finite


def test_an_empty_space_is_none(write: Write) -> None:
    with pytest.raises(study.StudyError, match="space: expected at least one parameter"):
        study.load(write(f"{DATA}[space]\n"))


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from tuner.cli import cli

    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(cli, ["space", "diabetes"])
    assert told.exit_code == 0
    assert told.output.startswith("diabetes: a continuum of combinations\n")
    assert told.output.count("· learning_rate 0.") == 3
