"""The figure of a result as a file, drawn by matplotlib; a graph draws itself, as SVG."""

from __future__ import annotations

from diffexplore.cli.formats.record import Format, Target, suffix_of
from diffexplore.cli.shown import Shown
from diffexplore.errors import UsageError

_SUFFIXES = (".png", ".svg", ".pdf")


def _make(shown: Shown, target: Target) -> bytes | str:
    if "svg" in shown.texts:
        return shown.texts["svg"]()
    from diffexplore.figures.matplotlib import to_bytes

    return to_bytes(suffix_of(target.place, _SUFFIXES) or "", *shown.figures())


def _check(target: Target) -> None:
    suffix = suffix_of(target.place, _SUFFIXES)
    if target.command == "graph":
        if suffix != ".svg":
            raise UsageError(f"a graph is drawn as SVG: give a name that ends in .svg, not {target.place!r}")
        return
    if suffix is None:
        raise UsageError(f"--figure takes a file whose name ends in .png, .svg or .pdf, not {target.place!r}")
    from diffexplore.figures.matplotlib import check_installed

    check_installed()


FORMAT = Format(
    "a figure, PNG, SVG or PDF", ("fit", "graph"), _make, "--figure", _SUFFIXES, to_stdout=False, check=_check
)
