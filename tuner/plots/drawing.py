"""What all pictures have: a figure in one style, colours, and the words at its axes.

Drawn on `Figure` objects, so that no window system, no global state and no thread is involved. Colours are those of
M. Okabe and K. Ito, "Color Universal Design" (2008), which people with any colour vision tell apart; shapes and line
styles repeat what they say.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.plots import reckoned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#767676"
STYLE: dict[Any, Any] = {
    "font.size": 11,
    "axes.titlesize": 13,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
}
LONGEST_NAME = 24
_DPI = 120


@contextmanager
def figure(path: Path, width: float, height: float) -> Iterator[Figure]:
    """A figure of so many inches, written to the file at the end, whatever style others have set in the process."""
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style.context(["default", STYLE]):
        figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        with warnings.catch_warnings():
            # A name in a script that the font lacks is drawn as boxes, and the picture is good for the rest.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            figure.savefig(path, format="png", facecolor="white")


def legend_below(figure: Figure, axes: Axes) -> None:
    """Outside the axes, where it hides no point."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=len(handles) if len(handles) <= 4 else 3)


def whole_numbers(axes: Axes, numbers: Sequence[int]) -> None:
    """Ticks of the horizontal axis on whole numbers, with room for a mark at either end."""
    from matplotlib.ticker import MaxNLocator

    if numbers:
        room = max(0.5, 0.02 * (max(numbers) - min(numbers)))
        axes.set_xlim(min(numbers) - room, max(numbers) + room)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def say(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, ha="center", va="center", color=GREY, transform=axes.transAxes)
    axes.set_xticks([])
    axes.set_yticks([])


_UNITS = {"accuracy": "share of rows", "mae": "the target's units", "rmse": "the target's units"}


def words(metric: str) -> str:
    """A metric as the label of an axis: `validation accuracy (share of rows)`."""
    name = metric.removeprefix("val_")
    unit = f" ({_UNITS[name]})" if name in _UNITS else ""
    return f"{'validation ' if metric != name else ''}{name}{unit}"


def short(name: str, most: int = LONGEST_NAME) -> str:
    """A name cut in its middle. A dollar sign would begin a formula."""
    return reckoned.short(name, most).replace("$", r"\$")
