"""Capturing the graph of a function, with that of its backward pass, for batches of any size or of a fixed one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sympy
import torch
import torch.backends.opt_einsum
from torch.fx import GraphModule

from diffexplore.errors import DiffexploreError, UsageError
from diffexplore.torch_code.calling import exits_refused
from diffexplore.torch_private.tracing import (
    DimDynamic,
    FakeTensorMode,
    ShapeEnv,
    fakes_uncached,
    fakes_unlogged,
    make_fx,
    named_source,
    preserve_node_meta,
)
from diffexplore.torch_private.unloaded import not_compiled
from diffexplore.tracing.backward import (
    UpstreamWatch,
    check_accumulation,
    function_name,
    gradients,
    is_overwritten,
    written_by_hand,
)
from diffexplore.tracing.cases import Decisions
from diffexplore.tracing.declarations import DTYPE, Array
from diffexplore.tracing.left_gradients import grads_set_aside
from diffexplore.tracing.lines import FixesSize, Lines, SourcePlace, depends_on_values, place_of_error
from diffexplore.tracing.python_numbers import sizes_are_numbers

Tensor = torch.Tensor

_TRIED = 101  # the size of the batch while the graph is captured: a prime, so that it is mistaken for no other size


@dataclass(frozen=True)
class Capture:
    """A graph of (output, gradients, decided masks) and what is known of its sizes.

    Where an autograd Function is part of the function, the gradients come twice: of two backward calls on one graph;
    ``calls`` says so. ``notes`` tell what a second call does that is no number. ``size`` is the symbol of the number of
    samples in its sizes, None where that is fixed, and ``tried`` a number that was tried for it, or the fixed one.
    ``wrt`` are the names of the arguments of the gradients. ``places`` says for each node where in the user's source it
    comes from, ``guards`` what the graph takes for granted of the number of samples, with the place that used it.
    """

    graph: GraphModule
    size: sympy.Symbol | None
    wrt: tuple[str, ...]
    places: Mapping[str, SourcePlace]
    guards: tuple[tuple[sympy.Basic, str], ...]
    calls: int
    notes: tuple[str, ...]
    tried: int


def capture(
    function: Callable[..., Any],
    parameters: Sequence[Array],
    data: Sequence[Array],
    *,
    wrt: Sequence[str],
    samples: int | None,
    decompositions: Mapping[Any, Callable[..., Any]],
    tried: int | None = None,
    decisions: Decisions | None = None,
) -> Capture:
    """The graph of ``function`` and of its gradient by the arguments ``wrt``; ``samples`` None means any number.

    ``tried`` is the number of samples by which, where any is meant, the function goes one way; ``decisions`` are those
    of masks on which shapes depend. Raises UsageError for what cannot be captured, with the line of the user's source.
    """
    env = ShapeEnv(duck_shape=False, specialize_zero_one=False)
    fakes = FakeTensorMode(shape_env=env, allow_non_fake_inputs=True)
    size = _size(env, tried or _TRIED) if samples is None else samples
    names = [array.name for array in (*parameters, *data)]
    lines, backward = Lines(env, decisions or Decisions()), _Backward()
    with fakes:
        shapes = [*(array.shape for array in parameters), *((size, *array.shape) for array in data)]
        inputs = [torch.empty(shape, dtype=getattr(torch, DTYPE), device="cpu") for shape in shapes]

    def forward_and_backward(*tensors: Tensor) -> tuple[Tensor, tuple[Tensor | None, ...], list[Tensor]]:
        leaves = {name: tensor.detach() for name, tensor in zip(names, tensors, strict=True)}
        sources = [leaves[name].requires_grad_() for name in wrt]
        with lines.calls, lines, sizes_are_numbers():
            output = _scalar(function(**leaves))
            if not sources or not output.requires_grad:
                return output, tuple(None for _ in sources), lines.decisions.masks
            gradients = backward.gradients(output, sources)
            check_accumulation({name: leaves[name] for name in wrt})
            return output, gradients, lines.decisions.masks

    with (
        exits_refused(),
        not_compiled(),
        _kept_settings(),
        fakes,
        fakes_uncached(fakes),  # a graph of symbols is made once: to keep each of its steps takes longer than the step
        preserve_node_meta(),
        torch.enable_grad(),
        warnings.catch_warnings(action="ignore"),
        grads_set_aside(),  # those of a trace have no numbers
    ):
        try:
            graph = make_fx(forward_and_backward, decomposition_table=dict(decompositions))(*inputs)
            if lines.refused:  # the function caught what it would not have met outside of a trace
                raise lines.refused[0]
        except (DiffexploreError, MixesSamples):
            raise
        except FixesSize as fixed:
            step = "a step that fixes the number of samples (len, a loop, F.pad; x.shape[0] does not)"
            raise MixesSamples(f"{step} at {fixed}") from None
        except Exception as error:
            raise _refusal(error, lines, stated=any(array.shape for array in (*parameters, *data))) from error
    graph.graph.eliminate_dead_code()
    guards = tuple((guard.expr, str(guard.sloc)) for guard in env.guards)
    places = {node.name: lines.place(node.meta.get("stack_trace", "")) for node in graph.graph.nodes}
    symbol, notes = None if isinstance(size, int) else size.node.expr, tuple(backward.notes)
    return Capture(graph, symbol, tuple(wrt), places, guards, backward.calls, notes, samples or tried or _TRIED)


class _Backward:
    """The backward pass of a function: called twice where somebody wrote a part of it."""

    def __init__(self) -> None:
        self.calls = 1
        self.notes: list[str] = []

    def gradients(self, output: Tensor, sources: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
        """Those of the first call, and behind them those of the second one, if there is one."""
        by_hand = written_by_hand(output)
        if not by_hand:
            return gradients(output, sources)
        watch = UpstreamWatch(output)
        found = gradients(output, sources, retain_graph=True)
        if watch.modified:
            raise UsageError(
                f"the backward of {', '.join(watch.modified)} writes into the upstream gradient that it is given, "
                "which others use as well: work on a copy of it, as in grad_output.clone()"
            )
        first = tuple(None if gradient is None else gradient.clone() for gradient in found)
        return first + self._second(output, sources, ", ".join(dict.fromkeys(map(function_name, by_hand))))

    def _second(self, output: Tensor, sources: Sequence[Tensor], names: str) -> tuple[Tensor | None, ...]:
        try:
            second = gradients(output, sources)
        except (DiffexploreError, MixesSamples, FixesSize):
            raise
        except Exception as error:
            if is_overwritten(error):
                raise UsageError(
                    f"the backward of {names} overwrites a tensor that it saved: a second backward call on the same "
                    "graph (retain_graph=True) raises an exception. Work on a copy of it"
                ) from None
            raised = f"{type(error).__name__}: {' '.join(str(error).split())[:120]}".removesuffix(": ")
            self.notes.append(f"of the first backward call alone: a second one on the same graph raises {raised}")
            return ()
        self.calls = 2
        return second


class MixesSamples(Exception):
    """Something is done with the samples that cannot be said for any number of them; the text names it."""


class NotDifferentiable(UsageError):
    """Torch has no derivative by some argument, or it is modified in place."""


def _size(env: ShapeEnv, tried: int) -> Any:
    """The size of a batch of any number of samples, made once so that all data share it."""
    source = named_source("N")
    symbol = env.create_symbol(
        tried, source=source, dynamic_dim=DimDynamic.DYNAMIC, constraint_dim=None, do_not_specialize_zero_one=True
    )
    return env.create_symintnode(symbol, hint=tried, source=source)


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
def _kept_settings() -> Iterator[None]:
    """Settings that the function changes are undone, and sums of products are taken in the order they are written.

    With opt_einsum torch would choose an order by the sizes, that of the batch among them. The default dtype is the
    user's: what a function makes in float32 has the dtype, and raises the errors, that it has in use.
    """
    einsum: Any = torch.backends.opt_einsum
    before = torch.get_default_dtype()
    switched = vars(einsum).get("enabled")  # what somebody assigned hides what flags() would set
    einsum.enabled = False
    try:
        with fakes_unlogged():
            yield
    finally:
        del einsum.enabled
        if switched is not None:
            einsum.enabled = switched
        torch.set_default_dtype(before)


#: What torch says of arguments that it cannot differentiate by, and of operators without a rule for any N.
_NO_GRADIENT = ("derivative for", "leaf Variable", "a view of a leaf", "is not differentiable with respect to")
_NO_RULE = ("symbolic shapes", "SymIntArrayRef", "symbolic ints", "but got: SymInt")


def _refusal(error: Exception, lines: Lines, *, stated: bool) -> Exception:
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
    if depends_on_values(error):
        operator = getattr(error, "func", None)
        named = f"{operator} " if operator is not None else "the step "
        return UsageError(f"{named}at {place} depends on the values of tensors: write it with torch.where instead")
    shapes = not stated and any(word in text for word in ("dim", "shape", "size"))
    hint = " (arguments whose shapes are not stated are numbers, or one by sample)" if shapes else ""
    return UsageError(f"the function raises {type(error).__name__} at {place}: {text[:200] or 'no message'}{hint}")
