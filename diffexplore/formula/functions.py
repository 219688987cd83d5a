"""The functions and constants that a formula may name. Importable without SymPy.

What each of them builds is in :mod:`diffexplore.formula.functions_sympy`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Function:
    """A function of the formula language: its names, how many arguments it takes, and what it means.

    ``most`` is None where any number of arguments from ``least`` up is welcome.
    """

    name: str
    doc: str
    least: int = 1
    most: int | None = 1
    aliases: tuple[str, ...] = ()

    def accepts(self, count: int) -> bool:
        """Whether ``count`` arguments are as many as the function takes."""
        return self.least <= count and (self.most is None or count <= self.most)

    @property
    def arity(self) -> str:
        """How many arguments it takes, in words: "1 argument", "1 or 2 arguments", "2 or more arguments"."""
        if self.most is None:
            return f"{self.least} or more arguments"
        if self.most == self.least:
            return f"{self.least} argument{'s' if self.least > 1 else ''}"
        return f"{self.least} or {self.most} arguments"


TABLE: tuple[Function, ...] = (
    Function("abs", "absolute value |x|", aliases=("Abs",)),
    Function("sqrt", "square root, for x ≥ 0"),
    Function("cbrt", "real cube root, for every x"),
    Function("square", "x²"),
    Function("pow", "power x**y", 2, 2),
    Function("hypot", "√(x² + y²)", 2, 2),
    Function("exp", "exponential e**x"),
    Function("exp2", "2**x"),
    Function("expm1", "exp(x) − 1, accurate near 0"),
    Function("log", "natural logarithm, or to the base given second", 1, 2, aliases=("ln",)),
    Function("log1p", "log(1 + x), accurate near 0"),
    Function("log2", "logarithm to base 2"),
    Function("log10", "logarithm to base 10"),
    Function("sin", "sine"),
    Function("cos", "cosine"),
    Function("tan", "tangent"),
    Function("cot", "cotangent 1/tan(x)"),
    Function("sec", "secant 1/cos(x)"),
    Function("csc", "cosecant 1/sin(x)"),
    Function("sinc", "sin(x)/x, 1 at 0 (without π)"),
    Function("dsinc", "n-th derivative of sinc: dsinc(n, x), n a whole number up to 10", 2, 2),
    Function("asin", "inverse sine", aliases=("arcsin",)),
    Function("acos", "inverse cosine", aliases=("arccos",)),
    Function("atan", "inverse tangent", aliases=("arctan",)),
    Function("atan2", "angle of the point (x, y): atan2(y, x)", 2, 2, aliases=("arctan2",)),
    Function("sinh", "hyperbolic sine"),
    Function("cosh", "hyperbolic cosine"),
    Function("tanh", "hyperbolic tangent"),
    Function("coth", "hyperbolic cotangent"),
    Function("sech", "hyperbolic secant"),
    Function("csch", "hyperbolic cosecant"),
    Function("asinh", "inverse hyperbolic sine", aliases=("arcsinh",)),
    Function("acosh", "inverse hyperbolic cosine", aliases=("arccosh",)),
    Function("atanh", "inverse hyperbolic tangent", aliases=("arctanh",)),
    Function("erf", "error function"),
    Function("erfc", "1 − erf(x)"),
    Function("erfinv", "inverse of erf"),
    Function("gamma", "gamma function"),
    Function("lgamma", "logarithm of the gamma function, for x > 0", aliases=("loggamma",)),
    Function("digamma", "derivative of lgamma"),
    Function("trigamma", "derivative of digamma"),
    Function("polygamma", "n-th derivative of digamma: polygamma(n, x), n a whole number up to 10", 2, 2),
    Function("sign", "−1, 0 or 1"),
    Function("heaviside", "0 below 0, 1 above, ½ at 0", aliases=("Heaviside",)),
    Function("relu", "max(x, 0)"),
    Function("max", "the largest argument", 2, None, aliases=("Max",)),
    Function("min", "the smallest argument", 2, None, aliases=("Min",)),
    Function("where", "where(condition, a, b): a where the condition holds, else b", 3, 3),
    Function("Piecewise", "Piecewise((a, condition), …, (b, True)): the first piece whose condition holds", 1, None),
    Function("sigmoid", "1/(1 + exp(−x))", aliases=("expit",)),
    Function("softplus", "log(1 + exp(x))"),
    Function("logcosh", "log(cosh(x))"),
)

FUNCTIONS: dict[str, Function] = {name: entry for entry in TABLE for name in (entry.name, *entry.aliases)}

CONSTANTS: frozenset[str] = frozenset({"pi", "e", "E"})

RESERVED: frozenset[str] = frozenset(FUNCTIONS) | CONSTANTS
"""Names that cannot be symbols."""
