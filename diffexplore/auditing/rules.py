"""From the tree of a C++ formula to SymPy, for real inputs, one element at a time.

Every tensor is one real number here: what is done to sizes and dtypes is the identity, ``conj`` and ``real`` are too,
nothing is NaN or infinite, and gradients are defined.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import mpmath
import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.auditing import expressions as e
from diffexplore.auditing.departures import depart
from diffexplore.auditing.functions import FUNCTIONS, NotRead, number, truth
from diffexplore.auditing.helpers import AuditHelper
from diffexplore.formula.recognise import recognised

CONSTANTS: dict[str, sympy.Expr] = {
    "M_E": sympy.E, "M_LOG2E": 1 / sympy.log(2), "M_LOG10E": 1 / sympy.log(10), "M_LN2": sympy.log(2),
    "M_LN10": sympy.log(10), "M_PI": sympy.pi, "M_PI_2": sympy.pi / 2, "M_PI_4": sympy.pi / 4,
    "M_1_PI": 1 / sympy.pi, "M_2_PI": 2 / sympy.pi, "M_2_SQRTPI": 2 / sympy.sqrt(sympy.pi),
    "M_SQRT2": sympy.sqrt(2), "M_SQRT1_2": sympy.sqrt(2) / 2,
}  # fmt: skip
"""The constants of POSIX's ``math.h``: names of the doubles nearest to these numbers."""

_KNOWN: tuple[tuple[str, sympy.Expr], ...] = (
    ("log(2)", sympy.log(2)), ("log(10)", sympy.log(10)), ("π", sympy.pi), ("sqrt(2)", sympy.sqrt(2)),
    ("π/180", sympy.pi / 180), ("180/π", 180 / sympy.pi),
)  # fmt: skip
_FEW_DIGITS = 6
_MOST_DIGITS = 100
_MEANT = 1e-12
"""How near, relatively, a long literal is to the constant that was meant by it."""


def read_number(digits: str) -> tuple[sympy.Expr, str | None]:
    """What a literal stands for, and a remark where that is not the number as written.

    A short decimal is meant as written. A long one is the double that C++ makes of it; where that is recognised as
    another number, it departs from that number by its rounding.

    Raises:
        NotRead: where it is too large, too small or too long.
    """
    if len(digits) > _MOST_DIGITS or abs(int(digits.lower().partition("e")[2] or 0)) > _MOST_DIGITS:
        raise NotRead(f"a number such as {digits[:20]}")
    written = Fraction(digits)
    if len(digits.replace(".", "").strip("0")) <= _FEW_DIGITS:
        exact = sympy.Rational(written.numerator, written.denominator)
        return exact, None if Fraction(float(digits)) == written else f"{digits} read as {exact}, not as its double"
    double = float(digits)
    found = recognised(double)
    if found is not None:
        words = f"{digits} read as {found.text} (relative {found.relative:.1e})"
        return depart(digits, Fraction(double), found.number, words, rounding=found), words
    for name, constant in _KNOWN:
        nearest = nearest_double(constant)
        if abs(double - nearest) <= _MEANT * abs(nearest):
            words = f"{digits} is {_units(double, nearest)} from the double nearest to {name}"
            return depart(digits, Fraction(double), constant, words), words
    exact = Fraction(double)
    return sympy.Rational(exact.numerator, exact.denominator), f"{digits} read as the double that it is"


def _units(double: float, nearest: float) -> str:
    count = round(abs(double - nearest) / math.ulp(nearest))
    return f"{count} unit{'s' if count > 1 else ''} in the last place"


def nearest_double(constant: sympy.Expr) -> float:
    """The double nearest to a real constant."""
    with mpmath.workdps(60):
        return float(mpmath.mpf(str(sympy.N(constant, 60))))


Value = Any
"""A SymPy expression or condition; a string, bool or None of C++; a tuple of several results; or ABOUT."""

ABOUT = object()
"""What a formula asks about sizes, dtypes and devices, which no value depends on."""

_ABOUT = frozenset(
    "options scalar_type sym_sizes sizes sym_strides layout dtype dim sym_size size device numel sym_numel".split()
)
_UNUSED = frozenset({"grad_input_mask"})
_ANSWERS = {"is_complex": False, "isComplex": False, "defined": True}
_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip
_RELATIONS: Mapping[str, Callable[[Any, Any], Boolean]] = {
    "<": sympy.Lt, "<=": sympy.Le, ">": sympy.Gt, ">=": sympy.Ge, "==": sympy.Eq, "!=": sympy.Ne,
}  # fmt: skip
_NAMES: Mapping[str, Value] = {"true": True, "false": False, "None": "none", "nullopt": None, "kTrunc": "trunc"}


