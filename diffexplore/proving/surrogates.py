"""Surrogate gradients: a step forwards, and the derivative of a smooth function backwards, on purpose.

E. O. Neftci, H. Mostafa, F. Zenke, Surrogate gradient learning in spiking neural networks, IEEE Signal Processing
Magazine 36 (2019) 51-63; Y. Bengio, N. Léonard, A. Courville, Estimating or propagating gradients through stochastic
neurons for conditional computation, arXiv:1308.3432 (the straight-through estimator).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import sympy

from diffexplore.checking.records import VALUE, Cause
from diffexplore.decide import decide_equal, decide_gradient
from diffexplore.formula.batch_sums import SAMPLES, BatchSum
from diffexplore.formula.step_functions import STEPS
from diffexplore.formula.text import to_text
from diffexplore.proving.factors import is_proportional
from diffexplore.proving.programs import TensorProgram
from diffexplore.proving.records import Statement
from diffexplore.tracing.declarations import symbols_of
from diffexplore.tracing.traced import Traced

_T = sympy.Symbol("surrogate argument", real=True)


@dataclass(frozen=True)
class Surrogate:
    """A function that stands for a step: in words, with its derivative at t for a steepness k.

    ``steepness`` gives k from the ratio of the derivatives at a small t and at 0; None where there is no k.
    """

    words: Callable[[sympy.Expr, sympy.Expr], str]
    derivative: Callable[[sympy.Expr, sympy.Expr], sympy.Expr]
    steepness: Callable[[sympy.Expr, sympy.Expr], sympy.Expr] | None


def _of_cosh(ratio: sympy.Expr, t: sympy.Expr) -> sympy.Expr:
    """The k of 1/cosh²(k t) = ratio."""
    return sympy.acosh(1 / sympy.sqrt(ratio)) / t


#: Every surrogate that is known; the shapes are those in which libraries of spiking networks have them.
TABLE: tuple[Surrogate, ...] = (
    Surrogate(lambda t, k: f"{_name(t)} itself (straight-through)", lambda t, k: sympy.S.One, None),
    Surrogate(
        lambda t, k: f"sigmoid({_times(k, t)})", lambda t, k: k * sympy.exp(-k * t) / (1 + sympy.exp(-k * t)) ** 2,
        lambda ratio, t: 2 * _of_cosh(ratio, t),
    ),
    Surrogate(lambda t, k: f"tanh({_times(k, t)})", lambda t, k: k * (1 - sympy.tanh(k * t) ** 2), _of_cosh),
    Surrogate(
        lambda t, k: f"atan({_times(k, t)})", lambda t, k: k / (1 + (k * t) ** 2),
        lambda ratio, t: sympy.sqrt(1 / ratio - 1) / t,
    ),
    Surrogate(
        lambda t, k: f"{_name(t)}/(1 + {_times(k, '|' + _name(t) + '|')})", lambda t, k: 1 / (1 + k * abs(t)) ** 2,
        lambda ratio, t: (1 / sympy.sqrt(ratio) - 1) / t,
    ),
    Surrogate(
        lambda t, k: f"erf({_times(k, t)})", lambda t, k: 2 * k / sympy.sqrt(sympy.pi) * sympy.exp(-((k * t) ** 2)),
        lambda ratio, t: sympy.sqrt(-sympy.log(ratio)) / t,
    ),
    Surrogate(
        lambda t, k: f"the integral of max(0, 1 − {_times(k, '|' + _name(t) + '|')}), a triangle",
        lambda t, k: sympy.Piecewise((1 - k * abs(t), k * abs(t) < 1), (0, True)), lambda ratio, t: (1 - ratio) / t,
    ),
    Surrogate(
        lambda t, k: f"the integral of exp(−{_times(k, '|' + _name(t) + '|')})", lambda t, k: sympy.exp(-k * abs(t)),
        lambda ratio, t: -sympy.log(ratio) / t,
    ),
)  # fmt: skip


def _name(t: sympy.Expr) -> str:
    text = to_text(t)
    return text if t.is_Symbol else f"({text})"


def _times(k: sympy.Expr, t: sympy.Expr | str) -> str:
    argument = t if isinstance(t, str) else to_text(t) if k == 1 else _name(t)
    return argument if k == 1 else f"{to_text(k)}·{argument}"


def surrogate_of(program: TensorProgram, traced: Traced, statements: Sequence[Statement]) -> Cause | None:
    """That the forward is a step, and of which function the backward is the derivative, where this can be proved."""
    first = [statement for statement in statements if statement.name != VALUE and statement.call == 1]
    refuted = [statement for statement in statements if statement.status == "refuted"]
    if not refuted or not first or traced.partials is None or not traced.output.atoms(*_STEPS):
        return None
    for statement in [one for one in refuted if one in first] or first:
        symbol = sympy.Symbol(statement.name, real=True)
        claimed = traced.partials[statement.name]
        if claimed != 0 and _is_flat(program, traced, symbol):
            return _cause(_found(program, traced, symbol, claimed), statement.name)
    return None


_STEPS = (sympy.Piecewise, sympy.sign, *STEPS, sympy.Heaviside)  # what makes a step


def _is_flat(program: TensorProgram, traced: Traced, symbol: sympy.Symbol) -> bool:
    """Whether the derivative of the forward is proved to be 0 but for boundaries."""
    data = [] if traced.samples is not None else symbols_of(program.data)
    found = decide_gradient(traced.output, sympy.S.Zero, symbol, data=data, conventions=traced.conventions)
    return found.status == "proved"


def _cause(words: str | None, name: str) -> Cause:
    flat = f"a surrogate gradient: the derivative of the forward by {name} is 0 almost everywhere, and the backward"
    advice = 'Hold it against the formula of that function as the loss, with kind="gradient"'
    message = f"{flat} is the derivative of {words or 'another function'}. {advice}"
    return Cause("surrogate", message, {"inputs": [name], "surrogate": words, "certain": words is not None})


def _found(program: TensorProgram, traced: Traced, symbol: sympy.Symbol, claimed: sympy.Expr) -> str | None:
    """The function whose derivative the backward computes, by the argument of a step in the forward."""
    weights = [one for weight in program.weights for one in weight.array.symbols]
    used = [one for one in weights if one in claimed.free_symbols]
    claimed = _of_one_sample(claimed)
    if claimed.has(BatchSum) or len(used) > 1 or not all(is_proportional(claimed, one) for one in used):
        return None
    slope = claimed.xreplace(dict.fromkeys(used, sympy.S.One))
    for argument in _arguments(traced.output, symbol):
        inner = sympy.diff(argument, symbol)
        shift = sympy.expand(symbol - argument / inner)
        if symbol in inner.free_symbols or symbol in shift.free_symbols:
            continue
        at = (slope / inner).xreplace({symbol: _T / inner + shift})
        for _, words, formula in sorted(_fitting(at, argument), key=lambda found: found[0]):
            if decide_equal(slope, inner * formula).status == "proved":
                return words
    return None


def _of_one_sample(claimed: sympy.Expr) -> sympy.Expr:
    """The summand of a sum or mean over the samples; anything else as it is."""
    sums = claimed.atoms(BatchSum)
    if len(sums) != 1 or not isinstance(claimed, (sympy.Mul, BatchSum)):
        return claimed
    (one,) = sums
    factor = claimed / one
    factor = factor * SAMPLES if factor.has(SAMPLES) else factor
    return claimed if factor.has(BatchSum, SAMPLES) else factor * one.summand


def _arguments(output: sympy.Expr, symbol: sympy.Symbol) -> list[sympy.Expr]:
    """What steps are taken of: compared in a condition, or the argument of a sign."""
    compared = [one.lhs - one.rhs for one in output.atoms(sympy.core.relational.Relational)]
    inside = [one.args[0] for one in output.atoms(*_STEPS[1:])]
    found = [argument for argument in (symbol, *compared, *inside) if symbol in argument.free_symbols]
    return list(dict.fromkeys(-one if one.could_extract_minus_sign() else one for one in found))


_NEAR, _DIGITS = sympy.Rational(1, 16), 40  # where a derivative is looked at beside 0, and in how many digits


def _fitting(slope: sympy.Expr, argument: sympy.Expr) -> Iterator[tuple[bool, str, sympy.Expr]]:
    """The surrogates with the steepness and the size that the numbers of a slope ask for; none is proved yet.

    With each, whether it comes with a factor: of two names for one function, that without is the better.
    """
    others = sorted(slope.free_symbols - {_T}, key=str)
    fixed = {one: sympy.Rational(3 + 2 * i, 7) for i, one in enumerate(others)}
    size, near = (_number(slope, t, fixed) for t in (sympy.S.Zero, _NEAR))
    if size is None or near is None or size == 0:
        return
    whole = slope.xreplace({_T: sympy.S.Zero, **fixed})
    for surrogate in TABLE:
        k = sympy.S.One if surrogate.steepness is None else _exact(surrogate.steepness(near / size, _NEAR))
        if k is not None and k.is_positive:
            start = surrogate.derivative(sympy.S.Zero, k)
            factor = _exact(size / start) or whole / start
            formula = factor * surrogate.derivative(argument, k)
            yield factor != 1, _multiple(factor, surrogate.words(argument, k)), formula
    edge = _edge(slope, fixed)
    if edge is not None:
        factor = _exact(size) or whole
        clipped = sympy.Piecewise((factor, abs(argument) < edge), (0, True))
        yield factor != 1, _multiple(factor, f"{_name(argument)} clipped to ±{to_text(edge)}"), clipped


def _multiple(factor: sympy.Expr, words: str) -> str:
    """A function with its factor: in full where that is short."""
    if factor == 1:
        return words
    text = to_text(factor)
    return f"{text if len(text) <= 12 else f'{float(factor):.6g}'} times {words}"


def _number(slope: sympy.Expr, t: sympy.Expr, fixed: dict[sympy.Symbol, sympy.Expr]) -> sympy.Expr | None:
    found = slope.xreplace({_T: t, **fixed}).evalf(_DIGITS)
    return found if found.is_Float or found.is_Rational else None


def _edge(slope: sympy.Expr, fixed: dict[sympy.Symbol, sympy.Expr]) -> sympy.Expr | None:
    """The number in its conditions beyond which a slope is 0, on both sides."""
    compared = [one.xreplace(fixed) for one in slope.atoms(sympy.core.relational.Relational)]
    numbers = {abs(number) for one in compared for number in one.atoms(sympy.Rational) if number != 0}
    for edge in sorted(numbers):
        outside = [_number(slope, sign * edge * (1 + _NEAR), fixed) for sign in (1, -1)]
        inside = [_number(slope, sign * edge * (1 - _NEAR), fixed) for sign in (1, -1)]
        if all(number == 0 for number in outside) and all(number not in (0, None) for number in inside):
            return edge
    return None


def _exact(value: sympy.Expr) -> sympy.Expr | None:
    """The short number that a value is in 40 digits: a fraction, or one times or under a root or π."""
    number = sympy.N(value, _DIGITS)
    if not number.is_Float:
        return sympy.S(number) if number.is_Rational else None
    for unit in (sympy.S.One, sympy.pi, 1 / sympy.pi, sympy.sqrt(sympy.pi), sympy.sqrt(2), sympy.sqrt(2 * sympy.pi),
                 1 / sympy.sqrt(sympy.pi), sympy.sqrt(2 / sympy.pi), sympy.sqrt(sympy.pi) / 2):  # fmt: skip
        ratio = sympy.Rational(str(sympy.N(number / unit, _DIGITS)))
        short = Fraction(int(ratio.p), int(ratio.q)).limit_denominator(_LARGEST)
        if abs(ratio - sympy.Rational(short.numerator, short.denominator)) < sympy.Rational(1, 10**25):
            return sympy.Rational(short.numerator, short.denominator) * unit
    return None


_LARGEST = 1000
