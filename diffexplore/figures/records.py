"""A figure as data: axes, series, units and a caption. Whoever draws it computes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Scale = Literal["linear", "log"]


@dataclass(frozen=True)
class Axis:
    """What an axis measures, in which unit ("" for none), and how it is divided."""

    label: str
    unit: str = ""
    scale: Scale = "linear"

    @property
    def title(self) -> str:
        """Label and unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def to_dict(self) -> dict[str, str]:
        return {"label": self.label, "unit": self.unit, "scale": self.scale}


@dataclass(frozen=True)
class Series:
    """Points that belong together, joined by a line or not; both coordinates are finite."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    joined: bool = True

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "x": list(self.x), "y": list(self.y), "joined": self.joined}


@dataclass(frozen=True)
class Figure:
    """Series over two axes, with a title for its window and a caption that says what is to be seen."""

    title: str
    caption: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "caption": self.caption,
            "x": self.x.to_dict(),
            "y": self.y.to_dict(),
            "series": [series.to_dict() for series in self.series],
        }
