"""Which argument of a candidate is which symbol of the loss."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from diffexplore.verify.candidates.base import CandidateError

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def bind(function: Callable[..., Any], symbols: Sequence[str], name: str, *, skip: int = 0) -> tuple[str, ...]:
    """The symbols to pass by position, in the order of the arguments of ``function``.

    By name where every argument that must be given is a symbol, else in the order of ``symbols``. The first ``skip``
    arguments are not ours to give (the ``ctx`` of an autograd Function). Raises CandidateError where neither fits.
    """
    try:
        arguments = list(inspect.signature(function).parameters.values())[skip:]
    except (TypeError, ValueError):  # a builtin without a signature
        return tuple(symbols)
    positional = [argument for argument in arguments if argument.kind in _POSITIONAL]
    known = [argument.name for argument in positional if argument.name in symbols]
    needed = [argument.name for argument in positional if argument.default is argument.empty]
    if known and set(needed) <= set(known) and [a.name for a in positional[: len(known)]] == known:
        return tuple(known)
    variadic = any(argument.kind is argument.VAR_POSITIONAL for argument in arguments)
    if variadic or len(needed) <= len(symbols) <= len(positional):
        return tuple(symbols)
    taken = _listed([argument.name for argument in positional])
    raise CandidateError(
        f"{name} takes {taken}, and the loss has {_listed(symbols)}: name the arguments like the symbols, or take all "
        f"{len(symbols)} in that order"
    )


def picked(symbols: Sequence[str], values: Mapping[str, Any]) -> list[Any]:
    """The values of some symbols, in their order."""
    return [values[symbol] for symbol in symbols]


def _listed(names: Sequence[str]) -> str:
    return f"({', '.join(names)})"
