"""Squared error of the line a x + b."""

from diffexplore.losses._data import line_with_outliers
from diffexplore.losses._entry import Entry

ENTRY = Entry(
    name="squared_error",
    title="squared error of the line a x + b",
    formula="(a*x + b - y)**2",
    parameters=("a", "b"),
    data=("x", "y"),
    source="C. M. Bishop, Pattern Recognition and Machine Learning (Springer 2006), section 3.1",
    default_points=({"a": 0.5, "b": -0.25}, {"a": 1.5, "b": 0.75}),
    default_data=line_with_outliers,
)
