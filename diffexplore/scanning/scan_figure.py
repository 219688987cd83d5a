"""A scan as figures: the correct digits of each method along a step or a parameter."""

from __future__ import annotations

from collections.abc import Sequence

from diffexplore.figures.records import Axis, Figure, Layer, Rule, Series
from diffexplore.methods import spoken
from diffexplore.numerals import short
from diffexplore.scanning.records import CAUSES, Scan, ScanCurve
from diffexplore.writing.names import reduced_partial
from diffexplore.writing.numbers import point_text

#: From this ratio of its ends on, a positive axis is logarithmic, as its places are.
_DECADES = 100.0


def scan_figures(scan: Scan) -> tuple[Figure, ...]:
    """A figure for each partial."""
    names = dict.fromkeys(curve.parameter for curve in scan.curves)
    return tuple(_figure(scan, [curve for curve in scan.curves if curve.parameter == name]) for name in names)


def _figure(scan: Scan, curves: Sequence[ScanCurve]) -> Figure:
    shown = reduced_partial(curves[0].parameter)
    low, high = scan.values[0], scan.values[-1]
    name = "step h" if scan.kind == "step" else scan.along
    along = f"the {name}" if scan.kind == "step" else name
    return Figure(
        title=f"Correct digits of {shown} along {along}",
        caption=f"{where_of(scan)} {_seen(scan, curves)}",
        x=Axis(name, scale="log" if low > 0 and high / low >= _DECADES else "linear"),
        y=Axis("correct digits"),
        layers=tuple(_layers(scan, curves)),
    )


def _layers(scan: Scan, curves: Sequence[ScanCurve]) -> list[Layer]:
    layers: list[Layer] = []
    for curve in curves:
        known = [(value, digits) for value, digits in zip(scan.values, curve.digits, strict=True) if digits is not None]
        if known:
            x, y = zip(*known, strict=True)
            layers.append(Series(spoken(curve.method), x, y))
    layers += [
        Rule(f"{spoken(curve.method)} takes {short(curve.chosen)}", "x", curve.chosen, "chosen")
        for curve in curves if curve.chosen is not None and scan.values[0] <= curve.chosen <= scan.values[-1]
    ]  # fmt: skip
    for key, places in _without(scan, curves).items():
        layers.append(Series(CAUSES.get(key, key), tuple(places), (0.0,) * len(places), False, "bad"))
    return layers


def _without(scan: Scan, curves: Sequence[ScanCurve]) -> dict[str, list[float]]:
    """Where no method has digits, by the cause."""
    found: dict[str, list[float]] = {}
    for i, value in enumerate(scan.values):
        causes = [curve.causes[i] for curve in curves if curve.digits[i] is None and curve.causes[i] is not None]
        if causes and all(curve.digits[i] is None for curve in curves):
            found.setdefault(causes[0] or "", []).append(value)
    return found


def where_of(scan: Scan) -> str:
    """Where it was made: the loss, the point of what stays, the dtype and the samples."""
    counted = f"{scan.n:,}{'' if scan.n == scan.of else f' of {scan.of:,}'}"
    samples = "" if scan.n == scan.of == 1 else f" on {counted} samples"
    at = f" at {point_text(scan.point)}" if scan.point else ""
    return f"{scan.loss}{at}, in {scan.dtype}{samples}."


def _seen(scan: Scan, curves: Sequence[ScanCurve]) -> str:
    best = [
        f"{spoken(curve.method)} {short(min(known), 3)} to {short(max(known), 3)}"
        for curve in curves if (known := [digits for digits in curve.digits if digits is not None])
    ]  # fmt: skip
    digits = f"From the fewest to the most: {'; '.join(best)}." if best else "No place has a gradient to compare with."
    return digits + "".join(f" Without {spoken(skip.method)}: {skip.reason}." for skip in scan.skipped)
