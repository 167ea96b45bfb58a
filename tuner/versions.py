"""The versions that decide what a trial gives, read without importing the packages."""

from __future__ import annotations

import platform
from importlib import metadata

_PACKAGES = ("tuner", "keras", "tensorflow", "optuna", "keras-tuner", "mlflow", "numpy", "pandas", "scikit-learn")


def versions() -> dict[str, str]:
    """By package, with Python's own and the platform."""
    found = {name: metadata.version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), "platform": platform.platform(), **found}