@dataclass
class Reader:
    """Reads formulas with ``values`` for their names and ``known`` helpers; collects remarks and those that it met.

    With ``spread``, the formula is for an input with one value for many elements, over which gradients are summed.
    """

    values: Mapping[str, Value]
    known: Mapping[str, AuditHelper]
    grad_mode: bool = True
    spread: bool = False
    notes: list[str] = field(default_factory=list)
    helpers: list[str] = field(default_factory=list)

    def read(self, tree: e.Tree) -> Value:
        """The value of ``tree``.

        Raises:
            NotRead: where it holds a function or name that has no reading.
        """
        match tree:
            case e.NumberLiteral():
                value, note = read_number(tree.digits)
                self._note(note)
                return value
            case e.Text():
                return tree.text
            case e.Name():
                return self._name(tree.name)
            case e.Unary():
                return self._unary(tree)
            case e.Binary():
                return self._binary(tree)
            case e.Choice():
                return self._choice(tree)
            case e.Call():
                return self._call(tree.function, [self.read(argument) for argument in tree.arguments])
            case e.MethodCall():
                return self._method(tree)
            case e.Index():
                return self._index(tree)
            case e.Braces():
                return ABOUT

    def _note(self, note: str | None) -> None:
        if note is not None and note not in self.notes:
            self.notes.append(note)

    def _name(self, name: str) -> Value:
        if name in _UNUSED:
            return ABOUT
        for table in (self.values, CONSTANTS, _NAMES):
            if name in table:
                return table[name]
        raise NotRead(f"the name {name!r}")

    def _unary(self, tree: e.Unary) -> Value:
        operand = self.read(tree.operand)
        if tree.sign == "!":
            return sympy.Not(truth(operand)) if not isinstance(operand, bool) else not operand
        return operand if tree.sign == "*" else -number(operand)

    def _binary(self, tree: e.Binary) -> Value:
        integers = all(isinstance(part, e.NumberLiteral) and part.whole for part in (tree.left, tree.right))
        if tree.sign == "/" and integers:
            raise NotRead("a quotient of two integers, which C++ rounds")
        left, right = self.read(tree.left), self.read(tree.right)
        if tree.sign in _ARITHMETIC:
            return _ARITHMETIC[tree.sign](number(left), number(right))
        if tree.sign in _RELATIONS:
            if any(isinstance(side, (str, bool)) or side is None or side is ABOUT for side in (left, right)):
                raise NotRead(f"{tree.sign!r} between values that are no numbers")
            return _RELATIONS[tree.sign](number(left), number(right))
        if tree.sign in ("&", "&&", "|", "||"):
            return (sympy.And if tree.sign in ("&", "&&") else sympy.Or)(truth(left), truth(right))
        raise NotRead(f"the operator {tree.sign!r}")

    def _choice(self, tree: e.Choice) -> Value:
        condition = self.read(tree.condition)
        if isinstance(condition, bool) or condition in (sympy.true, sympy.false):
            return self.read(tree.taken if condition else tree.otherwise)
        return FUNCTIONS["where"](truth(condition), self.read(tree.taken), self.read(tree.otherwise))

    def _call(self, name: str, arguments: Sequence[Value]) -> Value:
        if name == "is_enabled":
            return self.grad_mode
        if name in self.known:
            self.helpers.append(name)
        if name == "sum":
            if not self.spread:
                raise NotRead("a sum over elements")
            self._note("summed over the elements that the value is spread over")
        if name == "toFloat" and isinstance(arguments[0], sympy.Symbol):
            self._note(f"for {arguments[0]} a number of float32, to which toFloat rounds")
        plain = FUNCTIONS.get(name, FUNCTIONS.get(name.rstrip("_")))
        function = self.known[name].formula if name in self.known else plain
        if function is None:
            raise NotRead(f"the function {name!r}")
        try:
            return function(*(argument for argument in arguments if argument is not ABOUT))
        except (TypeError, ValueError, AttributeError) as error:
            raise NotRead(f"the call of {name!r} ({error})") from None

    def _method(self, tree: e.MethodCall) -> Value:
        if tree.method in _ABOUT:
            return ABOUT
        if tree.method in _ANSWERS:
            return _ANSWERS[tree.method]
        subject = self.read(tree.object)
        if tree.method == "has_value":
            return subject is not None
        return self._call(tree.method, [subject, *map(self.read, tree.arguments)])

    def _index(self, tree: e.Index) -> Value:
        if tree.position == e.Name("i"):  # the list operators treat every element alike
            return self.read(e.Name("grad") if tree.object == e.Name("grads") else tree.object)
        if isinstance(tree.object, e.Name) and isinstance(tree.position, e.NumberLiteral):
            return self._name(f"{tree.object.name}[{tree.position.digits}]")
        raise NotRead("an index")
