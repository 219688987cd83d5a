"""Which results are the largest or smallest of other numbers, and which orders of numbers are certain.

The backward pass of amax asks which elements equal the result. Beside rounding that would be open for each of them; but
where the balls of all others stay away from that of the extreme element, it is this one, and no other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from diffexplore.bounds.ball import APART, Ball
from diffexplore.bounds.handling import finite_float, name_of
from diffexplore.bounds.known_numbers import KnownNumbers
from diffexplore.torch_private.watching import storage_key

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor


@dataclass(frozen=True, eq=False)
class _Extremum:
    """A result whose elements are each the extreme one of a group of ``source``'s, or of their absolute values.

    ``state`` is what is known of the result's memory. ``groups`` numbers the groups, in the source's shape; ``clear``
    says of which groups no second element may be the extreme one. ``places`` are those numbers in the result's memory.
    """

    state: object
    source: KnownNumbers
    absolute: bool
    groups: Tensor
    clear: Tensor
    places: Tensor


class Extremes:
    """The extreme elements that one watch has seen, and the absolute values."""

    def __init__(self) -> None:
        self._found: dict[int, _Extremum] = {}
        self._sizes: dict[int, tuple[KnownNumbers, KnownNumbers]] = {}

    def take_over(self, other: Extremes) -> None:
        """Has seen what another watch has."""
        self._found |= other._found
        self._sizes |= other._sizes

    def note(self, watch: Watch, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        """Keeps what an operation chose, if it is one that chooses extremes."""
        if name not in _READ and name != "aminmax":
            return
        if name == "aminmax" and isinstance(out, (tuple, list)):
            dim = kwargs.get("dim")
            for part, one in zip(("amin", "amax"), out, strict=True):
                self.note(watch, part, (args[0], [] if dim is None else [dim]), {}, one)
            return
        reading = _READ.get(name)
        if reading is None or not finite_float(out) or not finite_float(args[0]):
            return
        source, result = KnownNumbers.of(watch, args[0]), KnownNumbers.of(watch, out)
        if source is None or result is None:
            return
        if name == "abs":
            self._sizes[result.memory] = result, source
            return
        chosen = reading(*args[1:], **kwargs)
        if chosen is None:
            return
        sign, absolute, dims = chosen
        ball = watch.ball(args[0], args[0])
        mid = sign * (ball.mid.abs() if absolute else ball.mid)
        found = _grouped(Ball(mid, ball.rad.expand(mid.shape)), dims, out)
        if found is not None:
            self._found[result.memory] = _Extremum(result.state, source, absolute, *found)

    def decide(self, watch: Watch, values: Any, extreme: Any) -> Tensor | None:
        """Where it is certain which of ``values`` equal their ``extreme``; None where that is not known of any."""
        if not (finite_float(values) and finite_float(extreme)):
            return None
        known, numbers = self._found.get(storage_key(extreme)), KnownNumbers.of(watch, values)
        if known is None or numbers is None or watch.state(extreme) is not known.state:
            return None
        if known.absolute:
            result, source = self._sizes.get(numbers.memory, (None, None))
            numbers = source if result is not None and result.are(numbers) else None
        if not known.source.are(numbers):
            return None
        try:
            places = known.places.as_strided(extreme.shape, extreme.stride(), extreme.storage_offset())
            places, groups = torch.broadcast_tensors(places, known.groups)
        except RuntimeError:  # of another shape
            return None
        return known.clear[groups] if torch.equal(places, groups) else None


def _grouped(x: Ball, dims: Sequence[int], out: Tensor) -> tuple[Tensor, Tensor, Tensor] | None:
    """The number of each element's group, which groups are clear, and the groups' numbers in the memory of ``out``."""
    axes = sorted(axis % x.mid.dim() for axis in dims) if dims and x.mid.dim() else list(range(x.mid.dim()))
    if not x.mid.numel() or not out.is_contiguous():
        return None
    kept = [1 if axis in axes else length for axis, length in enumerate(x.mid.shape)]
    count = math.prod(kept)
    groups = torch.arange(count, device=out.device).reshape(kept).expand(x.mid.shape)
    rest = [axis for axis in range(x.mid.dim()) if axis not in axes]
    mid, rad = (part.permute((*rest, *axes)).reshape(count, -1) for part in (x.mid, x.rad))
    first, numbers = out.storage_offset(), torch.arange(count, device=out.device)
    return groups, _clear(Ball(mid, rad)), torch.cat([numbers.new_zeros(first), numbers])


def orders_for_certain(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether an operator takes numbers by their order, and no two of them that matter may lie the other way round."""
    name = name_of(func)
    if name not in _ORDERING or not finite_float(args[0]):
        return False
    ball = watch.ball(args[0], args[0])
    if not bool(ball.rad.any()):
        return True
    dim = _dimension(func, args, kwargs)
    mid, rad = (part.expand(args[0].shape) for part in (ball.mid, ball.rad))
    mid, rad = (part.reshape(-1) if dim is None or not part.dim() else part.movedim(dim, -1) for part in (mid, rad))
    if name in _EXTREME:
        return bool(_clear(Ball(mid * _EXTREME[name], rad)).all())
    mid, order = mid.sort(-1)
    rad = rad.gather(-1, order)
    reach = rad[..., 1:] + rad[..., :-1]
    return bool((mid.diff(dim=-1) > reach * APART).logical_or_(reach == 0).all())


