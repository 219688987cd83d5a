"""A constant of the formula that is slightly wrong: 3.14159 for π, 0.044714 for 0.044715.

The constant that explains every number is solved for, by Newton's method in the formula with a symbol in its place.
Small whole numbers and fractions are left to the causes that are about factors.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy
from flint import arb

from diffexplore.checking.records import VALUE
from diffexplore.formula.derive import differentiate
from diffexplore.numerals import short
from diffexplore.verifying.diagnosis.admitted import Admitted
from diffexplore.verifying.diagnosis.hypothesis import Hypothesis, Prediction, exactly, tolerance
from diffexplore.verifying.diagnosis.read_constants import Solution, as_float32, exact_value, read_constant
from diffexplore.verifying.diagnosis.scene import KNOB, Scene, SceneUnavailable, exact_partial

#: A constant that is further off, relative to itself, is another constant.
_FARTHEST = 0.25

_MOST = 8
_STEPS = 12
_ENDED = 2.0**-51

#: Numbers with a numerator and a denominator up to here come out of the rules of differentiation.
_SMALL = 12

#: Slopes that differ by less, relative to the partial, make the constant a factor of the whole.
_SAME = 2.0**-20


@dataclass(frozen=True)
class ConstantPlace:
    """Where a constant stands: its exact value, and the partial (or the loss) with ``KNOB`` in its place.

    ``nearby``: a number that is farther off is another constant, and is not sought.
    """

    constant: sympy.Expr
    formula: sympy.Expr
    nearby: bool = True

    def at(self, value: sympy.Rational) -> sympy.Expr:
        """The formula with another number there."""
        return self.formula.xreplace({KNOB: value})

    @cached_property
    def slope(self) -> sympy.Expr:
        """How the formula changes with the number there."""
        return sympy.diff(self.formula, KNOB)


def wrong_constants(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """The gradient of the loss, or the gradient, with one constant replaced by what the numbers say it is."""
    for place in _places(name, scenes[0]):
        found = solved(name, scenes, place)
        if found is None:
            continue
        true, written = read_constant(place.constant, found)
        if written is None and (found.additive or found.whole):
            continue  # any number that is added or multiplied could come from anywhere
        fields = {
            "constant": true, "deviation": found.middle - float(place.constant), "uncertainty": found.uncertainty,
            "found": written or repr(found.middle),
        }  # fmt: skip
        rounded = as_float32(place.constant, found)
        shown = written or f"{short(found.middle, 9)} (± {short(found.uncertainty)})"
        message = f"the constant {shown} should be {true}"
        if rounded:
            message = f"the constant {true} is rounded to float32"
        exact = exact_value(place.constant, true, written)
        predict = near(name, place, found) if exact is None else exactly(name, place.at(exact))
        rank = 1.5 if written is not None or rounded else 2.95
        yield Hypothesis("wrong_constant", message, rank, predict, fields, fitted=1, mistake=f"constant {true}")


# ------------------------------------------------------------------------------------------------ where constants are
def _places(name: str, scene: Scene) -> list[ConstantPlace]:
    """The constants of the loss, each in all its places, and then those of the partial, each in one of them."""
    problem = scene.problem
    loss = problem.loss.expression
    found = []
    for constant in dict.fromkeys(constant for _, constant, _ in _constants(loss)):
        written = _everywhere(loss, constant)
        formula = written if name == VALUE else differentiate(written, problem.loss.symbols[name])
        found.append(ConstantPlace(constant, formula))
    if name != VALUE:
        raw = exact_partial(problem, name)
        found += [ConstantPlace(constant, raw.xreplace({node: other})) for node, constant, other in _constants(raw)]
    return [place for place in dict.fromkeys(found) if place.formula.has(KNOB)][:_MOST]


def _constants(expression: sympy.Expr) -> Iterator[tuple[sympy.Expr, sympy.Expr, sympy.Expr]]:
    """Nodes with a constant: the node, the constant, and the node with the symbol in its place."""
    for node in dict.fromkeys(sympy.preorder_traversal(expression)):
        if isinstance(node, sympy.Expr) and not node.is_number:
            found = _own_constant(node)
            if found is not None:
                yield node, *found


def _own_constant(node: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr] | None:
    """The constant of a sum, a product, a power or a function, with the rest around the symbol."""
    if node.is_Mul or node.is_Add:
        constant, rest = node.as_independent(*node.free_symbols, as_Add=node.is_Add)
        return (constant, node.func(KNOB, rest)) if _is_special(constant) else None
    for position, argument in enumerate(node.args):
        if isinstance(argument, sympy.Expr) and argument.is_number and _is_special(argument):
            others = list(node.args)
            others[position] = KNOB
            return argument, node.func(*others)
    return None


def _is_special(constant: sympy.Expr) -> bool:
    """Whether a number is one that people write down, and not one that comes out of a rule."""
    if not constant.is_number or not constant.is_real or constant.has(KNOB):
        return False
    return not constant.is_Rational or max(abs(constant.p), constant.q) > _SMALL


def _everywhere(expression: sympy.Basic, constant: sympy.Expr) -> sympy.Expr:
    """The expression with the symbol in all places of a constant."""
    if not expression.args or (isinstance(expression, sympy.Expr) and expression.is_number):
        return expression
    rebuilt = expression.func(*(_everywhere(argument, constant) for argument in expression.args))
    own = _own_constant(rebuilt) if isinstance(rebuilt, sympy.Expr) and not rebuilt.is_number else None
    return own[1] if own is not None and own[0] == constant else rebuilt


# ------------------------------------------------------------------------------------------------------ solving for it
def solved(name: str, scenes: Sequence[Scene], place: ConstantPlace) -> Solution | None:
    """The interval of constants that every number admits; None where there is none, or the constant is right."""
    start = next((value for value in (_newton(name, scene, place) for scene in scenes) if value is not None), None)
    if start is None:
        return None
    exact = float(place.constant)
    admitted = Admitted()
    ratios, slopes = [], []
    for one in _measurements(name, scenes, place, start):
        if abs(one.slope) * abs(start - exact) <= one.room:  # too flat to tell the constants apart
            if abs(one.missing) > one.room:
                return None
            continue
        admitted.narrow(start + one.missing / one.slope, one.room / abs(one.slope))
        slopes.append(one.slope)
        ratios.append(one.slope / one.truth if one.truth else float("inf"))
    found = admitted.unlike(exact)
    if found is None:
        return None
    whole = _is_same(ratios)
    if whole and place.nearby and place.constant.is_Rational:
        return None  # a factor of the whole, which would make a decimal of another one
    return Solution(*found, _is_same(slopes), whole)


@dataclass(frozen=True)
class _Measurement:
    """A number that the candidate gave, beside what is computed with the constant that is tried.

    ``missing`` is between the two, of which ``room`` may be rounding; ``slope`` is how the number changes with the
    constant, and ``truth`` what it should be.
    """

    missing: float
    room: float
    slope: float
    truth: float


def _measurements(name: str, scenes: Sequence[Scene], place: ConstantPlace, constant: float) -> Iterator[_Measurement]:
    for scene in scenes:
        try:
            predicted, slopes = scene.reduced(name, place.formula, constant), scene.reduced(name, place.slope, constant)
            numbers = scene.numbers(name)
        except SceneUnavailable:
            continue
        for (given, bound, truth), ball, slope in zip(numbers, predicted, slopes, strict=True):
            room = float(tolerance(scene, given, bound, ball, truth).upper())
            yield _Measurement(float((arb(given) - ball).mid()), room, float(slope.mid()), float(truth.mid()))


def _newton(name: str, scene: Scene, place: ConstantPlace) -> float | None:
    """The constant that explains the first number of a scene; None where there is none nearby."""
    exact = value = float(place.constant)
    for _ in range(_STEPS):
        try:
            ball = scene.reduced(name, place.formula, value)[0]
            rate = float(scene.reduced(name, place.slope, value)[0].mid())
        except SceneUnavailable:
            return None
        if not rate or not ball.is_finite():
            return None
        step = float((arb(scene.values(name)[0]) - ball).mid()) / rate
        value += step
        if not math.isfinite(value):
            return None
        if place.nearby and not abs(value - exact) <= _FARTHEST * abs(exact):
            return None
        if abs(step) <= _ENDED * max(abs(value), abs(exact)):
            return value
    return value


def _is_same(numbers: Sequence[float]) -> bool:
    largest = max(map(abs, numbers))
    return len(numbers) > 1 and max(numbers) - min(numbers) <= _SAME * largest


def near(name: str, place: ConstantPlace, found: Solution) -> Prediction:
    """The formula with the interval in the place of the constant, to first order."""

    def predict(scene: Scene) -> list[arb]:
        balls, rates = scene.reduced(name, place.formula, found.middle), scene.reduced(name, place.slope, found.middle)
        return [ball + rate * arb(0, found.uncertainty) for ball, rate in zip(balls, rates, strict=True)]

    return predict
