"""Capturing the graph of a function, with that of its backward pass, for batches of any size or of a fixed one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sympy
import torch
from torch._dynamo.source import ConstantSource
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import GraphModule
from torch.fx import traceback as node_meta
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv

from diffexplore.errors import DiffexploreError, UsageError
from diffexplore.symbolic.batch_sums import SAMPLES
from diffexplore.tracing.backward import UpstreamWatch, function_name, is_overwritten, written_by_hand
from diffexplore.tracing.declarations import Array
from diffexplore.tracing.lines import FixesSize, Lines, Place, place_of_error
from diffexplore.tracing.recognise import recognise

Tensor = torch.Tensor

#: The size of the batch while the graph is captured: a prime, so that it is mistaken for no other size.
_TRIED = 101


@dataclass(frozen=True)
class Capture:
    """A graph of (output, gradients) and what is known of its sizes.

    Where an autograd Function is part of the function, the gradients come twice: of two backward calls on one graph;
    ``calls`` says so. ``notes`` tell what a second call does that is no number. ``size`` is the symbol of the number of
    samples in its sizes, None where that is fixed. ``wrt`` are the names of the arguments of the gradients. ``places``
    says for each node where in the user's source it comes from, ``guards`` what the graph takes for granted of the
    number of samples, with the place that asked.
    """

    graph: GraphModule
    size: sympy.Symbol | None
    wrt: tuple[str, ...]
    places: Mapping[str, Place]
    guards: tuple[tuple[sympy.Basic, str], ...]
    calls: int
    notes: tuple[str, ...]


def capture(
    function: Callable[..., Any],
    parameters: Sequence[Array],
    data: Sequence[Array],
    *,
    wrt: Sequence[str],
    samples: int | None,
    decompositions: Mapping[Any, Callable[..., Any]],
) -> Capture:
    """The graph of ``function`` and of its gradient by the arguments ``wrt``; ``samples`` None means any number.

    Raises UsageError for what cannot be captured, with the line of the user's source.
    """
    env = ShapeEnv(duck_shape=False, specialize_zero_one=False)
    fakes = FakeTensorMode(shape_env=env, allow_non_fake_inputs=True)
    size = _size(env) if samples is None else samples
    lines = Lines(env)
    names = [array.name for array in (*parameters, *data)]
    backward = _Backward()
    with fakes:
        inputs = [torch.empty(array.shape, dtype=torch.float64) for array in parameters]
        inputs += [torch.empty((size, *array.shape), dtype=torch.float64) for array in data]

    def forward_and_backward(*tensors: Tensor) -> tuple[Tensor, tuple[Tensor | None, ...]]:
        leaves = {name: tensor.detach() for name, tensor in zip(names, tensors, strict=True)}
        sources = [leaves[name].requires_grad_() for name in wrt]
        with lines.calls, lines:
            output = _scalar(function(**leaves))
            if not sources or not output.requires_grad:
                return output, tuple(None for _ in sources)
            return output, backward.gradients(output, sources)

    with _float64(), fakes, node_meta.preserve_node_meta(), torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            graph = make_fx(forward_and_backward, decomposition_table=dict(decompositions))(*inputs)
        except (DiffexploreError, MixesSamples):
            raise
        except FixesSize as fixed:
            raise MixesSamples(
                f"a step that fixes the number of samples (len, a loop, F.pad; x.shape[0] does not) at {fixed}"
            ) from None
        except Exception as error:
            raise _refusal(error, lines) from error
    graph.graph.eliminate_dead_code()
    guards = tuple((guard.expr, str(guard.sloc)) for guard in env.guards)
    places = {node.name: lines.place(node.meta.get("stack_trace", "")) for node in graph.graph.nodes}
    symbol = None if isinstance(size, int) else size.node.expr
    return Capture(graph, symbol, tuple(wrt), places, guards, backward.calls, tuple(backward.notes))


class _Backward:
    """The backward pass of a function: called twice where somebody wrote a part of it."""

    def __init__(self) -> None:
        self.calls = 1
        self.notes: list[str] = []

    def gradients(self, output: Tensor, sources: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
        """Those of the first call, and behind them those of the second one, if there is one."""
        by_hand = written_by_hand(output)
        if not by_hand:
            return torch.autograd.grad(output, sources, allow_unused=True)
        watch = UpstreamWatch(output)
        found = torch.autograd.grad(output, sources, allow_unused=True, retain_graph=True)
        if watch.modified:
            raise UsageError(
                f"the backward of {', '.join(watch.modified)} writes into the upstream gradient that it is given, "
                "which others use as well: work on a copy of it, as in grad_output.clone()"
            )
        first = tuple(None if gradient is None else gradient.clone() for gradient in found)
        return first + self._second(output, sources, ", ".join(dict.fromkeys(map(function_name, by_hand))))

    def _second(self, output: Tensor, sources: Sequence[Tensor], names: str) -> tuple[Tensor | None, ...]:
        try:
            second = torch.autograd.grad(output, sources, allow_unused=True)
        except (DiffexploreError, MixesSamples, FixesSize):
            raise
        except Exception as error:
            if is_overwritten(error):
                raise UsageError(
                    f"the backward of {names} overwrites a tensor that it saved: a second backward call on the same "
                    "graph (retain_graph=True) raises an exception. Work on a copy of it"
                ) from None
            said = " ".join(str(error).split())[:120]
            self.notes.append(
                f"of the first backward call alone: a second one on the same graph raises {type(error).__name__}"
                + (f": {said}" if said else "")
            )
            return ()
        self.calls = 2
        return second


class MixesSamples(Exception):
    """Something is done with the samples that cannot be said for any number of them; the text names it."""


class NotDifferentiable(UsageError):
    """Torch has no derivative by some argument, or it is modified in place."""


def in_samples(
    size: Any, symbol: sympy.Symbol | None, read: Callable[[float], sympy.Expr] = lambda value: recognise(value)[0]
) -> sympy.Expr:
    """A size, or what a graph computes from sizes, as an exact expression in N; ``read`` says what its floats mean."""
    expr = getattr(getattr(size, "node", None), "expr", size)
    expr = sympy.sympify(expr)
    while True:
        wrapped = [node for node in expr.atoms(sympy.Function) if type(node).__name__ in _SIZE_FUNCTIONS]
        if not wrapped:
            break
        node = min(wrapped, key=lambda node: node.count_ops())
        expr = expr.xreplace({node: _SIZE_FUNCTIONS[type(node).__name__](*node.args)})
    exact = {number: read(float(number)) for number in expr.atoms(sympy.Float)}
    renamed = {} if symbol is None else {symbol: SAMPLES}
    return expr.xreplace(exact).xreplace(renamed)


#: Functions that torch writes sizes in, where they are plain arithmetic.
_SIZE_FUNCTIONS: Mapping[str, Callable[..., sympy.Expr]] = {
    "ToFloat": lambda x: x, "Identity": lambda x: x,
    "FloatTrueDiv": lambda x, y: x / y, "IntTrueDiv": lambda x, y: x / y,
    "FloatPow": lambda x, y: x**y, "PowByNatural": lambda x, y: x**y,
    "Max": sympy.Max, "Min": sympy.Min,
}  # fmt: skip


def _size(env: ShapeEnv) -> Any:
    """The size of a batch of any number of samples, made once so that all data share it."""
    source = ConstantSource("N")
    symbol = env.create_symbol(
        _TRIED, source=source, dynamic_dim=DimDynamic.DYNAMIC, constraint_dim=None, do_not_specialize_zero_one=True
    )
    return env.create_symintnode(symbol, hint=_TRIED, source=source)


def _scalar(output: Any) -> Tensor:
    if not isinstance(output, Tensor):
        raise UsageError(f"the function returns {type(output).__name__}, not one tensor: return the loss alone")
    if not output.dtype.is_floating_point:
        raise UsageError(f"the function returns {str(output.dtype).removeprefix('torch.')}, not a real number")
    if output.dim() > 0:
        shape = ", ".join("N" if not isinstance(size, int) else str(size) for size in output.shape)
        raise UsageError(
            f"the function returns a tensor of shape ({shape}), not a scalar: reduce it by .mean() or .sum()"
        )
    return output


@contextmanager
def _float64() -> Iterator[None]:
    """Tensors that the function makes are double, too: their rounding is no part of the formula."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


