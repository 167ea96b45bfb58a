"""Drawings as inline SVG. Colours are classes, so that the page's style decides them, in light and in dark.

Whatever text comes from data is escaped here, by markupsafe.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from tuner.page.scales import Scale, Words
from tuner.plots.reckoned import short

Point = tuple[float, float]

# A mark for each way in which a trial may have ended, so that colour is not alone in saying it.
_SHAPES = {
    "square": "M-4 -4H4V4H-4Z",
    "triangle": "M-5 -4H5L0 5Z",
    "cross": "M-4 -4L4 4M-4 4L4 -4",
    "star": "M0 -8L2 -2.6L7.6 -2.5L3.1 1L4.7 6.5L0 3.2L-4.7 6.5L-3.1 1L-7.6 -2.5L-2 -2.6Z",
}
# The width of a letter of 12 units, about.
LETTER = 6.3


def element(name: str, *inside: str, **attributes: object) -> Markup:
    """One element; what is inside and in attributes is escaped, unless it is markup already."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{_said(value)}"' for key, value in attributes.items())
    within = "".join(escape(part) for part in inside)
    return Markup(f"<{name}{given}>{within}</{name}>")


def _said(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return str(escape(value))


@dataclass(slots=True)
class Drawing:
    """A drawing of so many units, scaled to the room that it gets; `says` is what somebody hears who cannot see it."""

    width: float
    height: float
    says: str
    class_: str = ""
    _parts: list[Markup] = field(default_factory=list)

    def add(self, *parts: Markup) -> None:
        self._parts.extend(parts)

    def line(self, a: Point, b: Point, class_: str) -> None:
        self.add(element("line", x1=a[0], y1=a[1], x2=b[0], y2=b[1], class_=class_))

    def path(self, points: Sequence[Point], class_: str, tip: str = "") -> None:
        """A line through the points."""
        steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.add(element("polyline", *_tip(tip), points=steps, class_=class_))

    def bar(self, x: float, y: float, width: float, height: float, class_: str, tip: str = "") -> None:
        self.add(element("rect", *_tip(tip), x=x, y=y, width=width, height=height, class_=class_))

    def mark(self, at: Point, class_: str, tip: str = "", shape: str = "circle", size: float = 4.0) -> None:
        """A point; its tip shows when the pointer is on it."""
        if shape == "circle":
            self.add(element("circle", *_tip(tip), cx=at[0], cy=at[1], r=size, class_=class_))
        else:
            move = f"translate({at[0]:.1f} {at[1]:.1f})"
            self.add(element("path", *_tip(tip), d=_SHAPES[shape], transform=move, class_=class_))

    def text(self, at: Point, said: str, class_: str = "", anchor: str = "start", most: int = 80) -> None:
        """A text, cut in its middle where it is too long; the whole of it is its tip then."""
        cut = short(said, most)
        whole = _tip(said) if cut != said else ()
        self.add(element("text", cut, *whole, x=at[0], y=at[1], text_anchor=anchor, class_=class_))

    def __html__(self) -> str:
        return element(
            "svg", element("title", self.says), *self._parts, viewBox=f"0 0 {self.width:g} {self.height:g}", role="img",
            aria_label=self.says, class_=f"plot {self.class_}".rstrip(),
        )  # fmt: skip


def _tip(said: str) -> tuple[Markup, ...]:
    return (element("title", said),) if said else ()


def frame(
    drawing: Drawing, x: Scale, y: Scale, across: str = "", up: str = "", ticks: tuple[int, int] = (6, 5)
) -> None:
    """The axes, with lines over the whole plot at the ticks of the upright one, and what the axes are."""
    for place, said in y.ticks(ticks[1]):
        drawing.line((x.start, place), (x.end, place), "grid")
        drawing.text((x.start - 6, place + 4), said, "tick", "end", int((x.start - 4) / LETTER))
    drawing.line((x.start, y.start), (x.end, y.start), "axis")
    _below(drawing, x, y.start, ticks[0])
    if across:
        drawing.text(((x.start + x.end) / 2, drawing.height - 5), across, "name", "middle", int(drawing.width / LETTER))
    if up:
        drawing.text((2, y.end - 9), up, "name", most=int(drawing.width / LETTER))


def _below(drawing: Drawing, x: Scale, bottom: float, most: int) -> None:
    """The ticks of the lower axis; words without room to stand side by side are turned."""
    found = x.ticks(most)
    if isinstance(x, Words) and any(len(said) * LETTER > x.share - 4 for _, said in found):
        letters = 12
        every = -(-len(found) * 13 // max(int(x.end - x.start), 1))
        for place, said in found[:: max(every, 1)]:
            turned = f"rotate(-38 {place:.1f} {bottom + 14:.1f})"
            drawing.add(
                element("text", short(said, letters), *_tip(said if len(said) > letters else ""), x=place + 4,
                        y=bottom + 14, text_anchor="end", transform=turned, class_="tick")
            )  # fmt: skip
        return
    taken = -1e9
    for place, said in found:
        half = len(said) * LETTER / 2
        if place - half < taken + 6:
            continue
        taken = place + half
        drawing.line((place, bottom), (place, bottom + 4), "axis")
        drawing.text((min(place, drawing.width - half), bottom + 17), said, "tick", "middle")


def room_below(words: Iterable[str], share: float) -> float:
    """What turned words need below the axis; what others do where they fit."""
    widest = max(map(len, words), default=0)
    return 34.0 if widest * LETTER <= share - 4 else 26.0 + 0.62 * LETTER * min(widest, 12)
