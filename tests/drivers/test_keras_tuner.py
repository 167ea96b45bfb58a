"""The driver on KerasTuner, with every sampler of its, and the traps of that library."""

from __future__ import annotations

import pytest

from tests.contracts.driver import DriverContract
from tests.contracts.life import Case
from tuner.drivers import build
from tuner.sections import SAMPLERS_OF


class TestKerasTunerDriver(DriverContract):
    @pytest.fixture(params=SAMPLERS_OF["keras-tuner"])
    def case(self, request: pytest.FixtureRequest) -> Case:
        return Case(build, request.param, driver="keras-tuner")
