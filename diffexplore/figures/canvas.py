"""A figure of matplotlib that a notebook shows as a picture, also where nobody has imported pyplot."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure

_DOTS_PER_INCH = 150
_SHOWN_PER_INCH = 100


class Canvas(Figure):
    """IPython knows how to show a figure only after pyplot is imported, which looks for a window."""

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        page = io.BytesIO()
        self.savefig(page, format="png", dpi=_DOTS_PER_INCH)
        width, height = (round(inches * _SHOWN_PER_INCH) for inches in self.get_size_inches())
        return page.getvalue(), {"width": width, "height": height, "alt": str(self.get_label())}
