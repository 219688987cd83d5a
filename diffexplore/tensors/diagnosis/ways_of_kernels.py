"""What people write for the way back of softmax and its kin: a wrong axis, the weights of another, left out terms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np

from diffexplore.arithmetic.double_balls import DoubleBall, add
from diffexplore.tensors.diagnosis.edges import PathEdge, edges
from diffexplore.tensors.diagnosis.kernel_steps import KernelSpan
from diffexplore.tensors.diagnosis.other_factors import values_of
from diffexplore.tensors.diagnosis.other_ways import OtherWay
from diffexplore.tensors.diagnosis.recording import RecordedSweep

#: What comes back, of the value y, the gradient g by it, and the axes along which a sum is taken.
_Backward = Callable[[np.ndarray, np.ndarray, "tuple[int, ...]"], np.ndarray]


def _softmax(y: np.ndarray, g: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return np.asarray(y * (g - (y * g).sum(axes, keepdims=True)))


def _log_softmax(y: np.ndarray, g: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return np.asarray(g - np.exp(y) * g.sum(axes, keepdims=True))


#: The right way back of each kernel but for its axes, and others along its own axis.
_RIGHT: Mapping[str, _Backward] = {"softmax": _softmax, "log_softmax": _log_softmax}
_OTHERS: Mapping[str, Mapping[str, _Backward]] = {
    "softmax": {
        "y·(g − Σ g), in which the sum is not weighted by y": lambda y, g, axes: y * (g - g.sum(axes, keepdims=True)),
        "y·(g − the mean of y·g), and not their sum": lambda y, g, axes: y * (g - (y * g).mean(axes, keepdims=True)),
        "y·(1 − y)·g, which is its diagonal": lambda y, g, axes: y * (1 - y) * g,
        "g − Σ y·g, without the factor y": lambda y, g, axes: g - (y * g).sum(axes, keepdims=True),
        "y·g − Σ y·g, without the factor y before the sum": lambda y, g, axes: y * g - (y * g).sum(axes, keepdims=True),
        "that of log-softmax, g − y·Σ g": lambda y, g, axes: g - y * g.sum(axes, keepdims=True),
    },
    "log_softmax": {
        "g − Σ g, without the factor exp(y)": lambda y, g, axes: g - g.sum(axes, keepdims=True),
        "g − y·Σ g, in which y stands for exp(y)": lambda y, g, axes: g - y * g.sum(axes, keepdims=True),
        "g − exp(y)·g, in which g is not added up": lambda y, g, axes: g - np.exp(y) * g,
        "g − exp(y)·the mean of g, and not its sum": lambda y, g, axes: g - np.exp(y) * g.mean(axes, keepdims=True),
        "that of softmax": lambda y, g, axes: _softmax(np.exp(y), g, axes),
    },
}


def kernels(sweep: RecordedSweep) -> list[tuple[KernelSpan, PathEdge]]:
    """The kernels that were recorded step by step, each with the edge into its operand."""
    found = []
    for span in sweep.tape.kernels:
        steps = [edge for edge in edges(sweep)[0] if span.first <= edge.number <= span.last]
        made = {
            id(one.state) for entry in sweep.tape.entries[span.first : span.last + 1] for one in entry.results if one
        }
        leaving = [edge for edge in steps if id(edge.operand.state) not in made]
        last = [edge for edge in steps if edge.number == span.last]
        if not leaving or not last or len({(id(edge.operand.state), edge.operand.layout) for edge in leaving}) != 1:
            continue
        cotangent: DoubleBall = leaving[0].cotangent
        for edge in leaving[1:]:
            cotangent = add(cotangent, edge.cotangent)
        first = min(leaving, key=lambda edge: edge.number)
        inside = PathEdge(first.number, first.index, first.operand, cotangent, last[0].given, False, False)
        found.append((span, inside))
    return found


def of_kernels(sweep: RecordedSweep, span: KernelSpan, edge: PathEdge) -> Iterator[OtherWay]:
    """What comes back through a kernel with another sum, or with other weights."""
    given, operator = edge.given[0], span.operator.removeprefix("safe_")
    if given is None or operator not in (*_RIGHT, "logsumexp"):
        return
    own = _axis(span, edge)
    if operator in _RIGHT and own is not None and given.high.shape == edge.operand.layout.shape:
        yield from _of_sums(sweep, span, given.high, own)
    for words, label, weights in _other_weights(sweep, span, edge):
        key = "reduction_axis" if label[0] == "weights" else "wrong_operand"
        yield OtherWay(key, words, label, partial(_weighted, operator, given.high, weights, own))


def _of_sums(sweep: RecordedSweep, span: KernelSpan, given: np.ndarray, own: int) -> Iterator[OtherWay]:
    result, operator = sweep.tape.entries[span.last].results[0], span.operator.removeprefix("safe_")
    if result is None:
        return
    y, right = result.layout.read(result.state.ball).high, _RIGHT[operator]
    for axis in range(given.ndim):
        if axis != own and y.shape[axis] > 1:
            words = f"its sum is taken along axis {axis} and not along axis {own}"
            yield OtherWay("reduction_axis", words, ("axis", axis), partial(right, y, given, (axis,)))
    if given.ndim > 1:
        words = f"its sum is taken along all axes and not along axis {own}"
        yield OtherWay("reduction_axis", words, ("axes",), partial(right, y, given, tuple(range(given.ndim))))
    for words, backward in _OTHERS[operator].items():
        yield OtherWay(
            "wrong_slope", f"its derivative counts as {words}, where y is its value and g the gradient by it",
            ("other", words), partial(backward, y, given, (own,)),
        )  # fmt: skip


def _axis(span: KernelSpan, edge: PathEdge) -> int | None:
    """The one axis of a kernel."""
    given, count = span.arguments[0], len(edge.operand.layout.shape)
    axes = given if isinstance(given, list | tuple) else [given]
    return int(axes[0]) % count if len(axes) == 1 and count else None


def _other_weights(
    sweep: RecordedSweep, span: KernelSpan, edge: PathEdge
) -> Iterator[tuple[str, tuple[object, ...], np.ndarray]]:
    """The weights, a softmax, along another axis, and those of other kernels."""
    own, shape = _axis(span, edge), edge.operand.layout.shape
    for axis in range(len(shape)):
        if axis != own and shape[axis] > 1:
            words = f"softmax along axis {axis} is used for that along axis {own}"
            yield words, ("weights", axis), _softmax_of(values_of(edge.operand), axis)
    for other, beside in kernels(sweep):
        axis_of_other = _axis(other, beside)
        if other is not span and beside.operand.layout.shape == shape and axis_of_other is not None:
            words = f"the softmax of {sweep.tape.places[other.last]} is used for its own"
            yield words, ("kernel", other.first), _softmax_of(values_of(beside.operand), axis_of_other)


def _softmax_of(x: np.ndarray, axis: int) -> np.ndarray:
    largest = x.max(axis, keepdims=True)
    powers = np.exp(x - np.where(np.isfinite(largest), largest, 0.0))
    return np.asarray(powers / powers.sum(axis, keepdims=True))


def _weighted(operator: str, given: np.ndarray, weights: np.ndarray, own: int | None) -> np.ndarray | None:
    """What comes back with these weights."""
    if operator == "logsumexp" or own is None:
        return weights * given if given.ndim == weights.ndim else None
    if operator == "softmax":
        return _softmax(weights, given, (own,))
    return np.asarray(given - weights * given.sum(own, keepdims=True))
