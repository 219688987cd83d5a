"""Recording a forward pass below autograd, in balls, so that it can be swept backwards by rules of our own.

Every operation of torch runs unchanged; beside it, its rule computes the exact result as balls, at once. What autograd
does is never seen: a hand-written backward pass is not used to judge itself.

A derivative passes through an operand as autograd lets it: one that needs no gradient counts as a constant wherever
gradients are recorded (``detach``, ``.data``, ``no_grad``); within the forward of an autograd Function, where they are
not, every operand counts, but what its call was given as a constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.tensors.memory import State, StridedLayout, together
from diffexplore.torch_ops.tensor_rules.lookup import functional, rule_of, steps_of
from diffexplore.torch_ops.tensor_rules.operands import (
    Applied,
    NotCertified,
    Operand,
    OperatorCall,
    Pullback,
    Truths,
    operands_of,
)
from diffexplore.torch_private.functions import arguments_changed
from diffexplore.torch_private.watching import DispatchMode, disable_current_modes, storage_key, tree_leaves, tree_map

Tensor = torch.Tensor


@dataclass(frozen=True, eq=False)
class StorageRegion:
    """A tensor within a state of its storage; ``passes`` says whether a derivative passes through it."""

    state: State
    layout: StridedLayout
    passes: bool


@dataclass(frozen=True, eq=False)
class TapeEntry:
    """An operation: its operands (None for one of integers), its results, and the way back."""

    operands: tuple[StorageRegion | None, ...]
    results: tuple[StorageRegion | None, ...]
    pullback: Pullback


class Tape(DispatchMode):
    """Records what runs within its ``with`` block.

    ``sources`` are the tensors that are differentiated by. ``problem`` says why there is no certified derivative; None
    as long as there is one.
    """

    def __init__(self, sources: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves its dispatch modes untyped
        self.problem: str | None = None
        self._states: dict[int, State] = {}
        self._undecided: dict[int, np.ndarray] = {}
        self._alive: list[Any] = []
        self._entries: list[TapeEntry] = []
        self._calls: list[AbstractContextManager[None]] = []
        self._constants: set[int] = set()
        self._own_sources = {id(source) for source in sources}
        self.sources = [StorageRegion(self._state(source), StridedLayout.of(source), True) for source in sources]

    def __enter__(self) -> Self:
        calls = arguments_changed(self._with_constants_apart)
        calls.__enter__()
        self._calls.append(calls)
        return super().__enter__()

    def __exit__(self, *problem: Any) -> None:
        super().__exit__(*problem)  # type: ignore[no-untyped-call]  # torch leaves its dispatch modes untyped
        self._calls.pop().__exit__(*problem)

    def _with_constants_apart(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments of an autograd Function; those that need no gradient in memory of their own, as constants.

        Within its forward no tensor needs a gradient, so that only here it is known which do not.
        """
        if not torch.is_grad_enabled():
            return args
        return tuple(
            self._constant(argument)
            if isinstance(argument, torch.Tensor)
            and argument.is_floating_point()
            and not argument.requires_grad
            and storage_key(argument) in self._states
            else argument
            for argument in args
        )

    def _constant(self, tensor: Tensor) -> Tensor:
        with disable_current_modes():
            copy = tensor.detach().clone()
        self._written(copy, self.ball(tensor))
        return copy

    # ------------------------------------------------------------------------------------------------- reading
    def ball(self, tensor: Tensor) -> DoubleBall:
        """The exact value of a tensor of real numbers."""
        return StridedLayout.of(tensor).read(self._state(tensor).ball)

    def _state(self, tensor: Tensor) -> State:
        """That of the tensor's storage; what was never seen before is what it is."""
        if tensor.is_complex():
            raise NotCertified("complex numbers are not read")
        key = storage_key(tensor)
        if key not in self._states:
            self._alive.append(tensor.untyped_storage())
            count = tensor.untyped_storage().nbytes() // tensor.element_size()
            flat = tensor.detach().as_strided((count,), (1,), 0)
            self._states[key] = State(exact(flat.to("cpu", torch.float64, copy=True).numpy()))
        return self._states[key]

    def _place(self, tensor: Tensor) -> StorageRegion:
        a_leaf_of_its_own = tensor.is_leaf and id(tensor) not in self._own_sources
        passes = not torch.is_grad_enabled() or (tensor.requires_grad and not a_leaf_of_its_own)
        return StorageRegion(
            self._state(tensor), StridedLayout.of(tensor), passes and id(tensor) not in self._constants
        )

    def _operand(self, tensor: Tensor) -> Operand:
        value = tensor.detach().to("cpu", copy=True) if tensor.device.type != "cpu" else tensor.detach()
        if tensor.is_floating_point():
            return Operand(value, self.ball(tensor))
        return Operand(value.clone(), None, self._undecided.get(id(tensor)))

    def as_computed(self, ball: DoubleBall) -> DoubleBall:
        """What stands for a result: the exact one; a subclass may let it round."""
        return ball

    # ----------------------------------------------------------------------------------------------- recording
    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self.problem is not None or not self._is_seen((args, kwargs)):
            return func(*args, **kwargs)
        with np.errstate(all="ignore"):
            try:
                return self._record(func, args, kwargs)
            except NotCertified as reason:
                self.problem = f"{func}: {reason}"
                return func(*args, **kwargs)

    def _is_seen(self, arguments: Any) -> bool:
        """Whether some argument holds what was computed from numbers that are known here."""
        return any(
            isinstance(leaf, torch.Tensor) and storage_key(leaf) in self._states for leaf in tree_leaves(arguments)
        )

    def _record(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        pure = functional(func)
        rule = rule_of(pure)
        if rule is None:
            steps = steps_of(pure)
            if steps is None:
                return self._without_rule(func, args, kwargs)
            return self._in_steps(steps, func, args, kwargs)
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        places = tuple(self._place(tensor) if tensor.is_floating_point() else None for tensor in tensors)
        operands = tree_map(
            lambda leaf: self._operand(leaf) if isinstance(leaf, torch.Tensor) else leaf, (args, kwargs)
        )
        if pure is not func:
            operands = tree_map(lambda leaf: _kept(leaf), operands)
        out = func(*args, **kwargs)
        if self._is_view(out, tensors) and pure is func:
            return out
        call = OperatorCall(
            pure, operands[0], {k: v for k, v in operands[1].items() if k != "out"}, tree_map(_on_cpu, out)
        )
        applied = rule(call)
        if len(operands_of((call.args, call.kwargs))) != len(places):
            raise NotCertified("it writes into a tensor that it is given as out=")
        self._write(out, applied, places)
        return out

    def _is_view(self, out: Any, tensors: Sequence[Tensor]) -> bool:
        results = [leaf for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)]
        shared = {storage_key(tensor) for tensor in tensors}
        return bool(results) and all(storage_key(result) in shared for result in results)

    def _write(self, out: Any, applied: Applied, places: tuple[StorageRegion | None, ...]) -> None:
        results = [out] if isinstance(out, torch.Tensor) else list(out)
        made: list[StorageRegion | None] = []
        for tensor, exactly in zip(results, applied.outputs, strict=True):
            self._alive.append(tensor)
            if isinstance(exactly, Truths):
                if (exactly.undecided | (exactly.value != tensor.numpy())).any():
                    self._undecided[id(tensor)] = exactly.undecided | (exactly.value != tensor.numpy())
                made.append(None)
            elif exactly is None:
                made.append(None)
            else:
                made.append(self._written(tensor, exactly))
        if applied.pullback is not None:
            self._entries.append(TapeEntry(places, tuple(made), applied.pullback))

    def _written(self, tensor: Tensor, ball: DoubleBall) -> StorageRegion:
        """The new state of a tensor's storage, once the tensor holds ``ball``; what lies around it stays."""
        key, layout, ball = storage_key(tensor), StridedLayout.of(tensor), self.as_computed(ball)
        count = tensor.untyped_storage().nbytes() // tensor.element_size()
        old = self._states.get(key)
        if old is None:
            old = State(exact(np.zeros(count)))
            self._alive.append(tensor.untyped_storage())
        new = State(layout.written(old.ball, ball))
        self._states[key] = new
        if not layout.is_whole(count):
            whole = StridedLayout(0, (count,), (1,))
            around: Pullback = lambda cotangents: [layout.without(one) for one in cotangents if one is not None]  # noqa: E731
            passed = StorageRegion(old, whole, True), StorageRegion(new, whole, True)
            self._entries.append(TapeEntry(passed[:1], passed[1:], around))
        return StorageRegion(new, layout, True)

    # ------------------------------------------------------------------------------------ operators of many steps
    def _in_steps(self, steps: Any, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs the steps that an operator is composed of, and records them."""
        leaves = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        constants = {id(leaf) for leaf in leaves if leaf.is_floating_point() and not self._place(leaf).passes}
        with torch.no_grad(), self:
            before, self._constants = self._constants, self._constants | constants
            try:
                out = steps(*args, **kwargs)
                if functional(func) is not func:
                    args[0].copy_(out)
                    out = args[0]
            finally:
                self._constants = before
        return out

    def _without_rule(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """An operator without a rule: what it makes of constants alone is what it is."""
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        if any(tensor.is_floating_point() and self._place(tensor).passes for tensor in tensors):
            raise NotCertified("it has no rule")
        out = func(*args, **kwargs)
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor):
                self._states.pop(storage_key(leaf), None)
        return out

    # ------------------------------------------------------------------------------------------------ sweeping back
    def gradients(self, output: Tensor, upstream: Tensor) -> list[DoubleBall]:
        """The exact gradients of Σ upstream · output by each source, in the sources' shapes.

        ``upstream`` has the shape of ``output``; it is exact. Zeros where the output does not depend on a source.
        """
        with np.errstate(all="ignore"):
            return self._swept(output, exact(upstream.detach().to("cpu", torch.float64).numpy()))

    def _swept(self, output: Tensor, seed: DoubleBall) -> list[DoubleBall]:
        cotangents: dict[int, DoubleBall] = {}

        def give(place: StorageRegion, cotangent: DoubleBall) -> None:
            flat = place.layout.spread(self.as_computed(cotangent), len(place.state.ball.high))
            cotangents[id(place.state)] = together(cotangents.get(id(place.state)), flat)

        give(StorageRegion(self._state(output), StridedLayout.of(output), True), seed)
        for entry in reversed(self._entries):
            given = [
                None
                if place is None or id(place.state) not in cotangents
                else place.layout.read(cotangents[id(place.state)])
                for place in entry.results
            ]
            if all(one is None for one in given):
                continue
            for place, cotangent in zip(entry.operands, entry.pullback(given), strict=True):
                if place is not None and place.passes and cotangent is not None:
                    give(place, cotangent)
        return [
            source.layout.read(cotangents.get(id(source.state), exact(np.zeros_like(source.state.ball.high))))
            for source in self.sources
        ]


def _kept(leaf: Any) -> Any:
    """An operand of an operator that writes: with a copy of what the program will overwrite."""
    return Operand(leaf.value.clone(), leaf.ball, leaf.undecided) if isinstance(leaf, Operand) else leaf


def _on_cpu(leaf: Any) -> Any:
    return leaf.detach().to("cpu") if isinstance(leaf, torch.Tensor) else leaf
