"""One operation whose way back is another's: all that is known of is tried at every operand, by two numbers first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from diffexplore.tensors.diagnosis.alternatives import moved_by
from diffexplore.tensors.diagnosis.edges import PathEdge, edges, name_of_edge
from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.other_ways import OtherWay, Ways
from diffexplore.tensors.diagnosis.recording import RecordedSweep
from diffexplore.tensors.diagnosis.scene import GradientScene
from diffexplore.tensors.diagnosis.slope_expressions import longer_fraction
from diffexplore.tensors.diagnosis.tangents import sieve_of
from diffexplore.tensors.diagnosis.ways_of_cotangents import in_the_other_direction, masked, of_others, rearranged
from diffexplore.tensors.diagnosis.ways_of_factors import of_products, of_quotients
from diffexplore.tensors.diagnosis.ways_of_kernels import kernels, of_kernels
from diffexplore.tensors.diagnosis.ways_of_slopes import of_slopes

#: The simplest first.
_FAMILIES: tuple[Ways, ...] = (
    in_the_other_direction, of_products, of_quotients, rearranged, masked, of_others, of_slopes,
)  # fmt: skip

#: So many numbers may come back in all that is tried.
_MOST_NUMBERS = 2**23

#: By so many bits a gradient has to be less likely, by chance, than ways are tried.
_EVIDENCE = 10.0

#: Errors that are multiples of each other by fractions with divisors up to this tell so many bits each.
_LARGEST_DIVISOR, _OF_MULTIPLES = 8, 1.0


@dataclass(frozen=True, eq=False)
class _Place:
    """Where other ways are looked for: an operand, how it is called, and what may come back to it in another sweep."""

    name: str
    edge: PathEdge
    ways: Callable[[RecordedSweep], tuple[PathEdge, Iterator[OtherWay]] | None]


def of_every_operand(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """In one place another cotangent comes back, perhaps a multiple of it."""
    scene = scenes[0]
    sieve = sieve_of(scene) if scene.wrong.any() else None
    if sieve is None or scene.sweep is None:
        return
    (bits, without_factor), left, tried, multiples = _bits(scene), _MOST_NUMBERS, 0, []
    for place in _places(scene.sweep):
        found = place.ways(scene.sweep)
        for way in () if found is None else found[1]:
            with np.errstate(all="ignore"):
                back = way.back()
            left -= place.edge.cotangent.high.size
            tried += 1
            if left < 0:
                return
            if back is None or back.shape != place.edge.cotangent.high.shape:
                continue
            weight = sieve.weight(place.edge, back)
            needed = math.log2(tried) + _EVIDENCE
            if weight is not None and abs(weight[0] - 1) <= weight[1] and bits > needed:
                yield _mistake(place, way, 1.0)
            elif weight is not None and without_factor > needed:
                fraction = longer_fraction(*weight)
                if fraction is not None:
                    multiples.append((place, way, fraction))
    for place, way, fraction in multiples:
        yield _mistake(place, way, fraction)


def _bits(scene: GradientScene) -> tuple[float, float]:
    """How unlikely it is that a prediction of all entries fits by chance, and one but for a factor.

    Of errors that are small multiples of each other, as those of counts and of signs are, only one tells much.
    """
    errors = scene.difference[scene.wrong]
    sizes = np.log2(np.abs(errors) / scene.room[scene.wrong])
    ratios = errors / errors[np.abs(errors).argmax()]
    multiples = np.zeros(ratios.shape, np.bool_)
    for divisor in range(1, _LARGEST_DIVISOR + 1):
        multiples |= np.abs(ratios * divisor - np.round(ratios * divisor)) <= 1e-9
    of_multiples = _OF_MULTIPLES * max(int(multiples.sum()) - 1, 0)
    others = float(sizes[~multiples].sum()) + of_multiples
    return others + float(sizes.max()), others


def _places(sweep: RecordedSweep) -> Iterator[_Place]:
    for span, edge in kernels(sweep):
        yield _Place(str(sweep.tape.places[span.last]), edge, partial(_of_kernel, number=span.first))
    for family in _FAMILIES:
        for number, edge in enumerate(edges(sweep)[0]):
            yield _Place(name_of_edge(sweep, edge), edge, partial(_of_edge, family=family, number=number))


def _of_kernel(sweep: RecordedSweep, number: int) -> tuple[PathEdge, Iterator[OtherWay]] | None:
    for span, edge in kernels(sweep):
        if span.first == number:
            return edge, of_kernels(sweep, span, edge)
    return None


def _of_edge(sweep: RecordedSweep, family: Ways, number: int) -> tuple[PathEdge, Iterator[OtherWay]] | None:
    several = edges(sweep)[0]
    return (several[number], family(sweep, several[number])) if number < len(several) else None


def _mistake(place: _Place, way: OtherWay, weight: float) -> Mistake:
    def predict(scene: GradientScene) -> np.ndarray | None:
        found = None if scene.sweep is None else place.ways(scene.sweep)
        if found is None or scene.sweep is None:
            return None
        edge, several = found
        same = next((one for one in several if one.label == way.label), None)
        with np.errstate(all="ignore"):
            back = None if same is None else same.back()
            if back is None or back.shape != edge.cotangent.high.shape:
                return None
            return np.asarray(scene.exact + moved_by(scene.sweep, [(edge, weight * back)])[scene.source])

    times = "" if weight == 1 else f", times {weight:.6g}".replace("-", "−")
    message = f"on the way back to {place.name}, {way.words}{times}"
    return Mistake(way.key, message, predict, {"path": place.name}, 0 if weight == 1 else 1, of_forward=True)
