"""The sections of a check and of a verification: formulas, comparisons, samples, and what could not be compared."""

from __future__ import annotations

from collections.abc import Iterator

from diffexplore.checking.records import Report
from diffexplore.pages.records import Section, Subject
from diffexplore.render.causes import Footnotes, not_compared
from diffexplore.render.lost import lost_digits
from diffexplore.render.outline import formulas, legend, run_notes
from diffexplore.render.places import long_points
from diffexplore.render.sample_tables import probes, worst_samples
from diffexplore.render.screen import at_a_glance
from diffexplore.render.tables import loss_values, reduced_tables
from diffexplore.render.wrong import failures
from diffexplore.writing.blocks import Block, Heading, Note, Table, text
from diffexplore.writing.names import candidate_of, kind_of
from diffexplore.writing.numbers import counted

#: Characters in a line of a table; a page has room for all digits.
_WIDTH = 120

#: Characters in a line of the correct digits, of which more columns are shown than a terminal has room for.
_WIDTH_OF_DIGITS = 110


def title_of(report: Report) -> str:
    """The candidate and the loss, or the loss."""
    loss = report.loss.name or report.loss.formula
    candidate = candidate_of(report)
    return f"{candidate} against {loss}" if candidate else loss


def wrong(subject: Subject) -> Iterator[Section]:
    """What failed, if anything."""
    yield Section("failures", "What is wrong", tuple(failures(subject.result)))


def overview(subject: Subject) -> Iterator[Section]:
    """What one screen of a terminal shows: the correct digits of all comparisons, and how the samples fared; nothing
    where no comparison has digits to show."""
    report: Report = subject.result
    blocks = list(at_a_glance(report, Footnotes(report), _WIDTH_OF_DIGITS))
    lead = next((f"{block.aside}." for block in blocks if isinstance(block, Heading) and block.aside), "")
    content = tuple(block for block in blocks if not isinstance(block, Heading))
    if any(isinstance(block, Table) for block in blocks):
        yield Section("overview", "Correct digits", content, lead)


def loss(subject: Subject) -> Iterator[Section]:
    """The loss and its gradient; what ran."""
    report: Report = subject.result
    content = (*formulas(report.loss, report.gradient), *run_notes(report), *long_points(report))
    yield Section("loss", "Loss and gradient", content)


def comparisons(subject: Subject) -> Iterator[Section]:
    """Every comparison that the report has a row for, and why others could not be made."""
    report: Report = subject.result
    footnotes = Footnotes(report)
    reduced = (legend(report), *loss_values(report, footnotes), *reduced_tables(report, footnotes, _WIDTH))
    count = counted(sum(kind_of(row) == "reduced" for row in report.rows), "comparison")
    folded = "" if report.verdict == "fail" else f"Values, errors and bounds of {count}"
    lead = "Each method beside the certified truth, over the whole batch."
    yield Section("comparisons", "Comparisons", reduced, lead, folded)
    samples = tuple(worst_samples(report, footnotes, _WIDTH))
    lead = "The same for single samples, where nothing averages out."
    yield Section("samples", "Samples", samples, lead, "The worst samples of each partial")
    lead = "Where the gradient of the whole batch shows too little: sub-batches and other points."
    yield Section("probes", "Probes", tuple(probes(report))[1:], lead)
    lead = "Rounding leaves fewer than half the digits."
    yield Section("digits", "Lost digits", tuple(lost_digits(report))[1:], lead)
    yield Section("open", "Not compared", _open(report, footnotes))


def _open(report: Report, footnotes: Footnotes) -> tuple[Block, ...]:
    """Only what there is to say: without a heading nothing is missing."""
    first, *blocks = not_compared(report, footnotes)
    notes = (block for block in blocks if isinstance(block, Note))
    nothing = Note(text("What is not compared says nothing about the gradient.", "quiet"))
    return (nothing, *notes) if isinstance(first, Heading) else ()
