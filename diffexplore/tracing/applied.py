"""Programs as functions of named tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch

from diffexplore.arguments import as_function
from diffexplore.errors import UsageError


def applied(fn: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    """The function itself, or what the class of an autograd function computes of its arguments in order."""
    if isinstance(fn, type) and issubclass(fn, torch.autograd.Function):
        apply: Callable[..., Any] = fn.apply
        return lambda **tensors: apply(*(tensors[name] for name in names))
    as_function(fn, "the function", "a function of torch tensors")
    try:
        inspect.signature(fn).bind(**dict.fromkeys(names))
    except TypeError as error:
        listed = ", ".join(names) or "none"
        raise UsageError(f"the function does not take the declared arguments ({listed}) by name: {error}") from None
    except ValueError:  # a builtin that does not tell what it takes
        pass
    return fn
