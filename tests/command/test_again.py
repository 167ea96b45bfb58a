"""The same once more: a trial replayed, a search repeated, gone on with, begun afresh, and removed."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tests.command.typed import ledger, new_home, shown, tuner, typed
from tuner.carrying import carry
from tuner.home import Home
from tuner.study import from_document

# Several real searches a test: two minutes are too few where the cores have other work.
pytestmark = pytest.mark.timeout(300)

# In the order of the grid: good at first, so that what learns too slowly is stopped at a rung; the last one explodes.
FATES = """
[data]
source = "sklearn:diabetes"
[space]
layers        = 1
units         = 8
activation    = "linear"
optimizer     = "sgd"
learning_rate = { choice = [0.01, 0.003, 0.001, 0.0001, 0.00001, 0.000001, 1000.0] }
[training]
epochs = 9
[search]
sampler = "grid"
pruner = "successive-halving"
trials = 7
finalists = 1
"""


@pytest.fixture(scope="module")
def fates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which trials of a search completed, were pruned and diverged."""
    folder = new_home(tmp_path_factory.mktemp("fates"), FATES, "fates")
    folder.joinpath("said").write_text(typed(folder, "search", "fates", "--workers", "1", "--json"))
    return folder


def test_the_end_counts_what_did_not_complete(fates: Path) -> None:
    states = dict(ledger(fates, "select state, count(*) from trials group by state"))
    assert set(states) == {"complete", "pruned", "diverged"}
    assert json.loads((fates / "said").read_text())["trials"] == states
    counted = f"7 trials, {states['pruned']} pruned, {states['diverged']} diverged"
    assert f"fates@1: all trials are done ({counted})\n" in typed(fates, "search", "fates")


@pytest.mark.parametrize("state", ["complete", "pruned", "diverged"])
def test_a_replay_of_every_kind_of_trial_agrees(fates: Path, state: str) -> None:
    assert ledger(fates, f"select count(*) from trials where state = '{state}'") != [(0,)]
    before = shown(fates, "fates")
    trial = next(t for t in before["trials"] if t["state"] == state)
    said = typed(fates, "replay", "fates", str(trial["number"]))
    assert f"the same score, {trial['score']}" in said
    assert f"in {trial['epochs']} of {trial['epochs']} epochs" in said  # NaN in the last one of a diverged trial
    assert (trial["epochs"] == 9) == (state == "complete")
    assert (trial["score"] is None) == (state == "diverged")
    assert shown(fates, "fates") == before


def test_the_same_seed_gives_the_same_search(tmp_path: Path) -> None:
    """In a process that does nothing else, and in one that has done much."""
    twice = []
    for types in (tuner, typed):
        folder = new_home(tmp_path / types.__name__)
        types(folder, "search", "small", "--workers", "1", "--seed", "0", "--trials", "5")
        trials = sorted(shown(folder)["trials"], key=lambda t: t["number"])
        twice.append([(t["number"], t["values"], t["state"], t["score"], t["epochs"]) for t in trials])
    assert len(twice[0]) == 5
    assert twice[0] == twice[1]


def test_more_trials_are_a_second_look_and_fresh_is_a_second_search(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    typed(home, "search", "small")
    said = typed(home, "search", "small", "--trials", "7")
    assert "resuming: 6 of 7 done" in said
    assert "test rows seen 2 times" in said
    typed(home, "search", "small", "--fresh", "--trials", "1", "--seed", "3")
    assert shown(home)["search"] == "small@2"
    assert len(shown(home, "small@1")["trials"]) == 7
    assert "7 trials in the ledger" in typed(home, "delete", "small@1", code=130, stdin="n\n")
    assert len(shown(home, "small@1")["trials"]) == 7
    number = shown(home, "small@1")["verdict"]["champion"]
    typed(home, "delete", "small@1", "--trial", str(number), "--yes")
    left = shown(home, "small@1")
    assert len(left["trials"]) == 6
    assert left["verdict"] is None
    assert "removed, with 7 MLflow runs" in typed(home, "delete", "small@1", "--yes")
    assert "nothing was searched under 'small@1'" in typed(home, "show", "small@1", code=2)
    assert not (home / ".tuner" / "searches" / "small@1").exists()
    assert shown(home)["search"] == "small@2"


# Where the best of `fates` fits but for one value.
OTHER = """
[data]
source = "sklearn:diabetes"
[space]
layers        = 1
units         = { int = [4, 16] }
activation    = { choice = ["relu", "tanh"] }
optimizer     = "sgd"
learning_rate = { float = [1e-3, 1e-1], log = true }
[training]
epochs = 3
[search]
finalists = 1
"""


def test_a_search_that_begins_with_the_best_of_another(fates: Path) -> None:
    fates.joinpath("studies/other.toml").write_text(OTHER)
    said = typed(fates, "search", "other", "--from", "fates", "--trials", "1", "--workers", "1")
    best = next(trial for trial in shown(fates, "fates")["trials"] if trial["champion"])
    assert f"trial 0 has the values of trial {best['number']} of fates@1, its best\n" in said
    assert "note: not as they are there: activation = 'relu', there 'linear'\n" in said
    expected = {**best["values"], "activation": "relu"}
    assert [trial["values"] for trial in shown(fates, "other")["trials"]] == [expected]
    # Without the option it goes on, with what it began with.
    typed(fates, "search", "other", "--trials", "2", "--workers", "1")
    values = {trial["number"]: trial["values"] for trial in shown(fates, "other")["trials"]}
    assert values[0] == expected != values[1]
    ((document,),) = ledger(fates, "select document from searches where study = 'other'")
    assert [start["learning_rate"] for start in json.loads(document)["start"]] == [expected["learning_rate"]]
    # With it too, whatever the best is by now; it counts where a search begins.
    said = typed(fates, "search", "other", "--from", "other", "--trials", "3", "--workers", "1")
    assert "--from counts where a search begins; this goes on with other@1\n" in said
    ((document,),) = ledger(fates, "select document from searches where study = 'other'")
    assert [start["learning_rate"] for start in json.loads(document)["start"]] == [expected["learning_rate"]]
    assert "nothing" in typed(fates, "search", "other", "--fresh", "--from", "nothing", code=2)


def test_the_best_of_another_is_made_smaller_where_weights_are_limited(fates: Path) -> None:
    """Not refused: whoever limits the weights of a network wants the best of those that there may be."""
    study = from_document("other", {**tomllib.loads(OTHER), "search": {"max_params": 60, "sampler": "random"}})
    carried, told = carry(study, "fates", Home(fates))
    (values,) = carried.starts
    assert values["units"] == 4  # (10 + 1) · 4 + 4 + 1 = 49, and one unit more has 61
    best = next(trial for trial in shown(fates, "fates")["trials"] if trial["champion"])
    assert told == (
        f"trial 0 has the values of trial {best['number']} of fates@1, its best",
        "note: not as they are there: activation = 'relu', there 'linear'",
        "note: made smaller, to at most 60 weights: units = 4",
    )
