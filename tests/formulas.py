"""Random formulas for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

SYMBOLS = ("a", "b", "x", "y")

# Functions that are defined on the whole real line, so that a random composition is defined somewhere.
EVERYWHERE = (
    "abs", "exp", "sin", "cos", "tanh", "atan", "asinh", "erf", "sigmoid", "softplus", "logcosh", "sign", "relu",
    "sech", "square", "cbrt",
)  # fmt: skip
SOMEWHERE = ("sqrt", "log", "log1p", "expm1", "tan", "gamma", "digamma", "erfc", "cosh", "asin", "coth", "sinc")

_leaves = st.one_of(st.sampled_from(SYMBOLS), st.sampled_from(("1", "2", "3", "0.5", "1/3", "pi")))


def _extended(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner),
        st.builds("{}({})".format, st.sampled_from(EVERYWHERE + SOMEWHERE), inner),
        st.builds("({})**{}".format, inner, st.sampled_from(("2", "3", "(-1)", "0.5", "(-3/2)", "b"))),
        st.builds("-{}".format, inner),
        st.builds("where({} {} {}, {}, {})".format, inner, st.sampled_from(("<", ">=")), inner, inner, inner),
        st.builds("max({}, {})".format, inner, inner),
        st.builds("atan2({}, {})".format, inner, inner),
    )


texts = st.recursive(_leaves, _extended, max_leaves=7)
"""Formula texts; some are refused because a constant part is undefined."""
