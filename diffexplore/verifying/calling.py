"""Calling somebody's code: with copies, with the random generator fixed, and with its exceptions kept in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor

from diffexplore.errors import CandidateError, DiffexploreError
from diffexplore.torch_code.calling import first_line, in_one_line
from diffexplore.torch_private.generators import generators_forked

Result = TypeVar("Result")


class ModeUnavailable(CandidateError):
    """The candidate, or torch, does not have this mode: the message is torch's reason."""


def copies_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies of the tensors for one call."""
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def modified(copies: Mapping[str, Tensor], originals: Mapping[str, Tensor]) -> tuple[str, ...]:
    """The symbols whose copy a call has changed in place."""
    return tuple(name for name, copy in copies.items() if not _same(copy.detach(), originals[name]))


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors hold the same numbers; NaN is the same as NaN."""
    return torch.equal(one, other) or torch.equal(one.nan_to_num(), other.detach().nan_to_num())


def call(function: Callable[[], Result], name: str, seed: int) -> Result:
    """What ``function`` returns, the generator seeded; an exception of the candidate becomes a CandidateError."""
    try:
        with _seeded(seed), torch.enable_grad():
            return function()
    except DiffexploreError:
        raise
    except (Exception, SystemExit) as error:
        raise CandidateError(in_one_line(name, error)) from error


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with generators_forked():
        if torch.accelerator.is_available():
            torch.manual_seed(seed)
        else:  # torch.manual_seed writes down the whole stack, for the first use of a device
            torch.default_generator.manual_seed(seed)
        yield


@contextmanager
def torch_reasons() -> Iterator[None]:
    """An operation that torch refuses to differentiate becomes ModeUnavailable, in torch's own words."""
    try:
        yield
    except (NotImplementedError, RuntimeError) as error:
        raise ModeUnavailable(f"torch refuses: {first_line(error)}") from error
