"""The figures of a result as a file, drawn by matplotlib."""

from __future__ import annotations

from diffexplore.cli.formats.record import Format, Target, suffix_of
from diffexplore.cli.shown import Shown
from diffexplore.errors import UsageError

_SUFFIXES = (".png", ".svg", ".pdf")


def _make(shown: Shown, target: Target) -> bytes:
    from diffexplore.figures.matplotlib import to_bytes

    return to_bytes(suffix_of(target.place, _SUFFIXES) or "", *shown.figures())


def _check(target: Target) -> None:
    if suffix_of(target.place, _SUFFIXES) is None:
        raise UsageError(f"--figure takes a file whose name ends in .png, .svg or .pdf, not {target.place!r}")
    from diffexplore.figures.matplotlib import check_installed

    check_installed()


_COMMANDS = ("report", "verify", "fit", "bench")

FORMAT = Format("a figure, PNG, SVG or PDF", _COMMANDS, _make, "--figure", _SUFFIXES, to_stdout=False, check=_check)
