"""Negative log-likelihood of Poisson counts with log-rate a x + b."""

from diffexplore.losses._data import counts
from diffexplore.losses._entry import Entry

ENTRY = Entry(
    name="poisson",
    title="Poisson negative log-likelihood of counts y with log-rate a x + b, without its constant",
    formula="exp(a*x + b) - y*(a*x + b)",
    parameters=("a", "b"),
    data=("x", "y"),
    domain=("y >= 0",),
    source="P. McCullagh, J. A. Nelder, Generalized Linear Models (2nd ed., Chapman & Hall 1989), chapter 6",
    default_points=({"a": 0.25, "b": -0.5}, {"a": 1.0, "b": 0.5}),
    default_data=counts,
)
