"""A search ends early, meets another of its kind, or runs out of what there is to try."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest

from tests.command.typed import ENDLESS, begun, new_home, shown, statuses, told, tuner, typed, wait_for

# Several real searches a test: two minutes are too few where the cores have other work.
pytestmark = pytest.mark.timeout(300)


def test_ctrl_c_ends_soon_and_the_same_command_goes_on(tmp_path: Path) -> None:
    folder = new_home(tmp_path)
    with begun(folder, "search", "small", "--workers", "1", "--trials", ENDLESS) as process:
        wait_for(process, f"[5/{ENDLESS}]")
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate()
    assert process.returncode == 130
    assert f"small@1 is stopped. Go on with: tuner search small --workers 1 --trials {ENDLESS}" in said
    trials = len(told(folder)) + 20
    assert trials < int(ENDLESS)
    # Two workers from here on: what was asked before is trained first.
    said = typed(folder, "search", "small", "--workers", "2", "--trials", str(trials))
    assert "put back" in said
    assert len(told(folder)) == trials
    # What is stopped does not wait for a store that is slow: whatever was open then is closed by now.
    assert statuses(folder) == {"FINISHED"}


def test_of_two_searches_at_once_one_runs_and_the_other_says_which(tmp_path: Path) -> None:
    folder = new_home(tmp_path)
    search = ("search", "small", "--workers", "1", "--trials", ENDLESS)
    with begun(folder, *search) as one, begun(folder, *search) as other:
        while one.poll() is None and other.poll() is None:  # the test's own time limit ends it
            time.sleep(0.05)
        first, second = (one, other) if one.poll() is None else (other, one)
        refused, _ = second.communicate()
        wait_for(first, f"[1/{ENDLESS}] trial ")
        during, owner = tuner(folder, "show", "small"), shown(folder)["running"]
        first.send_signal(signal.SIGINT)
        said, _ = first.communicate()
    assert (first.returncode, second.returncode) == (130, 2), said + refused
    assert f"error: small@1 is being searched by process {first.pid} on " in refused
    assert "Traceback" not in refused
    assert not re.search(r"^\[\d+/", refused, re.MULTILINE)
    assert re.search(rf"^running since \d\d:\d\d \(process {first.pid}\)$", during, re.MULTILINE)
    assert "Go on with" not in during
    assert owner["pid"] == first.pid
    assert shown(folder)["running"] is None
    assert "No champion yet. Go on with: tuner search small@1" in tuner(folder, "show", "small")
    assert [search["search"] for search in (shown(folder), shown(folder, "small@1"))] == ["small@1"] * 2
    assert len(told(folder)) == 1 + len(re.findall(rf"^\[\d+/{ENDLESS}\] trial ", said, re.MULTILINE))


def test_a_finite_space_that_is_exhausted_ends_the_search(tmp_path: Path) -> None:
    (tmp_path / "few.toml").write_text(
        '[data]\nsource = "sklearn:wine"\n[space]\nlayers = 1\nunits = { choice = [4, 8, 16] }\n'
        '[training]\nepochs = 1\n[search]\ntrials = 9\npruner = "none"\nfinalists = 1\n'
    )
    said = typed(tmp_path, "search", "few.toml")
    assert "every combination of the space has been tried (3 trials)" in said
    assert sorted(trial["values"]["units"] for trial in shown(tmp_path, "few")["trials"]) == [4, 8, 16]
    assert "every combination of the space has been tried (3 trials)" in typed(tmp_path, "search", "few.toml")


def test_a_time_that_is_too_short_says_so(tmp_path: Path) -> None:
    folder = new_home(tmp_path)
    said = typed(folder, "search", "small", "--time", "0.01s", code=1)
    assert "error: small@1: the time was up before a trial completed; go on with a longer --time" in said
