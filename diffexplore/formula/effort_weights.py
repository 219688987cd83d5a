"""What functions cost SymPy beside others: measured, on one function within another and beside others.

One unit of work is about half a microsecond.
"""

from __future__ import annotations

from diffexplore.functions import TABLE

NODE = 50
"""Work of each part of the text: it is read three times, and written as a program."""

OPERAND = 50
"""Work of an operand of a sum or product: SymPy collects what is alike."""

ALONE = 1000
"""Work of a function or a power of what is simple."""

COMPARISON = 1500
"""Work of a comparison: SymPy asks for the sign of the difference."""

PAIR = 100
"""Work of a node in each pair of the arguments of max and min."""

FRACTION = 25
"""Work of a node of a fraction, where SymPy asks for the sign of a sum of fractions."""

BITS = 1_000_000
"""The numbers of a sum or product, multiplied, take the square of their bits divided by this."""

#: Weights of the functions whose building takes more than looking at the operand once.
WEIGHTS = {
    "abs": 10, "cbrt": 20, "hypot": 10, "lgamma": 60, "gamma": 20, "heaviside": 10, "logcosh": 60, "exp2": 10,
    "trigamma": 10, "polygamma": 4, "sinh": 20, "cosh": 20, "tanh": 20, "sech": 20, "csch": 20, "sign": 4, "log2": 2,
    "sinc": 4, "log10": 4, "log": 2, "atanh": 2, "log1p": 4, "pow": 6, "sqrt": 6, "square": 6,
    **dict.fromkeys(("floor", "ceil", "trunc", "round"), 150),
    "exp10": 10, "logit": 10, "entr": 40, "xlogy": 40, "xlog1py": 40,
}  # fmt: skip
WEIGHTS_OF_ROOTS = {"lgamma": 160}
"""The same where a root is in the operand that SymPy does not know to be real."""

POWER = WHOLE_POWER = 6
"""Of a power of a sum SymPy asks whether each term is finite, and so of the powers in it."""

CONSTANT = 20
"""Least weight of what has no symbol: SymPy takes its value, that of all that is in it, again at each level."""

WEIGHTS_OF_CONSTANTS = {"dsinc": 120, "softplus": 40, "sigmoid": 40}
COPIES_OF_CONSTANTS = {"log": 3, "log2": 3, "log10": 3, "logcosh": 3}
"""The value of a logarithm of what is near 1 is taken twice, with more digits."""

#: How often the real and imaginary parts of an operand stand in those of a function, where SymPy has a rule for it.
PARTS = {
    "exp": 2, "sin": 2, "cos": 2, "sinh": 2, "cosh": 2, "tan": 3, "cot": 3, "tanh": 4, "coth": 4, "sec": 6, "csc": 6,
    "sech": 6, "csch": 6, "square": 2, "sqrt": 4, "hypot": 8, "pow": 4,
}  # fmt: skip
PARTS_OF_DIVISORS = 3

PART = 100
"""Work of a node of the parts, where SymPy asks for them."""

PART_COMPARED = 5 * PART
"""The same in a comparison, whose difference has both signs tried."""

#: Functions for whose operands, if it does not know them to be real, SymPy asks for the parts.
ASKING = frozenset({"sinh", "cosh", "tanh", "coth", "sech", "csch", "logcosh", "heaviside"})

#: How often an operand stands in SymPy's expression, or is asked about. SymPy takes real and imaginary parts of what it
#: does not know to be real, and it does not know that roots are taken of what is positive.
COPIES = {function.name: function.copies for function in TABLE}
COPIES_OF_UNSURE = {"sinh": 3, "cosh": 3, "tanh": 5, "sech": 6, "csch": 5, "logcosh": 2, "exp2": 2, "cbrt": 3}
COPIES_OF_ROOTS = {"sinh": 6, "cosh": 6, "tanh": 6, "sech": 6, "csch": 6, "logcosh": 3, "exp2": 3, "cbrt": 4}
COPIES_OF_EXPONENTS = 2

#: SymPy asks for the imaginary part of the argument of a step: each function within it makes that twice as long.
COPIES_OF_STEPS = 4

#: The same of a root whose operand is a power, or a quotient, in which there is something that is not known to be real.
COPIES_OF_POWERS = 8
COPIES_OF_QUOTIENTS = 4

#: Functions whose values SymPy does not know to be real, and those that are roots.
UNSURE = frozenset(
    {"log", "log1p", "log2", "log10", "asin", "acos", "acosh", "atanh", "erfinv", "gamma", "lgamma", "digamma",
     "trigamma", "polygamma", "logit", "entr", "xlogy", "xlog1py", "ndtri", "k0", "k1"}
)  # fmt: skip
#: Those whose values it does not know to be real where the operand may be infinite, those whose values may be infinite
#: for it, and those whose values are finite, whatever the operand.
UNSURE_OF_FRACTIONS = frozenset(
    {"cbrt", "exp2", "expm1", "sinc", "dsinc", "atan", "asinh", "sign", "sigmoid", "softplus", "atan2", "hypot", "max",
     "min", "exp10", "ndtr", "erfcx", "i0", "i1", "besseli", "floor", "ceil", "trunc", "round"}
)  # fmt: skip
INFINITE = frozenset({"tan", "cot", "sec", "csc", "coth", "csch"})
FINITE = frozenset({"sinh", "cosh", "tanh", "sech", "heaviside", "relu", "logcosh"})
ROOTS = frozenset({"sqrt", "cbrt", "hypot", "pow"})

#: Functions that SymPy writes as roots and fractions where one is applied to an inverse one: sin(atan(x)) = x/√(1+x²).
OF_INVERSES = frozenset(
    {"sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth", "sech", "csch", "logcosh"}
)
INVERSES = frozenset({"asin", "acos", "atan", "atan2", "asinh", "acosh", "atanh"})
COPIES_OF_INVERSES = 2

#: Functions that are powers of their operands, and those that may be the operand itself, as abs(x**2) is.
POWERS = frozenset({"sqrt", "square", "pow", "hypot", "cbrt"})
SAME = frozenset({"abs", "exp", "log"})
EXTREMES = frozenset({"max", "min", "relu"})
CHOICES = frozenset({"where", "Piecewise"})
