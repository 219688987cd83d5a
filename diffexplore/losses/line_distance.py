"""Distance of points to the line A x + B y + C = 0."""

from functools import partial

from diffexplore.losses._data import cloud
from diffexplore.losses._entry import Entry

ENTRY = Entry(
    name="line_distance",
    title="distance to the line A x + B y + C = 0",
    formula="abs(A*x + B*y + C) / sqrt(A**2 + B**2)",
    parameters=("A", "B", "C"),
    data=("x", "y"),
    domain=("A**2 + B**2 > 0",),
    source="H. Anton, C. Rorres, Elementary Linear Algebra (11th ed., Wiley 2014), section 3.3",
    default_points=({"A": 1.5, "B": -1.0, "C": 0.5}, {"A": 0.5, "B": 2.0, "C": -1.5}),
    default_data=partial(cloud, ("x", "y")),
)
