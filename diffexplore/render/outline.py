"""What a reader of a report sees, in which order: the one place that says so, for every medium."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, zip_longest

from diffexplore.checking.records import LOSS, Report
from diffexplore.formula.descriptions import LossSummary, PartialFormula
from diffexplore.lists import listed
from diffexplore.methods import runs_program, spoken
from diffexplore.render.causes import Footnotes, not_compared
from diffexplore.render.lost import lost_digits
from diffexplore.render.places import ON_A_LINE, long_points, points_of
from diffexplore.render.sample_tables import probes, worst_samples
from diffexplore.render.tables import loss_values, reduced_tables
from diffexplore.render.verdict import headline
from diffexplore.render.wrong import failures
from diffexplore.typography import typeset
from diffexplore.writing.blocks import Block, Formula, FormulaList, Gap, Heading, Note, Picture, text
from diffexplore.writing.names import candidate_of, reduced_partial, sample_partial, second_partial
from diffexplore.writing.numbers import counted, digits_of, point_text, truth_digits

#: Second partials as text, by the names of the row and the column.
HessianText = Mapping[tuple[str, str], PartialFormula]

_READ = "the formulas were read from {}"

_POWER = "[⁰¹²³⁴⁵⁶⁷⁸⁹]+"


def outline(report: Report, *, width: int = 100, hessian: HessianText | None = None) -> Iterator[Block]:
    """The blocks of ``report``: verdict, formulas, tables, samples, what was not compared, verdict.

    Args:
        report: what to show.
        width: characters in a line; decides how many digits a table shows.
        hessian: second partials to show below the gradient; a Report does not hold them.
    """
    footnotes = Footnotes(report)
    yield headline(report)
    yield Gap()
    yield from failures(report)
    yield from formulas(report.loss, report.gradient, hessian)
    yield from run_notes(report)
    yield from long_points(report)
    yield Gap()
    yield from loss_values(report, footnotes)
    yield from reduced_tables(report, footnotes, width)
    yield from probes(report)
    yield from worst_samples(report, footnotes, width)
    yield from lost_digits(report)
    yield from scans(report)
    yield from not_compared(report, footnotes)
    yield legend(report)
    yield Gap()
    yield from _environment(report)
    yield headline(report)


def run_notes(report: Report, more: str = "") -> Iterator[Block]:
    """What algebra says of a candidate's formulas, and what ran on which data, with ``more`` of it."""
    for name, words in (report.candidate.formulas if report.candidate else {}).items():
        yield Note(text(f"the formula for the partial by {name}: {words}"), "·")
    yield Note(text(what_ran(report) + more, "quiet"))
    if report.loss.program is not None:
        yield Note(text(what_ran_itself(report, report.loss.program), "quiet"))


def formulas(
    loss: LossSummary, gradient: Mapping[str, PartialFormula], hessian: HessianText | None = None
) -> Iterator[Block]:
    """The loss, its partials and, where given, its second partials, with their operation counts."""
    yield Heading(f"Loss {loss.name}" if loss.name else "Loss", _symbols(loss))
    shown = [Formula("L", loss_formula(loss))]
    shown += [partial_formula(loss, name, partial) for name, partial in gradient.items()]
    yield FormulaList((*shown, *hessian_formulas(loss, hessian)))
    yield from loss_notes(loss)
    if loss.source:
        yield Note(text(f"source: {loss.source}", "quiet"))
    yield Gap()


def loss_notes(loss: LossSummary) -> Iterator[Note]:
    """Where the loss is defined, and how it was rewritten."""
    if loss.domain:
        yield Note(text(f"where {typeset(loss.domain)}"))
    if loss.rewritten:
        yield Note(text(typeset(loss.rewritten)), "·")


def loss_formula(loss: LossSummary) -> str:
    """The loss with its reduction."""
    return reduced_text(loss, typeset(loss.formula))


def partial_formula(loss: LossSummary, name: str, partial: PartialFormula, *, brief: bool = False) -> Formula:
    """A partial; by data, that of one sample. A ``brief`` one is without its operations."""
    remark = partial.note or "" if brief else operations(partial)
    if name in loss.data:
        return Formula(sample_partial(name), partial.text, remark)
    return Formula(reduced_partial(name), reduced_text(loss, partial.text), remark)


def hessian_formulas(loss: LossSummary, hessian: HessianText | None) -> list[Formula]:
    """The second partials, where they are given."""
    return [
        Formula(second_partial(row, column), reduced_text(loss, partial.text), operations(partial))
        for (row, column), partial in (hessian or {}).items()
    ]


