"""What a check of a function of tensors says: plain frozen records, like those of every check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from diffexplore.checking.records import Cause, Truth, Verdict
from diffexplore.checking.tallies import Skipped
from diffexplore.documents import SCHEMA_VERSION, Displayed, Document, Plain

TruthKind = Literal["certified", "estimated"]


@dataclass(frozen=True)
class TensorTruth(Truth):
    """An enclosure of an exact entry of a gradient, mid ± rad, as decimal strings rounded outward.

    ``kind`` is "certified" for a proved enclosure, "estimated" for differences, where ``rad`` is the allowance of 100
    times their measured error.
    """

    kind: TruthKind


@dataclass(frozen=True)
class EntryCounts(Plain):
    """How many entries of a gradient ended how; ``kinks`` of the undecided ones have no derivative that is known.

    ``overflows`` of these are of a forward in which numbers overflow: there may be no kink.

    ``zeros`` of those that passed count as 0, beside what rounding may do to them or to others: no relative error can
    be told there.
    """

    _KEYS: ClassVar = {"passed": "pass", "failed": "fail"}

    passed: int
    failed: int
    inconclusive: int
    kinks: int
    zeros: int
    overflows: int

    @property
    def total(self) -> int:
        return self.passed + self.failed + self.inconclusive


@dataclass(frozen=True)
class TensorRow(Plain):
    """The gradient of one output by one input, at its worst entry.

    Attributes:
        output, input: their names.
        entry: the index of the worst entry; None where there are no entries, or where a direction was tried.
        method: the name of the function under test.
        probe: how the upstream gradient was made, where it is not the only one; or the direction that was tried.
        shape, dtype: those of the input, and so of the gradient. The index of a complex entry ends in 0 for its real
            part, in 1 for its imaginary one.
        entries: how many entries ended how, over all upstream gradients.
        value, truth, error_abs, error_rel, error_ulp, bound: of the worst entry; None stands for what does not exist.
        smallest_detectable: the smallest relative error that would have been caught in each entry that passed and does
            not count as 0.
        smallest_detectable_abs: the same as an absolute error, in each entry that passed and counts as 0; None where
            there are none, or no error could hide in them beside others that are not 0.
        smallest_detectable_median: what would have been caught in half of them.
    """

    output: str
    input: str
    entry: tuple[int, ...] | None
    method: str
    probe: str | None
    shape: tuple[int, ...]
    dtype: str
    entries: EntryCounts
    value: float | None
    truth: TensorTruth | None
    error_abs: float | None
    error_rel: float | None
    error_ulp: float | None
    bound: float | None
    smallest_detectable: float | None
    smallest_detectable_abs: float | None
    smallest_detectable_median: float | None
    verdict: Verdict
    cause: Cause | None

    @property
    def real_dtype(self) -> str:
        """The dtype of its real numbers: a complex one has two of them."""
        return {"complex128": "float64", "complex64": "float32"}.get(self.dtype, self.dtype)

    @property
    def estimated(self) -> bool:
        return self.truth is not None and self.truth.kind == "estimated"

    @property
    def allowed(self) -> float | None:
        """How far the value may be from the middle of the truth: the bound, and what an estimate may be off."""
        if self.bound is None or self.truth is None or not self.estimated:
            return self.bound
        return self.bound + float(self.truth.rad)

    def __repr__(self) -> str:
        from diffexplore.render.reprs import of_tensor_row

        return of_tensor_row(self)


@dataclass(frozen=True)
class TensorSummary(Plain):
    """Counts over all entries of all gradients; ``rows`` counts pairs of an output and an input by their verdicts."""

    _KEYS: ClassVar = {"passed": "pass", "failed": "fail"}
    _FIRST: ClassVar = ("pass", "fail", "inconclusive")

    passed: int
    failed: int
    inconclusive: int
    rows: Mapping[str, int]
    causes: Mapping[str, int]


@dataclass(frozen=True, repr=False)
class TensorReport(Displayed):
    """Whether a function's gradients are the derivatives of its outputs. True where they are.

    Attributes:
        verdict: "fail" if any row fails; "pass" if every row passes; else "inconclusive".
        function: the name of the function under test.
        reference: the name of the function whose derivative is the truth; None where that is its own forward.
        order: 1 where gradients were checked; 2 where their derivatives were, so that the outputs are gradients.
        truth: "certified", or "estimated" where the forward could not be read.
        rows: one for each pair of an output and an input that is differentiated by, and for what was tried besides.
        summary: counts of entries, rows and causes.
        skipped: outputs and ways of calling that were not checked, and why.
        notes: what else there is to know, in sentences.
        dtype, device: those of the inputs.
        seed: that of the upstream gradients, and of torch's random generators in each call.
        environment: versions, and the settings that change how numbers are rounded, by name.
    """

    _FIRST = ("verdict", "function", "reference", "order", "truth", "rows", "skipped", "summary")

    verdict: Verdict
    function: str
    reference: str | None
    order: int
    truth: TruthKind
    rows: tuple[TensorRow, ...]
    skipped: tuple[Skipped, ...]
    summary: TensorSummary
    notes: tuple[str, ...]
    dtype: str
    device: str
    seed: int
    environment: Mapping[str, Any]

    def __bool__(self) -> bool:
        return self.verdict == "pass"

    @property
    def failed(self) -> tuple[TensorRow, ...]:
        """The rows that failed, the worst first."""
        return tuple(row for row in self.rows if row.verdict == "fail")

    def to_dataframe(self) -> Any:
        """The rows as a ``pandas.DataFrame``, a column for each key.

        Raises :class:`~diffexplore.errors.UsageError` where pandas is missing.
        """
        from diffexplore.render.dataframes import of_rows

        return of_rows(self.rows)


@dataclass(frozen=True)
class TensorReports(Document):
    """Checks of several functions, by name, the worst first.

    ``unchecked`` are those without sample inputs, ``refused`` those that cannot be checked at theirs, each with the
    line that says why.
    """

    checks: tuple[tuple[str, TensorReport], ...]
    unchecked: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst of all."""
        verdicts = {report.verdict for _, report in self.checks}
        return "fail" if "fail" in verdicts else "inconclusive" if "inconclusive" in verdicts else "pass"

    def to_dict(self) -> dict[str, Any]:
        """The document of a test run, see ``pytest --gradient-report``."""
        verdicts = [report.verdict for _, report in self.checks]
        checks = [{"test": name, "verdict": report.verdict, "report": report.to_dict()} for name, report in self.checks]
        summary = {verdict: verdicts.count(verdict) for verdict in ("pass", "fail", "inconclusive")}
        document = {"schema_version": SCHEMA_VERSION, "summary": summary, "checks": checks}
        document |= {"unchecked": list(self.unchecked)} if self.unchecked else {}
        refused = [{"test": name, "reason": reason} for name, reason in self.refused]
        return document | ({"refused": refused} if refused else {})
