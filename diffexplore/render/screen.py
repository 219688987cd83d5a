"""What a reader of a report sees first, on one screen: verdict, formulas, correct digits, samples, what is missing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from diffexplore.checking.records import VALUE, Report, Row, Verdict
from diffexplore.checking.tallies import Tally
from diffexplore.methods import truncates
from diffexplore.numerals import beside_bound
from diffexplore.render.causes import Footnotes, not_compared_briefly
from diffexplore.render.counts import outcomes, tallies_of, total
from diffexplore.render.evidence import evidence
from diffexplore.render.failed import stated_causes
from diffexplore.render.lost import lost_briefly
from diffexplore.render.matrix import has_matrix, matrix
from diffexplore.render.outline import (
    HessianText,
    hessian_formulas,
    loss_formula,
    loss_notes,
    partial_formula,
    run_notes,
    scans_briefly,
)
from diffexplore.render.places import at_place, compact_points
from diffexplore.render.unsettled import listed_failures, shown_causes, unsettled
from diffexplore.render.verdict import headline, open_cause
from diffexplore.render.wrong import of_program
from diffexplore.writing.blocks import (
    COLUMN_GAP,
    INDENT,
    Block,
    Column,
    Formula,
    FormulaList,
    Gap,
    Note,
    Span,
    Table,
    Text,
    Tone,
    text,
)
from diffexplore.writing.names import candidate_of, kind_of, partial_of, rows_of
from diffexplore.writing.numbers import counted, sizes

#: Partials whose formulas one screen has room for, and lines of anything that comes once a partial.
_MOST_PARTIALS = 4

#: Lines of formulas.
_FORMULA_LINES = 9

#: What may be saved where a screen is too short for all, the most dispensable first; --full shows it.
SAVINGS = ("commands", "open", "samples", "skipped", "formulas")

#: Lines of one screen.
LINES = 40

#: The word and tone of a verdict among counts.
_OUTCOMES: Mapping[Verdict, tuple[str, Tone]] = {
    "pass": ("pass", "plain"), "fail": ("FAIL", "bad"), "inconclusive": ("open", "doubt"),
}  # fmt: skip

#: A command, and what it shows.
Command = tuple[str, str]


def screen(
    report: Report, *, width: int = 80, hessian: HessianText | None = None, commands: Sequence[Command] = (),
    savings: int = 0,
) -> Iterator[Block]:  # fmt: skip
    """The blocks of ``report`` on one screen, about 40 lines of 80 columns: nothing is stated twice.

    Scans stand in the place of the correct digits, which is what they show as well.

    ``commands`` are what the reader may do next, where there is a command line. ``savings`` says how many of the
    :data:`SAVINGS` are made, for whoever counts the lines.
    """
    saved = SAVINGS[:savings]
    footnotes = Footnotes(report)
    yield headline(report)
    yield Gap()
    stated = _stated(report)
    above = [*unsettled(report, footnotes, stated, sparing="open" in saved), *of_program(report)]
    yield from above
    spare = "formulas" in saved or (report.scans and not hessian)
    yield from _formulas(report, hessian, width, 0 if spare else _FORMULA_LINES)
    yield from run_notes(report, _how_many_failed(report))
    if not report.scans:  # which say their own point
        yield from compact_points(report)
    yield Gap()
    if report.scans:
        yield from scans_briefly(report, 1 if above or hessian else 2)
    else:
        yield from at_a_glance(report, footnotes, width, 1 if "samples" in saved else _MOST_PARTIALS)
        known = stated | shown_causes(report, sparing="open" in saved)
        yield from not_compared_briefly(report, footnotes, known, sparing="skipped" in saved)
    if commands:
        yield Gap()
        yield _next(commands[:1] if report.scans or "commands" in saved else commands, width)


def at_a_glance(
    report: Report, footnotes: Footnotes, width: int = 80, partials: int = _MOST_PARTIALS
) -> Iterator[Block]:
    """The correct digits of all comparisons, and a line each for the samples, the probes and lost digits."""
    yield from (matrix if has_matrix(report) else evidence)(report, footnotes, width)
    yield from _by_sample(report, partials)
    yield from _values(report)
    yield from _probes(report)
    yield from _lost(report)


def _stated(report: Report) -> set[str]:
    """The causes that the verdict line says."""
    reason = open_cause(report)
    return stated_causes(report) | ({reason} if reason else set())


def _how_many_failed(report: Report) -> str:
    failed, every = report.summary.failed, total(report.summary)
    return f"; {counted(failed)} of {counted(every, 'comparison')} failed" if failed else ""


def failures_only(report: Report) -> Iterator[Block]:
    """The verdict, and every failing row with its values: a short listing for logs."""
    yield headline(report)
    yield from listed_failures(report, Footnotes(report), _stated(report))


def _formulas(report: Report, hessian: HessianText | None, width: int, most: int) -> Iterator[Block]:
    """The loss and its simplified partials, as many as ``most`` lines have room for: 0 is the loss alone, else one."""
    loss = report.loss
    shown = [Formula("L", loss_formula(loss), loss.name or "")]
    partials = [partial_formula(loss, name, partial, brief=True) for name, partial in report.gradient.items()]
    lines = 0
    for formula in partials:
        lines += math.ceil(len(formula.expression) / max(1, width - len(formula.label) - 5))
        if lines > most and (len(shown) > 1 or not most):
            break
        shown.append(formula)
    yield FormulaList((*shown, *hessian_formulas(loss, hessian)))
    left = len(partials) + 1 - len(shown)
    if left and most:
        yield Note(text(f"and {counted(left, 'other partial')}", "quiet"))
    yield from loss_notes(loss)


def _by_sample(report: Report, most: int) -> Iterator[Block]:
    """A line for each of the first ``most`` partials: how its samples fared, and the worst of them."""
    found = {name: tallies for name in report.gradient if (tallies := tallies_of(report, name, "samples"))}
    for name, tallies in islice(found.items(), most):
        rows = rows_of(report, "samples", name)
        subject = partial_of(rows[0], candidate_of(report)) if rows else name
        yield Note((Span(f"{subject}: "), *_counts(tallies), *_worst(rows, report)))
    if len(found) > most:
        rest = [tally for tallies in islice(found.values(), most, None) for tally in tallies]
        yield Note((Span(f"{counted(len(found) - most, 'other partial')}: "), *_counts(rest)))


def _counts(tallies: Sequence[Tally]) -> Text:
    """``1,990 pass, 10 FAIL``."""
    found: list[Span] = []
    for verdict, count in outcomes(tallies).items():
        word, tone = _OUTCOMES[verdict]
        found += [*([Span(", ")] if found else []), Span(f"{counted(count)} {word}", tone)]
    return tuple(found)


def _worst(rows: Sequence[Row], report: Report) -> Text:
    """``; worst 428 of 840 ulp allowed: forward, sample 23``: of methods that only round, where there are such."""
    compared = [row for row in rows if row.error_abs is not None]
    rank = {"fail": 2, "inconclusive": 1, "pass": 0}
    rounding = [row for row in compared if not truncates(row.method) or row.verdict == "fail"] or compared
    if not rounding:
        return ()
    row = max(rounding, key=lambda row: (rank[row.verdict], row.error_ulp or 0.0, row.error_abs or 0.0))
    if not row.error_abs:
        return (Span(", without any error" if len(rounding) == len(compared) else "; exact methods without any error"),)
    by = "" if candidate_of(report) else f"{row.method}, "
    return (Span(f"; worst {_of_allowed(row, report.dtype)}: {by}sample {row.sample}"),)


def _of_allowed(row: Row, dtype: str) -> str:
    """``428 of 840 ulp allowed``, or in absolute terms where the truth is 0."""
    error, bound, unit = sizes(row, dtype)
    size, allowed = beside_bound(error, bound)
    return f"{size} of {allowed}{unit} allowed"


def _values(report: Report) -> Iterator[Block]:
    """The loss's own value, where it was compared and nothing of it stands above."""
    tallies = tallies_of(report, VALUE, "reduced")
    if tallies and not any(tally.failed or tally.inconclusive for tally in tallies):
        rows = [row for row in rows_of(report, "reduced", VALUE) if row.error_abs is not None]
        worst = max(rows, key=lambda row: row.error_ulp or 0.0, default=None)
        message = f"; worst {_of_allowed(worst, report.dtype)}{at_place(report, worst.point)}" if worst else ""
        yield Note((Span("L, the loss itself: "), *_counts(tallies), Span(message)))