def reduced_text(loss: LossSummary, expression: str) -> str:
    """``mean[…]`` or ``sum[…]`` of a summand; what does not depend on the data is its own mean."""
    words = re.sub(_POWER, " ", expression)  # to a regular expression x² is one word
    depends = any(re.search(rf"\b{re.escape(name)}\b", words) for name in loss.data)
    if not depends and (loss.reduction == "mean" or not loss.data):
        return expression
    return f"{loss.reduction}[{expression}]"


def operations(partial: PartialFormula) -> str:
    """``12 operations, 31 before simplification``; nothing for a constant."""
    message = counted(partial.ops_simplified, "operation") if partial.ops_simplified or partial.ops_raw else ""
    if partial.ops_raw != partial.ops_simplified:
        message += f", {counted(partial.ops_raw)} before simplification"
    return "; ".join(filter(None, (message, partial.note)))


def _symbols(loss: LossSummary) -> str:
    kinds = (f"parameter{'s' if len(loss.parameters) > 1 else ''}", loss.parameters), ("data", loss.data)
    return "; ".join(f"{kind} {', '.join(names)}" for kind, names in kinds if names)


def what_ran(report: Report) -> str:
    """``10 methods on 100 samples at 2 points, in float64 on cpu, seed 0``."""
    methods = len({row.method for row in report.rows if row.method != LOSS})
    subject = candidate_of(report) or counted(methods, "method")
    points = [point_text(point) for point in points_of(report)]
    short = len(points) == 1 and len(points[0]) <= ON_A_LINE
    where = "" if points == [""] else f" at {points[0] if short else counted(len(points), 'point')}"
    samples = counted(report.n, "sample") if report.loss.data else "one evaluation"
    return f"{subject} on {samples}{where}, in {report.dtype} on {report.device}, seed {report.seed}"


def what_ran_itself(report: Report, program: str) -> str:
    """That the function was run, by which methods, where the formulas were read from one."""
    if candidate_of(report):
        return _READ.format(program)
    return ran_itself(program, (row.method for row in report.rows if runs_program(row.method)))


def ran_itself(program: str, methods: Iterable[str]) -> str:
    """The same of these methods, which ran the function."""
    read, ran = _READ.format(program), [spoken(name) for name in dict.fromkeys(methods)]
    return f"{read}, which itself was run by {listed(ran)}" if ran else f"{read}, which was not run itself"


def _environment(report: Report) -> Iterator[Block]:
    """The versions that computed this, for whoever compares it with a run elsewhere."""
    versions = versions_of(report)
    if versions:
        yield Note(text(versions, "quiet"))
        yield Gap()


def versions_of(report: Report) -> str:
    """``torch 2.13.0, sympy 1.14.0``; empty where they are not known."""
    versions = report.environment.get("versions")
    return ", ".join(f"{name} {number}" for name, number in versions.items()) if isinstance(versions, Mapping) else ""


def legend(report: Report) -> Note:
    """What the columns mean, once."""
    open_digits = any("?" in truth_digits(row.truth, digits_of(report.dtype)) for row in report.rows)
    return Note(
        text(
            f"error: distance from the truth, a certified enclosure of the exact partial"
            f"{' (a ? is a digit that it leaves open)' if open_digits else ''}; in units in the last place (ulp) of "
            f"{report.dtype}. allowed: the bound derived for this method, rounding and truncation; beyond it the row "
            f"fails. catches: the smallest relative error that the row is sure to report.",
            "quiet",
        )
    )


#: Lines of the figures that one screen shows, by how many there are, without what their markers stand for.
_LINES = (15, 10)


def scans(report: Report) -> Iterator[Block]:
    """Their figures, each with what is to be seen in it."""
    for scan in report.scans:
        for figure in scan.figures():
            yield Picture(figure)
            yield Note(text(figure.caption, "quiet"))
            yield Gap()


def scans_briefly(report: Report, most: int = len(_LINES)) -> Iterator[Block]:
    """The first ``most`` figures on one screen, of every scan one before any has a second."""
    from diffexplore.scanning.scan_figure import where_of

    by_scan = [[(scan, figure) for figure in scan.figures()] for scan in report.scans]
    found = [pair for pair in chain.from_iterable(zip_longest(*by_scan)) if pair is not None]
    shown = found[: max(1, most)]
    for position, (scan, figure) in enumerate(shown):
        if position == 0 or scan is not shown[0][0]:
            yield Note(text(where_of(scan), "quiet"))
        yield Picture(figure, _LINES[len(shown) - 1], dense=True)
    if len(found) > len(shown):
        yield Note(text(f"and {counted(len(found) - len(shown), 'other figure')}", "quiet"))
