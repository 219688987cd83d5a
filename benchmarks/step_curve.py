"""The V-shaped error curve of finite differences: bound and prediction beside the measured error.

    python -m benchmarks.step_curve [--json FILE] [--per-decade 25]

For steps from 1e-14 to 1e-1 the error of each difference on the perpendicular loss's own data is measured against the
certified truth. Single errors scatter (some are 0 by luck), so each decade is summed up by its root mean square.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import torch

from diffexplore import losses, methods
from diffexplore.check.batch import make_batch
from diffexplore.check.evaluate import Evaluator
from diffexplore.check.problem import Problem
from diffexplore.methods._difference import Difference
from diffexplore.methods._error_curve import ReducedLoss

_DECADES = range(-14, -1)
_NAMES = ("forward_difference", "central_difference", "richardson")


@dataclass(frozen=True)
class Decade:
    """Root mean squares over the steps of one decade, from 10^exponent on; ``violations`` are errors over the bound."""

    point: Mapping[str, float]
    parameter: str
    method: str
    exponent: int
    error: float
    bound: float
    predicted: float
    truncation_rules: bool
    violations: int


def measure(per_decade: int) -> Iterator[Decade]:
    """Every difference, parameter, default point and decade."""
    loss = losses.get("perpendicular")
    batch = make_batch(loss)
    problem = Problem(loss, loss.parameters, torch.float64, torch.device("cpu"))
    columns = {name: torch.as_tensor(column) for name, column in batch.columns.items()}
    for point in loss.default_points:
        evaluator = Evaluator(problem, point, columns, batch.n)
        values = evaluator.values()
        _, sums = evaluator.truths(values, batch.n, {})
        for parameter in loss.parameters:
            truth = float(sums[parameter]) / batch.n
            reduced = ReducedLoss(problem, values, parameter, batch.n)
            for entry in methods.entries():
                if entry.name in _NAMES:
                    method = entry.load()
                    assert isinstance(method, Difference)
                    for exponent in _DECADES:
                        yield _decade(method, reduced, truth, per_decade, point, parameter, entry.name, exponent)


def _decade(
    method: Difference, reduced: ReducedLoss, truth: float, per_decade: int,
    point: Mapping[str, float], parameter: str, name: str, exponent: int,
) -> Decade:  # fmt: skip
    errors, bounds, predictions, truncations = [], [], [], []
    for i in range(per_decade):
        step = torch.tensor(10.0 ** (exponent + i / per_decade), dtype=torch.float64)
        model = reduced.model(method, step)
        errors.append(abs(float(reduced.evaluate(method, step)) - truth))
        bounds.append(float(model.truncation + model.roundoff))
        truncations.append(float(model.truncation))
        predictions.append(float(model.predicted))
    violations = sum(error > bound for error, bound in zip(errors, bounds, strict=True))
    rules = _rms(truncations) > _rms(bounds) / 2
    return Decade(point, parameter, name, exponent, _rms(errors), _rms(bounds), _rms(predictions), rules, violations)


def _rms(values: list[float]) -> float:
    return math.sqrt(sum(value * value for value in values) / len(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-decade", type=int, default=25)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    decades = list(measure(options.per_decade))
    print("regime      decades  violations  bound/error (max)  predicted/error (min … max)")
    for rules, label in ((True, "truncation"), (False, "roundoff")):
        chosen = [decade for decade in decades if decade.truncation_rules is rules]
        loosest = max(decade.bound / decade.error for decade in chosen)
        ratios = [decade.predicted / decade.error for decade in chosen]
        violations = sum(decade.violations for decade in chosen)
        print(f"{label:<10}  {len(chosen):7}  {violations:10}  {loosest:17.2f}  {min(ratios):.2f} … {max(ratios):.2f}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump([asdict(decade) for decade in decades], file, indent=1)


if __name__ == "__main__":
    main()
