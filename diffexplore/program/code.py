"""Expressions as source code: a dialect for Python's math module, one for torch."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Iterator

import sympy

from diffexplore.errors import UsageError
from diffexplore.formula.text import ATOM, FACTOR, Writer
from diffexplore.functions import ALL, Function
from diffexplore.functions.records import Helper, Lack
from diffexplore.functions.tables import function_of

_TAKEN = frozenset({"math", "torch", "gradient", "hessian", "one", "float", "abs", "max", "min"})


class Dialect(Writer):
    """Writes expressions in one programming language; collects the helper functions that they need."""

    module = ""
    shapes = ""
    helper_names: frozenset[str] = frozenset()

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(unicode=False)
        taken = _TAKEN.union(keyword.kwlist, self.helper_names)
        self._renamed = {name: f"{name}_" if name in taken else name for name in names}
        self._helpers: dict[str, str] = {}

    @property
    def arguments(self) -> list[str]:
        """The names of the arguments; one that would hide a name of the module has an underscore appended."""
        return list(self._renamed.values())

    def imports(self, source: str) -> list[str]:
        """Lines that import the modules that ``source`` uses, the standard library first."""
        used = [f"import {module}" for module in ("math", "torch") if re.search(rf"\b{module}\.", source)]
        return [used[0], *(line for other in used[1:] for line in ("", other))] if used else []

    def helpers(self) -> list[str]:
        """The source of the helper functions that were used so far."""
        return list(self._helpers.values())

    def preamble(self, body: str) -> list[str]:
        """Lines at the start of the function, for what its ``body`` uses."""
        return []

    def variables(self) -> Iterator[sympy.Symbol]:
        """Names for common subexpressions, none of them taken."""
        free = (f"v{number}" for number in range(10**6))
        return (sympy.Symbol(name, real=True) for name in free if name not in self.arguments)

    def result(self, expr: sympy.Expr) -> str:
        return self.write(expr)

    def _leaf(self, expr: sympy.Basic) -> str:
        if expr is sympy.pi or expr is sympy.E:
            return f"math.{'pi' if expr is sympy.pi else 'e'}"
        return self._renamed.get(str(expr), str(expr))

    def _root(self, base: sympy.Expr) -> str:
        module = "math" if base.is_number else self.module  # math computes constants in every dialect
        return f"{module}.sqrt({self.write(base)})"

    def _function(self, expr: sympy.Expr) -> str:
        function = function_of(expr)
        if function is None:
            raise TypeError(f"no source is known for {type(expr).__name__}")
        if expr.is_number:
            return self._constant(expr, function.python)
        return self._other_function(expr, function)

    def _constant(self, expr: sympy.Expr, python: str | Helper | Lack) -> str:
        """The text of a number: by Python's math module, where it has the function."""
        if not isinstance(python, str) or "math." not in python:
            return repr(float(expr.evalf(25)))
        return self._filled(python, [self.write(argument) for argument in expr.args], expr)

    def _filled(self, text: str, arguments: list[str], expr: sympy.Expr) -> str:
        """A text with the arguments in their places, or the call of a function of that name."""
        if "{" not in text:
            return f"{text}({', '.join(arguments)})"
        return text.format(*arguments, factor=self.write(expr.args[0], FACTOR))

    def _called(self, helper: Helper, arguments: list[str]) -> str:
        """A call of a function that the source defines."""
        self._helpers |= {one.name: one.source for one in (*helper.uses, helper)}
        return f"{helper.name}({', '.join(arguments[: helper.arguments])})"

    def _other_function(self, expr: sympy.Expr, function: Function) -> str:
        raise NotImplementedError


