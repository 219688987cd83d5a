"""A report on one screen: what it shows of whom, in which numbers, within 40 lines of 80 columns."""

from __future__ import annotations

import io
import math
import re
from dataclasses import replace

import pytest
import report_fixtures as fixtures
from representatives import each_value
from rich.console import Console

from diffexplore.checking.digits import correct_digits, share_of_allowed
from diffexplore.checking.records import Report, Row, Truth
from diffexplore.formula.descriptions import CandidateSummary, PartialFormula
from diffexplore.render.displays import to_text
from diffexplore.render.screen import failures_only
from diffexplore.render.terminal import Drawing, ReportPage

EVERY = [fixtures.passing, fixtures.mixed, fixtures.failing, fixtures.undecided, fixtures.at_zero]
BARS = "█▉▊▋▌▍▎▏"


def page_of(report: Report, width: int = 80, *, ascii: bool = False) -> str:
    return to_text(report, width, ascii=ascii)


def joined(report: Report) -> str:
    return " ".join(page_of(report).split())


def cells_of(page: str, method: str) -> list[str]:
    """The numbers of one row of the matrix."""
    line = next(line for line in page.splitlines() if re.match(rf"  {method} +(\d|—|NaN|=)", line))
    return re.findall(r"\d\.\de-\d+|\d+\.\d|= 0|—", line[len(method) + 2 :])


# ------------------------------------------------------------------------------------------------------- digits
def some_row(**changed: object) -> Row:
    row = replace(fixtures.reduced_rows()[0], truth=Truth("2.0", "0"), error_abs=2e-7, error_rel=1e-7, bound=8e-7)
    return replace(row, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "dtype", "digits"),
    [
        ({}, "float64", 7.0),
        ({"error_abs": 0.0, "error_rel": 0.0}, "float64", 17.0),
        ({"error_abs": 0.0, "error_rel": 0.0}, "float32", 9.0),
        ({"error_abs": 0.0, "error_rel": 0.0}, "bfloat16", 4.0),
        ({"error_abs": 0.0, "error_rel": 0.0}, "float16", 5.0),
        ({"error_rel": 1e-12}, "float32", 9.0),
        ({"error_abs": 0.0, "error_rel": 0.0, "truth": Truth("2.0", "2e-9")}, "float64", 9.0),
        ({"error_rel": 1e-7, "truth": Truth("-2.0", "2e-30")}, "float64", 7.0),
        ({"error_rel": 1.0}, "float64", 0.0),
        ({"error_rel": 2.4}, "float64", 0.0),
        ({"error_rel": None}, "float64", None),
        ({"error_rel": None, "error_abs": None, "value": None}, "float64", None),
        ({"truth": None}, "float64", None),
    ],
)
def test_correct_digits(changed: dict[str, object], dtype: str, digits: float | None) -> None:
    assert correct_digits(some_row(**changed), dtype) == (None if digits is None else pytest.approx(digits))


@pytest.mark.parametrize(
    ("changed", "share"),
    [
        ({}, 0.25),
        ({"error_abs": 0.0}, 0.0),
        ({"error_abs": 0.0, "bound": 0.0}, 0.0),
        ({"bound": 0.0}, math.inf),
        ({"bound": None}, None),
        ({"error_abs": None}, None),
    ],
)
def test_the_share_of_what_is_allowed(changed: dict[str, object], share: float | None) -> None:
    assert share_of_allowed(some_row(**changed)) == (None if share is None else pytest.approx(share))


# ------------------------------------------------------------------------------------------------------- matrix
def test_the_matrix_has_the_digits_of_each_method_at_each_place() -> None:
    report = fixtures.passing()
    page = page_of(report)
    for method in fixtures.SIZES:
        rows = [row for row in report.rows if row.method == method and row.sample is None]
        digits = [min(17.0, -math.log10(row.error_rel)) if row.error_rel else 17.0 for row in rows]
        assert cells_of(page, method) == [f"{number:.1f}" for number in digits], method
    assert re.search(r"truth +-8417\.95 +0\.618306 +-125\.769 +0\.0614077", page)
    assert re.search(r"would be caught +6\.2e-15 +5\.1e-15 +3\.3e-15 +3\.3e-15", page), "by the sharpest exact method"


