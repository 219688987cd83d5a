"""What people write for the way back of softmax and log-softmax: sums along a wrong axis, means, left out terms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np

from diffexplore.arithmetic.double_balls import DoubleBall, add
from diffexplore.tensors.diagnosis.edges import PathEdge, edges
from diffexplore.tensors.diagnosis.kernel_steps import KernelSpan
from diffexplore.tensors.diagnosis.other_ways import OtherWay
from diffexplore.tensors.diagnosis.recording import RecordedSweep

#: What comes back, of the value y, the gradient g by it, and the axes along which a sum is taken.
_Backward = Callable[[np.ndarray, np.ndarray, "tuple[int, ...]"], np.ndarray]


def _softmax(y: np.ndarray, g: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return np.asarray(y * (g - (y * g).sum(axes, keepdims=True)))


def _log_softmax(y: np.ndarray, g: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return np.asarray(g - np.exp(y) * g.sum(axes, keepdims=True))


#: The right way back of each kernel but for its axes, and others along its own axis.
_RIGHT: Mapping[str, _Backward] = {"softmax": _softmax, "safe_softmax": _softmax, "log_softmax": _log_softmax}
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
    """What comes back through a kernel with another sum."""
    given, result = edge.given[0], sweep.tape.entries[span.last].results[0]
    right, operator = _RIGHT.get(span.operator), span.operator.removeprefix("safe_")
    if given is None or result is None or right is None or given.high.shape != edge.operand.layout.shape:
        return
    y, count = result.layout.read(result.state.ball).high, given.high.ndim
    own = int(span.arguments[0]) % max(count, 1)
    for axis in range(count):
        if axis != own and y.shape[axis] > 1:
            words = f"its sum is taken along axis {axis} and not along axis {own}"
            yield OtherWay("reduction_axis", words, ("axis", axis), partial(right, y, given.high, (axis,)))
    if count > 1:
        words = f"its sum is taken along all axes and not along axis {own}"
        yield OtherWay("reduction_axis", words, ("axes",), partial(right, y, given.high, tuple(range(count))))
    for words, backward in _OTHERS[operator].items():
        yield OtherWay(
            "wrong_slope", f"its derivative counts as {words}, where y is its value and g the gradient by it",
            ("other", words), partial(backward, y, given.high, (own,)),
        )  # fmt: skip
