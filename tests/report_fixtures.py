"""Hand-made reports of the perpendicular loss: plain records, with numbers of realistic size."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cache

from diffexplore.checking.records import Cause, Report, Row, Truth, Verdict
from diffexplore.checking.tallies import Skipped, Summary, Tally
from diffexplore.formula.descriptions import LossSummary, PartialFormula

POINTS = ({"a": 0.0, "b": 0.0}, {"a": 2.5, "b": 1.0})
LOSS = LossSummary(
    name="perpendicular",
    formula="(a*x - y + b)**2 / (2*(a**2 + 1))",
    latex=r"\frac{(a x - y + b)^2}{2 (a^2 + 1)}",
    parameters=("a", "b"),
    data=("x", "y"),
    reduction="mean",
    domain=None,
    source="Deming (1943), Statistical Adjustment of Data",
)
GRADIENT = {
    "a": PartialFormula(
        "a",
        "(a*x - y + b)*(x + a*(y - b))/(a**2 + 1)**2",
        "(a·x − y + b)·(x + a·(y − b)) / (a² + 1)²",
        r"\frac{a}{b}",
        31,
        12,
    ),
    "b": PartialFormula("b", "(a*x - y + b)/(a**2 + 1)", "(a·x − y + b) / (a² + 1)", r"\frac{a}{b}", 9, 6),
}
#: Errors and bounds in ulp, as each method's are at an ordinary point in float64.
SIZES = {
    "symbolic": (0.31, 14.2),
    "symbolic_raw": (1.31, 31.0),
    "reverse": (0.69, 44.1),
    "forward": (0.69, 41.7),
    "vmap": (0.31, 44.1),
    "numpy": (0.31, 14.2),
    "forward_difference": (3.2e7, 4.4e7),
    "central_difference": (2.1e4, 9.8e4),
    "richardson": (311.0, 8.1e3),
    "complex_step": (0.0, 44.1),
}
NO_POWER = Cause("no_power", "the bound is as large as the partial itself: zero would pass as well", {})
WRONG = Cause("wrong", "the value is off by more than rounding can explain", {})


@cache
def samples(n: int = 100) -> list[tuple[Fraction, Fraction]]:
    """Points about y = 2.5 x + 1."""
    generator = random.Random(0)
    xs = [100 * i / (n - 1) for i in range(n)]
    return [(Fraction(x + generator.gauss(0, 2)), Fraction(2.5 * x + 1 + generator.gauss(0, 2))) for x in xs]


def summand_partial(name: str, point: dict[str, float], x: Fraction, y: Fraction) -> Fraction:
    a, b = Fraction(point["a"]), Fraction(point["b"])
    residual = a * x - y + b
    return residual / (a * a + 1) if name == "b" else residual * (x + a * (y - b)) / (a * a + 1) ** 2


def exact(name: str, point: dict[str, float]) -> Fraction:
    return _exact(name, point["a"], point["b"])


@cache
def _exact(name: str, a: float, b: float) -> Fraction:
    rows, point = samples(), {"a": a, "b": b}
    return sum((summand_partial(name, point, x, y) for x, y in rows), Fraction(0)) / len(rows)


def truth_of(value: Fraction) -> Truth:
    scaled = round(value * 10**30)
    sign, digits = "-" * (scaled < 0), str(abs(scaled)).rjust(31, "0")
    return Truth(f"{sign}{digits[:-30]}.{digits[-30:]}", "1e-30")


def row(
    name: str,
    method: str,
    point: dict[str, float],
    value: Fraction,
    *,
    sample: int | None = None,
    probe: str | None = None,
    verdict: Verdict = "pass",
    cause: Cause | None = None,
    off: float = 0.0,
) -> Row:
    """A row whose error is the method's usual one, plus ``off`` times the truth."""
    ulps, allowed = SIZES[method]
    ulp = math.ulp(float(value))
    error = ulps * ulp + off * abs(float(value))
    return Row(
        parameter=name,
        method=method,
        point=point,
        sample=sample,
        probe=probe,
        value=float(value) + error,
        truth=truth_of(value),
        error_abs=error,
        error_rel=error / abs(float(value)),
        error_ulp=error / ulp,
        bound=allowed * ulp,
        smallest_detectable=2 * allowed * ulp / abs(float(value)),
        smallest_detectable_abs=2 * allowed * ulp,
        verdict=verdict,
        cause=cause,
    )


def reduced_rows() -> list[Row]:
    return [row(name, method, point, exact(name, point)) for name in GRADIENT for point in POINTS for method in SIZES]


def sample_rows() -> list[Row]:
    rows = samples()
    return [
        row(name, method, point, summand_partial(name, point, *rows[index]), sample=index)
        for name in GRADIENT
        for point in POINTS
        for method in SIZES
        for index in (17, 4, 63, 99, 58)
    ]


def probe_rows() -> list[Row]:
    value = exact("b", POINTS[0])
    return [row("b", method, POINTS[1], value, probe="52 samples of one sign") for method in SIZES]