def _dimension(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | None:
    """The axis along which an operator orders; None for all numbers."""
    for place, stated in enumerate(func._schema.arguments):
        if stated.name == "dim":
            found = args[place] if place < len(args) else kwargs.get("dim", stated.default_value)
            return found if isinstance(found, int) else None
    return None


def _clear(x: Ball) -> Tensor:
    """Of which lines along the last axis no second number may be the largest."""
    if not x.mid.shape[-1]:
        return torch.ones(x.mid.shape[:-1], dtype=torch.bool, device=x.mid.device)
    top = x.mid.argmax(-1, keepdim=True)
    apart = x.mid.gather(-1, top) - x.mid > (x.rad.gather(-1, top) + x.rad) * APART
    return apart.scatter(-1, top, True).all(-1)


def _of_elements(sign: float) -> Callable[..., tuple[float, bool, Sequence[int]]]:
    def reading(dim: Sequence[int] = (), keepdim: bool = False) -> tuple[float, bool, Sequence[int]]:
        return sign, False, dim

    return reading


def _of_norm(
    order: float = 2, dim: int | Sequence[int] | None = None, *rest: Any, **options: Any
) -> tuple[float, bool, Sequence[int]] | None:
    if not math.isinf(order):
        return None
    return math.copysign(1.0, order), True, [dim] if isinstance(dim, int) else list(dim or [])


#: How the arguments of an operator say what it chooses: a sign, whether of absolute values, and along which axes.
_READ: dict[str, Callable[..., tuple[float, bool, Sequence[int]] | None]] = {
    "amax": _of_elements(1.0), "amin": _of_elements(-1.0), "max": _of_elements(1.0), "min": _of_elements(-1.0),
    "linalg_vector_norm": _of_norm, "norm": _of_norm, "abs": _of_elements(1.0),
}  # fmt: skip

#: Operators whose results are told by the largest number of each line (1), or by the smallest (−1).
_EXTREME = {"max": 1.0, "argmax": 1.0, "min": -1.0, "argmin": -1.0}

#: Operators whose results are told by the order of the numbers of a line, or of all numbers.
_ORDERING = frozenset(_EXTREME) | frozenset(
    "sort argsort topk median nanmedian kthvalue mode cummax cummin max_pool2d_with_indices max_pool3d_with_indices "
    "adaptive_max_pool2d adaptive_max_pool3d _embedding_bag".split()
)
