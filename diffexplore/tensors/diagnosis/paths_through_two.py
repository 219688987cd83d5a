"""What comes back through one operation and then through another: left out, negated, or counted otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from diffexplore.arithmetic.double_balls import exact
from diffexplore.tensors.diagnosis.edges import PathEdge, edges, name_of_edge
from diffexplore.tensors.diagnosis.factor_names import named_factor
from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.recording import RecordedSweep, centres
from diffexplore.tensors.diagnosis.scene import GradientScene
from diffexplore.tensors.diagnosis.slope_expressions import longer_fraction
from diffexplore.tensors.diagnosis.tangents import sieve_of
from diffexplore.tensors.sweep import Passed, swept

#: Beyond so many operations to be swept no more are looked at.
_MOST_STEPS = 4_000


def through_two(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """Of a way that divides once more, one branch is missing, has the wrong sign, or is counted with a factor."""
    scene = scenes[0]
    sieve = sieve_of(scene)
    if sieve is None or scene.sweep is None:
        return
    several, steps = edges(scene.sweep)[0], 0
    scaled = []
    for place, outer in enumerate(several):
        steps += outer.number
        if steps > _MOST_STEPS:
            break
        for other, part in _parts(scene.sweep, outer).items():
            weight = sieve.added(several[other], part)
            fraction = None if weight is None else longer_fraction(1 + weight[0], weight[1])
            if weight is not None and abs(weight[0] + 1) <= weight[1]:
                yield _mistake(scene, place, other, -1.0, 0.0)
            elif weight is not None and fraction is not None:
                scaled.append((place, other, fraction - 1, weight[1]))
    for place, other, number, spread in scaled:
        yield _mistake(scene, place, other, number, spread)


def _parts(sweep: RecordedSweep, outer: PathEdge) -> dict[int, np.ndarray]:
    """What comes back to the operands of edges nearer to the sources, by their numbers, of what comes through one."""
    passed: list[Passed] = []
    before = edges(sweep)[1][: outer.number]
    with np.errstate(all="ignore"):
        swept(before, [(outer.operand, outer.cotangent)], sweep.tape.sources, passed=passed)
    by_number = {number: back for number, _, back in passed}
    found = {}
    for place, edge in enumerate(edges(sweep)[0]):
        back = by_number.get(edge.number)
        ball = None if back is None else back[edge.index]
        if ball is not None and edge.number < outer.number and not np.array_equal(ball.high, edge.cotangent.high):
            found[place] = ball.high
    return found


def _mistake(scene: GradientScene, place: int, other: int, weight: float, spread: float) -> Mistake:
    assert scene.sweep is not None
    several = edges(scene.sweep)[0]
    names = [name_of_edge(scene.sweep, several[one]) for one in (place, other)]
    through = f"the gradient through {names[0]}, and from there through {names[1]},"
    predict = partial(_predicted, place=place, other=other, weight=weight)
    fields = {"path": names[1], "from": names[0]}
    if weight == -1:
        return Mistake("cut_path", f"{through} is missing", predict, fields, of_forward=True)
    if weight == -2:
        return Mistake("sign_of_term", f"{through} has the wrong sign", predict, fields, of_forward=True)
    text, origin = named_factor(1 + weight, spread, scene)
    why = f": {origin}" if origin else ""
    return Mistake(
        "scaled_path",
        f"{through} is counted {text} times{why}",
        predict,
        {"factor": 1 + weight, **fields},
        1,
        of_forward=True,
    )


def _predicted(scene: GradientScene, place: int, other: int, weight: float) -> np.ndarray | None:
    if scene.sweep is None:
        return None
    several, entries = edges(scene.sweep)
    if max(place, other) >= len(several):
        return None
    part = _parts(scene.sweep, several[place]).get(other)
    if part is None:
        return None
    edge = several[other]
    seed = exact(np.ascontiguousarray(weight * part, np.float64))
    with np.errstate(all="ignore"):
        (moved,) = centres(
            [swept(entries[: edge.number], [(edge.operand, seed)], scene.sweep.tape.sources)[scene.source]]
        )
    return np.asarray(scene.exact + moved)
