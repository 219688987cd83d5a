"""What a cell of a tensor of some dtype may be, and which arguments of an operator its reader must not pass over."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import sympy
import torch

from diffexplore.floating_point import dtype_name
from diffexplore.torch_ops.readers.arrays import Grid, each
from diffexplore.torch_ops.readers.certain import is_real_number, whole_range
from diffexplore.torch_ops.readers.logic import as_condition, as_number, is_truth

#: Arguments that do not change what the elements are, or that are seen in the shape and the dtype of the result.
_HARMLESS = frozenset(
    "layout device pin_memory memory_format non_blocking requires_grad implicit sparse_grad unsafe "
    "half_to_float input_dtype dtype self size shape stride n m nan posinf neginf".split()
)


def conformed(grid: Grid, dtype: torch.dtype) -> Grid:
    """The result of an operator as a tensor of its dtype: numbers where it holds numbers, else truth values.

    The same cells where they are that already, so that views stay views. Raises NotImplementedError where the dtype
    rounds or wraps around, which no formula does.
    """
    if dtype == torch.bool:
        return grid if all(map(is_truth, grid.cells.flat)) else each(as_condition, grid)
    if any(map(is_truth, grid.cells.flat)):
        grid = each(as_number, grid)
    if not (dtype.is_floating_point or dtype.is_complex):
        for cell in grid.cells.flat:
            _check_whole(cell, dtype)
    return grid


def _check_whole(cell: sympy.Expr, dtype: torch.dtype) -> None:
    name, info = dtype_name(dtype), torch.iinfo(dtype)
    found = whole_range(cell)
    if found is None:
        raise NotImplementedError(f"its {name} result is rounded to whole numbers, which formulas do not: use floats")
    if found[0] < info.min or found[1] > info.max:
        raise NotImplementedError(f"its {name} result may be out of range, where torch wraps around: use floats")


class NotANumber(NotImplementedError):
    """A constant without a real value."""


class Known:
    """Expressions that hold no number which is undefined or not real. Remembers them, as results share most parts."""

    def __init__(self) -> None:
        self._known: set[sympy.Basic] = set()

    def check(self, grid: Grid) -> None:
        """Raises NotImplementedError where a cell holds such a number."""
        for cell in grid.cells.flat:
            waiting = [cell]
            while waiting:
                part = waiting.pop()
                if part in self._known:
                    continue
                if isinstance(part, sympy.Expr) and part.is_number and not is_real_number(part):
                    raise NotANumber(
                        "it makes or takes a constant without a real value, such as log(-1) or nan: leave it out"
                    )
                self._known.add(part)
                waiting.extend(part.args)


def check_arguments(operator: Any, reader: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raises NotImplementedError for an argument that the reader takes without reading it, unless it is harmless."""
    if any(argument.is_out for argument in operator._schema.arguments):
        raise NotImplementedError("it writes its result into another tensor: write the step without out=")
    named, rest, others = _parameters(reader)
    names = [argument.name for argument in operator._schema.arguments if not argument.kwarg_only]
    given = dict(kwargs) if others else {}
    passed = [name for name in given if name not in named]
    passed += names[len(named) : len(args)] if rest else []
    values = dict(zip(names, args, strict=False)) | given
    for name in passed:
        if name not in _HARMLESS and values[name] is not None:
            raise NotImplementedError(f"its argument {name} is not read: write the step without it")


@cache
def _parameters(reader: Callable[..., Any]) -> tuple[tuple[str, ...], bool, bool]:
    """The arguments that a reader has names for, and whether it passes over others, by place and by name."""
    parameters = list(inspect.signature(reader).parameters.values())[1:]
    named = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
    unread = {p.kind for p in parameters if p.name.startswith("_")}
    kind = inspect.Parameter
    return named, kind.VAR_POSITIONAL in unread, kind.VAR_KEYWORD in unread
