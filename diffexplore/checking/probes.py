"""Where a reduced partial hides: same-sign sub-batches at the point, and probe points where all terms are visible.

At an optimum the positive and the negative partials of a batch cancel, and rounding hides what is left. A sub-batch
of one sign cannot cancel. Where even that says little, the point itself is moved; and where the batch shows nothing at
any point, as data far from 0 does in a narrow dtype, synthetic samples take its place.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import sympy
import torch
from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.bounds.watch import watched
from diffexplore.checking.synthetic import synthetic_columns
from diffexplore.errors import UsageError
from diffexplore.inputs.blocks import BLOCK
from diffexplore.methods.problem import Problem, spread_over
from diffexplore.program.program import Program, lower

#: Samples of each sign that are remembered for sub-batches.
MOST_SAMPLES = 256

_CANDIDATES = 48
_PROBE_SAMPLES = 16
_VISIBLE = 2.0**-10

#: A probe that reveals so few units of roundoff is not improved on: the search ends with it.
_SHARP = 64


@dataclass(frozen=True)
class Probe:
    """A point, the samples to take there (indices), and how they were chosen.

    ``columns`` is None for samples of the batch itself; otherwise it holds the samples that are meant.
    """

    point: Mapping[str, float]
    samples: np.ndarray
    made: str
    several: bool
    columns: Mapping[str, Tensor] | None = None

    def rows(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The columns of the chosen samples."""
        index = torch.from_numpy(self.samples)
        source = batch if self.columns is None else self.columns
        return {key: column[index.to(column.device)] for key, column in source.items()}


class SignLedger:
    """Remembers, as chunks stream by, samples whose partial is certainly positive or certainly negative."""

    def __init__(self) -> None:
        self._positive: list[int] = []
        self._negative: list[int] = []
        self._best: tuple[float, int] = (math.inf, -1)

    def add(self, high: np.ndarray, usable: np.ndarray, power: np.ndarray, first: int) -> None:
        """``power`` is the smallest detectable relative error of each sample (NaN where there is none)."""
        for found, mask in ((self._positive, high > 0), (self._negative, high < 0)):
            room = MOST_SAMPLES - len(found)
            if room > 0:
                found.extend((first + np.flatnonzero(mask & usable)[:room]).tolist())
        if np.isfinite(power).any():
            i = int(np.nanargmin(power))
            self._best = min(self._best, (float(power[i]), first + i))

    def join(self, later: SignLedger) -> None:
        """Adds the samples that a later block remembers."""
        for found, others in ((self._positive, later._positive), (self._negative, later._negative)):
            found.extend(others[: MOST_SAMPLES - len(found)])
        self._best = min(self._best, later._best)

    def sub_batches(self, name: str, point: Mapping[str, float], *, both: bool = False) -> Iterator[Probe]:
        """Several samples of the more frequent sign (of either: ``both``), and the one that shows its partial best."""
        signs = sorted((("positive", self._positive), ("negative", self._negative)), key=lambda pair: -len(pair[1]))
        for sign, several in signs if both else signs[:1]:
            if len(several) < 2:
                continue
            made = f"sub-batch of {len(several)} samples whose partial in {name} is {sign}"
            yield Probe(point, np.array(several), made, several=True)
        if self._best[1] >= 0:
            yield Probe(point, np.array([self._best[1]]), f"sub-batch of sample {self._best[1]} alone", several=False)


def best_probe(
    problem: Problem, name: str, points: tuple[Mapping[str, float], ...], columns: Mapping[str, Tensor], n: int,
    seed: int,
) -> Probe | None:  # fmt: skip
    """The candidate point and same-sign samples at which the partial in ``name`` is seen most sharply.

    Of a batch of several blocks the samples are of the first one. Candidates in which a term of the gradient is nearly
    invisible are passed over where any others are found. Synthetic samples are tried where those of the batch show
    nothing; None where they show nothing either.
    """
    raw = problem.loss.gradient(problem.wrt).raw[name]
    terms = lower(list(sympy.Add.make_args(raw)), problem.inputs)
    sharp = _SHARP * UNIT_ROUNDOFF[problem.dtype]
    for around, own, count in ((points, None, n), _synthetic(problem, seed)):
        generator = np.random.default_rng([seed, 0x9806])
        found: list[tuple[bool, float, Probe]] = []
        for point in _candidates(problem, around, generator):
            chosen = np.sort(generator.permutation(min(count, BLOCK))[: 4 * _PROBE_SAMPLES])
            probe = _probe(problem, name, point, columns if own is None else own, chosen, own is None)
            power = math.inf if probe is None else probe_power(problem, name, probe, columns)
            if probe is None or not power < 1:
                continue
            values = problem.values(probe.point, probe.rows(columns))
            found.append((not _visible(problem, terms, values, len(probe.samples)), power, probe))
            if found[-1][:2] <= (False, sharp):
                return probe
        if found:
            return min(found, key=lambda entry: entry[:2])[2]
    return None


