"""A check from end to end: a loss, a batch and points in, a report out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

import torch
from torch import Tensor

from diffexplore import methods as registry
from diffexplore.ambient_modes import undisturbed
from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds.canary import broken_claims
from diffexplore.checking.batch import Batch, make_batch
from diffexplore.checking.comparisons import PointOutcome
from diffexplore.checking.environment import environment
from diffexplore.checking.evaluate import CHUNK, Running
from diffexplore.checking.ledger import finite
from diffexplore.checking.listener import Listener, Silence, announced
from diffexplore.checking.options import Options, as_seed, as_wrt
from diffexplore.checking.point import PointCheck
from diffexplore.checking.records import Report, Verdict
from diffexplore.checking.tallies import Skipped, Summary
from diffexplore.floating_point import dtype_name
from diffexplore.inputs.blocks import Blocks
from diffexplore.inputs.losses import loss_given
from diffexplore.inputs.points import make_points
from diffexplore.loss import Loss
from diffexplore.methods.problem import Problem, spread_over


@undisturbed
def check(
    loss: Any,
    data: Mapping[str, Any] | str | PathLike[str] | Batch | None = None,
    at: Mapping[str, float] | Sequence[Mapping[str, float]] | None = None,
    *,
    methods: Sequence[str] | str | None = None,
    wrt: Sequence[str] | str | None = None,
    dtype: str | torch.dtype = "float64",
    device: str | torch.device = "auto",
    seed: int = 0,
    step: float | None = None,
) -> Report:
    """Compares every method's partials of a loss with the certified truth.

    Args:
        loss: a :class:`Loss`, the name of one in the catalogue, a formula as text or SymPy expression, or a torch
            function that computes the loss; of the latter three the names in ``at`` are the parameters, and all others
            data.
        data: a column of shape (n,) for each data symbol, the path of a file or a folder of data, or what
            :func:`open_batch` gave; by default what the loss suggests.
        at: a point, a value for each parameter, or a list of points; by default what the loss suggests.
        methods: names of methods; by default all that need no further library.
        wrt: the symbols to differentiate by: parameters, and data, sample by sample. By default all parameters.
        dtype: float64, float32, bfloat16 or float16, to which all inputs are rounded first.
        device: "auto", "cpu" or "cuda".
        seed: a whole number from 0, which fixes the choice of probe points.
        step: the step of finite differences, positive, in units of the symbol; by default each method chooses.

    Raises:
        UsageError: for input that cannot be used.
    """
    loss = loss_given(loss, at, data, wrt)
    points = make_points(loss, at)
    return run_check(
        loss, make_batch(loss, data), points,
        methods=methods, wrt=wrt, dtype=dtype, device=device, seed=seed, step=step,
    )  # fmt: skip


def run_check(
    loss: Loss, batch: Batch, points: Sequence[Mapping[str, float]], *, methods: Sequence[str] | str | None = None,
    listener: Listener | None = None, **options: Any,
) -> Report:  # fmt: skip
    """The same on a batch that is at hand, with the fields of :class:`Options`; ``listener`` follows the progress."""
    given, listener = Options(**options), listener or Silence()
    seed = as_seed(given.seed)
    problem = given.problem(loss, as_wrt(loss, given.wrt))
    listener.progress("deriving the gradient", 0, 0)
    problem.loss.gradient(problem.wrt)
    listener.progress("trying how exactly torch computes here", 0, 0)
    running, skipped, broken = prepared(problem, registry.select(methods))
    columns = batch.tensors()
    scale = scale_over(problem, points, columns, batch.blocks)
    checks = [PointCheck(problem, point, columns, batch.blocks, running, scale, seed, listener) for point in points]
    outcomes = [check.run(stage_of(i, points)) for i, check in enumerate(checks)]
    skipped += dict.fromkeys(skip for outcome in outcomes for skip in outcome.skipped)
    return announced(assemble(problem, outcomes, skipped, batch.n, seed, broken))


def stage_of(place: int, points: Sequence[Mapping[str, float]]) -> str:
    """How a phase is called that belongs to one point."""
    return f"point {place + 1} of {len(points)}: " if len(points) > 1 else ""


def assemble(
    problem: Problem, outcomes: Sequence[PointOutcome], skipped: Sequence[Skipped], n: int, seed: int,
    broken: tuple[str, ...],
) -> Report:  # fmt: skip
    """The report of what the points gave; ``broken`` names the rounding claims that do not hold here."""
    return Report(
        verdict=_verdict(problem, outcomes), loss=problem.loss.summary(),
        gradient=problem.loss.gradient(problem.wrt).formulas(),
        rows=tuple(row for outcome in outcomes for row in outcome.rows), skipped=tuple(skipped),
        summary=_summary(problem, outcomes), dtype=dtype_name(problem.dtype), device=str(problem.device), n=n,
        seed=seed, environment=environment(problem.device, broken),
        lost_digits=tuple(lost for outcome in outcomes for lost in outcome.lost),
    )  # fmt: skip


def prepared(
    problem: Problem, entries: Iterable[registry.MethodEntry]
) -> tuple[list[Running], list[Skipped], tuple[str, ...]]:
    """The methods that can run, those that cannot, and the rounding claims that do not hold here."""
    broken = {"torch": broken_claims(problem.dtype, problem.device, problem.operations)}
    if problem.dtype != torch.bfloat16:
        broken["numpy"] = broken_claims(problem.dtype, torch.device("cpu"), problem.operations, library="numpy")
    running, skipped = [], []
    for entry in entries:
        method = entry.load()
        obstacle = method.obstacle(problem)
        if obstacle is not None:
            skipped.append(Skipped(entry.name, obstacle))
            continue
        lines = broken["numpy" if entry.name == "numpy" else "torch"]
        name = _named(entry, problem, exact=method.exact)
        running.append(Running(name, method, "; ".join(lines) or None, entry.runs_program))
    return running, skipped, tuple(line for lines in broken.values() for line in lines)


def _named(entry: registry.MethodEntry, problem: Problem, *, exact: bool) -> str:
    """A method's name in the rows: of one that takes steps, with what it is taken of, where that may be two things."""
    if problem.loss.program is None or exact:
        return entry.name
    return f"{entry.name} ({'program' if entry.runs_program else 'formula'})"


