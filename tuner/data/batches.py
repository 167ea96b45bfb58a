"""Whether the rows of one step are there: batch sizes against the number of train rows."""

from __future__ import annotations

from tuner.data.split import Split
from tuner.errors import StudyError
from tuner.parameters import Int, Parameter, describe
from tuner.study import Study

_USUAL = 32


def check(study: Study, split: Split) -> tuple[str, ...]:
    """A warning where the space goes on to batches of more rows than there are to train on.

    Raises StudyError where every batch that the study allows is larger than that.
    """
    rows = len(split.y_train)
    parameter = next((each for each in study.space.parameters if each.name == "batch_size"), None)
    key = "training.batch_size" if parameter is None else "space.batch_size"
    least, most = (study.training.batch_size,) * 2 if parameter is None else _ends(parameter)
    if least > rows:
        default = "" if parameter or "batch_size" in study.training.model_fields_set else " (the default)"
        section = key.partition(".")[0]
        raise StudyError(
            f"{study.name}: {key}: expected at most {rows}, the number of train rows of {split.table}, got "
            f"{describe(parameter) if parameter else least}{default}. Write batch_size = {_fitting(rows)} "
            f"under [{section}], or add rows"
        )
    if most <= rows:
        return ()
    assert parameter is not None
    return (
        f"{study.name}: {key}: {describe(parameter)} goes beyond the {rows} train rows of {split.table}; every value "
        "above that trains alike, on all of them at each step",
    )


def _ends(parameter: Parameter) -> tuple[int, int]:
    """The smallest and the largest value; those of a long range are not listed."""
    if isinstance(parameter, Int):
        return parameter.low, parameter.low + (parameter.size - 1) * parameter.step
    sizes = [int(size) for size in parameter.choices()]
    return min(sizes), max(sizes)


def _fitting(rows: int) -> int:
    """A usual batch size that so many rows fill: a power of two."""
    return int(min(_USUAL, 1 << (rows.bit_length() - 1)))
