"""Log-cosh loss of the line a x + b: close to half the square near 0, to the absolute value far out."""

from diffexplore.losses._data import line_with_outliers
from diffexplore.losses._entry import Entry

ENTRY = Entry(
    name="log_cosh",
    title="log-cosh loss of the line a x + b",
    formula="log(cosh(a*x + b - y))",
    parameters=("a", "b"),
    data=("x", "y"),
    source="P. J. Green, Bayesian reconstructions from emission tomography data using a modified EM algorithm, "
    "IEEE Transactions on Medical Imaging 9 (1990) 84-93",
    default_points=({"a": 0.5, "b": -0.25}, {"a": 1.5, "b": 0.75}),
    default_data=line_with_outliers,
)
