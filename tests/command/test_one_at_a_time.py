"""A search ends early, meets another of its kind, or runs out of what there is to try."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.command.typed import begun, new_home, shown, statuses, told, tuner, wait_for

# Several real searches a test: two minutes are too few where the cores have other work.
pytestmark = pytest.mark.timeout(300)


def test_ctrl_c_ends_soon_and_the_same_command_goes_on(tmp_path: Path) -> None:
    folder = new_home(tmp_path)
    with begun(folder, "search", "small", "--workers", "1", "--trials", "100") as process:
        wait_for(process, "[5/100]")
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate()
    assert process.returncode == 130
    assert "small@1 is stopped. Go on with: tuner search small --workers 1 --trials 100" in said
    assert len(told(folder)) < 100
    assert "RUNNING" not in statuses(folder)
    # Two workers from here on: what was asked before is trained first.
    said = tuner(folder, "search", "small", "--workers", "2", "--trials", "100")
    assert "put back" in said
    assert len(told(folder)) == 100


def test_of_two_searches_at_once_one_runs_and_the_other_says_which(tmp_path: Path) -> None:
    folder = new_home(tmp_path)
    typed = ("search", "small", "--workers", "1")
    with begun(folder, *typed) as one, begun(folder, *typed) as other:
        said = {process.pid: process.communicate()[0] for process in (one, other)}
    first, second = sorted((one, other), key=lambda process: process.returncode)
    assert (first.returncode, second.returncode) == (0, 2), said
    assert len(re.findall(r"^\[\d/6\] trial ", said[first.pid], re.MULTILINE)) == 6
    assert f"error: small@1 is being searched by process {first.pid} on " in said[second.pid]
    assert "Traceback" not in said[second.pid]
    assert not re.search(r"^\[\d/6\]", said[second.pid], re.MULTILINE)
    assert [search["search"] for search in (shown(folder), shown(folder, "small@1"))] == ["small@1"] * 2
    assert len(told(folder)) == 6
    assert statuses(folder) == {"FINISHED"}


def test_a_finite_space_that_is_exhausted_ends_the_search(tmp_path: Path) -> None:
    (tmp_path / "few.toml").write_text(
        '[data]\nsource = "sklearn:wine"\n[space]\nlayers = 1\nunits = { choice = [4, 8, 16] }\n'
        '[training]\nepochs = 1\n[search]\ntrials = 9\npruner = "none"\nfinalists = 1\n'
    )
    said = tuner(tmp_path, "search", "few.toml")
    assert "every combination of the space has been tried (3 trials)" in said
    assert sorted(trial["values"]["units"] for trial in shown(tmp_path, "few")["trials"]) == [4, 8, 16]
    assert "every combination of the space has been tried (3 trials)" in tuner(tmp_path, "search", "few.toml")


def test_a_time_that_is_too_short_says_so(tmp_path: Path) -> None:
    folder = new_home(tmp_path)
    said = tuner(folder, "search", "small", "--time", "0.1s", code=1)
    assert "error: small@1: the time was up before a trial completed; go on with a longer --time" in said
