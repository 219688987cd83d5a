"""What ``diffexplore`` without arguments shows: what it does, in a picture, and three commands to copy."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import starmap

from diffexplore.cli.output import console_on
from diffexplore.writing.blocks import Block, Column, Formula, FormulaList, Gap, Heading, Note, Span, Table, Tone, text

_FORMULAS = (
    ("L", "mean[(a·x − y + b)² / (2·(a² + 1))]"),
    ("∂L/∂a", "mean[(a·x + b − y)·(x + a·(y − b))/(a² + 1)²]"),
)

#: Correct digits of ∂L/∂a at a = 2.5, b = 1 in the default report, with the tones that they have there.
PICTURE: tuple[tuple[str, float, str, Tone], ...] = (
    ("reverse", 14.0, "██████▋", "good"),
    ("central_difference", 8.4, "████", "good"),
    ("forward_difference", 5.3, "██▌", "doubt"),
)

#: They run as they stand, without files.
COMMANDS = (
    ("diffexplore report", "how exactly is a gradient computed?"),
    ('diffexplore derive "log(1 + exp(-a*x))"', "what is the gradient, simplified?"),
    ("diffexplore fit", "why did the descent stop there?"),
)


def show() -> None:
    """Prints it to standard output, in colour where that is a terminal."""
    from diffexplore.render.terminal import Drawing

    console_on(sys.stdout).print(Drawing(tuple(_blocks())))


def _blocks() -> Iterator[Block]:
    yield Heading("diffexplore", "the microscope for derivatives: give it a loss")
    yield Gap()
    yield FormulaList(tuple(starmap(Formula, _FORMULAS)))
    yield Gap()
    rows = [(text(name), text(f"{digits:4.1f} {bar}", tone)) for name, digits, bar, tone in PICTURE]
    yield Table((Column.left(), Column.left("correct digits of ∂L/∂a")), tuple(rows))
    yield Gap()
    commands = tuple((text(command, "strong"), text(what)) for command, what in COMMANDS)
    yield Table((Column.left(), Column.left(flexible=True)), commands)
    yield Gap()
    own = "diffexplore verify mine.py:loss --loss LOSS"
    yield Note((Span("A gradient of yours: "), Span(own, "strong"), Span(" says whether it is right, and why not.")))
    yield Note((Span("All commands: "), Span("diffexplore --help", "strong"), Span("; losses, methods, functions: "),
                Span("diffexplore list", "strong")))  # fmt: skip
