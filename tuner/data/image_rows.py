"""What only rows that are images have: parameters that mean nothing without them."""

from __future__ import annotations

from tuner.data.split import Split
from tuner.errors import StudyError, listing
from tuner.study import Study
from tuner.tunables import FOR_IMAGES


def check(study: Study, split: Split) -> None:
    """Raises StudyError, in one line, where the study varies what only images have, and the rows are none."""
    if split.image is not None:
        return
    named = [parameter.name for parameter in study.space.parameters if parameter.name in FOR_IMAGES]
    if named:
        raise StudyError(
            f"{study.name}: space.{named[0]}: expected rows that are images, arrays of (height, width) or (height, "
            f"width, channels), and {split.table} has {split.x_train.shape[1]} columns; leave out {listing(named)}"
        )
