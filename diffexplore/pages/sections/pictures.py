"""The pictures of a check: scans, error against step, maps of the error, and errors over the samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from diffexplore.pages.records import Section, Subject
from diffexplore.writing.blocks import Picture

if TYPE_CHECKING:
    from diffexplore.checking.records import Report
    from diffexplore.figures.records import Figure

#: The title and the lead of each kind of picture.
_SECTIONS: Mapping[str, tuple[str, str]] = {
    "scans": ("Scans", "Correct digits along a parameter, or along the step of the differences."),
    "steps": (
        "Error against step",
        "Too large a step truncates the Taylor series, too small a one cancels: measured, predicted, and chosen.",
    ),
    "maps": ("Maps of the error", "In ulp over two parameters; kinks, singularities and cancellation are named."),
    "along": ("Digits along the parameter", "Correct digits of each method over values of the only parameter."),
    "samples": ("Errors over the samples", "How often an error of which size occurs among the partials by sample."),
}


def figures_of(subject: Subject) -> Mapping[str, tuple[Figure, ...]]:
    """The figures by their kind: of a candidate, or without the loss itself, those that the report holds."""
    from diffexplore.scanning.figures import MOST_PARTIALS, report_figures
    from diffexplore.scanning.histogram import histograms

    report: Report = subject.result
    if subject.loss is not None and subject.batch is not None and subject.points and report.candidate is None:
        return report_figures(subject.loss, subject.batch, subject.points, report)
    return {"samples": histograms(report)[:MOST_PARTIALS]}


def chosen_figures(subject: Subject) -> tuple[Figure, ...]:
    """The few of them that a file shows."""
    from diffexplore.scanning.figures import file_figures

    report: Report = subject.result
    if report.candidate is None and subject.loss is not None and subject.batch is not None and subject.points:
        return file_figures(subject.loss, subject.batch, subject.points, report)
    return report.figures()


def pictures(subject: Subject) -> Iterator[Section]:
    """A section for each kind that there is."""
    for kind, figures in figures_of(subject).items():
        title, lead = _SECTIONS[kind]
        yield Section(f"figures-{kind}", title, tuple(map(Picture, figures)), f"{lead}{_of_how_many(subject, kind)}")


def _of_how_many(subject: Subject, kind: str) -> str:
    """That there are more partials than pictures of them."""
    from diffexplore.scanning.figures import MOST_PARTIALS

    partials = len(subject.result.gradient)
    few = kind != "scans" and partials > MOST_PARTIALS
    return f" Of the first {MOST_PARTIALS} of {partials:,} partials." if few else ""
