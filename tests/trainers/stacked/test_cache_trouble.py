"""Programs kept where others want them too, or where nothing can be kept any more: a search goes on all the same."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.contracts.trainer import Play
from tests.trainers.stacked import keeping
from tests.trainers.stacked.keeping import TRAINING, a_file, apart, full, gone, meet, nothing, troubled
from tests.trainers.stacked.test_cache import files
from tuner.data.split import Split
from tuner.trainers.pool import PoolTrainer
from tuner.trainers.work import Work
from tuner.trial import Batch, Metrics, Objective, State, Trial


@pytest.fixture(scope="module")
def usual(saved_split: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Metrics, list[str]]:
    """What it gives where nothing goes wrong, and what is traced for it."""
    return apart(tmp_path_factory.mktemp("usual"), troubled, saved_split("wine"), nothing)


def test_of_two_at_once_on_a_cold_cache_one_compiles_and_the_other_reads(
    saved_split: Callable[[str], Path], tmp_path: Path, usual: tuple[Metrics, list[str]]
) -> None:
    with ThreadPoolExecutor(2) as both:
        one, other = both.map(lambda _: apart(tmp_path, troubled, saved_split("wine"), meet), range(2))
    assert one[0] == other[0] == usual[0]
    assert [*one[1], *other[1]] == usual[1]
    assert len(files(tmp_path, ".graph")) == len(files(tmp_path, ".pb")) == 1


@pytest.mark.parametrize("trouble", [full, a_file, gone])
def test_a_folder_that_cannot_be_written_to_any_more_ends_no_search(
    saved_split: Callable[[str], Path],
    tmp_path: Path,
    usual: tuple[Metrics, list[str]],
    trouble: Callable[[], None],
) -> None:
    # Where XLA makes nothing that it cannot keep, the sums have another order.
    assert apart(tmp_path, troubled, saved_split("wine"), trouble)[0] == pytest.approx(usual[0], rel=1e-5)
    # Nothing that is not whole was left for the next one to read.
    assert apart(tmp_path, troubled, saved_split("wine"), nothing)[0] == usual[0]


def test_a_search_without_compiled_programs_says_so_once_and_in_the_record_of_each_trial(
    saved_split: Callable[[str], Path], tmp_path: Path
) -> None:
    plan = keeping.programs_of(Split.open(saved_split("wine")))
    work = Work(TRAINING, Objective("val_loss", "minimize"), saved_split("wine"), tmp_path / "w", plan)
    trials = tuple(Trial(n, {"layers": n % 2, "units": 4}, 7, 2) for n in range(4))
    said: list[str] = []
    with PoolTrainer(work, 2, say=said.append, opener=keeping.on_a_full_disk) as pool:
        results = Play(pool, [Batch(trials, more=False)]).results()
    assert {result.state for result in results.values()} == {State.COMPLETE}
    assert [results[n].program["compiler"] for n in range(4)] == ["none"] * 4
    (line,) = said
    assert "XLA cannot compile what trains trial" in line
