"""Absolute error of the line a x + b."""

from diffexplore.losses._data import line_with_outliers
from diffexplore.losses._entry import Entry

ENTRY = Entry(
    name="absolute_error",
    title="absolute error of the line a x + b",
    formula="abs(a*x + b - y)",
    parameters=("a", "b"),
    data=("x", "y"),
    source="P. Bloomfield, W. L. Steiger, Least Absolute Deviations: Theory, Applications, and Algorithms "
    "(Birkhäuser 1983)",
    default_points=({"a": 0.5, "b": -0.25}, {"a": 1.5, "b": 0.75}),
    default_data=line_with_outliers,
)
