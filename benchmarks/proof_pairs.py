"""Forward formulas with derivatives written independently of SymPy: what a proof must accept as it stands.

The derivatives are in the forms of hand-written backward passes: 1 − tanh², grad·sign(x), products of sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy
from sympy import Abs, Max, Min, Piecewise, Rational, cos, erf, exp, log, pi, sign, sin, sqrt, tanh
from sympy.logic.boolalg import Boolean

from diffexplore.formula.batch_sums import SAMPLES, BatchSum, batch_sum
from diffexplore.formula.functions_sympy import log1p, sigmoid, softplus


@dataclass(frozen=True)
class Pair:
    """A formula and its derivative by ``symbol``."""

    name: str
    forward: sympy.Expr
    claimed: sympy.Expr
    symbol: sympy.Symbol
    data: tuple[sympy.Symbol, ...] = ()
    domain: tuple[Boolean, ...] = ()


def real(names: str) -> tuple[sympy.Symbol, ...]:
    return sympy.symbols(names, real=True, seq=True)


a, b, s, p, w, x, y, v = real("a b s p w x y v")
N = SAMPLES
_XY = (x, y)


def _total(summand: sympy.Expr, data: tuple[sympy.Symbol, ...] = _XY) -> sympy.Expr:
    return batch_sum(summand, data)


def elementwise() -> list[Pair]:
    """Activations and losses of one number."""
    half = Rational(1, 2)
    e, d, most = sigmoid(x), x - y, Max(x, y)
    cubic = sqrt(2 / pi) * (x + Rational(44715, 10**6) * x**3)
    t, m = tanh(cubic), tanh(softplus(x))
    alpha, scale = Rational(16732632423543772, 10**16), Rational(10507009873554805, 10**16)
    rows = [
        ("tanh", tanh(x), 1 - tanh(x) ** 2, x),
        ("sigmoid", e, e * (1 - e), x),
        ("silu", x * e, e * (1 + x * (1 - e)), x),
        ("softplus", log1p(exp(x)), 1 / (1 + exp(-x)), x),
        ("softplus with a threshold", Piecewise((x, x > 20), (log1p(exp(x)), True)),
         Piecewise((1, x > 20), (exp(x) / (1 + exp(x)), True)), x),
        ("relu", Max(x, 0), Piecewise((1, x > 0), (0, True)), x),
        ("leaky relu", Piecewise((x, x > 0), (x / 100, True)), Piecewise((1, x > 0), (Rational(1, 100), True)), x),
        ("elu", Piecewise((x, x > 0), (exp(x) - 1, True)), Piecewise((1, x > 0), (exp(x), True)), x),
        ("selu", scale * Max(0, x) + scale * Min(0, alpha * (exp(x) - 1)),
         Piecewise((scale, x > 0), (scale * alpha * exp(x), True)), x),
        ("celu", Max(0, x) + Min(0, 2 * (exp(x / 2) - 1)), Piecewise((1, x > 0), (exp(x / 2), True)), x),
        ("hardswish", x * Min(Max(x + 3, 0), 6) / 6,
         Piecewise((0, x < -3), (x / 3 + half, x <= 3), (1, True)), x),
        ("hardtanh", Min(Max(x, -1), 1), Piecewise((1, sympy.And(x > -1, x < 1)), (0, True)), x),
        ("softsign", x / (1 + Abs(x)), 1 / (1 + Abs(x)) ** 2, x),
        ("gelu", x * (1 + erf(x / sqrt(2))) / 2, (1 + erf(x / sqrt(2))) / 2 + x * exp(-(x**2) / 2) / sqrt(2 * pi), x),
        ("gelu by tanh", x * (1 + t) / 2,
         (1 + t) / 2 + x * (1 - t**2) * sqrt(2 / pi) * (1 + Rational(134145, 10**6) * x**2) / 2, x),
        ("mish", x * m, m + x * (1 - m**2) * e, x),
        ("logsigmoid", Min(0, x) - log1p(exp(-Abs(x))), 1 - exp(x) / (1 + exp(x)), x),
        ("binary cross entropy of logits", Max(x, 0) - x * y + log1p(exp(-Abs(x))), e - y, x),
        ("smooth l1", Piecewise((d**2 / 2, Abs(d) < 1), (Abs(d) - half, True)),
         Piecewise((d, Abs(d) < 1), (sign(d), True)), x),
        ("log cosh", log(sympy.cosh(d)), tanh(d), x),
        ("log sum exp", log(exp(x) + exp(y)), 1 / (1 + exp(y - x)), x),
        ("log sum exp, shifted", most + log(exp(x - most) + exp(y - most)), exp(x) / (exp(x) + exp(y)), x),
        ("hinge", Max(0, 1 - y * x), Piecewise((-y, y * x < 1), (0, True)), x),
        ("sin", sin(2 * x), 2 * (cos(x) ** 2 - sin(x) ** 2), x),
        ("atan", sympy.atan(x / y), y / (x**2 + y**2), x),
        ("root", sqrt(x**2 + y**2), x / sqrt(x**2 + y**2), x),
    ]  # fmt: skip
    positive = [
        ("power", x**p, p * x ** (p - 1), x, (x > 0,)),
        ("power by its exponent", x**p, x**p * log(x), p, (x > 0,)),
        ("huber", Piecewise((d**2 / 2, Abs(d) < b), (b * (Abs(d) - b / 2), True)),
         Piecewise((d, Abs(d) < b), (b * sign(d), True)), x, (b > 0,)),
        ("poisson", x - y * log(x), 1 - y / x, x, (x > 0,)),
        ("gaussian with a clamped variance", (log(Max(v, Rational(1, 10**6))) + d**2 / Max(v, Rational(1, 10**6))) / 2,
         Piecewise((1 / v - d**2 / v**2, v > Rational(1, 10**6)), (0, True)) / 2, v, (v > 0,)),
    ]  # fmt: skip
    found = [Pair(name, forward, sympy.sympify(claimed), symbol) for name, forward, claimed, symbol in rows]
    return found + [Pair(name, f, c, symbol, (), domain) for name, f, c, symbol, domain in positive]


def batched() -> list[Pair]:
    """Losses over a batch, with sums in all places."""
    r, q = a * x - y + b, a**2 + 1
    mean = batch_sum(x, (x,)) / N
    variance = batch_sum((x - mean) ** 2, (x,)) / N
    norm = sqrt(_total((w * x - y) ** 2))
    top, left, right = _total(w * x * y), sqrt(_total((w * x + b) ** 2)), sqrt(_total(y**2))
    cosine = _total((w * x + b) * y) / (left * right)
    weights = batch_sum(exp(w * x), (x,))
    distance = _total(r**2) / (2 * N * q)
    return [
        Pair("distance, a", distance, (_total(r * x) - a * _total(r**2) / q) / (N * q), a, _XY),
        Pair("distance, b", distance, _total(r) / (N * q), b, _XY),
        Pair("distance, x", distance, a * r / (N * q), x, _XY),
        Pair("variance", variance, 2 * (x - mean) / N, x, (x,)),
        Pair("deviation", sqrt(variance), (x - mean) / (N * sqrt(variance)), x, (x,)),
        Pair("norm", norm, _total((w * x - y) * x) / norm, w, _XY),
        Pair("cosine similarity", cosine, _total(x * y) / (left * right)
             - cosine * _total((w * x + b) * x) / left**2, w, _XY),
        Pair("square of a sum", top**2, 2 * top * _total(x * y), w, _XY),
        Pair("mean absolute error", _total(Abs(w * x - y)) / N, _total(x * sign(w * x - y)) / N, w, _XY),
        Pair("logistic regression", _total(log1p(exp(-y * (w * x + b)))) / N,
             -_total(x * y * sigmoid(-y * (w * x + b))) / N, w, _XY),
        Pair("log of a sum", log(weights), batch_sum(x * exp(w * x), (x,)) / weights, w, (x,)),
        Pair("rectified unit", _total((Max(0, w * x + b) - y) ** 2) / N,
             2 * _total(Piecewise((x * (w * x + b - y), w * x + b > 0), (0, True))) / N, w, _XY),
    ]  # fmt: skip


def perceptron() -> list[Pair]:
    """Two layers of width 3 with tanh and two inputs: all 13 partials by a backward pass written by hand."""
    hidden, inputs = 3, real("x1 x2")
    (target,) = real("y")
    data = (*inputs, target)
    weights = [[sympy.Symbol(f"W{i}_{j}", real=True) for j in (1, 2)] for i in range(1, hidden + 1)]
    biases, outer, (last,) = real("c1 c2 c3"), real("v1 v2 v3"), real("d")
    units = [tanh(row[0] * inputs[0] + row[1] * inputs[1] + bias) for row, bias in zip(weights, biases, strict=True)]
    output = sum((weight * unit for weight, unit in zip(outer, units, strict=True)), last)
    loss = BatchSum((output - target) ** 2, data) / N
    delta = 2 * (output - target) / N
    pairs = [Pair("perceptron, d", loss, batch_sum(delta, data), last, data)]
    for place in range(hidden):
        unit, weight = units[place], outer[place]
        back = delta * weight * (1 - unit**2)
        pairs.append(Pair(f"perceptron, {weight}", loss, batch_sum(delta * unit, data), weight, data))
        pairs.append(Pair(f"perceptron, {biases[place]}", loss, batch_sum(back, data), biases[place], data))
        for symbol, value in zip(weights[place], inputs, strict=True):
            pairs.append(Pair(f"perceptron, {symbol}", loss, batch_sum(back * value, data), symbol, data))
    return pairs


def pairs() -> list[Pair]:
    return [*elementwise(), *batched(), *perceptron()]