#: What torch says of arguments that it cannot differentiate by, and of operators without a rule for any N.
_NO_GRADIENT = ("derivative for", "leaf Variable", "a view of a leaf", "is not differentiable with respect to")
_NO_RULE = ("symbolic shapes", "SymIntArrayRef", "symbolic ints")


def _refusal(error: Exception, lines: Lines) -> Exception:
    """What went wrong, in one line with what to do; MixesSamples where it may go right for a fixed N."""
    place = place_of_error(error) or lines.latest
    text = " ".join(str(error).split())
    if any(sign in text for sign in _NO_RULE):
        return MixesSamples(f"an operator without a rule for any number of samples at {place}")
    if any(sign in text for sign in _NO_GRADIENT):
        if "leaf" in text:
            text = "an argument is modified in place: work on a copy of it, as in x = x + 1"
        return NotDifferentiable(f"{text[:200]} ({place})")
    if "numpy" in text and "subclass" in text:
        return UsageError(
            f".numpy() at {place} leaves torch, where nothing can be read: write the step with torch operators"
        )
    if type(error).__name__ in ("DynamicOutputShapeException", "DataDependentOutputException") or (
        "data-dependent" in text
    ):
        operator = getattr(error, "func", None)
        named = f"{operator} " if operator is not None else "the step "
        return UsageError(f"{named}at {place} depends on the values of tensors: write it with torch.where instead")
    return UsageError(f"the function raises {type(error).__name__} at {place}: {text[:200] or 'no message'}")
