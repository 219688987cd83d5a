"""How a caller writes what a message tells them to give: as arguments in Python, as options on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Wording:
    """Words for what stands beside a loss.

    Attributes:
        data: what gives data, such as ``--data FILE``.
        value: a value in a point, with the name and the value to be filled in.
        point: a point, with its values to be filled in.
        wrt: names to differentiate by, to be filled in.
        columns: what maps columns of a file to symbols, to be filled in; None where nothing does.
    """

    data: str
    value: str
    point: str
    wrt: str
    columns: str | None

    def at(self, names: Sequence[str], number: str = "…") -> str:
        """A point with a value for each name: ``--at a=1,b=1``, ``at={'a': 1, 'b': 1}``."""
        separator = "," if self.value == COMMAND_LINE.value else ", "
        return self.point.format(separator.join(self.value.format(name, number) for name in names))

    def by(self, names: Sequence[str]) -> str:
        """``--wrt x,y``, ``wrt='x, y'``."""
        return self.wrt.format(("," if self.wrt == COMMAND_LINE.wrt else ", ").join(names))


COMMAND_LINE = Wording("--data FILE or --samples N", "{}={}", "--at {}", "--wrt {}", "--columns {}")
PYTHON = Wording("data={'x': […], …}", "'{}': {}", "at={{{}}}", "wrt='{}'", None)
