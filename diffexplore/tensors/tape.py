"""Recording a forward pass below autograd, in balls, so that it can be swept backwards by rules of our own.

Every operation of torch runs unchanged; beside it, its rule computes the exact result as balls, at once. What autograd
does is never seen: a hand-written backward pass is not used to judge itself.

A derivative passes through an operand as autograd lets it: one that needs no gradient counts as a constant wherever
gradients are recorded (``detach``, ``.data``, ``no_grad``); within the forward of an autograd Function, where they are
not, every operand counts, but what its call was given as a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Self

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall, exact, neg
from diffexplore.arithmetic.tensor_balls import chosen
from diffexplore.tensors.memory import State, StorageRegion, StridedLayout, as_stored, numbers_in
from diffexplore.tensors.sweep import TapeEntry, swept
from diffexplore.torch_ops.tensor_rules.lookup import (
    READS_CONDITIONS,
    functional,
    rule_of,
    steps_of,
    written_arguments,
)
from diffexplore.torch_ops.tensor_rules.operands import Applied, NotCertified, Operand, OperatorCall, Truths
from diffexplore.torch_private.functions import arguments_changed
from diffexplore.torch_private.unloaded import without_loading
from diffexplore.torch_private.watching import DispatchMode, disable_current_modes, storage_key, tree_leaves, tree_map

Tensor = torch.Tensor


class Tape(DispatchMode):
    """Records what runs within its ``with`` block.

    ``sources`` are the tensors that are differentiated by. ``problem`` says why there is no certified derivative; None
    as long as there is one.
    """

    def __init__(self, sources: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves its dispatch modes untyped
        self.problem: str | None = None
        self._states: dict[int, State] = {}
        self._dtypes: dict[int, torch.dtype] = {}
        self._conditions: dict[int, np.ndarray] = {}
        self._alive: list[Any] = []
        self._entries: list[TapeEntry] = []
        self._calls: list[AbstractContextManager[None]] = []
        self._own_sources = {id(source) for source in sources}
        self._passing: set[int] = set()
        self.sources: list[StorageRegion] = []
        try:
            for source in sources:
                old = self._state(source)
                self._states[storage_key(source)] = State(old.ball, True)
            self.sources = [StorageRegion(self._state(one), StridedLayout.of(one), True) for one in sources]
        except NotCertified as reason:
            self.problem = str(reason)

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
        self._written(copy, self.ball(tensor), varies=False)
        return copy

    # ------------------------------------------------------------------------------------------------- reading
    def ball(self, tensor: Tensor) -> DoubleBall:
        """The exact value of a tensor of real numbers; of a complex one as pairs, along a last axis."""
        return StridedLayout.of(tensor).read(self._state(tensor).ball)

    def _state(self, tensor: Tensor) -> State:
        """That of the tensor's storage; what was never seen before is what it is."""
        if tensor.layout != torch.strided:
            raise NotCertified(f"a tensor of layout {tensor.layout} is not read")
        key, dtype = storage_key(tensor), tensor.dtype.to_real()
        if key not in self._states:
            self._alive.append(tensor.untyped_storage())
            self._states[key], self._dtypes[key] = State(as_stored(tensor)), dtype
        elif self._dtypes[key] != dtype or len(self._states[key].ball.high) != numbers_in(tensor):
            raise NotCertified(f"memory of {self._dtypes[key]} is read as {dtype}, or in another size")
        return self._states[key]

    def _place(self, tensor: Tensor) -> StorageRegion:
        a_leaf_of_its_own = tensor.is_leaf and id(tensor) not in self._own_sources
        passes = (tensor.requires_grad and not a_leaf_of_its_own) or id(tensor) in self._passing
        return StorageRegion(self._state(tensor), StridedLayout.of(tensor), passes or not torch.is_grad_enabled())

    def _operand(self, tensor: Tensor) -> Operand:
        value = tensor.detach().to("cpu", copy=True) if tensor.device.type != "cpu" else tensor.detach()
        if _is_real_or_complex(tensor):
            place = self._place(tensor)
            return Operand(value, place.layout.read(place.state.ball), varies=place.varies)
        known = self._conditions.get(storage_key(tensor))
        undecided = None if known is None else StridedLayout.of(tensor).view(known)
        return Operand(value.clone(), None, undecided if undecided is None or undecided.any() else None)

    def _resolved(self, tensor: Any) -> Any:
        """A tensor in memory of its own that holds what a lazily conjugated or negated one stands for."""
        if not isinstance(tensor, torch.Tensor) or not (tensor.is_conj() or tensor.is_neg()):
            return tensor
        plain = tensor.detach().resolve_conj().resolve_neg()
        negative = np.full(2 if tensor.is_complex() else 1, tensor.is_neg())
        if tensor.is_conj():
            negative[1] = not negative[1]
        place = self._place(tensor)

        def flipped(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
            return [None if one is None else chosen(negative, neg(one), one) for one in cotangents]

        (ball,) = flipped([place.layout.read(place.state.ball)])
        self._write([plain], Applied((ball,), flipped), (place,))
        if place.passes:
            self._passing.add(id(plain))
        return plain

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
            isinstance(leaf, torch.Tensor)
            and leaf.layout == torch.strided
            and (storage_key(leaf) in self._states or storage_key(leaf) in self._conditions)
            for leaf in tree_leaves(arguments)
        )

    def _record(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        out = None
        if func.is_view:
            out = func(*args, **kwargs)
            if _is_view(out, _tensors_in((args, kwargs))):
                return out
        args, kwargs = tree_map(self._resolved, (args, kwargs))
        written = written_arguments(func)
        outs = [kwargs[name] for name in written if kwargs.get(name) is not None]
        kwargs = {name: value for name, value in kwargs.items() if name not in written}
        pure = functional(func)
        tensors = _tensors_in((args, kwargs))
        rule = rule_of(pure, any(tensor.is_complex() for tensor in tensors))
        if rule is None:
            return self._in_steps(pure, func, args, kwargs, outs)
        places = tuple(self._place(tensor) if _is_real_or_complex(tensor) else None for tensor in tensors)
        operands = tree_map(
            lambda leaf: self._operand(leaf) if isinstance(leaf, torch.Tensor) else leaf, (args, kwargs)
        )
        if rule not in READS_CONDITIONS and any(
            isinstance(leaf, Operand) and leaf.undecided is not None for leaf in tree_leaves(operands)
        ):
            raise NotCertified("a condition that decides it is not certain here")
        if pure is not func:
            operands = tree_map(_kept, operands)
        if out is None:
            out = func(*args, **kwargs, **dict(zip(written, outs, strict=True)) if outs else {})
        applied = rule(OperatorCall(pure, operands[0], operands[1], tree_map(_on_cpu, out)))
        self._write([out] if isinstance(out, torch.Tensor) else list(out), applied, places)
        if any(id(tensor) in self._passing for tensor in tensors) and isinstance(out, torch.Tensor):
            self._passing.add(id(out))  # torch resolves lazy conjugates below autograd, by a copy
        return out

    def _write(self, results: list[Any], applied: Applied, places: tuple[StorageRegion | None, ...]) -> None:
        varies = applied.pullback is not None and any(place is not None and place.varies for place in places)
        made: list[StorageRegion | None] = []
        before = len(self._entries)
        for tensor, exactly in zip(results, applied.outputs, strict=True):
            made.append(None)
            if not isinstance(tensor, torch.Tensor):
                continue
            self._alive.append(tensor)
            if isinstance(exactly, DoubleBall):
                made[-1] = self._written(tensor, exactly, varies)
            else:
                self._decided(tensor, exactly)
        if varies and applied.pullback is not None:
            # Results may share memory: on the way back their cotangents come through the writes of those after them.
            self._entries.insert(before, TapeEntry(places, tuple(made), applied.pullback))

    def _decided(self, tensor: Tensor, exactly: Truths | None) -> None:
        """Keeps which truth values of a tensor are certain."""
        key = storage_key(tensor)
        if exactly is None:
            self._states.pop(key, None)
        undecided = None if exactly is None else exactly.undecided | (exactly.value != tensor.detach().cpu().numpy())
        if key in self._conditions or (undecided is not None and undecided.any()):
            flat = self._conditions.get(key, np.zeros(tensor.untyped_storage().nbytes(), np.bool_)).copy()
            flat[StridedLayout.of(tensor).places(len(flat))] = False if undecided is None else undecided
            self._conditions[key] = flat

    def _written(self, tensor: Tensor, ball: DoubleBall, varies: bool) -> StorageRegion:
        """The new state of a tensor's storage, once the tensor holds ``ball``; what lies around it stays."""
        key, layout, ball = storage_key(tensor), StridedLayout.of(tensor), self.as_computed(ball)
        count = numbers_in(tensor)
        old = self._states.get(key)
        whole = layout.is_whole(count)
        if old is None or (whole and len(old.ball.high) != count):
            old = State(exact(np.zeros(count)))
            self._alive.append(tensor.untyped_storage())
            self._dtypes[key] = tensor.dtype.to_real()
        new = State(layout.written(old.ball, ball), varies or (old.varies and not whole))
        self._states[key] = new
        if not whole and old.varies:
            everything = StridedLayout(0, (count,), (1,))
            passed = StorageRegion(old, everything, True), StorageRegion(new, everything, True)

            def around(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
                return [layout.without(one) for one in cotangents if one is not None]

            self._entries.append(TapeEntry(passed[:1], passed[1:], around))
        return StorageRegion(new, layout, True)

    # ------------------------------------------------------------------------------------ operators of many steps
    def _in_steps(self, pure: Any, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outs: list[Any]) -> Any:
        """Runs the steps that an operator is composed of, and records them."""
        tensors = _tensors_in((args, kwargs))
        steps = steps_of(pure, any(tensor.is_complex() for tensor in tensors))
        if steps is None:
            return self._without_rule(func, args, kwargs, outs)
        changes = () if pure is not func else written_arguments(func, keywords=False)
        names = [argument.name for argument in func._schema.arguments]
        frozen = [
            value if name in changes else tree_map(self._frozen, value)
            for name, value in zip(names, args, strict=False)
        ]
        options = tree_map(self._frozen, kwargs)
        with torch.no_grad():
            try:
                with self:
                    alone = without_loading if pure.namespace in ("aten", "prims") else _run
                    out = alone(lambda: steps(*frozen, **options))
                    for target, result in zip(outs, [out] if isinstance(out, torch.Tensor) else out, strict=bool(outs)):
                        target.copy_(result)
                    if pure is not func:
                        args[0].copy_(out)
            except (NotImplementedError, TypeError, RuntimeError, ValueError, IndexError) as error:
                func(
                    *args, **kwargs, **dict(zip(written_arguments(func), outs, strict=False))
                )  # it may be the call's fault
                raise NotCertified(f"its steps do not run here: {error}") from None
        return args[0] if pure is not func else outs[0] if len(outs) == 1 else tuple(outs) if outs else out

    def _frozen(self, leaf: Any) -> Any:
        """A constant operand in memory of its own, where every operand counts as one that a derivative passes."""
        if not isinstance(leaf, torch.Tensor) or not _is_real_or_complex(leaf):
            return leaf
        place = self._place(leaf)
        if place.passes or not place.state.varies:
            return leaf
        copy = leaf.detach().clone()
        self._write([copy], Applied((place.layout.read(place.state.ball),), None), ())
        return copy

    def _without_rule(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outs: list[Any]) -> Any:
        """An operator without a rule: what it makes of constants alone is what it is."""
        tensors = _tensors_in((args, kwargs))
        if any(_is_real_or_complex(tensor) and self._place(tensor).varies for tensor in tensors):
            raise NotCertified("it has no rule")
        if any(self._operand(tensor).undecided is not None for tensor in tensors if tensor.dtype is torch.bool):
            raise NotCertified("a condition that decides it is not certain here")
        out = func(*args, **kwargs, **dict(zip(written_arguments(func), outs, strict=False)))
        for leaf in _tensors_in(out):
            if self._states.pop(storage_key(leaf), State(exact(np.zeros(0)))).varies:
                raise NotCertified("it writes into memory, and has no rule")
        return out

    # ------------------------------------------------------------------------------------------------ sweeping back
    def gradients(self, output: Tensor | Sequence[Tensor], upstream: Tensor | Sequence[Tensor]) -> list[DoubleBall]:
        """The exact gradients of Σ upstream · output by each source, in the sources' shapes.

        ``upstream`` has the shape of ``output``; it is exact. Several outputs with an upstream each are added up. Zeros
        where no output depends on a source. Those of a complex source are pairs along a last axis.
        """
        outputs = [output] if isinstance(output, torch.Tensor) else list(output)
        upstreams = [upstream] if isinstance(upstream, torch.Tensor) else list(upstream)
        with np.errstate(all="ignore"):
            regions = [
                StorageRegion(self._state(out), StridedLayout.of(out), True) for out in map(self._resolved, outputs)
            ]
            seeds = list(zip(regions, map(_seed, upstreams), strict=True))
            return swept(self._entries, seeds, self.sources, as_computed=self.as_computed)


def _run(steps: Callable[[], Any]) -> Any:
    return steps()


def _seed(upstream: Tensor) -> DoubleBall:
    real = torch.view_as_real(upstream.detach().resolve_conj()) if upstream.is_complex() else upstream.detach()
    return exact(real.to("cpu", torch.float64, copy=True).numpy())


def _tensors_in(value: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def _is_real_or_complex(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _is_view(out: Any, tensors: Sequence[Tensor]) -> bool:
    results, shared = _tensors_in(out), {storage_key(tensor) for tensor in tensors}
    return bool(results) and all(storage_key(result) in shared for result in results)


def _kept(leaf: Any) -> Any:
    """An operand of an operator that writes: with a copy of what the program will overwrite."""
    return Operand(leaf.value.clone(), leaf.ball, leaf.undecided, leaf.varies) if isinstance(leaf, Operand) else leaf


def _on_cpu(leaf: Any) -> Any:
    return leaf.detach().to("cpu") if isinstance(leaf, torch.Tensor) else leaf
