"""How much of a report is shown: one screen, all tables, or the failing comparisons alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from diffexplore.checking.records import Report
    from diffexplore.render.outline import HessianText
    from diffexplore.render.screen import Command
    from diffexplore.writing.blocks import Block

Detail = Literal["screen", "full", "failing"]


def blocks_of(
    report: Report, detail: Detail, *, width: int | None = None, hessian: HessianText | None = None,
    commands: Sequence[Command] = (), savings: int = 0,
) -> Iterable[Block]:  # fmt: skip
    """The blocks of ``report``, for a page of ``width`` characters where it has characters.

    Second partials are shown where they are given; ``commands``, what may be run next, on one screen only, on which
    ``savings`` parts are left out.
    """
    from diffexplore.render.outline import outline
    from diffexplore.render.screen import failures_only, screen

    given = {} if width is None else {"width": width}
    if detail == "failing":
        return failures_only(report)
    if detail == "full":
        return outline(report, hessian=hessian, **given)
    return screen(report, hessian=hessian, commands=tuple(commands), savings=savings, **given)
