"""``diffexplore list``."""

from __future__ import annotations

import sys

from diffexplore.cli import options as o
from diffexplore.cli.output import console_on


def list_(
    name: o.Listed = None,
    devices: o.Devices = False,
    no_color: o.NoColor = False,
    ascii: o.Ascii = False,
    debug: o.Debug = False,
) -> int:
    """List the losses, the methods and the functions of formulas, or show one of them.

    Of a loss: its formula, its gradient and its source.
    """
    from diffexplore.cli.listed import everything, named
    from diffexplore.render.terminal import Drawing

    blocks = tuple(everything(devices) if name is None else named(name.strip()))
    console_on(sys.stdout, no_color=no_color).print(Drawing(blocks, ascii=ascii or None))
    return 0
