"""The fake keeps the promises of the real one."""

from __future__ import annotations

from functools import partial

import pytest

from tests.contracts.driver import DriverContract
from tests.contracts.life import OBJECTIVE, Case, diabetes, few
from tests.fakes.driver import FakeDriver
from tuner.trial import Report


class TestFakeDriver(DriverContract):
    @pytest.fixture(params=["none", "median"])
    def case(self, request: pytest.FixtureRequest) -> Case:
        # Every third trial is stopped, at different epochs.
        stops = {} if request.param == "none" else {number: 2 + number % 4 for number in range(0, 999, 3)}
        return Case(partial(FakeDriver, stops=stops), pruner=request.param)


def test_a_script_is_followed_to_its_end() -> None:
    study = few("random", "none")
    first = {"layers": 1, "activation_1": "relu", "optimizer": "adam"}
    second = {"layers": 1, "activation_1": "tanh", "optimizer": "sgd", "momentum": 0.9}
    driver = FakeDriver(study, OBJECTIVE, script=[first, first, second])
    assert [dict(trial.values) for trial in driver.ask(9).trials] == [first, second]
    assert not driver.ask(1).more


def test_what_was_heard_is_kept() -> None:
    driver = FakeDriver(diabetes("random", "none"), OBJECTIVE, stops={0: 2})
    driver.ask(1)
    reports = [Report(0, 1, {}), Report(0, 2, {})]
    assert [driver.judge([report]) for report in reports] == [set(), {0}]
    assert driver.reports == reports