def test_bars_grow_with_the_digits() -> None:
    page = page_of(fixtures.passing())
    longest = {
        method: max(len(bar) for bar in re.findall(f"[{BARS}]+", line))
        for method in ("forward_difference", "richardson", "complex_step")
        for line in page.splitlines()
        if line.startswith(f"  {method} ") and "█" in line
    }
    assert longest["forward_difference"] < longest["richardson"] < longest["complex_step"] == 8


def test_the_largest_share_of_what_is_allowed_is_named() -> None:
    ulps, allowed = fixtures.SIZES["forward_difference"]
    assert f"worst: {100 * ulps / allowed:.0f} % of what is allowed (forward_difference, ∂L/∂a)" in joined(
        fixtures.passing()
    )


def test_colour_supports_what_the_numbers_say() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="truecolor")
    with console.capture() as capture:
        console.print(ReportPage(fixtures.failing()))
    coloured = capture.get()
    assert re.search("\x1b\\[32m15.8 █", coloured), "well below what is allowed"
    assert re.search("\x1b\\[33m 8.2 █", coloured), "above half of it"
    assert "\x1b[1;31mFAIL" in coloured
    assert re.search(r"numpy +16\.2 \S+ +16\.3 \S+ +3\.0 FAIL +3\.0 FAIL", page_of(fixtures.failing()))


@pytest.mark.parametrize("make", EVERY)
def test_ascii_says_the_same(make) -> None:  # type: ignore[no-untyped-def]
    plain, page = page_of(make(), ascii=True), page_of(make())
    assert plain.isascii()
    assert len(plain.splitlines()) in range(len(page.splitlines()) - 2, len(page.splitlines()) + 3)
    for method in fixtures.SIZES:
        if f"  {method} " in page:
            assert f"  {method} " in plain
    if make is fixtures.passing:
        assert cells_of(plain, "richardson") == cells_of(page, "richardson")
        assert "13.2 ######" in plain


@pytest.mark.parametrize("make", EVERY)
@pytest.mark.parametrize("width", [80, 100, 120])
def test_one_screen(make, width: int) -> None:  # type: ignore[no-untyped-def]
    lines = page_of(make(), width).splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= width
    assert not any(line.endswith(" ") for line in lines)


def large(parameters: int, points: int, methods: int) -> Report:
    """A report of so many partials at so many points by so many methods."""
    names = [f"w{i}" for i in range(parameters)]
    places = [{name: float(i + k) for i, name in enumerate(names)} for k in range(points)]
    known = fixtures.reduced_rows()[:methods]
    rows = [replace(row, parameter=name, point=place) for place in places for name in names for row in known]
    report = fixtures.report_of([])
    gradient = {name: PartialFormula(name, "x", "x", "x", 3, 1) for name in names}
    power = dict.fromkeys(names, 1e-14)
    return replace(report, rows=tuple(rows), gradient=gradient, summary=replace(report.summary, power=power))


@pytest.mark.parametrize(
    ("parameters", "points", "methods"), each_value([1, 3, 10, 40], [1, 3, 12], [1, 2, 10], rounds=3)
)
def test_many_parameters_at_many_points_fit(parameters: int, points: int, methods: int) -> None:
    report = large(parameters, points, methods)
    page = page_of(report)
    lines = page.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 40
    worst = min(digits for row in report.rows if (digits := correct_digits(row, "float64")) is not None)
    assert f"{worst:.1f}" in page, "the fewest digits are never left out"


def test_what_a_column_stands_for_is_said() -> None:
    assert "the fewest of 10 partials" in joined(large(10, 3, 10))
    assert "the fewest of 40 partials at 12 points" in joined(large(40, 12, 10))
    assert "the fewest" not in joined(large(2, 2, 10))


def test_where_the_truth_is_zero_the_error_itself_is_shown() -> None:
    page = page_of(fixtures.at_zero())
    assert cells_of(page, "reverse")[2:] == ["1.8e-15", "1.8e-15"]
    assert cells_of(page, "symbolic")[2:] == ["= 0", "= 0"]
    assert "where the truth is 0, the error itself is shown" in page


