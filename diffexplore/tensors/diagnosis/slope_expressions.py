"""What people write for the derivative of a function of entries, and how it is put in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np

from diffexplore.numerals import short

#: An expression of the argument x and the value y of a function.
Slope = Callable[[np.ndarray, np.ndarray], np.ndarray]

#: Right and wrong ones; the first that fits is named.
SLOPES: Mapping[str, Slope] = {
    "1": lambda x, y: np.ones_like(x),
    "y": lambda x, y: y,
    "x": lambda x, y: x,
    "(1 − y)": lambda x, y: 1 - y,
    "(1 + y)": lambda x, y: 1 + y,
    "(1 − x)": lambda x, y: 1 - x,
    "(1 + x)": lambda x, y: 1 + x,
    "y²": lambda x, y: y**2,
    "x²": lambda x, y: x**2,
    "y³": lambda x, y: y**3,
    "x³": lambda x, y: x**3,
    "(1 − y²)": lambda x, y: 1 - y**2,
    "(1 + y²)": lambda x, y: 1 + y**2,
    "(1 − x²)": lambda x, y: 1 - x**2,
    "(1 + x²)": lambda x, y: 1 + x**2,
    "1/x": lambda x, y: 1 / x,
    "1/y": lambda x, y: 1 / y,
    "1/x²": lambda x, y: 1 / x**2,
    "1/y²": lambda x, y: 1 / y**2,
    "1/(1 + x)": lambda x, y: 1 / (1 + x),
    "1/(1 + x²)": lambda x, y: 1 / (1 + x**2),
    "1/(1 − x²)": lambda x, y: 1 / (1 - x**2),
    "y·(1 − y)": lambda x, y: y * (1 - y),
    "x·(1 − x)": lambda x, y: x * (1 - x),
    "y·(1 + y)": lambda x, y: y * (1 + y),
    "y·(1 − y²)": lambda x, y: y * (1 - y**2),
    "(1 − y)²": lambda x, y: (1 - y) ** 2,
    "x·y": lambda x, y: x * y,
    "y/x": lambda x, y: y / x,
    "√x": lambda x, y: np.sqrt(x),
    "1/√x": lambda x, y: 1 / np.sqrt(x),
    "√(1 − x²)": lambda x, y: np.sqrt(1 - x**2),
    "1/√(1 − x²)": lambda x, y: 1 / np.sqrt(1 - x**2),
    "√(1 + x²)": lambda x, y: np.sqrt(1 + x**2),
    "exp(x)": lambda x, y: np.exp(x),
    "exp(−x)": lambda x, y: np.exp(-x),
    "exp(−x²)": lambda x, y: np.exp(-(x**2)),
    "exp(−x²/2)": lambda x, y: np.exp(-(x**2) / 2),
    "exp(−x²)/√π": lambda x, y: np.exp(-(x**2)) / np.sqrt(np.pi),
    "exp(−x²/2)/√π": lambda x, y: np.exp(-(x**2) / 2) / np.sqrt(np.pi),
    "exp(−2·x²)/√π": lambda x, y: np.exp(-2 * x**2) / np.sqrt(np.pi),
    "exp(−x²)/√(2·π)": lambda x, y: np.exp(-(x**2)) / np.sqrt(2 * np.pi),
    "exp(−x²/2)/√(2·π)": lambda x, y: np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi),
    "log(x)": lambda x, y: np.log(x),
    "sin(x)": lambda x, y: np.sin(x),
    "cos(x)": lambda x, y: np.cos(x),
    "tanh(x)": lambda x, y: np.tanh(x),
    "sigmoid(x)": lambda x, y: 1 / (1 + np.exp(-x)),
    "sigmoid(y)": lambda x, y: 1 / (1 + np.exp(-y)),
    "tanh(y)": lambda x, y: np.tanh(y),
    "cos(y)": lambda x, y: np.cos(y),
    "sign(x)": lambda x, y: np.sign(x),
}

#: By what the derivative of an operation that adds up entries, or has several operands, may be multiplied.
FACTORS: Mapping[str, Slope] = {
    text: SLOPES[text] for text in ("y", "x", "1/y", "1/x", "y²", "x²", "1/y²", "1/x²", "y³", "1/y³") if text in SLOPES
}

#: What may be the derivative of a linear operation.
NUMBERS: Mapping[str, Slope] = {"1": SLOPES["1"]}

#: A constant before an expression is a fraction with a numerator and a denominator up to this.
_LARGEST = 8

#: Longer ones have a denominator up to this, and are known to that, relative to their size.
LARGEST_DENOMINATOR, _CLEAR = 64, 2.0**-24


def short_fraction(middle: float, spread: float) -> float | None:
    """The short fraction that a constant is, which is known but for ``spread``; None where it is none."""
    if not math.isfinite(middle):
        return None
    for denominator in range(1, _LARGEST + 1):
        near = round(middle * denominator) / denominator
        if near != 0 and abs(near * denominator) <= _LARGEST and abs(near - middle) <= spread + 1e-12 * abs(near):
            return near
    return None


def longer_fraction(middle: float, spread: float) -> float | None:
    """The same with longer numbers, where so few are as near that chance is no explanation."""
    short = short_fraction(middle, spread)
    if short is not None or not spread <= _CLEAR * abs(middle) < math.inf:
        return short
    fraction = Fraction(middle).limit_denominator(LARGEST_DENOMINATOR)
    return float(fraction) if fraction and abs(float(fraction) - middle) <= spread else None


def one_number(slope: np.ndarray) -> float | None:
    """The number that a derivative is wherever it is finite; None where it is none, or 0."""
    known = slope[np.isfinite(slope)]
    if not known.size or known.flat[0] == 0 or np.ptp(known) > 1e-13 * abs(known.flat[0]):
        return None
    return float(known.flat[0])


def times(constant: float, text: str) -> str:
    """``2·(1 − y)``, ``0.5/y``, ``1 − y``."""
    number = short(constant).replace("-", "−")
    if text == "1":
        return number
    if text.startswith("1/"):
        return number + text[1:]
    if abs(constant) != 1:
        return f"{number}·{text}"
    alone = text[1:-1] if text.startswith("(") and text.endswith(")") else text
    return alone if constant == 1 else f"−{text}"


def meaning(*expressions: str | None) -> str:
    """``, where x is its argument and y its value``: what the letters of expressions stand for."""
    written = "".join(one or "" for one in expressions).replace("exp", "")
    found = [words for letter, words in (("x", "x is its argument"), ("y", "y is its value")) if letter in written]
    return f", where {' and '.join(found)}" if found else ""


def expression_of(slope: np.ndarray, x: np.ndarray, y: np.ndarray) -> str | None:
    """The derivative of an operation in words, if it is one of those that are known."""
    clear = np.isfinite(slope) & (slope != 0)
    for text, expression in SLOPES.items() if clear.any() else ():
        with np.errstate(all="ignore"):  # √x of numbers below 0
            ratio = slope[clear] / np.broadcast_to(expression(x, y), slope.shape)[clear]
        if not np.isfinite(ratio).all() or np.ptp(ratio) > 1e-11 * abs(ratio[0]):
            continue
        constant = short_fraction(float(ratio[0]), 1e-11 * abs(float(ratio[0])))
        if constant is not None:
            return times(constant, text)
    return None
