"""``diffexplore report``: check a loss, and say how exactly its gradients agree."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from diffexplore import methods as known_methods
from diffexplore.cli import options as o
from diffexplore.cli.exit_codes import OF_VERDICT
from diffexplore.cli.given import Given, given
from diffexplore.cli.next_steps import after_report
from diffexplore.cli.output import STDOUT
from diffexplore.cli.outputs import Outputs
from diffexplore.cli.progress import listening
from diffexplore.cli.shown import Shown
from diffexplore.cli.writes import writes
from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from diffexplore.checking.listener import Listener
    from diffexplore.checking.records import Report
    from diffexplore.figures.records import Figure
    from diffexplore.loss import Loss
    from diffexplore.pages.records import Subject
    from diffexplore.render.outline import HessianText
    from diffexplore.render.problems import CodeProblem
    from diffexplore.render.screen import Command
    from diffexplore.render.terminal import Detail
    from diffexplore.scanning.span import ScanSpan


@dataclass(frozen=True)
class CheckRequest(Given):
    """What to check, and how."""

    methods: tuple[str, ...] | None = None
    step: float | None = None
    scans: tuple[str, ...] = ()


@writes("report")
def report(
    loss: o.LossOrDefault = "perpendicular",
    at: o.At = None,
    data: o.Data = None,
    columns: o.Columns = None,
    samples: o.Samples = None,
    wrt: o.Wrt = None,
    shapes: o.Shapes = None,
    reduction: o.Reduction = None,
    dtype: o.Dtype = "float64",
    device: o.Device = "auto",
    methods: o.Methods = None,
    step: o.Step = None,
    scan: o.Scan = None,
    seed: o.Seed = "0",
    rows: o.Rows = "worst",
    hessian: o.HessianFlag = False,
    full: o.Full = False,
    only_failing: o.OnlyFailing = False,
    *,
    outputs: Outputs,
) -> int:
    """Check every way to differentiate a loss against the certified truth.

    Exits with 0 if the gradients agree, 1 if one is wrong, 3 if that could not be decided.
    """
    request = CheckRequest(
        **given(loss, at, data, columns, samples, wrt, shapes, reduction, dtype, device, seed),
        methods=_methods(methods),
        step=_step(step),
        scans=tuple(scan or ()),
    )
    all_rows = o.chosen("choice of rows", rows, o.ROWS) == "all"
    outputs = outputs.beside(rows_all=STDOUT if all_rows else None)
    with listening(quiet=outputs.quiet, rows_to=sys.stdout if all_rows else None) as listener:
        subject = _checked(request, listener)
    second = _hessian(subject) if hessian else None
    detail = detail_of(full=full, only_failing=only_failing)
    outputs.write(shown(subject, loss, detail=detail, hessian=second, commands=after_report(request)))
    result: Report = subject.result
    return OF_VERDICT[result.verdict]


def _methods(text: str | None) -> tuple[str, ...] | None:
    names = o.names_list("--methods", text)
    return None if names is None else tuple(entry.name for entry in known_methods.select(names))


def _step(text: str | None) -> float | None:
    if text is None:
        return None
    step = o.decimal("--step", text)
    if not 0 < step < float("inf"):
        raise o.not_positive("--step", text)
    return step


def detail_of(*, full: bool, only_failing: bool) -> Detail:
    """How much of a report is shown; raises UsageError where both options are given."""
    if full and only_failing:
        raise UsageError("--full shows everything, --only-failing the failing comparisons: give one of them")
    return "full" if full else "failing" if only_failing else "screen"


def shown(
    subject: Subject, code: str, *, detail: Detail, hessian: HessianText | None = None, commands: Sequence[Command] = ()
) -> Shown:
    """What there is to show of a check, or of a verification.

    ``code`` is FILE.py:NAME where it is of a file; ``commands`` are what may be run next.
    """
    from diffexplore.render.markdown import title_of
    from diffexplore.render.terminal import ReportPage

    def figures() -> Sequence[Figure]:
        from diffexplore.pages.sections.pictures import chosen_figures

        return chosen_figures(subject)

    def problems() -> Iterator[CodeProblem]:
        from diffexplore.cli.code_places import code_place
        from diffexplore.render.problems import problems_of_report

        return problems_of_report(result, code_place(code))

    result: Report = subject.result
    page = ReportPage(result, hessian, None, detail, tuple(commands))
    return Shown(
        subject,
        title_of(result),
        result.to_dict,
        replace(page, commands=()).blocks,
        page=lambda ascii: replace(page, ascii=ascii),
        figures=figures,
        problems=problems,
    )


def _checked(request: CheckRequest, listener: Listener) -> Subject:
    """Resolve the loss, its points and its data, and run the check on them."""
    from diffexplore.cli.loss_argument import partials_of

    loss = request.to_check(request.wrt)
    points = request.points_of(loss)
    spans = [_span(text, loss) for text in request.scans]

    from diffexplore.checking.run import run_check
    from diffexplore.pages.records import Subject

    batch = request.batch(loss, points)
    wrt = partials_of(loss, request.wrt)
    result = run_check(
        loss, batch, points, methods=request.methods, wrt=wrt, dtype=request.dtype, device=request.device,
        seed=request.seed, step=request.step, listener=listener,
    )  # fmt: skip
    for done, span in enumerate(spans):
        from diffexplore.scanning.run_scan import run_scan

        listener.progress("scanning", done, len(spans))
        found = run_scan(loss, batch.drawn(), points[0], span, methods=request.methods, wrt=wrt, dtype=request.dtype)
        result = replace(result, scans=(*result.scans, found))
    return Subject(result, loss, batch.drawn(), points)


def _span(text: str, loss: Loss) -> ScanSpan:
    """What a ``--scan`` means for the loss."""
    from diffexplore.scanning.span import check_name, parse_span

    span = parse_span(text)
    check_name(span, loss.parameters, loss.data)
    return span


def _hessian(subject: Subject) -> HessianText:
    """The second partials by what the report differentiates by."""
    assert subject.loss is not None
    from diffexplore.render.algebra import hessian_text

    return hessian_text(subject.loss, tuple(subject.result.gradient))
