"""A gradient to take along: Python or torch source, LaTeX, JSON. The source is text; it is never run here."""

from __future__ import annotations

from typing import Any

import sympy

from diffexplore.loss import Loss
from diffexplore.symbolic.code import Dialect, PythonCode, TorchCode
from diffexplore.symbolic.derive import Gradient, Hessian
from diffexplore.symbolic.latex import to_latex as expression_to_latex
from diffexplore.symbolic.text import to_text


def to_python(loss: Loss, gradient: Gradient) -> str:
    """The source of a module with ``gradient(…)``, which takes and returns Python floats, for one sample.

    The function takes the parameters and the data in the order of the loss, and returns a tuple of the partials of
    the summand. It needs the standard library only.

    Raises:
        UsageError: where Python's math module lacks a function that the gradient uses (erfinv, digamma, …).
    """
    return _module(loss, gradient, PythonCode)


def to_torch(loss: Loss, gradient: Gradient) -> str:
    """The source of a module with ``gradient(…)``, which takes and returns tensors, elementwise for all samples.

    All arguments are floating-point tensors of one dtype and device that broadcast against each other, any dtype
    and device. Where a sample takes one branch of a where(…), the other does not spoil it.
    """
    return _module(loss, gradient, TorchCode)


def to_latex(loss: Loss, gradient: Gradient, hessian: Hessian | None = None) -> str:
    """The loss, its partials and its Hessian, if given, as one ``aligned`` block of LaTeX."""
    lines = [rf"L &= {loss.latex()}", rf"\ell &= {expression_to_latex(loss.expression)}"]
    lines += [
        rf"\frac{{\partial \ell}}{{\partial {sympy.latex(sympy.Symbol(name))}}} &= {expression_to_latex(expr)}"
        for name, expr in gradient.items()
    ]
    lines += [rf"\nabla^2 \ell &= {hessian.latex()}"] if hessian is not None else []
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def to_json_dict(loss: Loss, gradient: Gradient, hessian: Hessian | None = None) -> dict[str, Any]:
    """The loss and its derivatives as plain values, with the keys of a report; ``hessian`` is keyed "a,b"."""
    document: dict[str, Any] = {
        "loss": loss.summary().to_dict(),
        "gradient": {name: formula.to_dict() for name, formula in gradient.formulas().items()},
    }
    if hessian is not None:
        document["hessian"] = {
            f"{row},{column}": {
                "expression": to_text(expr),
                "latex": expression_to_latex(expr),
                "ops_raw": hessian.cost[row, column].ops_raw,
                "ops_simplified": hessian.cost[row, column].ops_simplified,
            }
            for (row, column), expr in hessian.items()
        }
    return document


def _module(loss: Loss, gradient: Gradient, dialect: type[Dialect]) -> str:
    code = dialect(loss.symbols)
    shared, results = _shared(list(gradient.values()), code)
    body = [f"{variable.name} = {code.write(expr)}" for variable, expr in shared]
    body += ["return (", *(f"    {code.result(expr)}," for expr in results), ")"]
    names = ", ".join(gradient)
    lines = [
        f'"""Partials of {to_text(loss.expression, unicode=False)} with respect to {names}."""',
        "",
        *code.imports(),
        *(line for helper in code.helpers() for line in ("", "", helper)),
        "",
        "",
        f"def gradient({', '.join(code.arguments)}):",
        f'    """The partials with respect to {names}: {code.shapes}."""',
        *(f"    {line}" for line in (*code.preamble("\n".join(body)), *body)),
    ]
    return "\n".join(lines) + "\n"


def _shared(
    expressions: list[sympy.Expr], code: Dialect
) -> tuple[list[tuple[sympy.Symbol, sympy.Expr]], list[sympy.Expr]]:
    """Common subexpressions, each once, and the expressions in terms of them.

    What is inside a where(…) stays there: taken out, it would be computed where it is not defined.
    """
    pieces = {node: sympy.Dummy() for expr in expressions for node in expr.atoms(sympy.Piecewise)}
    hidden = [expr.xreplace(pieces) for expr in expressions]
    shared, results = sympy.cse(hidden, symbols=code.variables(), list=True)
    shown = {dummy: node for node, dummy in pieces.items()}
    return [(variable, expr.xreplace(shown)) for variable, expr in shared], [expr.xreplace(shown) for expr in results]
