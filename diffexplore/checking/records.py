"""What a check says: the records that flow from the judge to every output.

All of them are frozen, hold plain Python values only (no tensors, no SymPy), and so can be kept, compared,
pickled and written as JSON without importing torch or SymPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from diffexplore.checking.tallies import Skipped, Summary
from diffexplore.documents import Displayed, Plain
from diffexplore.formula.descriptions import VALUE as VALUE
from diffexplore.formula.descriptions import CandidateSummary, LossSummary, PartialFormula

if TYPE_CHECKING:
    from diffexplore.figures.records import Figure
    from diffexplore.scanning.records import Scan

Verdict = Literal["pass", "fail", "inconclusive"]

#: The ``method`` of rows of the loss's own value in a report of methods: the loss as torch evaluates it.
LOSS = "loss"

#: How the ``method`` of rows ends whose truth is a second derivative, by a backward differentiated again.
DOUBLE_BACKWARD = " (double backward)"

#: What ``of`` is in rows whose truth is the gradient of Σₖ wₖ ∂L/∂θₖ, with unequal weights.
WEIGHTED = "Σ"


@dataclass(frozen=True)
class Cause(Plain):
    """Why a row failed or is inconclusive: a stable key, a sentence for people, and the evidence."""

    key: str
    message: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Truth(Plain):
    """An enclosure of an exact partial: the interval mid ± rad, as decimal strings rounded outward."""

    mid: str
    rad: str


@dataclass(frozen=True)
class Row(Plain):
    """One comparison of one method's value with the truth. None stands for a number that does not exist.

    Attributes:
        parameter: what is differentiated by; "(value)" for the loss itself.
        method: the way to get the derivative, or the candidate's.
        point: the value of each parameter.
        sample: the number of the sample; None for a reduced partial.
        probe: how the probe was made; None outside of probes.
        value: what the method gave; None where that is not finite.
        truth: the enclosure of the exact partial; None where there is none.
        error_abs: |value − truth|, in the units of the partial.
        error_rel, error_ulp: the same relative to the truth, and in units in the last place of the dtype at the
            truth; None where the truth is 0.
        bound: how far a right value may be off, in the units of the partial; None where no bound could be derived.
        smallest_detectable: the smallest relative error that this row would have shown; None where the truth is 0.
        smallest_detectable_abs: the same in the units of the partial.
        verdict: "pass", "fail" or "inconclusive".
        cause: the reason of a fail or an inconclusive; None for a pass.
        of: None for a first partial, else what was differentiated by before: the row compares ∂²L/∂of∂parameter.
    """

    _FIRST = ("parameter", "of")

    parameter: str
    method: str
    point: Mapping[str, float]
    sample: int | None
    probe: str | None
    value: float | None
    truth: Truth | None
    error_abs: float | None
    error_rel: float | None
    error_ulp: float | None
    bound: float | None
    smallest_detectable: float | None
    smallest_detectable_abs: float | None
    verdict: Verdict
    cause: Cause | None
    of: str | None = None

    @property
    def is_nan(self) -> bool:
        """Whether the row failed because its value is NaN or infinite."""
        return self.verdict == "fail" and self.cause is not None and self.cause.key == "nan"

    def __repr__(self) -> str:
        from diffexplore.render.reprs import of_row

        return of_row(self)


@dataclass(frozen=True)
class LostDigits(Plain):
    """A partial of which rounding leaves fewer than half the digits of the dtype, and where they are lost.

    ``relative`` is how far the value may be from the truth, relative to the truth (None: no digit is certain).
    ``subexpression`` loses them: the relative radius grows from ``before`` to ``after`` there. ``better`` is a form
    that keeps them, tried at this very point, to within ``better_relative``; it stands for the subexpression, or for
    the whole partial where ``whole``. None where no form is known. ``how`` says whether it cancels, underflows or
    overflows.
    """

    parameter: str
    methods: tuple[str, ...]
    point: Mapping[str, float]
    sample: int | None
    data: Mapping[str, float]
    relative: float | None
    subexpression: str
    before: float
    after: float
    better: str | None
    better_relative: float | None
    whole: bool
    how: str = "cancels"


@dataclass(frozen=True, repr=False)
class Report(Displayed):
    """The outcome of a check. Prints itself with rich, and shows itself in Jupyter.

    Attributes:
        verdict: "fail" if any row fails; "inconclusive" where a partial has no passing row; else "pass".
        loss: the loss, as text.
        gradient: by symbol, the closed form of its partial.
        rows: each reduced comparison, and those of the worst samples of each partial, method and point.
        skipped: methods that could not run, and why.
        summary: counts of all comparisons, and their power.
        dtype, device: in which and where the methods computed.
        n: the number of samples.
        seed: that of the samples and probes.
        environment: versions, threads and settings on which numbers may depend.
        candidate: whose gradient was verified; None for a check.
        lost_digits: partials of which rounding leaves fewer than half the digits, and where they are lost.
        scans: errors over many places, where they were scanned.
    """

    _FIRST = ("verdict", "loss", "gradient", "rows", "skipped", "summary", "lost_digits")

    verdict: Verdict
    loss: LossSummary
    gradient: Mapping[str, PartialFormula]
    rows: tuple[Row, ...]
    skipped: tuple[Skipped, ...]
    summary: Summary
    dtype: str
    device: str
    n: int
    seed: int
    environment: Mapping[str, Any]
    candidate: CandidateSummary | None = None
    lost_digits: tuple[LostDigits, ...] = ()
    scans: tuple[Scan, ...] = ()

    def figures(self) -> tuple[Figure, ...]:
        """What the report itself can show: its scans, and the errors over the samples for each partial."""
        from diffexplore.scanning.histogram import histograms

        return (*(figure for scan in self.scans for figure in scan.figures()), *histograms(self))

    def plot(self) -> Any:
        """The first of the figures as a matplotlib figure: a scan, or else how large the errors are over the samples.

        Raises :class:`~diffexplore.errors.UsageError` with what to install where matplotlib is missing.
        """
        from diffexplore.figures.matplotlib import draw

        return draw(self.figures()[0])

    def to_dict(self) -> dict[str, Any]:
        """The document; without a candidate or scans, it has no keys for them."""
        document = super().to_dict()
        absent = ("candidate",) * (self.candidate is None) + ("scans",) * (not self.scans)
        return {key: value for key, value in document.items() if key not in absent}

    def to_dataframe(self) -> Any:
        """The rows as a ``pandas.DataFrame``, a column for each key, with ``point.a`` for the value of a.

        Raises :class:`~diffexplore.errors.UsageError` where pandas is missing.
        """
        from diffexplore.render.dataframes import of_rows

        return of_rows(self.rows)
