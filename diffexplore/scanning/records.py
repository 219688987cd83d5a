"""A scan: the correct digits of each method along a step or along a parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from diffexplore.checking.tallies import Skipped
from diffexplore.documents import Plain

if TYPE_CHECKING:
    from diffexplore.figures.records import Figure

#: Causes in the few words that fit into a figure; what they mean stands in the contract of a check.
CAUSES: Mapping[str, str] = {
    "kink": "kink: no gradient exists",
    "undefined": "singular or undefined: no gradient exists",
    "outside_domain": "outside the domain of the loss",
    "overflow": "overflow: the truth is beyond the dtype",
    "unresolved": "the truth could not be decided",
    "no_bound": "no error bound: a kink or a singularity is within reach",
    "no_power": "rounding hides the gradient",
    "step": "the step overflows or leaves the domain",
    "nan": "NaN or infinity where the gradient is finite",
    "exceeds_bound": "wrong: more than its bound away from the truth",
}


@dataclass(frozen=True)
class ScanCurve(Plain):
    """One partial by one method: a number for each place of the scan.

    Attributes:
        digits: correct decimal digits; None where there is no relative error.
        error_ulp: the error in units in the last place; None likewise.
        causes: the key of the cause where a comparison did not pass, else None.
        chosen: along a step, the one that the method takes where none is given; else None.
    """

    parameter: str
    method: str
    digits: tuple[float | None, ...]
    error_ulp: tuple[float | None, ...]
    causes: tuple[str | None, ...]
    chosen: float | None = None


@dataclass(frozen=True)
class Scan(Plain):
    """Curves over the same places.

    Attributes:
        kind: whether the places are steps of the differences or values of a parameter.
        along: the name of the parameter, or ``h``.
        point: where the other parameters are; all of them, along a step.
        values: the places, as the dtype holds them.
        loss: what the loss is called.
        n, of: it rests on n of the samples of the check, evenly spread.
        skipped: methods that could not run, and why.
    """

    kind: Literal["step", "parameter"]
    along: str
    point: Mapping[str, float]
    values: tuple[float, ...]
    curves: tuple[ScanCurve, ...]
    loss: str
    dtype: str
    n: int
    of: int
    skipped: tuple[Skipped, ...] = ()

    def figures(self) -> tuple[Figure, ...]:
        """A figure for each partial."""
        from diffexplore.scanning.scan_figure import scan_figures

        return scan_figures(self)
