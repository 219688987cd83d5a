"""A report with all of its tables in a terminal, as a reader sees it, through consoles of fixed width."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
import report_fixtures as fixtures
from representatives import each_value
from rich.console import Console

from diffexplore.checking.records import Cause, Report, Truth
from diffexplore.checking.tallies import Summary
from diffexplore.render.displays import to_text
from diffexplore.render.terminal import ReportPage
from diffexplore.typography import to_ascii

EVERY = [fixtures.passing, fixtures.mixed, fixtures.failing, fixtures.undecided, fixtures.at_zero]


def lines_of(report: Report, width: int = 100) -> list[str]:
    return to_text(report, width, ascii=False, full=True).splitlines()


def joined(report: Report, width: int = 100) -> str:
    """The page as one line of words, so that line breaks do not matter."""
    return " ".join(to_text(report, width, ascii=False, full=True).split())


def row_of(report: Report, heading: str, method: str) -> list[str]:
    """The cells of one method's row in the table below ``heading``."""
    lines = lines_of(report)
    start = lines.index(heading)
    return next(line.split() for line in lines[start:] if line.split()[:1] == [method])


@pytest.mark.parametrize(("make", "width"), each_value(EVERY, [80, 100, 120]))
def test_no_line_is_wider_than_the_page_nor_cut(make, width: int) -> None:  # type: ignore[no-untyped-def]
    lines = lines_of(make(), width)
    assert max(map(len, lines)) <= width
    assert not any("…" in line for line in lines)
    assert not any(line.endswith(" ") for line in lines)
    for method in fixtures.SIZES:
        assert any(method in line for line in lines)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (fixtures.passing, "PASS"),
        (fixtures.failing, "FAIL"),
        (fixtures.undecided, "INCONCLUSIVE"),
    ],
)
def test_the_verdict_is_the_first_and_the_last_line(make, word: str) -> None:  # type: ignore[no-untyped-def]
    lines = lines_of(make(), 200)
    assert lines[0].startswith(word)
    assert lines[-1] == lines[0]


def test_a_pass_says_how_much_was_compared_and_how_exactly() -> None:
    assert lines_of(fixtures.passing(), 200)[0] == (
        "PASS  every partial agrees with the truth: 40 comparisons reduced, 4,000 by sample; "
        "smallest relative error that would be caught: 5.1e-15 (a), 3.3e-15 (b)"
    )


def test_a_pass_names_what_the_whole_batch_could_not_decide() -> None:
    rows = list(fixtures.undecided().rows) + fixtures.probe_rows()
    first = lines_of(fixtures.report_of(rows), 300)[0]
    assert first.startswith("PASS  40 of 50 comparisons agree with the truth; 10 inconclusive: rounding hides")
    assert first.endswith("; on sub-batches only: ∂L/∂b at a = 2.5, b = 1")
    assert "sub-batches" not in lines_of(fixtures.mixed(), 300)[0]


def test_a_fail_names_the_gradient_the_size_and_the_reason() -> None:
    page = joined(fixtures.failing(), 200)
    assert page.startswith(
        "FAIL numpy: ∂L/∂b is wrong (−125.7, should be −125.8, at a = 0, b = 0): the value is off by more than "
        "rounding can explain; ∂L/∂a is right"
    )
    assert "∂L/∂b by numpy is wrong by 0.09 % at a = 0, b = 0:" in page
    assert "at a = 2.5, b = 1: the value is off by more than rounding can explain" in page
    assert "10 more failed" in page
    assert row_of(fixtures.failing(), "∂L/∂b  at a = 0, b = 0", "numpy")[-1] == "FAIL"
    assert row_of(fixtures.failing(), "∂L/∂b  at a = 0, b = 0", "reverse")[-1] == "pass"


def test_a_fail_by_sample_only_is_named_as_such() -> None:
    failing = fixtures.failing()
    rows = tuple(row for row in failing.rows if row.sample is not None or row.verdict == "pass")
    page = joined(replace(failing, rows=rows), 200)
    assert page.startswith("FAIL numpy: ∂ℓᵢ/∂b is wrong (")
    assert ", at a = 0, b = 0, sample 58): the value is off" in page


def test_an_undecided_report_names_the_partial_and_the_point() -> None:
    page = joined(fixtures.undecided(), 200)
    assert page.startswith(
        "INCONCLUSIVE could not decide ∂L/∂b at a = 2.5, b = 1: the bound is as large as the partial itself: "
    )


