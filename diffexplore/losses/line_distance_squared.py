"""Squared distance of points to the line A x + B y + C = 0."""

from functools import partial

from diffexplore.losses._data import cloud
from diffexplore.losses._entry import Entry

ENTRY = Entry(
    name="line_distance_squared",
    title="squared distance to the line A x + B y + C = 0",
    formula="(A*x + B*y + C)**2 / (A**2 + B**2)",
    parameters=("A", "B", "C"),
    data=("x", "y"),
    domain=("A**2 + B**2 > 0",),
    source="K. Pearson, On lines and planes of closest fit to systems of points in space, "
    "Philosophical Magazine 2 (1901) 559-572",
    default_points=({"A": 1.5, "B": -1.0, "C": 0.5}, {"A": 0.5, "B": 2.0, "C": -1.5}),
    default_data=partial(cloud, ("x", "y")),
)
