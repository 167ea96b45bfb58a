"""Drawings of what the champion is worth: beside baselines, by class, and by error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tuner import wording
from tuner.evaluate import Verdict
from tuner.metrics import Array
from tuner.page.drawing import Drawing, frame
from tuner.page.scales import Numbers
from tuner.page.trials import Figure
from tuner.plots import reckoned
from tuner.trial import Value

_MOST_CLASSES = 30
_MOST_POINTS = 2000


def worth(verdict: Verdict) -> Figure | None:
    """Test scores side by side, the champion's with its interval, and what validation said of it.

    None where one of them is no number, as an interval on too few rows may be.
    """
    names = ["champion", *(baseline.name for baseline in verdict.baselines)]
    height, left, right = 56.0 + 34 * len(names), 124.0, 372.0
    drawing = Drawing(384.0, height, f"Test {verdict.metric} of the champion and of simple baselines", "small-sized")
    numbers = [verdict.low, verdict.high, verdict.score, *(baseline.test for baseline in verdict.baselines)]
    if not all(map(math.isfinite, [verdict.test, *numbers])):
        return None
    x = Numbers.over(numbers, left, right)
    bottom = height - 42
    for place, said in x.ticks(5):
        drawing.line((place, 8), (place, bottom), "grid")
        drawing.text((place, bottom + 16), said, "tick", "middle")
    drawing.text(
        ((left + right) / 2, height - 6), f"{verdict.metric} on {verdict.test_rows:,} test rows", "name", "middle"
    )
    for i, name in enumerate(names):
        drawing.text((left - 12, 30.0 + 34 * i), name, "name", "end", 20)
    y = 26.0
    drawing.bar(x.at(verdict.low), y - 4, x.at(verdict.high) - x.at(verdict.low), 8, "interval")
    drawing.mark((x.at(verdict.score), y), "mark hollow", f"on validation rows {wording.score(verdict.score)}", size=5)
    drawing.mark((x.at(verdict.test), y), "mark champion", f"champion {wording.score(verdict.test)}", size=6)
    for i, baseline in enumerate(verdict.baselines, start=1):
        said = f"{baseline.name} {wording.score(baseline.test)}"
        drawing.mark((x.at(baseline.test), y + 34 * i), "mark simple", said, "square")
    return Figure(drawing, "The bar is the 95 % interval of the test score; hollow: the score on validation rows.")


@dataclass(frozen=True, slots=True)
class Matrix:
    """How many rows of each class were taken for which; `shares` are of the true class, from 0 to 1."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    shares: tuple[tuple[float, ...], ...]
    each: tuple[tuple[str, int, str, str, str], ...]  # class, true rows, precision, recall, F1
    most: tuple[tuple[str, str, int], ...]  # the most common confusions: true, predicted, rows

    @property
    def whole(self) -> bool:
        """Whether it is small enough to be read."""
        return len(self.classes) <= _MOST_CLASSES


def matrix(target: Array, taken: Array, classes: Sequence[Value]) -> Matrix:
    """Of class numbers; both of shape (rows,)."""
    import numpy as np

    counts, shares = reckoned.confusion(target, taken, len(classes))
    names = tuple(wording.value(each) if isinstance(each, bool) else str(each) for each in classes)
    wrong = [(int(counts[i, j]), i, j) for i, j in zip(*np.nonzero(counts), strict=True) if i != j]
    most = [(names[i], names[j], count) for count, i, j in sorted(wrong, key=lambda each: -each[0])[:10]]
    table = tuple(map(tuple, counts.tolist()))
    each = tuple(_of_class(name, i, table) for i, name in enumerate(names))
    return Matrix(names, table, tuple(map(tuple, shares.tolist())), each, tuple(most))


def _of_class(name: str, i: int, counts: Sequence[Sequence[int]]) -> tuple[str, int, str, str, str]:
    """A class with how many rows it has, precision, recall and F1; a dash where there is no such share."""
    hits, true, taken = counts[i][i], sum(counts[i]), sum(line[i] for line in counts)
    shares = ((hits, taken), (hits, true), (2 * hits, true + taken))
    precision, recall, f1 = (wording.score(part / whole if whole else None) for part, whole in shares)
    return name, true, precision, recall, f1


def residuals(target: Array, predicted: Array, name: str) -> tuple[Figure, ...]:
    """Predicted against true values, and the errors left, in the target's own units."""
    return _against(target, predicted, name), _errors(predicted.astype("float64") - target, name)


def _against(target: Array, predicted: Array, name: str) -> Figure:
    import numpy as np

    drawing = Drawing(400.0, 320.0, f"Predicted against true {name}, {len(target)} rows")
    both = [float(target.min()), float(target.max()), float(predicted.min()), float(predicted.max())]
    x, y = Numbers.over(both, 62, 390), Numbers.over(both, 320 - 48, 26)
    frame(drawing, x, y, f"true {name}", f"predicted {name}")
    shown = np.linspace(0, len(target) - 1, min(len(target), _MOST_POINTS)).astype(np.int64)
    faint = "faint" if len(shown) > 300 else ""
    for true, found in zip(target[shown].tolist(), predicted[shown].tolist(), strict=True):
        drawing.mark((x.at(true), y.at(found)), f"mark complete {faint}".rstrip(), size=2.5)
    drawing.line((x.at(x.low), y.at(x.low)), (x.at(x.high), y.at(x.high)), "ideal")
    some = f"{len(shown):,} of {len(target):,} rows, evenly drawn. " if len(shown) < len(target) else ""
    return Figure(
        drawing, f"{some}On the dashed line, true and predicted are the same.", title="Predicted against true"
    )


def _errors(errors: Array, name: str) -> Figure:
    import numpy as np

    drawing = Drawing(400.0, 320.0, f"Errors of predicted {name}, {len(errors)} rows")
    bins = min(max(10, int(np.sqrt(len(errors)))), 50)
    counts, edges = np.histogram(errors, bins=bins)
    x = Numbers.over([float(edges[0]), float(edges[-1]), 0.0], 62, 390)
    y = Numbers(0.0, float(counts.max()) * 1.06, 320 - 48, 26, whole=True)
    frame(drawing, x, y, f"predicted − true {name}", "rows")
    for count, low, high in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        said = f"{wording.count(count, 'row')} from {low:.3g} to {high:.3g}"
        drawing.bar(
            x.at(low) + 0.5, y.at(count), max(x.at(high) - x.at(low) - 1, 0.5), y.start - y.at(count), "share", said
        )
    drawing.line((x.at(0.0), y.start), (x.at(0.0), y.end), "ideal")
    mean, spread = float(errors.mean()), float(errors.std())
    return Figure(drawing, f"Mean error {mean:.3g}, standard deviation {spread:.3g}.", title="Errors")
