"""The derivative of one operation taken for another expression: y for y·(1 − y), where a factor is forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.tensors.diagnosis.alternatives import moved_by
from diffexplore.tensors.diagnosis.edges import PathEdge, edges, expressions, name_of_edge, steps_of_loops
from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.recording import RecordedSweep, centres
from diffexplore.tensors.diagnosis.scene import GradientScene
from diffexplore.tensors.diagnosis.slope_expressions import (
    FACTORS,
    NUMBERS,
    SLOPES,
    Slope,
    expression_of,
    meaning,
    one_number,
    short_fraction,
    times,
)
from diffexplore.tensors.diagnosis.tangents import sieve_of
from diffexplore.tensors.sweep import swept


@dataclass(frozen=True, eq=False)
class _Operation:
    """An operation on the way back: its argument and value, and its derivative entry by entry, None where it has none.

    It may be an expression of several; then the edge is that into its one operand.

    Where it has none, an expression is a factor of what comes back.
    """

    name: str
    edge: PathEdge
    x: np.ndarray
    y: np.ndarray
    slope: np.ndarray | None

    @property
    def expressions(self) -> Mapping[str, Slope]:
        """Of a linear operation the derivative is a number, and may only be taken for another."""
        return FACTORS if self.slope is None else NUMBERS if self.number is not None else SLOPES

    @property
    def number(self) -> float | None:
        """The derivative of a linear operation; None of another one."""
        return None if self.slope is None else one_number(self.slope)

    def cotangent(self, text: str) -> np.ndarray:
        """What comes back to the operand where the derivative is, or has the factor, of that text."""
        given, back = self.edge.given[0], self.edge.cotangent.high
        with np.errstate(all="ignore"):
            factor = self.expressions[text](self.x, self.y)
            if self.slope is None or given is None:
                return np.where(back == 0, 0.0, back * factor)
            return np.where(given.high == 0, 0.0, given.high * factor)


def wrong_slopes(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """The derivative of one operation, in all entries, is another expression of its argument and its value."""
    scene = scenes[0]
    sieve = sieve_of(scene)
    if sieve is None or scene.sweep is None:
        return
    for number, one in enumerate(_operations(scene.sweep)):
        for text in one.expressions:
            weight = sieve.weight(one.edge, one.cotangent(text))
            constant = None if weight is None else short_fraction(*weight)
            if constant is not None:
                yield _mistake(one, number, text, constant)


def _mistake(one: _Operation, number: int, text: str, constant: float) -> Mistake:
    def predict(scene: GradientScene) -> np.ndarray | None:
        several = () if scene.sweep is None else _operations(scene.sweep)
        if scene.sweep is None or number >= len(several):
            return None
        back = several[number].cotangent(text)
        if not np.isfinite(back).all():
            return None
        moved = moved_by(scene.sweep, [(several[number].edge, constant * back)])
        return np.asarray(scene.exact + moved[scene.source])

    name, written = one.name, times(constant, text)
    if one.slope is None:
        message = f"the gradient through {name} is multiplied by {written}{meaning(written)}"
        return Mistake("factor_of_input", message, predict, {"path": name, "factor": written}, 1, of_forward=True)
    right = expression_of(one.slope, one.x, one.y) if one.number is None else times(one.number, "1")
    not_right = f", not {right}" if right else ""
    message = f"the derivative of {name} counts as {written}{not_right}{meaning(written, right)}"
    return Mistake(
        "wrong_slope", message, predict, {"path": name, "slope": written, "right": right}, 1, of_forward=True
    )


def _operations(sweep: RecordedSweep) -> tuple[_Operation, ...]:
    """The operations on the way back, and expressions of several of them; those of each entry alone come first."""
    if not sweep.operations:
        repeated = {edge.number for several in steps_of_loops(sweep) for edge in several}
        several = [_operation(sweep, edge, edge.number) for edge in edges(sweep)[0] if edge.number not in repeated]
        several += [_operation(sweep, *both) for both in expressions(sweep)]
        found = [one for one in several if one is not None]
        sweep.operations.append(tuple(sorted(found, key=lambda one: one.slope is None)))
    kept: tuple[_Operation, ...] = sweep.operations[0]
    return kept


def _operation(sweep: RecordedSweep, edge: PathEdge, last: int) -> _Operation | None:
    """What leads from the operand of an edge to the result of the entry ``last``."""
    given, result = edge.given[0], sweep.tape.entries[last].results[0]
    if given is None or result is None or len(edge.given) != 1:
        return None
    x, y = (region.layout.read(region.state.ball).high for region in (edge.operand, result))
    slope = _slope(sweep, edge, given, last) if y.shape == x.shape and not edge.several else None
    lined = _along(y, x.shape) if slope is not None or last == edge.number else None
    name = name_of_edge(sweep, edge) if last == edge.number else str(sweep.tape.places[last])
    return None if lined is None else _Operation(name, edge, x, lined, slope)


def _along(y: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """A result in the shape of an operand, of which it lacks axes or has them shorter; None where that is not clear."""
    if y.ndim == len(shape) and all(one in (1, length) for one, length in zip(y.shape, shape, strict=True)):
        return np.broadcast_to(y, shape)
    missing = len(shape) - y.ndim
    fits = (
        [axis for axis in range(len(shape)) if shape[:axis] + shape[axis + missing :] == y.shape] if missing > 0 else []
    )
    if len(fits) != 1:
        return None
    return np.broadcast_to(np.expand_dims(y, tuple(range(fits[0], fits[0] + missing))), shape)


def _slope(sweep: RecordedSweep, edge: PathEdge, given: DoubleBall, last: int) -> np.ndarray | None:
    """By what each entry of a cotangent is multiplied on its way back; None where entries are added up, too."""
    other, result = given.high * _pattern(given.high.shape), sweep.tape.entries[last].results[0]
    assert result is not None
    with np.errstate(all="ignore"):
        (back,) = centres(swept(edges(sweep)[1][: last + 1], [(result, exact(other))], [edge.operand]))
        one, two = edge.cotangent.high / given.high, back / other
    clear = np.isfinite(one) & np.isfinite(two)
    return one if clear.any() and np.allclose(one[clear], two[clear], rtol=1e-12, atol=0) else None


def _pattern(shape: tuple[int, ...]) -> np.ndarray:
    """Unequal numbers, which tell whether entries are added up."""
    return np.asarray(1.0 + np.arange(int(np.prod(shape))).reshape(shape) % 7)
