"""Sizes, and what a graph computes from them, as exact expressions in N; the floats of a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sympy
from torch.fx import GraphModule

from diffexplore.formula.batch_sums import SAMPLES
from diffexplore.formula.recognise import recognise
from diffexplore.torch_private.watching import tree_map


def in_samples(
    size: Any, symbol: sympy.Symbol | None, read: Callable[[float], sympy.Expr] = lambda value: recognise(value)[0]
) -> sympy.Expr:
    """A size, or what a graph computes from sizes, as an exact expression in N; ``read`` says what its floats mean."""
    expr = getattr(getattr(size, "node", None), "expr", size)
    expr = _without(_SIZE_FUNCTIONS, sympy.sympify(expr))
    exact = {number: read(float(number)) for number in expr.atoms(sympy.Float)}
    renamed = {} if symbol is None else {symbol: SAMPLES}
    return expr.xreplace(exact).xreplace(renamed)


def relation_in_samples(guard: Any, symbol: sympy.Symbol) -> sympy.Basic:
    """A condition on the number of samples, in functions of SymPy."""
    return _without(_STEPS, in_samples(guard, symbol))


def _without(functions: Mapping[str, Callable[..., sympy.Expr]], expr: sympy.Basic) -> sympy.Basic:
    """An expression with torch's functions of sizes, by their names, written as others, the innermost first."""
    while wrapped := [node for node in expr.atoms(sympy.Function) if _is_torchs(node) and _named(node) in functions]:
        node = min(wrapped, key=lambda node: node.count_ops())
        expr = expr.xreplace({node: functions[_named(node)](*node.args)})
    return expr


def _named(node: sympy.Basic) -> str:
    return type(node).__name__


def _is_torchs(node: sympy.Basic) -> bool:
    return type(node).__module__.startswith("torch")


#: Functions that torch writes sizes in, where they are plain arithmetic.
_SIZE_FUNCTIONS: Mapping[str, Callable[..., sympy.Expr]] = {
    "ToFloat": lambda x: x, "Identity": lambda x: x,
    "FloatTrueDiv": lambda x, y: x / y, "IntTrueDiv": lambda x, y: x / y,
    "FloatPow": lambda x, y: x**y, "PowByNatural": lambda x, y: x**y,
    "Max": sympy.Max, "Min": sympy.Min,
}  # fmt: skip

#: Those that make steps, which conditions may have and formulas may not.
_STEPS: Mapping[str, Callable[..., sympy.Expr]] = {
    **dict.fromkeys(("FloorDiv", "CleanDiv"), lambda x, y: sympy.floor(x / y)),
    **dict.fromkeys(("Mod", "PythonMod"), sympy.Mod),
}  # fmt: skip


#: A float with so large a denominator, which is not recognised, may be computed from another one.
LONG = 2**32


def floats_of(graph: GraphModule) -> tuple[float, ...]:
    """The floats among the arguments of a graph, each once."""
    found: dict[float, None] = {}
    for node in graph.graph.nodes:
        tree_map(lambda part: found.setdefault(part) if isinstance(part, float) else None, (node.args, node.kwargs))
    return tuple(found)
