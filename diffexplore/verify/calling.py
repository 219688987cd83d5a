"""Calling somebody's code: with copies, with the random generator fixed, and with its exceptions kept in one line."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import torch

from diffexplore.errors import DiffexploreError
from diffexplore.verify.candidates.base import CandidateError

Tensor = torch.Tensor
Result = TypeVar("Result")

_HERE = Path(__file__).resolve().parent.parent


class ModeUnavailable(CandidateError):
    """The candidate, or torch, does not have this mode: the message is torch's reason."""


@dataclass
class Inputs:
    """Copies of the tensors for one call, which tell afterwards whether they were modified in place."""

    originals: Mapping[str, Tensor]
    copies: dict[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        self.copies = {name: tensor.detach().clone() for name, tensor in self.originals.items()}

    def modified(self) -> tuple[str, ...]:
        """The symbols whose tensor is no longer what was given."""
        return tuple(name for name, copy in self.copies.items() if not _same(copy.detach(), self.originals[name]))


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
        raise CandidateError(f"{name} raises {type(error).__name__}: {_message(error)}{_where(error)}") from error


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def _message(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or "no message"


def _where(error: BaseException) -> str:
    """The last line of the candidate's own files in the traceback."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_theirs(frame.filename)]
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""


def _is_theirs(filename: str) -> bool:
    path = Path(filename)
    return "site-packages" not in path.parts and not path.is_relative_to(_HERE) and not filename.startswith("<frozen")


@contextmanager
def torch_reasons() -> Iterator[None]:
    """What torch refuses to differentiate is said in its own words."""
    try:
        yield
    except (NotImplementedError, RuntimeError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModeUnavailable(f"torch refuses: {lines[0][:300]}") from error
