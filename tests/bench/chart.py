"""Plots as SVG, so that they can be read in a diff and need no library."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

COLOURS = ("#1b6ca8", "#c0392b", "#2e8b57", "#8e5ea2", "#d68910", "#555555")
LEFT, TOP, BOTTOM = 70, 40, 50


@dataclass(frozen=True)
class Axis:
    """From data to a place between 0 and 1. ticks: values with what is written beside them."""

    low: float
    high: float
    label: str
    ticks: Sequence[tuple[float, str]]
    logarithmic: bool = False

    def place(self, value: float) -> float:
        scale: Callable[[float], float] = math.log if self.logarithmic else float
        within = min(max(value, self.low), self.high)
        return (scale(within) - scale(self.low)) / (scale(self.high) - scale(self.low))


@dataclass
class Chart:
    """One plot. Points are in the units of the axes; what lies beyond an axis is drawn at its end.

    legend_at_right: for plots whose left corner is full.
    """

    title: str
    x: Axis
    y: Axis
    width: int = 760
    height: int = 400
    legend_at_right: bool = False
    parts: list[str] = field(default_factory=list)
    named: list[tuple[str, str]] = field(default_factory=list)

    def line(self, points: Iterable[tuple[float, float]], colour: str, name: str = "", dashes: str = "") -> None:
        path = " ".join(f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in points)
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"{dashed}/>')
        self._name(name, colour)

    def dots(self, points: Iterable[tuple[float, float]], colour: str, name: str = "") -> None:
        for x, y in points:
            self.parts.append(f'<circle cx="{self._x(x):.1f}" cy="{self._y(y):.1f}" r="4" fill="{colour}"/>')
        self._name(name, colour)

    def text(self, x: float, y: float, text: str, anchor: str = "end") -> None:
        """Beside a point."""
        self.parts.append(_text(self._x(x), self._y(y) - 4, text, anchor))

    def row(self, y: float, label: str, low: float, at: float, high: float, colour: str) -> None:
        """A figure with its interval, on a line of its own."""
        self.parts.append(_text(self._x(self.x.low) - 8, self._y(y) + 4, label, "end"))
        self.line([(low, y), (high, y)], colour)
        self.dots([(at, y)], colour)

    def svg(self) -> str:
        frame = [
            f'<rect width="{self.width}" height="{self.height}" fill="white"/>',
            _text(self.width / 2, 20, self.title, "middle", 14),
            _text(self.width / 2, self.height - 10, self.x.label, "middle"),
            f'<g transform="translate(14 {self.height / 2}) rotate(-90)">{_text(0, 0, self.y.label, "middle")}</g>',
        ]
        for value, label in self.x.ticks:
            at = self._x(value)
            frame.append(_grid(at, TOP, at, self.height - BOTTOM))
            frame.append(_text(at, self.height - BOTTOM + 16, label, "middle"))
        for value, label in self.y.ticks:
            at = self._y(value)
            frame.append(_grid(self._left, at, self.width - 20, at))
            frame.append(_text(self._left - 6, at + 4, label, "end"))
        beside = self.width - 240 if self.legend_at_right else self._left + 10
        legend = [
            f'<rect x="{beside}" y="{TOP + 8 + 18 * row}" width="12" height="4" fill="{colour}"/>'
            + _text(beside + 18, TOP + 14 + 18 * row, name, "start")
            for row, (name, colour) in enumerate(self.named)
        ]
        inside = "\n".join([*frame, *self.parts, *legend])
        size = f'width="{self.width}" height="{self.height}" viewBox="0 0 {self.width} {self.height}"'
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">\n{inside}\n</svg>\n'

    @property
    def _left(self) -> float:
        return LEFT if self.y.label else 380

    def _x(self, value: float) -> float:
        return self._left + self.x.place(value) * (self.width - 20 - self._left)

    def _y(self, value: float) -> float:
        return self.height - BOTTOM - self.y.place(value) * (self.height - BOTTOM - TOP)

    def _name(self, name: str, colour: str) -> None:
        if name and (name, colour) not in self.named:
            self.named.append((name, colour))


def _grid(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#dddddd"/>'


def _text(x: float, y: float, text: str, anchor: str, size: int = 11) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{escape(text)}</text>'