def _synthetic(problem: Problem, seed: int) -> tuple[tuple[dict[str, float], ...], Mapping[str, Tensor], int]:
    """A point and samples of ordinary size in the domain; no samples where none are found."""
    loss = problem.loss
    ordinary = dict.fromkeys(loss.parameters, 1.0)
    if not loss.data:
        return (ordinary,), {}, 1
    try:
        columns = synthetic_columns(loss, 4 * _PROBE_SAMPLES, seed, (ordinary,))
    except UsageError:
        return (), {}, 0
    return (ordinary,), {key: torch.from_numpy(column) for key, column in columns.items()}, 4 * _PROBE_SAMPLES


def _probe(
    problem: Problem, name: str, point: Mapping[str, float], source: Mapping[str, Tensor], chosen: np.ndarray,
    of_batch: bool,
) -> Probe | None:  # fmt: skip
    """The samples among ``chosen`` whose partial in ``name`` has one sign at a point; None where there are none."""
    index = torch.from_numpy(chosen)
    values = problem.values(point, {key: column[index.to(column.device)] for key, column in source.items()})
    samples = _same_sign(problem, name, values, len(chosen))
    if samples is None:
        return None
    counted = "1 sample" if len(samples) == 1 else f"{len(samples)} samples"
    kind = counted if of_batch or not source else counted.replace(" sample", " synthetic sample")
    made = f"probe point with {kind} whose partial in {name} has one sign" if problem.loss.data else "probe point"
    rounded = {key: float(values[key]) for key in problem.loss.parameters}
    return Probe(rounded, chosen[samples], made, True, None if of_batch else source)


def _candidates(
    problem: Problem, points: tuple[Mapping[str, float], ...], generator: np.random.Generator
) -> Iterator[dict[str, float]]:
    """The points themselves, then points with each parameter scaled and moved at random; none where there is none."""
    if not points:
        return
    bases = [*points, *problem.loss.default_points]
    yield from (dict(point) for point in bases)
    for base in itertools.islice(itertools.cycle(bases), _CANDIDATES):
        yield {
            key: float(base[key] * generator.uniform(0.5, 2.0) + generator.normal() * generator.choice([0.1, 1.0]))
            for key in problem.loss.parameters
        }


def _same_sign(problem: Problem, name: str, values: Mapping[str, Tensor], n: int) -> np.ndarray | None:
    """Up to 16 samples in the domain, whose partial in ``name`` has the same sign, the largest first."""
    partial = _double(problem, values, problem.closed_form_program, n)[problem.wrt.index(name)]
    inside = np.ones(n, bool)
    for holds in problem.domain_program.run(TORCH, values):
        if isinstance(holds, Tensor):
            inside &= holds.expand(n).cpu().numpy()
    (summands,) = _double(problem, values, problem.loss_program, n)
    usable = inside & np.isfinite(partial) & (partial != 0) & np.isfinite(summands)
    signs = [np.flatnonzero(usable & (partial > 0)), np.flatnonzero(usable & (partial < 0))]
    several = max(signs, key=len)
    if len(several) == 0:
        return None
    largest = several[np.argsort(-np.abs(partial[several]), kind="stable")[:_PROBE_SAMPLES]]
    return np.sort(largest)


def _double(problem: Problem, values: Mapping[str, Tensor], program: Program, n: int) -> list[np.ndarray]:
    wide = {key: value.to(torch.float64) for key, value in values.items()}
    outputs = program.run(TORCH, wide)
    return [spread_over(output, n, wide).cpu().numpy() for output in outputs]


def probe_power(problem: Problem, name: str, probe: Probe, columns: Mapping[str, Tensor]) -> float:
    """The smallest relative error of the partial in ``name`` that the simplified gradient reveals at a probe."""
    values, n = problem.values(probe.point, probe.rows(columns)), len(probe.samples)

    def run() -> tuple[Tensor]:
        output = problem.closed_form_program.run(TORCH, values)[problem.wrt.index(name)]
        return (problem.reduce(spread_over(output, n, values)),)

    (ball,) = watched(run)
    return float(2 * ball.rad / ball.mid.abs())


def _visible(problem: Problem, terms: Program, values: Mapping[str, Tensor], n: int) -> bool:
    """Whether every additive term of the gradient makes up a fair part of it."""
    sizes = [abs(float(column.mean())) for column in _double(problem, values, terms, n)]
    return all(size >= _VISIBLE * sum(sizes) for size in sizes)