def test_several_open_questions_are_all_named_or_counted() -> None:
    rows = [replace(row, verdict="inconclusive", cause=fixtures.NO_POWER) for row in fixtures.reduced_rows()]
    four = joined(fixtures.report_of(rows, verdict="inconclusive"), 200)
    assert four.startswith("INCONCLUSIVE could not decide ∂L/∂a at a = 0, b = 0, ∂L/∂a at a = 2.5, b = 1 and 2 more:")
    two = [row for row in rows if row.parameter == "b"]
    assert "could not decide ∂L/∂b at a = 0, b = 0 nor ∂L/∂b at a = 2.5, b = 1:" in joined(
        fixtures.report_of(two, verdict="inconclusive"), 200
    )


def test_nothing_compared_is_said() -> None:
    nothing = replace(
        fixtures.passing(), verdict="inconclusive", rows=(), summary=Summary(0, 0, 0, (), {}, {"a": None, "b": None})
    )
    assert lines_of(nothing)[0] == "INCONCLUSIVE  nothing was compared"


def test_the_gradient_is_shown_with_its_operations() -> None:
    lines = lines_of(fixtures.passing(), 120)
    assert "  L     = mean[(a·x − y + b)² / (2·(a² + 1))]" in lines
    assert (
        "  ∂L/∂a = mean[(a·x − y + b)·(x + a·(y − b)) / (a² + 1)²]   12 operations, 31 before simplification" in lines
    )


def test_a_row_states_value_error_allowance_power_and_verdict() -> None:
    heading = "∂L/∂a  at a = 0, b = 0"
    assert row_of(fixtures.passing(), heading, "truth") == ["truth", "-8417.9538700013283"]
    cells = row_of(fixtures.passing(), heading, "central_difference")
    assert cells == ["central_difference", "-8417.9538699631303", "2.10e4", "9.8e4", "4.3e-11", "pass"]


def test_values_stand_under_the_truth() -> None:
    lines = lines_of(fixtures.passing(), 80)
    start = lines.index("∂L/∂a  at a = 0, b = 0")
    table = lines[start + 3 : start + 14]
    assert len({line.index("-8417.95") for line in table}) == 1
    assert len(table) == 11


def test_any_error_of_an_exact_method_would_have_been_caught() -> None:
    passing = fixtures.passing()
    exact = replace(passing, summary=replace(passing.summary, power={"a": 0.0, "b": None}))
    assert "smallest relative error that would be caught: any (a)" in joined(exact)


def test_samples_without_error_are_not_called_the_worst() -> None:
    rows = [
        replace(row, error_abs=0.0, error_rel=0.0, error_ulp=0.0) if row.sample is not None else row
        for row in fixtures.passing().rows
    ]
    page = joined(fixtures.report_of(rows))
    assert "∂ℓᵢ/∂a by sample: 2,000 pass, without any error" in page
    assert "sample method" not in page


def test_where_there_is_no_gradient_no_truth_is_shown() -> None:
    kink = Cause("kink", "the loss has a kink here", {})
    rows = [
        replace(r, truth=Truth("0", "0"), verdict="inconclusive", cause=kink, value=0.5, error_abs=None, error_ulp=None)
        for r in fixtures.passing().rows
    ]
    report = fixtures.report_of(rows, verdict="inconclusive")
    assert row_of(report, "∂L/∂b  at a = 2.5, b = 1", "truth") == ["truth", "—"]
    assert row_of(report, "∂L/∂b  at a = 2.5, b = 1", "reverse")[:3] == ["reverse", "0.5", "—"]
    assert "by sample:" in joined(report)
    assert "the worst" not in joined(report)


def test_a_loss_without_data_has_no_reduction_to_speak_of() -> None:
    report = fixtures.report_of(fixtures.reduced_rows())
    page = joined(replace(report, n=1, loss=replace(report.loss, data=())))
    assert page.startswith("PASS every partial agrees with the truth: 40 comparisons; smallest relative error")
    assert "10 methods on one evaluation at 2 points" in page


