"""Points near that of a check, and samples there, that show a reduced partial sharply.

Where no part of the batch shows a partial at the point itself, the point is moved; and where the batch shows nothing at
any point, as data far from 0 does in a narrow dtype, synthetic samples take its place. What is computed at a point
serves the partials in all symbols.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.bounds.watch import watched
from diffexplore.checking.probe_places import ProbePlace, ProbePlaces
from diffexplore.checking.probes import Probe
from diffexplore.checking.synthetic import synthetic_columns
from diffexplore.errors import UsageError
from diffexplore.inputs.blocks import BLOCK
from diffexplore.methods.problem import Problem, spread_over
from diffexplore.program.program import Program

_CANDIDATES = 48
_PROBE_SAMPLES = 16
_VISIBLE = 2.0**-10

#: So many candidates are looked at together, the others then all at once: most searches end with the first.
_TOGETHER = (1, 7)

#: A probe that reveals so few units of roundoff is not improved on: the search ends with it.
_SHARP = 64


class ProbeSearch:
    """Points and same-sign samples that show partials of a loss sharply; what is found out of a point serves them all.

    ``points`` are those of the check, ``columns`` and ``n`` its batch. Of a batch of several blocks the samples are of
    the first one.
    """

    def __init__(
        self, problem: Problem, points: tuple[Mapping[str, float], ...], columns: Mapping[str, Tensor], n: int,
        seed: int,
    ) -> None:  # fmt: skip
        self._problem, self._points, self._columns, self._n, self._seed = problem, points, columns, n, seed
        self._looked_at: dict[bool, tuple[list[ProbePlace], Iterator[ProbePlace]]] = {}
        self._alone: dict[str, Program] = {}

    def best(self, name: str) -> Probe | None:
        """The candidate point and same-sign samples at which the partial in ``name`` is seen most sharply.

        Candidates in which a term of the gradient is nearly invisible are passed over where any others are found.
        Synthetic samples are tried where those of the batch show nothing; None where they show nothing either.
        """
        sharp = _SHARP * UNIT_ROUNDOFF[self._problem.dtype]
        for of_batch in (True, False):
            found: list[tuple[float, ProbePlace, np.ndarray]] = []
            hidden: list[tuple[ProbePlace, np.ndarray]] = []
            for place in self._places(of_batch):
                samples = _same_sign(place.partial(self._problem.wrt.index(name)), place.usable)
                if samples is None:
                    continue
                if not _visible(place.terms(name, samples)):
                    hidden.append((place, samples))  # a watched run, which takes longest, is made where it is needed
                    continue
                power = place.power(name, samples)
                if power <= sharp:
                    return self._probe(name, place, samples)
                found += [(power, place, samples)] if power < 1 else []
            found = found or [
                (power, place, samples) for place, samples in hidden if (power := place.power(name, samples)) < 1
            ]
            if found:
                return self._probe(name, *min(found, key=lambda entry: entry[0])[1:])
        return None

    def power(self, name: str, probe: Probe) -> float:
        """The smallest relative error of the partial in ``name`` that its simplified formula reveals at a probe."""
        if name not in self._alone:
            self._alone[name] = self._problem.closed_form_of(name)
        partial, values, n = self._alone[name], self._values(probe), len(probe.samples)

        def run() -> tuple[Tensor]:
            (output,) = partial.run(TORCH, values)
            return (self._problem.reduce(spread_over(output, n, values)),)

        (ball,) = watched(run)
        return float(2 * ball.rad / ball.mid.abs())

    def _values(self, probe: Probe) -> Mapping[str, Tensor]:
        return self._problem.values(probe.point, probe.rows(self._columns))

    def _places(self, of_batch: bool) -> Iterator[ProbePlace]:
        """The candidates, with samples of the batch or with synthetic ones, which are made when they are needed."""
        if of_batch not in self._looked_at:
            self._looked_at[of_batch] = [], self._made(of_batch)
        known, later = self._looked_at[of_batch]
        yield from known
        for place in later:
            known.append(place)
            yield place

    def _made(self, of_batch: bool) -> Iterator[ProbePlace]:
        batch = self._points, self._columns, self._n
        points, columns, n = batch if of_batch else _synthetic(self._problem, self._seed)
        generator = np.random.default_rng([self._seed, 0x9806])
        candidates = (
            (point, np.sort(generator.permutation(min(n, BLOCK))[: 4 * _PROBE_SAMPLES]))
            for point in _candidates(self._problem, points, generator)
        )
        for together in (*_TOGETHER, None):
            if some := list(itertools.islice(candidates, together)):
                places = ProbePlaces(
                    self._problem, [point for point, _ in some], columns, [chosen for _, chosen in some]
                )
                yield from (ProbePlace(places, index, None if of_batch else columns) for index in range(len(some)))

    def _probe(self, name: str, place: ProbePlace, samples: np.ndarray) -> Probe:
        """The probe of samples of a place whose partial in ``name`` has one sign."""
        counted = "1 sample" if len(samples) == 1 else f"{len(samples)} samples"
        kind = counted.replace(" sample", " synthetic sample") if place.own else counted
        has_data = bool(self._problem.loss.data)
        made = f"probe point with {kind} whose partial in {name} has one sign" if has_data else "probe point"
        return Probe(place.among.point(place.index), place.chosen[samples], made, True, place.own)


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


def _same_sign(partial: np.ndarray, usable: np.ndarray) -> np.ndarray | None:
    """Up to 16 of the usable samples whose partial has the same sign, the largest first."""
    usable = usable & np.isfinite(partial) & (partial != 0)
    signs = [np.flatnonzero(usable & (partial > 0)), np.flatnonzero(usable & (partial < 0))]
    several = max(signs, key=len)
    if len(several) == 0:
        return None
    largest = several[np.argsort(-np.abs(partial[several]), kind="stable")[:_PROBE_SAMPLES]]
    return np.sort(largest)


def _visible(terms: list[np.ndarray]) -> bool:
    """Whether every additive term of the gradient makes up a fair part of it."""
    with np.errstate(over="ignore"):  # a sum beyond all doubles hides the other terms
        sizes = [abs(float(column.mean())) for column in terms]
    return all(size >= _VISIBLE * sum(sizes) for size in sizes)