def scale_over(
    problem: Problem, points: Sequence[Mapping[str, float]], columns: Mapping[str, Tensor], blocks: Blocks
) -> dict[str, float]:
    """The largest finite |partial| of each symbol in the check, of any sample (float64, uncertified)."""

    def of_samples(start: int, stop: int) -> dict[str, float]:
        largest = dict.fromkeys(problem.wrt, 0.0)
        for first in range(start, stop, CHUNK):
            rows = {name: column[first : min(first + CHUNK, stop)] for name, column in columns.items()}
            for point in points:
                values = {name: value.to(torch.float64) for name, value in problem.values(point, rows).items()}
                outputs = problem.closed_form_program.run(TORCH, values)
                for name, output in zip(problem.wrt, outputs, strict=True):
                    sizes = spread_over(output, min(CHUNK, stop - first), values).abs().nan_to_num(nan=0.0, posinf=0.0)
                    largest[name] = max(largest[name], float(sizes.max()))
        return largest

    found = blocks.each(of_samples)
    return {name: max(largest[name] for largest in found) for name in problem.wrt}


def _verdict(problem: Problem, outcomes: Sequence[PointOutcome]) -> Verdict:
    if any(outcome.failed for outcome in outcomes):
        return "fail"
    settled = all(name in outcome.settled for outcome in outcomes for name in problem.wrt)
    return "pass" if settled and outcomes else "inconclusive"


def _power(outcomes: Sequence[PointOutcome], name: str) -> float | None:
    """What is sure to be caught at every point; None where a point says nothing in relative terms."""
    powers = [outcome.settled.get(name, math.nan) for outcome in outcomes]
    return None if any(math.isnan(power) for power in powers) else finite(max(powers))


def _summary(problem: Problem, outcomes: Sequence[PointOutcome]) -> Summary:
    tallies = tuple(tally for outcome in outcomes for tally in outcome.tallies)
    causes: dict[str, int] = {}
    for outcome in outcomes:
        for key, count in outcome.causes.items():
            causes[key] = causes.get(key, 0) + count
    return Summary(
        passed=sum(tally.passed for tally in tallies), failed=sum(tally.failed for tally in tallies),
        inconclusive=sum(tally.inconclusive for tally in tallies), tallies=tallies, causes=causes,
        power={name: _power(outcomes, name) for name in problem.wrt},
        undecided=tuple((name, o.point) for o in outcomes for name in problem.wrt if name not in o.settled),
    )  # fmt: skip
