"""What is found while rows are read, gathered so that a person sees all of it at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tuner.errors import DataError


@dataclass(slots=True)
class Findings:
    """Problems end the reading, warnings go with the table; one line each."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Turns a DataError into problems, and goes on after the block."""
        try:
            yield
        except DataError as error:
            self.problems.extend(error.problems)

    def settle(self) -> None:
        """Raises DataError where there are problems."""
        if self.problems:
            raise DataError(*dict.fromkeys(self.problems))
