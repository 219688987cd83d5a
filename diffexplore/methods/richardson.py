"""Two central differences D(h) and D(h/2), extrapolated to step 0: (4 D(h/2) − D(h)) / 3.

With D(h) = f′ + h²/6 f‴ + h⁴/120 f⁽⁵⁾(ξ) the cubic terms cancel, and what remains is at most
(4/16 + 1)/(3·120) h⁴ sup|f⁽⁵⁾| = h⁴/288 sup|f⁽⁵⁾|; its leading term is h⁴/480 f⁽⁵⁾.
Source: L. F. Richardson, Phil. Trans. R. Soc. A 210 (1911) 307.
"""

from diffexplore.methods._difference import Difference, Stencil

METHOD = Difference(
    Stencil(
        nodes=(-1.0, -0.5, 0.5, 1.0), order=5, constant=1 / 288, leading=1 / 480, noise=3.0,
        combine=lambda f, h: (4 * ((f[2] - f[1]) / h) - (f[3] - f[0]) / (2 * h)) / 3,
    )
)  # fmt: skip
