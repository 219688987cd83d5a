"""Python's garbage collector, spared what the libraries hold for as long as the process lives.

It goes through all objects several times while torch and SymPy load, and again later: a sixth of a short command's
time. A process of the program's own lets it begin once they are loaded, and with what is made from then on.
"""

from __future__ import annotations

import gc

#: So many objects, of which loading torch and SymPy makes about 320,000, are collected in any case.
_MOST = 500_000

_usual: tuple[int, int, int] | None = None


def rest() -> None:
    """Collect hardly anything until :func:`wake`."""
    global _usual
    _usual = gc.get_threshold()
    gc.set_threshold(_MOST, *_usual[1:])


def wake() -> None:
    """Collect as ever what is made from now on; nothing where the collector does not rest."""
    global _usual
    if _usual is not None:
        gc.freeze()
        gc.set_threshold(*_usual)
        _usual = None
