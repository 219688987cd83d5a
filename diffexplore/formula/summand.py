"""The summand of a loss: as SymPy has it, as it was written, and as it is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.formula.syntax import names_of, read
from diffexplore.formula.text import conditions_to_text
from diffexplore.program.program import Program, lower

if TYPE_CHECKING:
    pass

REDUCTIONS = ("mean", "sum")

_Kept = TypeVar("_Kept")


class WrittenSummand:
    """What follows from the formula of a loss alone; ``_derived`` keeps what was made of it."""

    expression: sympy.Expr
    formula: str
    parameters: tuple[str, ...]
    data: tuple[str, ...]
    domain: tuple[Boolean, ...]
    _program: Program | None
    _derived: dict[tuple[str, ...], Any]

    @property
    def symbols(self) -> dict[str, sympy.Symbol]:
        """Name → SymPy symbol, the parameters first, then the data."""
        if ("symbols",) not in self._derived:  # read a thousand times while a cause is sought
            made = {name: sympy.Symbol(name, real=True) for name in (*self.parameters, *self.data)}
            self._derived["symbols",] = made
        return cast("dict[str, sympy.Symbol]", self._derived["symbols",])

    @property
    def written(self) -> Program:
        """The summand operation by operation, as it was written: a program of the parameters, then the data.

        This is what runs, what torch differentiates, and what says where the loss has a value. Of a SymPy expression
        and of a torch function it is the expression.
        """
        inputs = (*self.parameters, *self.data)
        return self._program or self._kept("written", lambda: lower([self.expression], inputs, plain=False))

    def has_written(self, name: str) -> bool:
        """Whether a symbol stands in the formula as it was given, though it may cancel there."""
        return self._program is not None and name in names_of(read(self.formula))

    @property
    def is_text(self) -> bool:
        """Whether it was given as text, whose operations come in the order that was written."""
        return self._program is not None

    @property
    def shown(self) -> sympy.Expr:
        """The summand to be printed: what was written, with nothing evaluated, where SymPy made another one of it."""
        if self.rewritten is None:
            return self.expression
        from diffexplore.formula.unevaluated import unevaluated

        return unevaluated(read(self.formula, symbols=self.symbols))

    @property
    def rewritten(self) -> str | None:
        """What SymPy made of the formula, as a sentence, where that is another one; else None."""
        from diffexplore.formula.rewritten import rewriting

        program = self._program
        if program is None:
            return None
        return self._kept("rewritten", lambda: rewriting(self.expression, program, self.domain))

    def _kept(self, key: str, make: Callable[[], _Kept]) -> _Kept:
        """What ``make`` makes, once."""
        if (key,) not in self._derived:
            self._derived[key,] = make()
        return cast(_Kept, self._derived[key,])

    def times(self, name: str) -> str | sympy.Expr:
        """The summand, as it was written, times a symbol called ``name``."""
        return sympy.Symbol(name, real=True) * self.expression if self._program is None else f"{name}*({self.formula})"

    @property
    def domain_text(self) -> str | None:
        """The conditions of the domain in one text, or None where there are none."""
        return conditions_to_text(self.domain) if self.domain else None
