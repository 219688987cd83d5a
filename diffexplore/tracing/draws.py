"""Random numbers that a program draws, as data: each draw becomes an argument, and a proof holds for all its values.

A drawn tensor depends on nothing that is differentiated by: so torch has it, and so it is read. What is drawn below
autograd is replaced there; the derivative that autograd keeps of the step is the one that is examined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

import sympy
import torch
from sympy.logic.boolalg import Boolean

from diffexplore.errors import UsageError
from diffexplore.torch_code.calling import exits_refused
from diffexplore.torch_private.watching import DispatchMode
from diffexplore.tracing.declarations import Array, declare
from diffexplore.tracing.outputs import TRIED, Output, by_samples, tried_numbers

Tensor = torch.Tensor

#: What the numbers of a draw are called.
DRAWN = "drawn"


@dataclass(frozen=True)
class DrawKind:
    """What is drawn: ``between`` bounds the numbers, ``truth`` says that each is 1 or 0, as it is not 0 or is."""

    between: tuple[int, int] | None = None
    truth: bool = False


_TRUTH, _UNIT, _REAL = DrawKind(truth=True), DrawKind(between=(0, 1)), DrawKind()

#: Operators that draw numbers into the first operand, or into a tensor like it.
_KINDS: Mapping[str, DrawKind] = {
    "bernoulli": _TRUTH, "rand": _UNIT, "rand_like": _UNIT,
    **dict.fromkeys(("uniform", "normal", "normal_functional", "randn", "randn_like", "exponential"), _REAL),
}  # fmt: skip


@dataclass(frozen=True)
class Draw:
    """One draw of a program, as an argument of it."""

    array: Array
    output: Output
    kind: DrawKind

    @property
    def domain(self) -> tuple[Boolean, ...]:
        """The conditions that its numbers meet."""
        if self.kind.between is None:
            return ()
        low, high = self.kind.between
        return tuple(one for s in self.array.symbols for one in (sympy.Ge(s, low), sympy.Lt(s, high)))


class Draws(DispatchMode):
    """Replaces what is drawn by numbers that are given, in the order of the draws; notes the shapes where none are."""

    def __init__(self, given: Sequence[Tensor] | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: list[tuple[DrawKind, tuple[int, ...]]] = []
        self._given = None if given is None else iter(given)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name.removeprefix("aten::")
        if func.namespace != "aten" or torch.Tag.nondeterministic_seeded not in func.tags:
            return func(*args, **kwargs)
        if name == "native_dropout":
            return self._dropout(func, *args, **kwargs)
        if name == "rrelu_with_noise" and (args[4:] or [kwargs.get("training")])[0]:
            return self._leaky(func, *args, **kwargs)
        kind = _KINDS.get(name.removesuffix("_"))
        if kind is None:
            return func(*args, **kwargs)
        if self._given is None:
            out = func(*args, **kwargs)
            self.seen.append((kind, tuple(out.shape)))
            return out
        if name.endswith("_"):
            return args[0].copy_(self._next(kind, args[0].dtype))
        return self._next(kind, kwargs.get("dtype") or torch.get_default_dtype() if "rand" in name else args[0].dtype)

    def _next(self, kind: DrawKind, dtype: torch.dtype) -> Tensor:
        assert self._given is not None
        numbers = next(self._given, None)
        if numbers is None:
            raise UsageError("the program draws more random numbers here than when it was tried")
        return (numbers != 0).to(dtype) if kind.truth else numbers.detach().to(dtype, copy=True)

    def _dropout(self, func: Any, x: Tensor, p: float, train: bool | None = True) -> Any:
        if train is False or p == 1:
            return func(x, p, train)
        if self._given is None:
            self.seen.append((_TRUTH, tuple(x.shape)))
            return func(x, p, train)
        kept = self._next(_TRUTH, x.dtype)
        return x * kept / (1 - p), kept.to(torch.bool)

    def _leaky(self, func: Any, x: Tensor, noise: Tensor, *rest: Any, **named: Any) -> Any:
        if self._given is None:
            self.seen.append((_REAL, tuple(x.shape)))
            return func(x, noise, *rest, **named)
        noise.copy_(torch.where(x <= 0, self._next(_REAL, x.dtype), 1))
        return torch.where(x <= 0, x * noise, x)


def draws_of(
    function: Callable[..., Any], parameters: Sequence[Array], data: Sequence[Array], taken: set[str]
) -> tuple[Draw, ...]:
    """What a program draws, for small numbers; none where it raises, or where the shapes say nothing of any N."""
    one, two = (list(_seen(function, parameters, data, n)) for n in TRIED)
    if not one or [kind for kind, _ in one] != [kind for kind, _ in two]:
        return ()
    found = []
    for place, ((kind, first), (_, second)) in enumerate(zip(one, two, strict=True)):
        output = by_samples(place, torch.Size(first), torch.Size(second))
        if output is None or place >= len(ascii_lowercase):
            return ()
        name = DRAWN if len(one) == 1 else f"{DRAWN}_{ascii_lowercase[place]}"
        while any(symbol.startswith(name) for symbol in taken):
            name += "_"
        (array,) = declare({name: output.shape})
        found.append(Draw(array, output, kind))
    return tuple(found)


def _seen(
    function: Callable[..., Any], parameters: Sequence[Array], data: Sequence[Array], n: int
) -> Iterator[tuple[DrawKind, tuple[int, ...]]]:
    watch = Draws()
    with (
        suppress(Exception),
        exits_refused(),
        torch.random.fork_rng(devices=[]),
        watch,
    ):  # tracing will say what is wrong
        function(**tried_numbers(parameters, data, n))
    yield from watch.seen


def drawing(function: Callable[..., Any], draws: Sequence[Draw]) -> Callable[..., Any]:
    """The function that takes what it draws by name."""

    def run(**tensors: Tensor) -> Any:
        given = [tensors.pop(draw.array.name) for draw in draws]
        turned = (
            tensor if draw.output.axis in (None, 0) else tensor.movedim(0, draw.output.axis)
            for tensor, draw in zip(given, draws, strict=True)
        )  # fmt: skip
        with Draws(list(turned)):
            return function(**tensors)

    return run