def test_the_worst_samples_are_fails_then_inconclusive_then_passes() -> None:
    verdicts = {"reverse": "pass", "numpy": "fail", "vmap": "inconclusive", "richardson": "inconclusive"}
    rows = [
        replace(row, verdict=verdicts[row.method], cause=None if row.method == "reverse" else fixtures.NO_POWER)
        for row in fixtures.sample_rows()
        if row.method in verdicts and row.parameter == "a" and row.sample == 17 and row.point == fixtures.POINTS[0]
    ]
    lines = lines_of(fixtures.report_of(rows), 80)
    start = next(i for i, line in enumerate(lines) if line.startswith("∂ℓᵢ/∂a  by sample:"))
    shown = [line.split()[1] for line in lines[start + 3 : start + 7]]
    assert shown == ["numpy", "richardson", "vmap", "reverse"], "of two that are undecided, the larger error is first"


@pytest.mark.parametrize("truth", [None, Truth("0.5", "0")])
def test_without_a_truth_nothing_is_allowed(truth: Truth | None) -> None:
    kink = Cause("kink", "the loss has a kink here", {})
    nowhere = {"error_abs": None, "error_rel": None, "error_ulp": None, "truth": truth, "cause": kink}
    powerless = {"smallest_detectable": None, "smallest_detectable_abs": None, "verdict": "inconclusive"}
    rows = [replace(row, **nowhere, **powerless) if row.method == "reverse" else row for row in fixtures.at_zero().rows]
    for name in "ab":  # a table in ulps, and one in absolute terms
        cells = row_of(fixtures.report_of(rows), f"∂L/∂{name}  at a = 0, b = 0", "reverse")
        assert cells[2:5] == ["—", "—", "—"], name
    overflowed = [replace(row, value=None, error_abs=None, error_ulp=None) for row in fixtures.reduced_rows()]
    heading = "∂L/∂a  at a = 0, b = 0"
    assert row_of(fixtures.report_of(overflowed), heading, "reverse")[2:4] == ["—", "45"], "here the truth is known"


def test_digits_that_the_truth_leaves_open_are_explained_where_there_are_any() -> None:
    wide = [replace(row, truth=Truth(row.truth.mid, "1e-9")) for row in fixtures.reduced_rows() if row.truth]
    assert "a ? is a digit that it leaves open" in joined(fixtures.report_of(wide))
    assert "?" not in joined(fixtures.passing())


def test_where_the_truth_is_zero_errors_are_absolute() -> None:
    lines = lines_of(fixtures.at_zero())
    start = lines.index("∂L/∂b  at a = 0, b = 0")
    assert lines[start + 1].split() == ["error", "allowed", "catches"]
    assert lines[start + 2].split() == ["method", "value", "absolute", "absolute", "absolute", "verdict"]
    cells = row_of(fixtures.at_zero(), "∂L/∂b  at a = 0, b = 0", "reverse")
    assert cells == ["reverse", "1.776e-15", "1.78e-15", "4.2e-15", "8.3e-15", "pass"]


def test_each_cause_is_said_once_and_referred_to() -> None:
    page = joined(fixtures.mixed())
    assert page.count("the bound is as large as the partial itself") == 1
    assert "[1] 6 inconclusive: the bound is as large" in page
    cells = row_of(fixtures.mixed(), "∂L/∂b  at a = 2.5, b = 1", "forward_difference")
    assert cells[-2:] == ["inconclusive", "[1]"]
    assert "complex_step was skipped: abs is not analytic" in page


def test_wordings_of_one_cause_are_told_apart() -> None:
    other = Cause("no_power", "the gradient is 0 here", {})
    mixed = fixtures.mixed()
    rows = list(mixed.rows)
    rows[0] = replace(rows[0], verdict="inconclusive", cause=other)
    page = joined(replace(mixed, rows=tuple(rows)))
    assert "[1] inconclusive: the gradient is 0 here [2] inconclusive: the bound is as large" in page


def test_a_truth_that_is_zero_beside_one_wide_bound_keeps_the_table_in_ulps() -> None:
    rows = [
        replace(row, error_rel=None, error_ulp=None, smallest_detectable=None, smallest_detectable_abs=4.2e-3)
        if row.method == "forward_difference"
        else row
        for row in fixtures.reduced_rows()
    ]
    report = fixtures.report_of(rows)
    heading = "∂L/∂a  at a = 0, b = 0"
    assert row_of(report, heading, "forward_difference")[2:] == ["3.20e7", "4.4e7", "0.0042", "abs", "pass"]
    assert row_of(report, heading, "reverse")[2:] == ["0.69", "45", "2.0e-14", "pass"]


def test_a_narrow_terminal_breaks_names_and_no_numbers() -> None:
    lines = lines_of(fixtures.undecided(), 56)
    assert max(map(len, lines)) <= 56
    start = lines.index("∂L/∂b  at a = 2.5, b = 1")
    page = " ".join(lines[start:])
    for number in ("0.0614077", "2.10e4", "9.8e4", "0.69"):
        assert f" {number} " in page