class PythonCode(Dialect):
    """Python floats and the math module."""

    module = "math"
    shapes = "floats, for one sample"
    helper_names = frozenset(one.python.name for one in ALL if isinstance(one.python, Helper))

    def result(self, expr: sympy.Expr) -> str:
        return f"{expr}.0" if expr.is_Integer and abs(expr) < 2**53 else self.write(expr)

    def _power(self, expr: sympy.Expr) -> tuple[str, int]:
        base, exponent = expr.args
        if exponent.is_Integer or exponent == sympy.S.Half or (exponent.is_Rational and exponent.is_negative):
            return super()._power(expr)
        # math.pow raises an error for a negative base, where ** would give a complex number
        return f"math.pow({self.write(base)}, {self.write(exponent)})", ATOM

    def _other_function(self, expr: sympy.Expr, function: Function) -> str:
        arguments = [self.write(argument) for argument in expr.args]
        if isinstance(function.python, Helper):
            return self._called(function.python, arguments)
        if isinstance(function.python, Lack):
            raise UsageError(f"Python's math module has no {function.name}: export to torch instead")
        return self._filled(function.python, arguments, expr)

    def _piecewise(self, expr: sympy.Piecewise) -> str:
        text = self.write(expr.args[-1].expr)
        for piece in reversed(expr.args[:-1]):
            text = f"({self.write(piece.expr)} if {self.write(piece.cond)} else {text})"
        return text


class TorchCode(Dialect):
    """Tensors and torch, elementwise."""

    module = "torch"
    shapes = "tensors, elementwise over the samples"
    helper_names = frozenset(one.torch.name for one in ALL if isinstance(one.torch, Helper))

    def preamble(self, body: str) -> list[str]:
        if not re.search(r"\bone\b", body):
            return []
        return [f"one = torch.ones_like({' + '.join(self.arguments) or 'torch.zeros(())'})"]

    def result(self, expr: sympy.Expr) -> str:
        return self._as_argument(expr)

    def _as_argument(self, expr: sympy.Expr) -> str:
        """The text of ``expr``, made a tensor of the shape of the arguments where it is a constant."""
        if expr == 1:
            return "one"
        return f"{self.write(expr, FACTOR)}*one" if expr.is_number else self.write(expr)

    def _other_function(self, expr: sympy.Expr, function: Function) -> str:
        if isinstance(expr, (sympy.Max, sympy.Min)):
            return self._extremum(expr)
        if isinstance(expr, sympy.polygamma):
            order, argument = map(self.write, expr.args)
            return f"torch.polygamma({order}, {argument})" if expr.args[0] else f"torch.digamma({argument})"
        if isinstance(function.torch, Helper):
            orders, last = expr.args[:-1], expr.args[-1]  # the order of a derivative stays the number that it is
            return self._called(function.torch, [*map(self.write, orders), self._as_argument(last)])
        if isinstance(function.torch, Lack):
            raise UsageError(f"torch has no {function.name}")
        plain = "{" in function.torch  # such a text says itself where a number has to be a tensor
        return self._filled(
            function.torch, [(self.write if plain else self._as_argument)(one) for one in expr.args], expr
        )

    def _extremum(self, expr: sympy.Expr) -> str:
        name = "torch.maximum" if isinstance(expr, sympy.Max) else "torch.minimum"
        first, *others = (self._as_argument(argument) for argument in expr.args)
        for other in others:
            first = f"{name}({first}, {other})"
        return first

    def _piecewise(self, expr: sympy.Piecewise) -> str:
        text = self._as_argument(expr.args[-1].expr)
        for piece in reversed(expr.args[:-1]):
            text = f"torch.where({self.write(piece.cond)}, {self._as_argument(piece.expr)}, {text})"
        return text

    def _condition(self, expr: sympy.Basic) -> tuple[str, int]:
        if isinstance(expr, sympy.Not):
            return f"~({self.write(expr.args[0])})", FACTOR
        if isinstance(expr, (sympy.And, sympy.Or)):
            sign = " & " if isinstance(expr, sympy.And) else " | "
            return sign.join(f"({self.write(part)})" for part in expr.args), 0
        return super()._condition(expr)
