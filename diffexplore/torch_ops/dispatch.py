"""What a watch does at each ATen operation: run it, then say how far its result may be from the exact one."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from diffexplore.bounds.composites import StepByStep
from diffexplore.bounds.handling import Handler, unwatched
from diffexplore.torch_ops import registry
from diffexplore.torch_ops.kinks import found_by_bound
from diffexplore.torch_ops.records import OPAQUE, Operator

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch


def taken_apart(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An operation that torch itself composes of others, such as true_divide: these are watched."""
    with watch:
        return func.decompose(*args, **kwargs)


@cache
def handler_of(func: Any) -> Handler:
    """The handler of an operator. One of another library may compute anything, whatever it is called."""
    known = _handler(registry.of(func), in_place=registry.is_in_place(registry.base_name(func)))
    if known is not unwatched or func.namespace != "aten":
        return known
    return taken_apart if func._can_decompose() else partial(_decomposed(func).run, found_by_bound)


def _decomposed(func: Any) -> StepByStep:
    """The bound by torch's decomposition, for an operator that has one and no other bound."""
    return StepByStep(updates=func._schema.is_mutable)


@cache
def handler(name: str) -> Handler:
    """The handler of an ATen operation by its name."""
    return _handler(registry.named(name), in_place=registry.is_in_place(name))


def _handler(operator: Operator | None, *, in_place: bool) -> Handler:
    if operator is None or operator.bound == OPAQUE or (in_place and not operator.bound.in_place):
        return unwatched
    return partial(operator.bound.run, operator.kinks)