def test_the_narrowest_terminal_loses_no_character() -> None:
    page = to_text(fixtures.passing(), 30, ascii=False, full=True)
    assert max(map(len, page.splitlines())) <= 30
    table = page[page.index("∂L/∂b  at a = 2.5") : page.index("∂ℓᵢ")]
    wide = to_text(fixtures.passing(), 65, ascii=False, full=True)
    wide = wide[wide.index("∂L/∂b  at a = 2.5") : wide.index("∂ℓᵢ")]
    assert sorted("".join(table.split())) == sorted("".join(wide.split()))


def test_a_cause_that_only_the_summary_knows_is_said_too() -> None:
    passing = fixtures.passing()
    summary = replace(passing.summary, inconclusive=7, causes={"no_such_cause": 7})
    assert "7 inconclusive: no such cause" in joined(replace(passing, summary=summary))


def test_probes_are_summed_up() -> None:
    page = joined(fixtures.mixed())
    assert "∂L/∂b 52 samples of one sign, at a = 2.5, b = 1 3.20e7 3.3e-15 10 pass" in page
    assert "Probes" not in joined(fixtures.passing())


def test_the_worst_samples_show_every_method_once_and_all_fails() -> None:
    lines = lines_of(fixtures.failing())
    start = next(i for i, line in enumerate(lines) if line.startswith("∂ℓᵢ/∂b  by sample: 1,990 pass, 10 fail"))
    assert [line.split()[1] for line in lines[start + 3 : start + 8]] == ["numpy"] * 5
    start = next(i for i, line in enumerate(lines) if line.startswith("∂ℓᵢ/∂a  by sample: 2,000 pass"))
    assert len({line.split()[1] for line in lines[start + 3 : start + 8]}) == 5


@pytest.mark.parametrize(("make", "encoding"), each_value(EVERY, ["ascii", "cp1252", "latin-1", "utf-8"], rounds=2))
def test_every_encoding_can_take_the_report(make, encoding: str) -> None:  # type: ignore[no-untyped-def]
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)  # strict: a character too many raises
    Console(file=stream, width=80).print(make())
    stream.flush()
    page = raw.getvalue().decode(encoding)
    assert ("∂L/∂a" if encoding == "utf-8" else "dL/da") in page


def test_ascii_can_be_asked_for() -> None:
    page = to_text(fixtures.mixed(), 100, ascii=True, full=True)
    assert page.isascii()
    assert "dL/da = mean[(a*x - y + b)*(x + a*(y - b)) / (a**2 + 1)**2]" in page
    assert to_ascii("∂L/∂b") + "  at a = 2.5, b = 1" in page.splitlines()


def test_words_do_not_depend_on_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    def printed(**kind: object) -> str:
        console = Console(file=io.StringIO(), width=100, force_terminal=True, **kind)  # type: ignore[arg-type]
        with console.capture() as capture:
            console.print(ReportPage(fixtures.failing(), detail="full"))
        return capture.get()

    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured, plain = printed(color_system="truecolor"), printed(no_color=True)
    assert "-125.\x1b[1;31m65592208406130\x1b[0m" in coloured, "the wrong digits of the wrong value are marked"
    assert "-125.769114286919\x1b[2m52\x1b[0m" not in coloured
    assert "-125.7691142869195\x1b[2m2\x1b[0m" in coloured, "digits lost to rounding are only toned down"
    assert "\x1b[1;31m" not in plain
    assert "FAIL" in plain


def test_second_partials_are_shown_where_given() -> None:
    second = {("a", "b"): fixtures.GRADIENT["b"], ("b", "b"): fixtures.GRADIENT["b"]}
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as capture:
        console.print(ReportPage(fixtures.passing(), hessian=second, detail="full"))
    assert "∂²L/∂a∂b = mean[(a·x − y + b) / (a² + 1)]" in capture.get()
    assert "∂²L/∂b²  = mean[" in capture.get()


def test_the_versions_are_named() -> None:
    assert "python 3.11.7, torch 2.13.0, sympy 1.14.0" in lines_of(fixtures.passing())


def test_a_report_prints_itself() -> None:
    report = fixtures.passing()
    assert str(report) == to_text(report, 80)
    assert str(report).splitlines()[0].startswith("PASS")
