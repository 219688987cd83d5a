"""(f(x + h) − f(x)) / h."""

from diffexplore.methods._difference import Difference, Stencil

METHOD = Difference(
    Stencil(
        nodes=(0.0, 1.0), order=2, constant=1 / 2, leading=1 / 2, noise=2.0,
        combine=lambda f, h: (f[1] - f[0]) / h,
    )
)  # fmt: skip
