"""What is around a check, and what a check does to it.

A check differentiates, seeds torch's generators and patches names of torch for a while. It may be called within another
check and in several threads; modes around it are set aside before (:mod:`diffexplore.ambient_modes`).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np
import torch

from diffexplore.errors import UsageError
from diffexplore.torch_private.generators import generators_forked
from diffexplore.torch_private.own_modes import without_own_modes
from diffexplore.torch_private.tracing import FakeTensorMode
from diffexplore.torch_private.watching import current_dispatch_modes, is_transformed
from diffexplore.tracing.left_gradients import grads_set_aside
from diffexplore.verifying.turns import one_at_a_time

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def keeps_surroundings(check: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """A public function that runs somebody's code, and leaves what is around it as it was."""

    @wraps(check)
    def run(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        __tracebackhide__ = True
        with surroundings_kept((), check.__name__):
            return check(*args, **kwargs)

    return run


@contextmanager
def surroundings_kept(leaves: Iterable[torch.Tensor], name: str) -> Iterator[None]:
    """Inside the block torch is as checks need it; no ``grad`` that was there is touched, of ``leaves`` or of others.

    Afterwards the generators of torch, NumPy and Python go on where they were, whatever was drawn and seeded inside.
    ``name`` is that of the check. Raises UsageError where there are no numbers to be checked: within transforms of
    ``torch.func``, and where tensors are fake.
    """
    if is_transformed():
        raise UsageError(f"{name} was called within a transform of torch.func (grad, vmap, ...): call it outside")
    if any(isinstance(mode, FakeTensorMode) for mode in current_dispatch_modes()):
        raise UsageError(f"{name} was called where tensors are fake (FakeTensorMode), without numbers: call it outside")
    aside = [one for one in leaves if one.is_leaf]
    with _alone(), without_own_modes(), generators_forked(), _generators_kept(), grads_set_aside(aside):
        yield


@contextmanager
def _generators_kept() -> Iterator[None]:
    of_python, of_numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)


def _alone() -> AbstractContextManager[object]:
    """Waits for checks in other threads. Threads of torch's own work for one that has begun."""
    own = isinstance(threading.current_thread(), threading._DummyThread)
    return nullcontext() if own else one_at_a_time()
