"""Huber's loss of the line a x + b: squared within a residual of 1, linear beyond."""

from diffexplore.losses._data import line_with_outliers
from diffexplore.losses._entry import Entry

ENTRY = Entry(
    name="huber",
    title="Huber's loss of the line a x + b, turning linear at a residual of 1",
    formula="where(abs(a*x + b - y) <= 1, (a*x + b - y)**2/2, abs(a*x + b - y) - 1/2)",
    parameters=("a", "b"),
    data=("x", "y"),
    source="P. J. Huber, Robust estimation of a location parameter, Annals of Mathematical Statistics 35 (1964) 73-101",
    default_points=({"a": 0.5, "b": -0.25}, {"a": 1.5, "b": 0.75}),
    default_data=line_with_outliers,
)