def _probes(report: Report) -> Iterator[Block]:
    """How the sub-batches and probe points fared."""
    tallies = [tally for tally in report.summary.tallies if tally.kind.startswith("probe")]
    if tallies:
        made = len({(row.parameter, row.of, row.probe, tuple(row.point.items())) for row in report.rows
                    if kind_of(row) == "probe"})  # fmt: skip
        compared = total(*tallies)
        several = "" if compared == made or candidate_of(report) is None else f", {counted(compared, 'comparison')}"
        where = f"{counted(made, 'probe')} (where an error shows more clearly){several}: "
        yield Note((Span(where), *_counts(tallies)))


def _lost(report: Report) -> Iterator[Block]:
    """Where rounding leaves fewer than half the digits: the first place, and how many more there are."""
    if report.lost_digits:
        lost, more = report.lost_digits[0], len(report.lost_digits) - 1
        others = f"; {counted(more)} more" if more else ""
        yield Note((Span("digits are lost: "), *lost_briefly(lost, report), Span(others)))


def _next(commands: Sequence[Command], width: int) -> Table:
    """Each command on a line, with what it shows where there is room for that beside all of them."""
    longest = max(len(command) for command, _ in commands)
    roomy = INDENT + longest + COLUMN_GAP + max(len(what) for _, what in commands) <= width
    rows = [(text(command, "strong"), text(what if roomy else "", "quiet")) for command, what in commands]
    return Table((Column.left(), Column.left()), tuple(rows))
