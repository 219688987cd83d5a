"""Rules with polygamma functions whose order is a symbol, which programs lack: proved as identities in free values.

Every value of one becomes a free symbol on both sides: what holds for all values of the symbols holds for those of the
functions. The reverse is not true, so a refutation needs certified values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.auditing.opaque_balls import counterexample
from diffexplore.auditing.steps import spelled
from diffexplore.decide import Decision, decide_equal

_FREE = "the values of {} taken as free symbols"


def has_opaque(expr: sympy.Basic) -> bool:
    """Whether ``expr`` holds such a function."""
    return any(True for _ in _opaque(expr))


def decide_opaque(
    forward: sympy.Expr,
    claimed: sympy.Expr,
    symbol: sympy.Symbol | None,
    domain: tuple[Boolean, ...],
    conventions: Mapping[Boolean, str],
) -> Decision:
    """As :func:`~diffexplore.decide.decide_gradient`; without a symbol, as :func:`~diffexplore.decide.decide_equal`."""
    derivative = sympy.diff(forward, symbol) if symbol is not None else forward
    values = sorted({*_opaque(derivative), *_opaque(claimed)}, key=str)
    free = {value: sympy.Symbol(f"v{number}", real=True) for number, value in enumerate(values, start=1)}
    found = decide_equal(derivative.xreplace(free), claimed.xreplace(free), domain=domain, conventions=conventions)
    tried = (*found.tried, _FREE.format(", ".join(map(str, values))))
    if found.status == "proved":
        return Decision("proved", tuple(spelled(text, free) for text in found.conditions), None, tried)
    sides = derivative.xreplace(free), claimed.xreplace(free)
    apart = counterexample(*sides, free, domain, conventions)
    return Decision("unknown" if apart is None else "refuted", (), apart, tried)


def _opaque(expr: sympy.Basic) -> Iterator[sympy.Basic]:
    for node in sympy.preorder_traversal(expr):
        if isinstance(node, sympy.polygamma) and not node.args[0].is_Integer:
            yield node
