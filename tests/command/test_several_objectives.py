"""A search for several objectives, as a person types it."""

from __future__ import annotations

from pathlib import Path

from tests.command.typed import new_home, shown, typed

STUDY = """
[data]
source = "sklearn:breast_cancer"
[objective]
metric = ["val_f1", "params"]
[space]
layers        = 1
units         = { int = [2, 16], step = 2 }
learning_rate = { float = [1e-3, 1e-1], log = true }
[training]
epochs = 2
[search]
trials = 6
sampler = "nsga-ii"
finalists = 2
"""


def test_the_front_stands_first_and_the_champion_is_on_it(tmp_path: Path) -> None:
    home = new_home(tmp_path, STUDY)
    typed(home, "search", "small", "--workers", "1")
    told = shown(home)
    trials = told["trials"]
    assert {trial["state"] for trial in trials} == {"complete"}
    for trial in trials:
        # 30 features and a bias to each unit, and from each to the output, with a bias of its own.
        assert trial["objectives"] == {"val_f1": trial["score"], "params": 32 * trial["values"]["units"] + 1}
    pairs = [(trial["objectives"]["val_f1"], -trial["objectives"]["params"]) for trial in trials]
    for trial, own in zip(trials, pairs, strict=True):
        assert trial["pareto"] == (not any(a >= own[0] and b >= own[1] and (a, b) != own for a, b in pairs))
    front = [trial["pareto"] for trial in trials]
    assert front == sorted(front, reverse=True)
    (champion,) = (trial for trial in trials if trial["champion"])
    assert champion["pareto"]
    assert told["objective"]["further"] == [{"metric": "params", "goal": "minimize"}]
    assert list((home / ".tuner/searches/small@1").rglob("plots/pareto-front.png"))
    table = typed(home, "show", "small")
    assert "the Pareto front of val_f1 (maximize) and params (minimize)" in table
    assert f"{champion['objectives']['params']:,.0f}" in table
