"""Inputs at which operators are rarely tried: huge, tiny, mixed, infinite, undefined, or laid out in other ways."""

from __future__ import annotations

from collections.abc import Callable

import torch

Tensor = torch.Tensor


def _scaled(x: Tensor, exponent: float) -> Tensor:
    """Times a power of two, where ``exponent`` is a share of the largest one of the dtype."""
    most = torch.finfo(x.dtype).max
    return x * 2.0 ** round(exponent * torch.frexp(torch.tensor(most, dtype=torch.float64)).exponent.item())


def _subnormal(x: Tensor) -> Tensor:
    return x * torch.finfo(x.dtype).tiny / 4


def _with(number: float) -> Callable[[Tensor], Tensor]:
    def change(x: Tensor) -> Tensor:
        found = x.clone().contiguous()
        found.view(-1)[:: max(1, found.numel() // 2)] = number
        return found

    return change


def _mixed(x: Tensor) -> Tensor:
    """Every other number huge, and every third one tiny."""
    place = torch.arange(x.numel()).reshape(x.shape)
    large = torch.where(place % 2 == 0, _scaled(x, 0.4), x)
    return torch.where(place % 3 == 0, _scaled(x, -0.4), large)


def _beside_one(x: Tensor) -> Tensor:
    ones = torch.ones_like(x)
    return torch.where(x > 0, torch.nextafter(ones, 2 * ones), torch.nextafter(ones, 0 * ones))


def _strided(x: Tensor) -> Tensor:
    """The same numbers, every other one of larger memory, backwards in the order of axes."""
    axes = [*reversed(range(x.dim()))]
    memory = torch.zeros([2 * x.shape[axis] for axis in axes], dtype=x.dtype)
    view = memory[tuple(slice(None, None, 2) for _ in axes)].permute(axes)
    return view.copy_(x)


def _expanded(x: Tensor) -> Tensor:
    return x[:1].expand(x.shape) if x.dim() and x.shape[0] else x


#: What is made of the floats of a sample, by name.
CHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "huge": lambda x: _scaled(x, 0.45),
    "largest": lambda x: torch.where(x == 0, x, x.sign() * torch.finfo(x.dtype).max * (1 - x.abs().clamp(max=1) / 2)),
    "tiny": lambda x: _scaled(x, -0.45),
    "subnormal": _subnormal,
    "zeros": torch.zeros_like,
    "negative zeros": lambda x: torch.zeros_like(x).neg(),
    "beside one": _beside_one,
    "mixed": _mixed,
    "infinite": _with(torch.inf),
    "undefined": _with(torch.nan),
    "strided": _strided,
    "expanded": _expanded,
}


def changed(x: Tensor, name: str) -> Tensor:
    """A sample's input, changed; a complex one in both of its parts."""
    with torch.no_grad():
        if not x.is_complex():
            return CHANGES[name](x.detach())
        if name in ("strided", "expanded"):
            return CHANGES[name](x.detach().resolve_conj())
        parts = torch.view_as_real(x.detach().resolve_conj())
        return torch.complex(CHANGES[name](parts[..., 0].clone()), CHANGES[name](parts[..., 1].clone()))
