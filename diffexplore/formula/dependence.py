"""Which symbols each part of an expression depends on: found once for all its parts."""

from __future__ import annotations

from functools import lru_cache

import sympy

_NONE: frozenset[sympy.Basic] = frozenset()


class Dependence:
    """The symbols of the parts of an expression; a part that occurs twice is looked at once."""

    def __init__(self) -> None:
        self._known: dict[sympy.Basic, frozenset[sympy.Basic]] = {}

    def of(self, expr: sympy.Basic) -> frozenset[sympy.Basic]:
        """The free symbols of ``expr``."""
        if expr.is_Symbol:
            return frozenset((expr,))
        if not expr.args:
            return _NONE
        found = self._known.get(expr)
        if found is None:
            binds = expr.free_symbols if _binds(expr) else None
            found = frozenset(binds) if binds is not None else _NONE.union(*map(self.of, expr.args))
            self._known[expr] = found
        return found


def _binds(expr: sympy.Basic) -> bool:
    """Whether a node has symbols that are not free in it, as a sum over samples has."""
    return type(expr).free_symbols is not sympy.Basic.free_symbols


@lru_cache(maxsize=16)  # of one formula each of its symbols is looked for, one after the other
def dependence_in(expr: sympy.Basic) -> Dependence:
    """The dependence of the parts of ``expr``, kept for the next symbol."""
    return Dependence()


@lru_cache(maxsize=4096)
def symbols_in(expr: sympy.Basic) -> frozenset[sympy.Basic]:
    """The free symbols of ``expr``: SymPy looks for them anew each time, in each place in which a part stands."""
    return Dependence().of(expr)
