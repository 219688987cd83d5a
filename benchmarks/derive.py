"""Derivatives of formulas that are nested deep, and of long ones: how long they take, and how long they are.

    python -m benchmarks.derive [--only NAME]

Of each formula all partials are derived, simplified and written as text, in one process after the libraries are loaded,
in processor time. Counted are the operations of the formula, those of all partials when they are written out, and those
that are printed, with names for what comes twice.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from itertools import count

import sympy

import diffexplore as dx
from diffexplore.formula.order import count_ops
from diffexplore.formula.parse import parse


def _symbols(letter: str, number: int) -> list[sympy.Symbol]:
    return [sympy.Symbol(f"{letter}{place}", real=True) for place in range(1, number + 1)]


A, B, R, X = (sympy.Symbol(name, real=True) for name in "abrx")


def _chain(link: Callable[[sympy.Expr], sympy.Expr], times: int, value: sympy.Expr = X) -> sympy.Expr:
    for _ in range(times):
        value = link(value)
    return value


def _tanh(times: int) -> sympy.Expr:
    """Every layer with factors of its own."""
    places = count(1)
    return _chain(lambda u: sympy.tanh(sympy.Symbol(f"a{next(places)}", real=True) * u), times)


def _terms(number: int) -> sympy.Expr:
    return sympy.Add(*(a * X**2 / (1 + a**2) for a in _symbols("a", number)))


def _softmax(number: int) -> sympy.Expr:
    logits = _symbols("x", number)
    return sympy.exp(logits[0]) / sympy.Add(*map(sympy.exp, logits))


def _perceptron(width: int, layers: int) -> sympy.Expr:
    values: list[sympy.Expr] = [X]
    for layer in range(layers):
        rows = [
            sympy.Add(*(w * value for w, value in zip(_symbols(f"w{layer}_{row}_", len(values)), values, strict=True)))
            for row in range(width)
        ]
        values = list(map(sympy.tanh, rows))
    return sympy.Add(*values)


#: The goal is two seconds for each of the first four.
FORMULAS: Mapping[str, Callable[[], sympy.Expr]] = {
    "tanh chain of depth 3": lambda: _tanh(3),
    "logistic map, 12 times": lambda: _chain(lambda u: R * u * (1 - u), 12),
    "softmax over 50 symbols": lambda: _softmax(50),
    "sum of 200 terms": lambda: _terms(200),
    "tanh chain of depth 10": lambda: _chain(lambda u: sympy.tanh(A * u + B), 10),
    "tanh chain of depth 40": lambda: _chain(lambda u: sympy.tanh(A * u + B), 40),
    "Gaussians nested 12 deep": lambda: _chain(lambda u: sympy.exp(-((A * u - B) ** 2)), 12),
    "roots, logarithms, exponentials, 12 deep": lambda: _chain(
        lambda u: sympy.exp(-sympy.log(2 + sympy.sqrt(1 + u**2))), 4, A * X
    ),
    "continued fraction, 15 deep": lambda: _chain(lambda u: A + X / u, 15, A),
    "polynomial of degree 60, by Horner": lambda: _chain(lambda u: u * X + A, 60, A),
    "powers in powers": lambda: (((X**2 + 1) ** 3 + A) ** A + X) ** sympy.Rational(5, 2),
    "log Σ exp of 100": lambda: sympy.log(sympy.Add(*map(sympy.exp, _symbols("x", 100)))),
    "product of 100 sums": lambda: sympy.Mul(*(1 + x**2 for x in _symbols("x", 100))),
    "product of 100 sums of two symbols": lambda: sympy.Mul(*(X + place * A for place in range(1, 101))),
    "sum of 200 squares": lambda: sympy.Add(*((a * X - B) ** 2 for a in _symbols("a", 200))),
    "branches, 6 deep": lambda: _chain(
        lambda u: sympy.Piecewise((sympy.Max(sympy.Abs(u - B), A * X), u > 0), (-B * u, True)), 3
    ),
    "perceptron 1-4-4": lambda: _perceptron(4, 2),
    "Bessel and gamma": lambda: parse("besselj(0, a*gamma(1 + x**2))*lgamma(a + besselj(1, x)**2 + 1)"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME", help="only formulas with this in their names")
    options = parser.parse_args()
    dx.Loss("tanh(a*x)", parameters="a", data="x").gradient().formulas()  # what is loaded at its first use
    print("| formula | partials | operations | written out | printed | seconds |\n|---|---:|---:|---:|---:|---:|")
    for name, formula in FORMULAS.items():
        if options.only is None or options.only in name:
            print(_row(name, formula()), flush=True)


def _row(name: str, expr: sympy.Expr) -> str:
    loss = dx.Loss(expr, parameters=sorted(symbol.name for symbol in expr.free_symbols))
    sympy.core.cache.clear_cache()
    started = time.process_time()
    partials = loss.gradient().formulas().values()
    seconds = time.process_time() - started
    raw, printed = (sum(getattr(partial, key) for partial in partials) for key in ("ops_raw", "ops_simplified"))
    return f"| {name} | {len(partials)} | {count_ops(expr):,} | {raw:,} | {printed:,} | {seconds:.2f} |"


if __name__ == "__main__":
    main()
