"""Conventions of libraries: formulas that they replace by others, on purpose, somewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import sympy

from diffexplore.checking.records import VALUE
from diffexplore.formula.derive import differentiate
from diffexplore.formula.functions_sympy import softplus
from diffexplore.verifying.diagnosis.hypothesis import Hypothesis, exactly
from diffexplore.verifying.diagnosis.scene import Scene


@dataclass(frozen=True)
class Convention:
    """A library's own definition; ``rewrite`` makes a loss into the one that the library computes."""

    key: str
    message: str
    rewrite: Callable[[sympy.Expr], sympy.Expr]


def _linear_softplus(loss: sympy.Expr) -> sympy.Expr:
    bent = loss.replace(softplus, lambda z: sympy.Piecewise((z, z > 20), (softplus(z), True)))
    return bent.replace(
        lambda node: isinstance(node, sympy.log) and node.args[0].is_Add and node.args[0].has(sympy.exp),
        _bent_logarithm,
    )


def _bent_logarithm(node: sympy.Expr) -> sympy.Expr:
    """log(1 + exp(z)) as torch's softplus computes it."""
    rest = node.args[0] - 1
    if isinstance(rest, sympy.exp):
        return sympy.Piecewise((rest.args[0], rest.args[0] > 20), (node, True))
    return node


CONVENTIONS = (
    Convention(
        "softplus_threshold", "torch's softplus(z) is z itself for z > 20, and its slope exactly 1", _linear_softplus
    ),
)


def conventions(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """The gradient under each convention that changes it."""
    problem = scenes[0].problem
    for convention in CONVENTIONS:
        rewritten = convention.rewrite(problem.loss.expression)
        if rewritten == problem.loss.expression:
            continue
        partial = rewritten if name == VALUE else differentiate(rewritten, problem.loss.symbols[name])
        yield Hypothesis(
            "convention", f"a convention, not an error: {convention.message}", 0.5,
            exactly(name, partial), {"convention": convention.key},
        )  # fmt: skip
