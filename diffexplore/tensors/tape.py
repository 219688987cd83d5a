"""Recording a forward pass below autograd, in balls, so that it can be swept backwards by rules of our own.

Every operation of torch runs unchanged; beside it, its rule computes the exact result as balls, at once. What autograd
does is never seen: a hand-written backward pass is not used to judge itself.

A derivative passes through an operand as autograd lets it: one that needs no gradient counts as a constant wherever
gradients are recorded (``detach``, ``.data``, ``no_grad``); within the forward of an autograd Function, where they are
not, every operand counts, but what its call was given as a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.bounds.handling import holds_complex, written_arguments
from diffexplore.tensors.calls import ProgramCall, computes_nothing, is_view, on_cpu, unwritten_if_it_raises, with_copy
from diffexplore.tensors.constant_operands import ConstantOperands
from diffexplore.tensors.memory import State, StorageRegion, StridedLayout
from diffexplore.tensors.storages import is_real_or_complex, tensors_in
from diffexplore.tensors.sweep import swept
from diffexplore.tensors.sweep_rules import SweepRules
from diffexplore.torch_ops.tensor_rules.creation import constants_made
from diffexplore.torch_ops.tensor_rules.lookup import (
    READS_CONDITIONS,
    functional,
    rule_of,
    saved_arguments,
    steps_of,
)
from diffexplore.torch_ops.tensor_rules.operands import NoDerivative, NotCertified, Operand, OperatorCall
from diffexplore.torch_private.unloaded import without_loading
from diffexplore.torch_private.watching import EnableTorchFunction, as_in_a_forward, storage_key, tree_leaves, tree_map

Tensor = torch.Tensor


class Tape(ConstantOperands):
    """Records what runs within its ``with`` block.

    ``sources`` are the tensors that are differentiated by. ``problem`` says why there is no certified derivative, and
    ``undefined`` that there may be none. ``escapes`` looks for numbers that leave torch in operators written in Python.
    """

    escapes: AbstractContextManager[Any] | None = None
    undefined = False

    def __init__(self, sources: Sequence[Tensor]) -> None:
        self.problem: str | None = None
        try:
            super().__init__(sources)
        except NotCertified as reason:
            super().__init__(())
            self.problem = str(reason)

    # ----------------------------------------------------------------------------------------------- recording
    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.aten._efficientzerotensor.default:
            # Of those that lie nowhere, torch adds others to them below autograd, where nothing says what varies.
            func = torch.ops.aten.zeros.default
        self.problem = self.problem or self._unseen(func, (args, kwargs))
        of_sparse = self._is_sparse_call(func, (args, kwargs))
        if self.problem is not None or computes_nothing(func) or not (of_sparse or self._is_seen((args, kwargs))):
            return self._kept(self._made_of_numbers(func, args, kwargs))
        call = ProgramCall(func, args, kwargs)
        with np.errstate(all="ignore"), self._called(func, args):
            try:
                return self._of_sparse(func, args, kwargs, call.out()) if of_sparse else self._record(call)
            except NotCertified as reason:
                try:
                    return self._as_it_is(call, reason)
                except NotCertified as unread:
                    self.problem, self.undefined = f"{func}: {unread}", isinstance(unread, NoDerivative)
                    return call.out()

    def _made_of_numbers(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs an operation on no tensor of numbers; constants are those that Python's numbers stand for."""
        out = func(*args, **kwargs)
        if isinstance(out, torch.Tensor) and out.layout == torch.strided and not out.is_meta:
            meant = constants_made(func, args, kwargs, out)
            if meant is not None:
                self._written(out, meant, varies=False)
        return out

    def _is_seen(self, arguments: Any) -> bool:
        """Whether some argument holds numbers that rounding, or a derivative, may bear on."""
        dense = (one for one in tensors_in(arguments) if one.layout == torch.strided)
        return any(is_real_or_complex(one) or storage_key(one) in self._conditions for one in dense)

    def _as_it_is(self, call: ProgramCall, reason: NotCertified) -> Any:
        """What an operator that is not read makes of constants: the numbers that it computed.

        What was detached is a constant, as autograd has it: its numbers, and what the program chose by them, are what
        they are. Raises ``reason`` where something varies.
        """
        if self._takes_sparse_ones_that_vary((call.args, call.kwargs)):
            raise reason
        operands = list(self._dense_ones((call.args, call.kwargs)))
        if any(self._operand(one).undecided is not None for one in operands if not is_real_or_complex(one)):
            raise NotCertified("a condition that decides it is not certain here")
        numbers = [one for one in operands if is_real_or_complex(one)]
        if any(self._place(one).varies for one in numbers) or any(
            storage_key(one) in self._conditions for one in operands
        ):
            raise reason
        out = call.out()
        names = written_arguments(call.function, keywords=False)
        written = [
            one for named, one in zip(call.function._schema.arguments, call.args, strict=False) if named.name in names
        ]
        for leaf in self._dense_ones((written, out)):
            if self._states.pop(storage_key(leaf), State(exact(np.zeros(0)))).varies:
                raise NotCertified("it writes into memory, and has no rule")
        return out

    def _record(self, call: ProgramCall) -> Any:
        func = call.function
        if func.is_view and is_view(call.out(), tensors_in((call.args, call.kwargs))):
            self._view_made(tensors_in(call.out())[0])
            return call.out()
        args, kwargs = tree_map(self._resolved, (call.args, call.kwargs))
        kwargs = {name: value for name, value in kwargs.items() if name not in written_arguments(func)}
        pure, tensors = functional(func), tensors_in((args, kwargs))
        rule = rule_of(pure, holds_complex((args, list(kwargs.values()))))
        if func.overloadpacket.__name__.endswith("_backward"):
            self._refuse_what_is_kept_apart(func, args)
        if rule is None:
            return self._in_steps(pure, call, args, kwargs)
        places = tuple(self._place(tensor) if is_real_or_complex(tensor) else None for tensor in tensors)
        operands = tree_map(self._operand, (args, kwargs))
        for leaf in tree_leaves(operands):
            if isinstance(leaf, Operand) and leaf.undecided is not None:
                if leaf.value.dtype is not torch.bool:
                    raise NotCertified("an index or a number that decides it is not certain here")
                if rule not in READS_CONDITIONS:
                    raise NotCertified("a condition that decides it is not certain here")
        if pure is not func:
            operands = tree_map(with_copy, operands)
        out = call.out()
        operands = self._with_what_was_drawn(func, args, operands)
        if not func._schema.is_mutable and is_view(out, tensors):
            return out  # as _unsafe_view, which torch does not call a view
        try:
            applied = rule(OperatorCall(pure, operands[0], operands[1], tree_map(on_cpu, out)))
        except NoDerivative:
            raise
        except (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise NotCertified(f"its rule does not read this call ({type(error).__name__}: {error})") from None
        self._refuse_equal_numbers(operands[0], applied, places)
        self._forget(func, args, tensors_in(out))
        self._write(list(out) if isinstance(out, (list, tuple)) else [out], applied, places)
        if any(id(tensor) in self._passing for tensor in tensors) and isinstance(out, torch.Tensor):
            self._passing.add(id(out))  # torch resolves lazy conjugates below autograd, by a copy
        return out

    def _with_what_was_drawn(self, func: Any, args: tuple[Any, ...], operands: Any) -> Any:
        """The operands, with the numbers that an operator drew into an argument beside the one that it changes."""
        if torch.Tag.nondeterministic_seeded not in func.tags:
            return operands
        given, names, kept = operands[0], written_arguments(func, keywords=False), operands[1]
        drawn = [
            on_cpu(value) if one.name in names and place and isinstance(value, torch.Tensor) else None
            for place, (one, value) in enumerate(zip(func._schema.arguments, args, strict=False))
        ]
        return tuple(
            operand if value is None else Operand(value, operand.ball, operand.undecided, operand.varies)
            for operand, value in zip(given, drawn, strict=True)
        ), kept

    def _refuse_what_is_kept_apart(self, func: Any, args: tuple[Any, ...]) -> None:
        """What a forward kernel saved for its way back may depend on what varies, although it needs no gradient."""
        for argument, value in zip(func._schema.arguments, args, strict=False):
            known = argument.name in saved_arguments(func) or argument.name.startswith("running_")
            if not known and self._frozen(value) is not value:
                raise NotCertified(f"whether its {argument.name} is a constant is not known")

    # ------------------------------------------------------------------------------------ operators of many steps
    def _in_steps(self, pure: Any, call: ProgramCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs the steps that an operator is composed of, and records them."""
        func = call.function
        steps = steps_of(pure, holds_complex((args, list(kwargs.values()))))
        if steps is None:
            raise NotCertified("it has no rule")
        changes = () if pure is not func else written_arguments(func, keywords=False)
        names = [argument.name for argument in func._schema.arguments]
        kept = (*changes, *saved_arguments(func))
        operands = [
            value if name in kept else tree_map(self._frozen, value) for name, value in zip(names, args, strict=False)
        ]
        written = [value for name, value in zip(names, args, strict=False) if name in changes]
        options = tree_map(self._frozen, kwargs)
        targets = [call.kwargs[name] for name in written_arguments(func)]
        if pure is not func:
            targets = call.args[0] if isinstance(call.args[0], list) else [call.args[0]]
        alone = without_loading if pure.namespace in ("aten", "prims") else self._run
        with as_in_a_forward():
            try:
                with unwritten_if_it_raises(written), self:
                    out = alone(lambda: steps(*operands, **options))
                    results = [out] if isinstance(out, torch.Tensor) else out or ()
                    for target, result in zip(targets, results, strict=False):
                        target.copy_(result)
            except NoDerivative:
                raise
            except (TypeError, RuntimeError, ValueError, LookupError, ZeroDivisionError) as error:
                call.out()  # raises where the call itself is wrong
                raise NotCertified(f"its steps do not run here: {error}") from None
        if pure is not func and isinstance(call.args[0], list):
            return None
        return out if not targets else targets[0] if len(targets) == 1 else tuple(targets)

    def _run(self, steps: Callable[[], Any]) -> Any:
        """Runs somebody's code: what leaves torch in it is looked for, as in the program around it."""
        with EnableTorchFunction(), self.escapes or nullcontext():
            return steps()

    # ------------------------------------------------------------------------------------------------ sweeping back
    @property
    def rules(self) -> SweepRules:
        return SweepRules(self.as_computed)

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
            return swept(self.entries, seeds, self.sources, rules=self.rules)


def _seed(upstream: Tensor) -> DoubleBall:
    real = torch.view_as_real(upstream.detach().resolve_conj()) if upstream.is_complex() else upstream.detach()
    return exact(real.to("cpu", torch.float64, copy=True).numpy())