# ------------------------------------------------------------------------------------------ fails, and what is open
def test_failing_rows_show_their_values() -> None:
    page = page_of(fixtures.failing())
    assert page.index("-125.655922") < page.index("Correct digits")
    line = next(line for line in page.splitlines() if "-125.655922" in line)
    assert line.split() == ["numpy", "-125.655922", "7.97e12", "ulp", "15", "ulp", "FAIL"]
    assert re.search(r"∂L/∂b at a=0 b=0 +-125\.769114 +truth", page)
    assert joined(fixtures.failing()).count("the value is off by more than rounding can explain") == 1
    assert "12 of 4,040 comparisons failed" in joined(fixtures.failing())
    assert "∂ℓᵢ/∂b: 1,990 pass, 10 FAIL; worst" in joined(fixtures.failing())


def test_a_candidate_has_a_line_for_each_comparison() -> None:
    rows = [row for row in fixtures.failing().rows if row.method == "numpy" and row.sample is None]
    report = replace(fixtures.report_of(rows, verdict="fail"), candidate=CandidateSummary("mine", "loss"))
    page = page_of(report)
    assert joined(report).startswith(
        "FAIL mine: ∂L/∂b is wrong (−125.7, should be −125.8, at a = 0, b = 0): "
        "the value is off by more than rounding can explain; ∂L/∂a is right"
    )
    assert re.search(r"∂L/∂b at a=0 b=0 +-125\.655922 +-125\.769114 +7\.97e12 ulp +15 ulp +FAIL", page)
    assert re.search(r"∂L/∂a at a=2.5 b=1 +0\.618306428 +0\.618306428 +16\.3 █+.? +5\.1e-15", page)


def test_what_is_open_is_said_once() -> None:
    report = fixtures.undecided()
    page = page_of(report)
    assert re.search(r"∂L/∂b at a=2.5 b=1 +0\.0614076646 +truth", page)
    assert re.search(r"10 methods +\S+ +3\.20e7 ulp +4\.4e7 ulp +open", page)
    assert " ".join(page.split()).count("the bound is as large as the partial itself") == 1, "the headline says it"


def test_a_cause_below_a_pass_has_a_number() -> None:
    page = page_of(fixtures.mixed())
    assert re.search(r"forward_difference +0\.0614077? *\S* +3\.20e7 ulp +\S+ ulp +\[1\]", page)
    assert " ".join(page.split()).count("[1] the bound is as large as the partial itself") == 1
    assert re.search(r"forward_difference +8\.2 \S+ +8\.2 \S+ +8\.4 \S+ +8\.4 \[1\]", page)
    assert "complex_step was skipped: abs is not analytic" in page
    assert "1 probe (where an error shows more clearly): 10 pass" in page


def test_nothing_skipped_is_said() -> None:
    assert page_of(fixtures.passing()).endswith("Nothing was skipped, and every comparison could be decided.")


def test_only_what_failed() -> None:
    def listed(report: Report) -> list[str]:
        stream = io.StringIO()
        Console(file=stream, width=80, color_system=None).print(Drawing(tuple(failures_only(report)), False))
        return stream.getvalue().splitlines()

    assert len(listed(fixtures.passing())) == 3 and listed(fixtures.passing())[0].startswith("PASS")
    failing = listed(fixtures.failing())
    assert failing[0].startswith("FAIL") and sum(line.endswith("FAIL") for line in failing) == 2
    assert any("10 more failed, by sample or by probe" in line for line in failing)
    assert not any("reverse" in line for line in failing)
    assert any(line.endswith("open") for line in listed(fixtures.undecided()))


def test_the_worst_sample_is_that_of_a_method_that_only_rounds() -> None:
    assert "∂ℓᵢ/∂a: 2,000 pass; worst 1.31 of 31 ulp allowed: symbolic_raw, sample" in joined(fixtures.passing())
    steps = [row for row in fixtures.passing().rows if row.method.endswith("difference")]
    assert "worst 3.20e7 of 4.4e7 ulp allowed: forward_difference" in joined(fixtures.report_of(steps))


def test_a_report_prints_one_screen() -> None:
    report = fixtures.passing()
    assert str(report) == to_text(report, 80) == report.to_text()
    assert report.to_text(full=True) == to_text(report, 80, full=True) != str(report)
    assert report._repr_html_().count("<table") < 4
    assert "| truth |" in report.to_markdown() and "| method |" in report.to_markdown(full=True)
