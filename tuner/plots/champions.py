"""What a trial learned and what it does: its curves, and its mistakes on the validation rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from tuner.metrics import Array
from tuner.plots import drawing, reckoned
from tuner.trial import Objective, Result, Value

_IMAGES, _ACROSS = 24, 6
_CELLS_WITH_NUMBERS = 20  # classes up to which the cells of a confusion matrix are large enough for a number


def learning_curves(result: Result, objective: Objective, path: Path) -> None:
    """The loss, and the objective's metric where it is another, on train and validation rows after each epoch."""
    metric = objective.metric.removeprefix("val_")
    shown = list(dict.fromkeys(("loss", metric)))
    with drawing.figure(path, 5.2 * len(shown) + 0.4, 4.3) as figure:
        figure.suptitle(f"Learning curves of trial {result.trial.number}", x=0.02, ha="left", fontsize=13)
        for i, name in enumerate(shown):
            axes = figure.add_subplot(1, len(shown), i + 1)
            axes.set_xlabel("epoch")
            axes.set_ylabel(drawing.words(name))
            epochs = range(result.trial.first_epoch, result.trial.first_epoch + len(result.history))
            if not result.history:
                drawing.say(axes, "no epoch was finished")
                continue
            for key, colour, style, label in (
                (name, drawing.BLUE, "--", "train"),
                (f"val_{name}", drawing.RED, "-", "validation"),
            ):
                points = [metrics.get(key, math.nan) for metrics in result.history]
                # One epoch makes no line.
                marker = "o" if len(points) == 1 else ""
                axes.plot(epochs, points, color=colour, linestyle=style, marker=marker, linewidth=2, label=label)
            if result.best_epoch is not None:
                axes.axvline(
                    result.best_epoch,
                    color=drawing.GREY,
                    linestyle=":",
                    linewidth=1.5,
                    label=f"best epoch ({result.best_epoch})",
                )
            drawing.whole_numbers(axes, epochs)
        drawing.legend_below(figure, figure.axes[0])


def confusion(target: Array, predicted: Array, classes: Sequence[Value], path: Path) -> None:
    """How many rows of each class (down) were taken for which (across); `target` and `predicted` are class numbers.

    Colours show the share of a true class, so that a rare class is as visible as a common one.
    """
    import numpy as np
    from matplotlib.colors import PowerNorm

    size = len(classes)
    names = [
        drawing.short(str(name), drawing.LONGEST_NAME if size <= 12 else drawing.LONGEST_NAME // 2 + 4)
        for name in classes
    ]
    counts, shares = reckoned.confusion(target, predicted, size)
    side, points = min(max(3.4, 0.62 * size), 9.0), 11 if size <= 12 else 8
    width = max(map(len, names)) * points / 120  # of a name, in inches
    turned = size * (width + 0.1) > side
    with drawing.figure(path, side + 1.9 + width, side + 1.4 + (0.7 * width if turned else 0.0)) as figure:
        figure.set_layout_engine("compressed")  # for cells that must stay square
        axes = figure.add_subplot()
        axes.set_title(f"Confusion matrix, {len(target)} rows")
        # Without numbers in the cells, small shares must show by their colour.
        numbered = size <= _CELLS_WITH_NUMBERS
        image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(1.0 if numbered else 0.4, vmin=0.0, vmax=1.0))
        axes.grid(visible=False)
        axes.set_xticks(range(size), names, fontsize=points)
        axes.set_yticks(range(size), names, fontsize=points)
        if turned:
            axes.set_xticks(range(size), names, fontsize=points, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        figure.colorbar(image, ax=axes, label="share of the true class", fraction=0.046, pad=0.04)
        for row, column in np.ndindex(size, size) if numbered else ():
            colour = "white" if shares[row, column] > 0.5 else "black" if counts[row, column] else "#b0b0b0"
            axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=colour, fontsize=points)


def misclassified(images: Array, target: Array, prediction: Array, classes: Sequence[Value], path: Path) -> None:
    """What was taken for another class, the surest mistakes first; `images` (rows, height, width, channels)."""
    import numpy as np

    taken, sure, wrong = reckoned.mistakes(target, prediction)
    shown = wrong[:_IMAGES]
    down = max(math.ceil(len(shown) / _ACROSS), 1)
    with drawing.figure(path, 9.6, 0.8 + 1.95 * down) as figure:
        more = ", the surest mistakes first" if len(wrong) > 1 else ""
        figure.suptitle(f"{len(wrong)} of {len(target)} images misclassified{more}", x=0.02, ha="left", fontsize=13)
        if not len(shown):
            drawing.say(figure.add_subplot(), "each was taken for what it is")
            return
        pictures = np.asarray(images[shown])
        pictures = (pictures - pictures.min()) / max(float(np.ptp(pictures)), 1e-9)
        for place, (row, picture) in enumerate(zip(shown, pictures, strict=True), start=1):
            axes = figure.add_subplot(down, _ACROSS, place)
            axes.imshow(picture if picture.shape[-1] == 3 else picture.mean(axis=-1), cmap="gray", vmin=0, vmax=1)
            names = [drawing.short(str(classes[int(number)]), 12) for number in (target[row], taken[row])]
            axes.set_title(f"{names[0]} taken for\n{names[1]}, {sure[row]:.2f}", fontsize=9, loc="center")
            axes.set_axis_off()


def residuals(target: Array, predicted: Array, name: str, path: Path) -> None:
    """Predicted against true values, in the target's own units, beside the errors left."""
    import numpy as np

    errors = predicted.astype(np.float64) - target
    with drawing.figure(path, 10.6, 4.6) as figure:
        figure.suptitle(f"{drawing.short(name)}: predictions for {len(target)} rows", x=0.02, ha="left", fontsize=13)
        against, spread = figure.subplots(1, 2)
        ends = [min(target.min(), predicted.min()), max(target.max(), predicted.max())]
        faint = min(0.7, max(0.08, 60 / len(target) ** 0.75))
        against.scatter(target, predicted, s=18, color=drawing.BLUE, alpha=faint, linewidths=0, rasterized=True)
        against.plot(ends, ends, color=drawing.GREY, linestyle="--", label="true = predicted")
        against.set_xlabel(f"true {drawing.short(name)}")
        against.set_ylabel(f"predicted {drawing.short(name)}")
        against.legend(loc="upper left")
        spread.hist(errors, bins=min(max(10, int(np.sqrt(len(errors)))), 60), color=drawing.BLUE)
        spread.axvline(0.0, color=drawing.GREY, linestyle="--")
        mean = float(errors.mean())
        spread.axvline(mean, color=drawing.RED, label=f"mean error ({mean:.3g})")
        spread.set_xlabel(f"predicted − true {drawing.short(name)}")
        spread.set_ylabel("rows")
        spread.legend(loc="upper left")
