"""Jobs in processes of their own."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.trainers import jobs
from tuner.errors import DataError
from tuner.home import user_cache
from tuner.trainers import processes


def test_the_answer_comes_back() -> None:
    assert processes.call(divmod, 17, 5) == (3, 2)
    assert processes.call(dict) == {}
    assert processes.call(jobs.nothing) is None
    assert not multiprocessing.active_children()


def test_an_error_for_a_person_comes_back_as_it_was() -> None:
    with pytest.raises(DataError) as caught:
        processes.call(jobs.refused)
    assert caught.value.problems == ("a.csv: no rows", "b.csv: no rows")


def test_any_other_error_is_told_in_a_line_with_its_traceback_as_the_cause() -> None:
    with pytest.raises(processes.WorkerDied, match=r"^divmod: ZeroDivisionError: integer") as caught:
        processes.call(divmod, 1, 0)
    assert "Traceback (most recent call last)" in str(caught.value.__cause__)


def test_an_error_that_is_an_answer_is_an_answer() -> None:
    assert isinstance(processes.call(jobs.an_error), DataError)


@pytest.mark.parametrize(
    ("job", "how"),
    [(jobs.killed, r"^killed: worker died \(signal 9\)$"), (jobs.left, r"^left: worker died \(exit code 7\)$")],
)
def test_a_death_is_told(job: object, how: str) -> None:
    with pytest.raises(processes.WorkerDied, match=how):
        processes.call(job)  # type: ignore[arg-type]


def test_a_stop_ends_it() -> None:
    looks = itertools.count()
    with pytest.raises(processes.Stopped, match="stopped"):
        processes.call(time.sleep, 1000, stop=lambda: next(looks) > 1)
    assert not multiprocessing.active_children()


def test_what_a_worker_printed_last_goes_with_its_death(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = processes.start(jobs.prints_and_dies, log=log)
    assert child.hear() is None
    assert child.death() == "to stdout\nto stderr\nworker died (signal 11)"
    child.kill()
    assert not log.exists()


def test_what_a_worker_prints_is_not_the_owners(capfd: pytest.CaptureFixture[str]) -> None:
    assert processes.call(os.system, "echo loud; echo loud >&2") == 0
    assert capfd.readouterr() == ("", "")


def test_workers_of_the_tests_keep_nothing_in_the_users_own_cache() -> None:
    assert processes.call(user_cache).is_relative_to(ROOT / ".pytest_cache")


def test_one_that_dies_in_mid_message_is_dead() -> None:
    child = processes.start(jobs.half_a_message)
    assert child.hear() is None
    assert child.death() == "worker died (exit code 3)"
    child.say(True)  # lost, as nobody is there
    child.kill()


def test_one_whose_owner_hangs_up_ends_and_leaves_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = processes.start(jobs.listens, log=log)
    assert child.hear() == "ready"
    assert log.exists()
    child.line.close()
    child.process.join()
    assert child.process.exitcode == 1
    assert not log.exists()


def test_a_server_that_was_killed_is_started_again() -> None:
    server = processes.call(os.getppid)
    os.kill(server, signal.SIGKILL)
    assert processes.call(os.getppid) != server


BROKEN = """
import sys
from tuner.trainers import processes
try:
    processes.call(divmod, 17, 5)
except processes.WorkerDied as error:
    print(error)
"""


def test_a_keras_that_cannot_be_imported_is_told(tmp_path: Path) -> None:
    (tmp_path / "keras.py").write_text("raise RuntimeError('not for this processor')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    told = subprocess.run([sys.executable, "-c", BROKEN], env=environment, capture_output=True, text=True, check=True)
    assert (told.stdout, told.stderr) == ("divmod: RuntimeError: not for this processor\n", "")
