"""How records show themselves in a prompt or a debugger: one line each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from diffexplore.lists import shortened
from diffexplore.numerals import short
from diffexplore.writing.numbers import counted

if TYPE_CHECKING:
    from diffexplore.benching.records import Bench
    from diffexplore.checking.records import Report, Row
    from diffexplore.fitting.records import Fit
    from diffexplore.graphing.records import Graph
    from diffexplore.proving.records import Proof
    from diffexplore.tensors.records import TensorReport, TensorRow

_LONGEST = 60


def of_report(report: Report) -> str:
    """``<Report of perpendicular: pass (28 comparisons pass, 0 fail, 0 inconclusive), n = 100, float64>``."""
    summary, subject = report.summary, report.loss.name or report.loss.formula
    if report.candidate is not None:
        subject = f"{report.candidate.name} for {subject}"
    counts = f"{summary.passed:,} comparisons pass, {summary.failed:,} fail, {summary.inconclusive:,} inconclusive"
    return f"<Report of {cut(subject)}: {report.verdict} ({counts}), n = {report.n:,}, {report.dtype}>"


def of_row(row: Row) -> str:
    """``<Row a by reverse at a = 2.5, b = 1, sample 3: pass, 0.617 with an error of 0.31 ulp>``."""
    where = [_point(row.point)] if row.point else []
    where += [] if row.sample is None else [f"sample {row.sample}"]
    where += [] if row.probe is None else [row.probe]
    value = "no value" if row.value is None else f"{row.value:.6g}"
    error = "" if row.error_ulp is None else f" with an error of {short(row.error_ulp)} ulp"
    cause = "" if row.cause is None else f", {row.cause.key}"
    name = row.parameter if row.of is None else f"{row.of}, {row.parameter}"
    place = f" at {', '.join(where)}" if where else ""
    return f"<Row {name} by {row.method}{place}: {row.verdict}{cause}, {value}{error}>"


def of_tensor_report(report: TensorReport) -> str:
    """``<TensorReport of Swish: pass (128 entries pass, 0 fail, 0 inconclusive), float32>``."""
    summary = report.summary
    counts = f"{summary.passed:,} entries pass, {summary.failed:,} fail, {summary.inconclusive:,} inconclusive"
    return f"<TensorReport of {cut(report.function)}: {report.verdict} ({counts}), {report.dtype}>"


def of_tensor_row(row: TensorRow) -> str:
    """``<TensorRow output by x at [2, 3]: pass, 0.617 with an error of 0.31 ulp>``."""
    where = "" if not row.entry else f" at [{', '.join(map(str, row.entry))}]"
    value = "no value" if row.value is None else f"{row.value:.6g}"
    error = "" if row.error_ulp is None else f" with an error of {short(row.error_ulp)} ulp"
    cause = "" if row.cause is None else f", {row.cause.key}"
    return f"<TensorRow {row.output} by {row.input}{where}: {row.verdict}{cause}, {value}{error}>"


def of_proof(proof: Proof) -> str:
    """``<Proof of loss against perpendicular: proved>``."""
    cause = "" if proof.cause is None else f" ({proof.cause.key})"
    return f"<Proof of {cut(proof.program)} against {cut(proof.loss)}: {proof.status}{cause}>"


def of_graph(graph: Graph) -> str:
    """``<Graph of perpendicular: 12 nodes, 13 edges, at a = 2.5, b = 1>``."""
    where = f", at {_point(graph.point)}" if graph.point else ""
    subject = cut(graph.name or graph.formula or "a loss")
    return f"<Graph of {subject}: {len(graph.nodes)} nodes, {len(graph.edges)} edges{where}>"


def of_fit(fit: Fit) -> str:
    """``<Fit of perpendicular: the descent converged …>``."""
    first = fit.explanation[0].sentence if fit.explanation else ""
    return f"<Fit of {fit.loss.name or fit.loss.formula}: {first}>"


def of_bench(bench: Bench) -> str:
    """``<Bench of 2 losses by 5 methods: 30 measurements, float64>``."""
    losses, measured = counted(len(bench.subjects), "loss", "losses"), counted(len(bench.measurements), "measurement")
    return f"<Bench of {losses} by {counted(len(bench.methods), 'method')}: {measured}, {bench.dtype}>"


def cut(text: str) -> str:
    """A text on one line, short."""
    return shortened(" ".join(text.split()), _LONGEST)


def _point(point: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {value:g}" for name, value in point.items())