def tallies(rows: list[Row]) -> tuple[Tally, ...]:
    """The counts of ``rows``; a method's five sample rows stand for a hundred samples."""
    found: dict[tuple[str, str, str, str], list[Row]] = {}
    for each in rows:
        kind = "probe" if each.probe else "reduced" if each.sample is None else "samples"
        found.setdefault((each.parameter, each.method, str(each.point), kind), []).append(each)
    return tuple(tally(kind, members) for (*_, kind), members in found.items())


def tally(kind: str, members: list[Row]) -> Tally:
    verdicts = [member.verdict for member in members]
    rest = 95 if kind == "samples" else 0
    first = members[0]
    return Tally(
        parameter=first.parameter,
        method=first.method,
        point=first.point,
        kind=kind,
        passed=verdicts.count("pass") + rest,
        failed=verdicts.count("fail"),
        inconclusive=verdicts.count("inconclusive"),
        max_error_ulp=max((m.error_ulp or 0.0) for m in members),
        max_smallest_detectable=max((m.smallest_detectable or 0.0) for m in members),
    )


def left_undecided(rows: list[Row]) -> tuple[tuple[str, Mapping[str, float]], ...]:
    """The partials and points among reduced rows that no row passed."""
    partials = {(row.parameter, *row.point.items()): row for row in rows if row.sample is None and row.probe is None}
    passed = {(row.parameter, *row.point.items()) for row in rows if row.sample is None and row.verdict == "pass"}
    return tuple((row.parameter, row.point) for key, row in partials.items() if key not in passed)


def report_of(rows: list[Row], skipped: tuple[Skipped, ...] = (), verdict: Verdict = "pass") -> Report:
    counts = tallies(rows)
    causes = [each.cause.key for each in rows if each.cause]
    powers = {
        name: min(
            (
                r.smallest_detectable
                for r in rows
                if r.parameter == name and r.verdict == "pass" and r.sample is None and r.smallest_detectable
            ),
            default=None,
        )
        for name in GRADIENT
    }
    return Report(
        verdict=verdict,
        loss=LOSS,
        gradient=GRADIENT,
        rows=tuple(rows),
        skipped=skipped,
        summary=Summary(
            passed=sum(t.passed for t in counts),
            failed=sum(t.failed for t in counts),
            inconclusive=sum(t.inconclusive for t in counts),
            tallies=counts,
            causes={key: causes.count(key) for key in dict.fromkeys(causes)},
            power=powers,
            undecided=left_undecided(rows),
        ),
        dtype="float64",
        device="cpu",
        n=100,
        seed=0,
        environment={"versions": {"python": "3.11.7", "torch": "2.13.0", "sympy": "1.14.0"}, "threads": 2},
    )


def passing() -> Report:
    """The default report as it should be: everything agrees."""
    return report_of(reduced_rows() + sample_rows())


def mixed() -> Report:
    """A passing report with an inconclusive method, probes, and a method that was skipped."""
    rows = [
        replace(r, verdict="inconclusive", cause=NO_POWER, smallest_detectable=1.7, bound=abs(r.value or 0) * 0.85)
        if r.method == "forward_difference" and r.parameter == "b" and r.point == POINTS[1]
        else r
        for r in reduced_rows() + sample_rows()
    ]
    skipped = (Skipped("complex_step", "abs is not analytic, so a complex step does not see its derivative"),)
    return report_of([r for r in rows if r.method != "complex_step"] + probe_rows(), skipped)


def failing() -> Report:
    """The gradient of b by numpy is wrong by 0.09 %, at both points, reduced and by sample."""
    rows = []
    for r in reduced_rows() + sample_rows():
        if r.method == "numpy" and r.parameter == "b":
            value = Fraction(r.truth.mid) if r.truth else Fraction(0)
            r = row("b", "numpy", dict(r.point), value, sample=r.sample, verdict="fail", cause=WRONG, off=9e-4)
        rows.append(r)
    return report_of(rows, verdict="fail")


def undecided() -> Report:
    """No method has any power for b at the second point."""
    rows = [
        replace(r, verdict="inconclusive", cause=NO_POWER, smallest_detectable=3.0)
        if r.parameter == "b" and r.point == POINTS[1]
        else r
        for r in reduced_rows()
    ]
    return report_of(rows, verdict="inconclusive")


def at_zero() -> Report:
    """A partial whose truth is exactly 0: ratios do not exist there, absolute numbers do."""
    rows = [
        replace(
            r,
            value=0.0 if r.method == "symbolic" else 1.776e-15,
            truth=Truth("0", "0"),
            error_abs=0.0 if r.method == "symbolic" else 1.776e-15,
            error_rel=None,
            error_ulp=None,
            bound=4.1e-15,
            smallest_detectable=None,
            smallest_detectable_abs=8.2e-15,
        )
        if r.parameter == "b"
        else r
        for r in reduced_rows()
    ]
    return report_of(rows)
