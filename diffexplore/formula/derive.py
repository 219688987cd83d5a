"""Closed-form derivatives: as SymPy differentiates, and simplified for people."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, TypeVar

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.errors import UsageError
from diffexplore.formula.accurate_forms import printed
from diffexplore.formula.batch_sums import BatchSum
from diffexplore.formula.budget import Ending
from diffexplore.formula.chain_rule import By, derivative
from diffexplore.formula.definitions import defined
from diffexplore.formula.descriptions import PartialFormula
from diffexplore.formula.latex import to_latex
from diffexplore.formula.nested import MOST_NODES, slopes_of
from diffexplore.formula.order import count_ops
from diffexplore.formula.remembered import remembered
from diffexplore.formula.simplify import simplify
from diffexplore.formula.size import Derivative, TooLarge
from diffexplore.formula.text import to_text

if TYPE_CHECKING:
    from diffexplore.loss import Loss

_Key = TypeVar("_Key")
_Kept = TypeVar("_Kept")

LARGEST = 1_000
"""Derivatives of more nodes, by an estimate that is mostly a few times too high, are found block by block."""

LARGEST_TOGETHER = 5_000
"""The same of all partials of a gradient, or of a Hessian, together: each would be simplified on its own."""

BY_BLOCKS = "derived block by block"
"""The note on a derivative that was simplified as it was found, each block of the formula on its own."""

_STOPPED = "simplification stopped:"


@dataclass(frozen=True)
class Cost:
    """Operations of a derivative before and after simplification, as it is printed; ``note`` says how it was found."""

    ops_raw: int
    ops_simplified: int
    note: str | None = None


class _Derivatives(Mapping[_Key, sympy.Expr]):
    """Simplified derivatives by key, which notebooks show in LaTeX."""

    simplified: Mapping[_Key, sympy.Expr]

    def __getitem__(self, key: _Key) -> sympy.Expr:
        return self.simplified[key]

    def __iter__(self) -> Iterator[_Key]:
        return iter(self.simplified)

    def __len__(self) -> int:
        return len(self.simplified)

    @abstractmethod
    def latex(self) -> str:
        """All of them in LaTeX."""

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


@dataclass(frozen=True)
class Gradient(_Derivatives[str]):
    """The simplified partials of the summand, by name of the parameter (or data) differentiated by.

    Attributes:
        simplified: the partials, which the mapping itself gives as well.
        raw: the same partials as SymPy differentiates them.
        cost: operation counts of each.
    """

    simplified: Mapping[str, sympy.Expr]
    raw: Mapping[str, sympy.Expr]
    cost: Mapping[str, Cost]

    def latex(self) -> str:
        r"""All partials as one ``aligned`` block: ``\frac{\partial \ell}{\partial a} &= …``"""
        return aligned(self.lines())

    def lines(self) -> Iterator[str]:
        """Each partial with its formula, in LaTeX."""
        for name, expr in self.items():
            yield rf"\frac{{\partial \ell}}{{\partial {sympy.latex(sympy.Symbol(name))}}} &= {defined(expr).latex()}"

    def formulas(self) -> dict[str, PartialFormula]:
        """The partials as the plain records that a report carries."""
        return {name: partial_formula(name, expr, self.cost[name]) for name, expr in self.items()}

    def __repr__(self) -> str:
        return f"Gradient({', '.join(f'{name}: {to_text(expr)}' for name, expr in self.items())})"


def aligned(lines: Iterable[str]) -> str:
    """Lines of LaTeX as one ``aligned`` block."""
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def partial_formula(name: str, expr: sympy.Expr, cost: Cost) -> PartialFormula:
    """A closed form as the plain record that documents and pages hold."""
    shown, ascii_text = defined(expr), to_text(expr, unicode=False)
    return PartialFormula(name, ascii_text, shown.text(), shown.latex(), cost.ops_raw, cost.ops_simplified, cost.note)


@dataclass(frozen=True)
class Hessian(_Derivatives[tuple[str, str]]):
    """The simplified second partials of the summand, by (row name, column name); symmetric.

    Attributes:
        names: the rows, and the columns.
        simplified: the second partials, which the mapping itself gives as well.
        raw: the same partials as SymPy differentiates the simplified first ones.
        cost: operation counts of each.
    """

    names: tuple[str, ...]
    simplified: Mapping[tuple[str, str], sympy.Expr] = field(repr=False)
    raw: Mapping[tuple[str, str], sympy.Expr] = field(repr=False)
    cost: Mapping[tuple[str, str], Cost] = field(repr=False)

    def latex(self) -> str:
        """The matrix in LaTeX."""
        rows = (" & ".join(to_latex(self[row, column]) for column in self.names) for row in self.names)
        return "\\begin{bmatrix}\n" + " \\\\\n".join(rows) + "\n\\end{bmatrix}"


def gradient_of(loss: Loss, names: tuple[str, ...]) -> Gradient:
    """The gradient of the summand of ``loss`` with respect to ``names``."""
    found, raw, cost = _first_partials(loss, names)
    simplified, cost = _as_printed(found, cost)
    free = loss.expression.free_symbols
    cost |= {name: _noted(loss, name, cost[name]) for name in names if loss.symbols[name] not in free}
    return Gradient(simplified, raw, cost)


def _noted(loss: Loss, name: str, cost: Cost) -> Cost:
    """``cost`` with a note that says why the partial is 0: the symbol is not in the loss, as it was read."""
    return replace(cost, note=f"{name} cancels" if loss.has_written(name) else f"the loss does not depend on {name}")


def hessian_of(loss: Loss, names: tuple[str, ...]) -> Hessian:
    """The Hessian of the summand of ``loss`` with respect to ``names``; each pair is derived once."""
    first, _, _ = _first_partials(loss, names)
    pairs = [(row, column) for position, row in enumerate(names) for column in names[position:]]
    found, raw, cost = _derived({pair: (first[pair[0]], loss.symbols[pair[1]]) for pair in pairs}, loss.domain)
    simplified, cost = _as_printed(found, cost)
    upper = {pair: pair if pair in raw else pair[::-1] for pair in product(names, names)}

    def symmetric(table: Mapping[tuple[str, str], _Kept]) -> dict[tuple[str, str], _Kept]:
        return {pair: table[known] for pair, known in upper.items()}

    return Hessian(names, symmetric(simplified), symmetric(raw), symmetric(cost))


def _first_partials(
    loss: Loss, names: tuple[str, ...]
) -> tuple[dict[str, sympy.Expr], dict[str, sympy.Expr], dict[str, Cost]]:
    return _derived({name: (loss.expression, loss.symbols[name]) for name in names}, loss.domain)


def _as_printed(
    found: Mapping[_Key, sympy.Expr], cost: Mapping[_Key, Cost]
) -> tuple[dict[_Key, sympy.Expr], dict[_Key, Cost]]:
    """Simplified derivatives in the functions that keep their digits, and their costs as such.

    They are named last: exp(x) and exp(x) − 1 have factors in common, and exp(x) and expm1(x) have none.
    """
    shown = {key: printed(expr) for key, expr in found.items()}
    return shown, {
        key: one if shown[key] == found[key] else replace(one, ops_simplified=defined(shown[key]).operations)
        for key, one in cost.items()
    }


@remembered(512)  # a candidate's causes are derivatives of the same few expressions, for each candidate
def differentiate(expr: sympy.Expr, symbol: sympy.Symbol, by: By | None = None) -> sympy.Expr:
    """The partial derivative of ``expr``, where it exists (:func:`diffexplore.formula.chain_rule.derivative`).

    One that would have more than :data:`LARGEST` nodes is derived block by block (:mod:`diffexplore.formula.nested`):
    it is simplified on the way, and nested as ``expr`` is. Where ``by`` says how to differentiate, it is not.

    Raises:
        TooLarge: where it would have more than :data:`MOST_NODES` nodes, which is found before it is begun.
        UsageError: where it is no real number, as that of (-1)**x.
    """
    size = Derivative(symbol).nodes(expr)
    if size > LARGEST and by is None and not expr.has(BatchSum):
        return slopes_of(expr).by(symbol)
    if size > MOST_NODES:
        raise TooLarge(f"the derivative by {symbol} is too large: it would have more than {MOST_NODES:,} nodes")
    try:
        found = derivative(expr, symbol, by)
    except RecursionError:
        raise TooLarge(f"the derivative by {symbol} is too large: the formula is nested too deeply") from None
    if by is None and (found is sympy.nan or found.has(sympy.I)):
        raise UsageError(
            f"the formula has no closed derivative by {symbol}: it has a power of a constant that is not above 0"
        )
    return found


def _derived(
    requests: Mapping[_Key, tuple[sympy.Expr, sympy.Symbol]], domain: Sequence[Boolean]
) -> tuple[dict[_Key, sympy.Expr], dict[_Key, sympy.Expr], dict[_Key, Cost]]:
    """Derivatives by symbols: simplified, each within its own budget, and as they were found; their costs."""
    sizes = {key: Derivative(symbol).nodes(expr) for key, (expr, symbol) in requests.items()}
    many = sum(sizes.values()) > LARGEST_TOGETHER
    simplified, raw, cost = {}, {}, {}
    for key, (expr, symbol) in requests.items():
        if sizes[key] and (many or sizes[key] > LARGEST):
            slopes = slopes_of(expr)
            raw[key] = simplified[key] = slopes.by(symbol)
            note: str | None = BY_BLOCKS + (
                f"; {_STOPPED} {Ending.TOO_LARGE.value}" if symbol in slopes.unfinished else ""
            )
            cost[key] = Cost(count_ops(raw[key]), defined(raw[key]).operations, note)
            continue
        raw[key] = differentiate(expr, symbol)
        result = simplify(raw[key], domain)
        note = f"{_STOPPED} {result.ending.value}" if result.stopped else None
        simplified[key] = result.expr
        cost[key] = Cost(count_ops(raw[key]), defined(result.expr).operations, note)
    return simplified, raw, cost
