"""A gradient to take along: Python, torch or JavaScript source, LaTeX, JSON. The source is text, and never run here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import sympy

from diffexplore.documents import SCHEMA_VERSION
from diffexplore.formula.collector import elementary
from diffexplore.formula.derive import Gradient, Hessian, aligned, partial_formula
from diffexplore.formula.evaluable import evaluable
from diffexplore.formula.latex import to_latex as expression_to_latex
from diffexplore.formula.text import to_text
from diffexplore.program.code import Dialect, PythonCode, TorchCode
from diffexplore.program.javascript import function, helpers
from diffexplore.program.program import Program, lower

if TYPE_CHECKING:
    from diffexplore.loss import Loss


def to_python(loss: Loss, gradient: Gradient, hessian: Hessian | None = None) -> str:
    """The source of a module with ``gradient(…)``, which takes and returns Python floats, for one sample.

    The function takes the parameters and the data in the order of the loss, and returns a tuple of the partials of
    the summand. With ``hessian`` there is ``hessian(…)`` as well, of the same arguments: a tuple of rows, each a tuple
    of second partials. The module needs the standard library only.

    Raises:
        UsageError: where Python's math module lacks a function that a derivative uses (erfinv, digamma, …).
    """
    return _module(loss, gradient, hessian, PythonCode(loss.symbols))


def to_torch(loss: Loss, gradient: Gradient, hessian: Hessian | None = None) -> str:
    """The same as :func:`to_python` with tensors in place of floats, elementwise for all samples.

    All arguments are floating-point tensors of one dtype and device that broadcast against each other, any dtype
    and device. Where a sample takes one branch of a where(…), the other does not spoil it.
    """
    return _module(loss, gradient, hessian, TorchCode(loss.symbols))


def to_javascript(loss: Loss, gradient: Gradient, hessian: Hessian | None = None) -> str:
    """The source of functions ``loss(…)`` and ``gradient(…)`` of numbers, for one sample, without any library.

    Arguments are those of :func:`to_python`. ``loss`` returns the summand as it was written, ``gradient`` an array of
    its partials, ``hessian`` (where there is one) an array of rows. Of a complex power, a logarithm of a negative
    number and the like the value is NaN.
    """
    names = ", ".join(gradient)
    parts = [
        function("loss", "The summand, for one sample", elementary(loss.written)),
        function("gradient", f"Its partials with respect to {names}", _lowered(loss, gradient.values()), width=0),
    ]
    if hessian is not None:
        about = f"Its second partials with respect to {', '.join(hessian.names)}, row by row"
        parts.append(function("hessian", about, _lowered(loss, hessian.values()), width=len(hessian.names)))
    return "\n\n".join([*helpers("\n".join(parts)), *parts]) + "\n"


def _lowered(loss: Loss, derivatives: Iterable[sympy.Expr]) -> Program:
    return lower(_evaluable(loss, derivatives), (*loss.parameters, *loss.data))


def to_latex(loss: Loss, gradient: Gradient, hessian: Hessian | None = None) -> str:
    """The loss, its partials and its Hessian, if given, as one ``aligned`` block of LaTeX."""
    lines = [rf"L &= {loss.latex()}", rf"\ell &= {expression_to_latex(loss.shown)}"]
    lines += [*gradient.lines(), *([] if hessian is None else [rf"\nabla^2 \ell &= {hessian.latex()}"])]
    return aligned(lines)


def to_json_dict(loss: Loss, gradient: Gradient, hessian: Hessian | None = None) -> dict[str, Any]:
    """The loss and its derivatives as plain values, with the keys of a report; ``hessian`` is keyed "a,b"."""
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "loss": loss.summary().to_dict(),
        "gradient": {name: formula.to_dict() for name, formula in gradient.formulas().items()},
    }
    if hessian is not None:
        document["hessian"] = {
            f"{row},{column}": partial_formula(f"{row},{column}", expr, hessian.cost[row, column]).to_dict()
            for (row, column), expr in hessian.items()
        }
    return document


def _module(loss: Loss, gradient: Gradient, hessian: Hessian | None, code: Dialect) -> str:
    names = ", ".join(gradient)
    about = f"The partials with respect to {names}"
    functions = [_function("gradient", about, [_evaluable(loss, gradient.values())], code, nested=False)]
    if hessian is not None:
        rows = [_evaluable(loss, (hessian[row, column] for column in hessian.names)) for row in hessian.names]
        about = f"The second partials with respect to {', '.join(hessian.names)}, row by row"
        functions.append(_function("hessian", about, rows, code, nested=True))
    parts = [*code.helpers(), *functions]
    imports = code.imports("\n".join(parts))
    summand = to_text(loss.expression, unicode=False) if loss.rewritten is None else loss.formula
    title = [f'"""Partials of {summand} with respect to {names}."""', *(["", *imports] if imports else [])]
    return "\n\n\n".join(["\n".join(title), *parts]) + "\n"


def _evaluable(loss: Loss, derivatives: Iterable[sympy.Expr]) -> list[sympy.Expr]:
    return [evaluable(derivative, loss.domain) for derivative in derivatives]


def _function(name: str, about: str, rows: Sequence[Sequence[sympy.Expr]], code: Dialect, *, nested: bool) -> str:
    """The source of a function that returns ``rows`` as tuples in a tuple, or all in one where they are not nested."""
    shared, results = _shared([expr for row in rows for expr in row], code)
    body = [f"{variable.name} = {code.write(expr)}" for variable, expr in shared]
    texts = iter([code.result(expr) for expr in results])
    lines = [[next(texts) for _ in row] for row in rows]
    body += ["return (", *_returned(lines, nested=nested), ")"]
    docstring = f'"""{about}: {code.shapes}."""'
    inside = [docstring, *code.preamble("\n".join(body)), *body]
    return "\n".join([f"def {name}({', '.join(code.arguments)}):", *(f"    {line}" for line in inside)])


def _returned(rows: Sequence[Sequence[str]], *, nested: bool) -> Iterator[str]:
    """The lines between the outer parentheses."""
    for row in rows:
        if nested:
            yield f"    ({', '.join(row)}{',' if len(row) == 1 else ''}),"
        else:
            yield from (f"    {text}," for text in row)


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
