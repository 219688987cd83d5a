"""The V-shaped error curve of differences and of the complex step: bound and prediction beside the measured error.

    python -m benchmarks.step_curve [LOSS …] [--dtype float64] [--per-decade 25] [--json FILE]

On every loss of the catalogue, at each of its default points and for each partial, the error of each method against the
certified truth, at steps from one that is hardly one beside the parameter up to 1/8. Where truncation rules (it is
predicted to be at least ten times the roundoff), the measured error of each single step is compared with the
prediction. Where roundoff does, single errors scatter, and some are 0 by luck: there the root mean squares over the
steps of one decade are compared. The roundoff of a complex step is the same at every small step, so that its neighbours
are 32 points instead, with the step that the method takes: every parameter is moved by up to a part of 2⁻²⁰, by which
all products round anew. It counts as at least u/√3 of the truth, what rounding the result itself comes to: of a product
of two numbers the complex step is exact.
Steps whose interval is not proved free of kinks and singularities have no prediction, and are counted.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from diffexplore import losses
from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.checking.batch import make_batch
from diffexplore.scanning.places import Places
from diffexplore.scanning.setting import Setting, of_first_sample, setting_of
from diffexplore.scanning.step_curve import StepCurve, step_curves

METHODS = ("forward_difference", "central_difference", "richardson", "complex_step")

#: Truncation rules where it is predicted to be so many times the roundoff.
RULES = 10.0

_NEIGHBOURS = 32

#: Fewer steps of a decade than these are not summed up.
FEWEST = 6


@dataclass(frozen=True)
class Compared:
    """Prediction and measurement: of one step where truncation rules, else root mean squares over a decade."""

    loss: str
    point: Mapping[str, float]
    parameter: str
    method: str
    regime: str
    step: float
    predicted: float
    measured: float

    @property
    def ratio(self) -> float:
        """Predicted over measured."""
        return self.predicted / self.measured if self.measured else math.inf


@dataclass(frozen=True)
class Outcome:
    """All comparisons of a curve; ``violations`` are errors above the bound, ``unpredicted`` steps not predicted."""

    compared: tuple[Compared, ...]
    steps: int
    violations: int
    unpredicted: int


def measure(names: Sequence[str], dtype: str = "float64", per_decade: int = 25) -> Iterator[Outcome]:
    """Every curve of the losses, at their default points, on their default data."""
    for name in names:
        loss = losses.get(name)
        batch, points = make_batch(loss), loss.default_points
        if not loss.parameters:  # then data are differentiated by, sample by sample
            loss, batch, point = of_first_sample(loss, batch)
            points = (point,)
        setting = setting_of(loss, batch, methods=METHODS, dtype=dtype)
        for point in points:
            for curve in step_curves(setting, point, per_decade=per_decade):
                beside = _beside(setting, curve) if curve.method == "complex_step" else None
                yield outcome(name, curve, beside)


def outcome(loss: str, curve: StepCurve, beside: float | None = None, fewest: int = FEWEST) -> Outcome:
    """The comparisons of one curve; ``beside`` is the roundoff at neighbouring points, where it is measured there."""
    violations, unpredicted = 0, 0
    truncated: list[Compared] = []
    decades: dict[int, list[tuple[float, float]]] = {}
    for step, error, bound, predicted, truncation, roundoff in zip(
        curve.steps, curve.error, curve.bound, curve.predicted, curve.truncation, curve.roundoff, strict=True
    ):
        violations += error is not None and bound is not None and error > bound
        if error is None or predicted is None or truncation is None or roundoff is None:
            unpredicted += 1
        elif truncation >= RULES * roundoff:
            truncated.append(_compared(loss, curve, "truncation", step, predicted, error))
        else:
            decades.setdefault(math.floor(math.log10(step)), []).append((predicted, error))
    rounded = [
        _compared(loss, curve, "roundoff", 10.0**decade, *(_rms(list(errors)) for errors in zip(*pairs, strict=True)))
        for decade, pairs in decades.items() if len(pairs) >= fewest and beside is None
    ]  # fmt: skip
    if beside is not None:
        likely = next(roundoff for roundoff in curve.roundoff if roundoff is not None)
        rounded.append(_compared(loss, curve, "roundoff", curve.chosen, likely, beside))
    return Outcome((*truncated, *rounded), len(curve.steps), violations, unpredicted)


def _beside(setting: Setting, curve: StepCurve) -> float:
    """The root mean square of the errors at neighbouring points."""
    random = np.random.default_rng(0)
    moved = {name: x * (1 + random.uniform(-1, 1, _NEIGHBOURS) * 2.0**-20) for name, x in curve.point.items()}
    places = Places(setting, curve.point, moved)
    (running,) = (one for one in setting.running if one.name == curve.method)
    estimates = places.estimates(running)
    assert not isinstance(estimates, str)
    judged = places.judged(running, estimates, places.truths())[curve.parameter]
    return max(_rms(judged.error.tolist()), UNIT_ROUNDOFF[setting.problem.dtype] * abs(curve.truth) / math.sqrt(3))


def _compared(loss: str, curve: StepCurve, regime: str, step: float, predicted: float, measured: float) -> Compared:
    return Compared(loss, curve.point, curve.parameter, curve.method, regime, step, predicted, measured)


def _rms(values: list[float]) -> float:
    return math.sqrt(sum(value * value for value in values) / len(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("loss", nargs="*", help="names of the catalogue (all)")
    parser.add_argument("--dtype", default="float64")
    parser.add_argument("--per-decade", type=int, default=25)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    found = []
    print(
        "loss                   curves   steps  no prediction  over bound  truncation (min … max)  roundoff (min … max)"
    )
    for name in options.loss or losses.names():
        outcomes = list(measure([name], options.dtype, options.per_decade))
        found += outcomes
        print(_line(name, outcomes), flush=True)
    print(_line("all", found))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump([asdict(one) for one in found], file, indent=1)


def _line(name: str, outcomes: Sequence[Outcome]) -> str:
    steps, unpredicted = sum(one.steps for one in outcomes), sum(one.unpredicted for one in outcomes)
    over = sum(one.violations for one in outcomes)
    spans = [_span([c.ratio for one in outcomes for c in one.compared if c.regime == regime])
             for regime in ("truncation", "roundoff")]  # fmt: skip
    return f"{name:<21}  {len(outcomes):6}  {steps:6}  {unpredicted:13}  {over:10}  {spans[0]:>22}  {spans[1]:>20}"


def _span(ratios: Sequence[float]) -> str:
    return f"{min(ratios):.2f} … {max(ratios):.2f}" if ratios else "—"


if __name__ == "__main__":
    main()
