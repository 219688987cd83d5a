"""Expressions as source code: a dialect for Python's math module, one for torch."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

import sympy

from diffexplore.errors import UsageError
from diffexplore.formula.functions_sympy import dsinc, expm1, log1p, sigmoid, softplus
from diffexplore.formula.text import ATOM, FACTOR, Writer

_RECIPROCALS: dict[type[sympy.Basic], str] = {
    sympy.cot: "tan", sympy.sec: "cos", sympy.csc: "sin", sympy.coth: "tanh", sympy.sech: "cosh", sympy.csch: "sinh",
}  # fmt: skip

_SAME_NAME = (
    sympy.exp, sympy.log, sympy.sin, sympy.cos, sympy.tan, sympy.asin, sympy.acos, sympy.atan, sympy.atan2,
    sympy.sinh, sympy.cosh, sympy.tanh, sympy.asinh, sympy.acosh, sympy.atanh, sympy.erf, sympy.erfc, log1p, expm1,
)  # fmt: skip

_TAKEN = frozenset({"math", "torch", "gradient", "hessian", "one", "float", "abs", "max", "min"})


class Dialect(Writer):
    """Writes expressions in one programming language; collects the helper functions that they need."""

    module = ""
    shapes = ""
    functions: ClassVar[Mapping[type[sympy.Basic], str]] = {}
    sources: ClassVar[Mapping[str, str]] = {}

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(unicode=False)
        taken = _TAKEN.union(keyword.kwlist, self.sources)
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
        return f"{self._module_for(base)}.sqrt({self.write(base)})"

    def _module_for(self, *arguments: sympy.Basic) -> str:
        """Constants are computed by math in every dialect."""
        return "math" if all(argument.is_number for argument in arguments) else self.module

    def _function(self, expr: sympy.Expr) -> str:
        arguments = [self.write(argument) for argument in expr.args]
        module = self._module_for(*expr.args)
        if type(expr) in _RECIPROCALS:
            return f"(1/{module}.{_RECIPROCALS[type(expr)]}({arguments[0]}))"
        if isinstance(expr, _SAME_NAME):
            texts = arguments if module == "math" else [self._as_argument(argument) for argument in expr.args]
            return f"{module}.{type(expr).__name__}({', '.join(texts)})"
        if expr.is_number:
            return repr(float(expr.evalf(25)))
        return self._other_function(expr, arguments)

    def _as_argument(self, expr: sympy.Expr) -> str:
        return self.write(expr)

    def _other_function(self, expr: sympy.Expr, arguments: list[str]) -> str:
        raise NotImplementedError

    def _helper(self, name: str) -> str:
        self._helpers[name] = self.sources[name]
        return name


class PythonCode(Dialect):
    """Python floats and the math module."""

    module = "math"
    shapes = "floats, for one sample"
    functions: ClassVar[Mapping[type[sympy.Basic], str]] = {
        sympy.gamma: "math.gamma", sympy.loggamma: "math.lgamma", sympy.Max: "max", sympy.Min: "min",
    }  # fmt: skip
    sources: ClassVar[Mapping[str, str]] = {
        "sign": "def sign(x):\n    return float((x > 0) - (x < 0))",
        "heaviside": "def heaviside(x):\n    return 0.5 if x == 0 else float(x > 0)",
        "sinc": "def sinc(x):\n    return math.sin(x)/x if x else 1.0",
        "dsinc": (
            "def dsinc(n, x):\n"
            "    if abs(x) < max(1, n):\n"
            "        powers = ((k, 2*k - n) for k in range((n + 1)//2, (n + 1)//2 + 12 + 2*n))\n"
            "        return math.fsum((-1)**k*x**p/((2*k + 1)*math.factorial(p)) for k, p in powers)\n"
            "    value = math.sin(x)/x\n"
            "    for k in range(1, n + 1):\n"
            "        turned = (math.sin(x), math.cos(x), -math.sin(x), -math.cos(x))[k % 4]\n"
            "        value = (turned - k*value)/x\n"
            "    return value"
        ),
        "sigmoid": "def sigmoid(x):\n    return 1/(1 + math.exp(-x)) if x >= 0 else math.exp(x)/(1 + math.exp(x))",
        "softplus": "def softplus(x):\n    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))",
    }

    def result(self, expr: sympy.Expr) -> str:
        return f"{expr}.0" if expr.is_Integer and abs(expr) < 2**53 else self.write(expr)

    def _power(self, expr: sympy.Expr) -> tuple[str, int]:
        base, exponent = expr.args
        if exponent.is_Integer or exponent == sympy.S.Half or (exponent.is_Rational and exponent.is_negative):
            return super()._power(expr)
        # math.pow raises an error for a negative base, where ** would give a complex number
        return f"math.pow({self.write(base)}, {self.write(exponent)})", ATOM

    def _other_function(self, expr: sympy.Expr, arguments: list[str]) -> str:
        name = type(expr).__name__.lower()
        if type(expr) in self.functions:
            return f"{self.functions[type(expr)]}({', '.join(arguments)})"
        if isinstance(expr, sympy.Abs):
            return f"abs({arguments[0]})"
        if name not in self.sources:
            raise UsageError(f"Python's math module has no {name}: export to torch instead")
        taken = arguments if isinstance(expr, dsinc) else arguments[:1]  # Heaviside's second is its value at 0
        return f"{self._helper(name)}({', '.join(taken)})"

    def _piecewise(self, expr: sympy.Piecewise) -> str:
        text = self.write(expr.args[-1].expr)
        for piece in reversed(expr.args[:-1]):
            text = f"({self.write(piece.expr)} if {self.write(piece.cond)} else {text})"
        return text


class TorchCode(Dialect):
    """Tensors and torch, elementwise."""

    module = "torch"
    shapes = "tensors, elementwise over the samples"
    functions: ClassVar[Mapping[type[sympy.Basic], str]] = {
        sympy.loggamma: "torch.lgamma", sympy.erfinv: "torch.erfinv", sympy.sign: "torch.sign",
        sympy.Abs: "torch.abs", sigmoid: "torch.sigmoid",
    }  # fmt: skip
    sources: ClassVar[Mapping[str, str]] = {
        "gamma": (
            "def gamma(x):\n"
            "    negative = (x < 0) & (torch.floor(x) % 2 != 0)\n"
            "    magnitude = torch.exp(torch.lgamma(x))\n"
            "    return torch.where(negative, -magnitude, magnitude)"
        ),
        "dsinc": (
            "def dsinc(n, x):\n"
            "    near = abs(x) < max(1, n)\n"
            "    inside, outside = torch.where(near, x, 0), torch.where(near, 1, x)\n"
            "    powers = ((k, 2*k - n) for k in range((n + 1)//2, (n + 1)//2 + 12 + 2*n))\n"
            "    series = sum((-1)**k*inside**p/((2*k + 1.0)*math.factorial(p)) for k, p in powers)\n"
            "    value = torch.sin(outside)/outside\n"
            "    for k in range(1, n + 1):\n"
            "        turned = torch.cos(outside) if k % 2 else torch.sin(outside)\n"
            "        value = ((-1)**(k//2)*turned - k*value)/outside\n"
            "    return torch.where(near, series, value)"
        ),
    }

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

    def _other_function(self, expr: sympy.Expr, arguments: list[str]) -> str:
        if isinstance(expr, (sympy.Max, sympy.Min)):
            return self._extremum(expr)
        if isinstance(expr, sympy.Heaviside):
            return f"torch.heaviside({arguments[0]}, {arguments[1]}*one)"
        if isinstance(expr, softplus):
            return f"torch.logaddexp({arguments[0]}, 0*one)"
        if isinstance(expr, sympy.sinc):
            return f"torch.sinc({self.write(expr.args[0], FACTOR)}/math.pi)"
        if isinstance(expr, sympy.polygamma):
            order, argument = arguments
            return f"torch.polygamma({order}, {argument})" if expr.args[0] else f"torch.digamma({argument})"
        if isinstance(expr, sympy.gamma):
            return f"{self._helper('gamma')}({arguments[0]})"
        if isinstance(expr, dsinc):
            return f"{self._helper('dsinc')}({arguments[0]}, {self._as_argument(expr.args[1])})"
        return f"{self.functions[type(expr)]}({self._as_argument(expr.args[0])})"

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
