"""Expression swell: what the derivative of an iterated function costs as a formula, and as a graph.

    python -m benchmarks.swell [--most 12] [--svg FILE] [--json FILE]

The logistic map x ← r x (1 − x), n times from x₀. Counted are the operations of the formula as written and of its
derivative by x₀ as SymPy leaves it, what common subexpression elimination (sympy.cse) makes of that, the terms of the
derivative as an expanded polynomial in x₀ and r, the nodes of the backward graph that torch records, the operations
of one forward and backward pass as make_fx traces them, and the nodes of the graph that ``diffexplore graph`` draws.
The last three are of both partials at once, by x₀ and by r.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import sympy
import torch
from flint import fmpz_mpoly_ctx
from torch.fx.experimental.proxy_tensor import make_fx

from benchmarks.log_figure import Curve, figure
from diffexplore.formula.order import count_ops
from diffexplore.graphing import graph_of
from diffexplore.loss import Loss

X, R = sympy.Symbol("x", real=True), sympy.Symbol("r", real=True)

#: Beyond it the expanded derivative has more than a hundred thousand terms.
MOST_EXPANDED = 9

Tensor = torch.Tensor


@dataclass(frozen=True)
class Costs:
    """The counts for one number of iterations; ``expanded`` is None where it would take too long."""

    n: int
    formula: int
    derivative: int
    derivative_by_r: int
    cse: int
    expanded: int | None
    autograd: int
    traced: int
    graph: int


TITLES = {
    "n": "n",
    "formula": "formula",
    "derivative": "∂/∂x₀, raw",
    "derivative_by_r": "∂/∂r, raw",
    "cse": "∂/∂x₀, after CSE",
    "expanded": "∂/∂x₀, expanded: terms",
    "autograd": "autograd: nodes",
    "traced": "traced, both passes",
    "graph": "our graph: nodes",
}


def costs(most: int = 12) -> Iterator[Costs]:
    """The counts for 1, 2, … ``most`` iterations."""
    formula: sympy.Expr = X
    for n in range(1, most + 1):
        formula = R * formula * (1 - formula)
        derivative = sympy.diff(formula, X)
        yield Costs(
            n,
            count_ops(formula),
            count_ops(derivative),
            count_ops(sympy.diff(formula, R)),
            _after_cse(derivative),
            _expanded_terms(n) if n <= MOST_EXPANDED else None,
            _autograd_nodes(n),
            _traced_operations(n),
            len(graph_of(Loss(formula, parameters="r, x")).nodes),
        )


def _after_cse(expr: sympy.Expr) -> int:
    replacements, (reduced,) = sympy.cse([expr])
    return count_ops(reduced) + sum(count_ops(part) for _, part in replacements)


def _expanded_terms(n: int) -> int:
    """The monomials of the derivative by x₀: polynomials of integers, with nothing left to simplify."""
    r, x = fmpz_mpoly_ctx.get(["r", "x"]).gens()
    value = x
    for _ in range(n):
        value = r * value * (1 - value)
    return len(value.derivative(1))


def _iterated(n: int, r: Tensor, x: Tensor) -> Tensor:
    for _ in range(n):
        x = r * x * (1 - x)
    return x


def _start() -> tuple[Tensor, Tensor]:
    return (torch.tensor(3.7, dtype=torch.float64, requires_grad=True),
            torch.tensor(0.2, dtype=torch.float64, requires_grad=True))  # fmt: skip


def _autograd_nodes(n: int) -> int:
    """The nodes that can be reached from the grad_fn of the result, those that keep the two gradients included."""
    found, waiting = set(), [_iterated(n, *_start()).grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in found:
            found.add(node)
            waiting += [other for other, _ in node.next_functions]
    return len(found)


def _traced_operations(n: int) -> int:
    """The operations that run when both partials are computed."""

    def gradient(r: Tensor, x: Tensor) -> Sequence[Tensor]:
        return torch.autograd.grad(_iterated(n, r, x), (r, x))

    graph = make_fx(gradient)(*_start()).graph
    graph.eliminate_dead_code()
    return sum(node.op == "call_function" for node in graph.nodes)


_CURVES: Sequence[tuple[str, str, Literal["exponential", "quadratic", "linear"]]] = (
    ("expanded", "expanded, terms", "exponential"),
    ("derivative", "raw", "exponential"),
    ("formula", "the formula itself", "exponential"),
    ("cse", "after CSE", "quadratic"),
    ("traced", "traced, both passes", "linear"),
    ("autograd", "autograd nodes", "linear"),
)


def table(rows: Sequence[Costs]) -> str:
    """The counts as a table in Markdown."""
    lines = [list(TITLES.values()), ["---:"] * len(TITLES)]
    lines += [["—" if value is None else f"{value:,}" for value in asdict(row).values()] for row in rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def drawn(rows: Sequence[Costs]) -> str:
    """The figure, as SVG."""
    curves = [
        Curve(name, [(row.n, getattr(row, key)) for row in rows if getattr(row, key)], growth)
        for key, name, growth in _CURVES
    ]
    title = "Operations of the derivative of the logistic map, iterated n times"
    return figure(title, "n, iterations", curves)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=12, help="iterations (default 12)")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the figure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts to FILE as well")
    options = parser.parse_args()
    started = time.monotonic()
    rows = list(costs(options.most))
    print(table(rows), end="")
    print(f"{time.monotonic() - started:.1f} seconds")
    if options.svg is not None:
        options.svg.write_text(drawn(rows), encoding="utf-8")
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
