"""Negative log-likelihood of the line a x + b under Cauchy noise of scale s."""

from diffexplore.losses._data import line_with_outliers
from diffexplore.losses._entry import Entry

ENTRY = Entry(
    name="cauchy",
    title="Cauchy negative log-likelihood of the line a x + b with scale s",
    formula="log(pi*s) + log(1 + ((a*x + b - y)/s)**2)",
    parameters=("a", "b", "s"),
    data=("x", "y"),
    domain=("s > 0",),
    source="N. L. Johnson, S. Kotz, N. Balakrishnan, Continuous Univariate Distributions, vol. 1 "
    "(2nd ed., Wiley 1994), chapter 16",
    default_points=({"a": 0.5, "b": -0.25, "s": 0.75}, {"a": 1.5, "b": 0.75, "s": 0.5}),
    default_data=line_with_outliers,
)
