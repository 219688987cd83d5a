"""The incomplete gamma and beta functions, Hurwitz's zeta function, and their derivatives in what is no variable."""

from __future__ import annotations

from typing import Any

from diffexplore.functions.building import PLAIN_ON_DOMAIN, UNSURE, Building
from diffexplore.functions.domains import Above, AtLeast, AtMost, Domain, Of, at_least_where
from diffexplore.functions.facts import (
    ALWAYS_POSITIVE,
    ANALYTIC,
    GENERATOR,
    MAY_BE_FINITE,
    NEVER_NEGATIVE,
    UNBOUNDED,
    UNKNOWN_SIGN,
    Equal,
    Facts,
)
from diffexplore.functions.lazy import library
from diffexplore.functions.records import (
    LEFT_TO_ARB,
    NO_JAVASCRIPT,
    NO_JAX,
    NO_NUMPY,
    NO_PYTHON,
    NO_TENSORFLOW,
    NO_TORCH,
    NOT_COMPLEX,
    Defined,
    Function,
    Helper,
    Operation,
)
from diffexplore.functions.rounding import Claim, Trials

sympy, torch, tf, jsp = library("sympy"), library("torch"), library("tensorflow"), library("jax.scipy.special")
balls, germs = library("diffexplore.arithmetic.incomplete"), library("diffexplore.arithmetic.germ_incomplete")
kernels, slopes = library("diffexplore.arithmetic.arb_kernels"), library("diffexplore.arithmetic.slopes")
by_balls, trials = library("diffexplore.bounds.by_balls"), library("diffexplore.bounds.trials")
tables, cfunctions = library("diffexplore.functions.tables"), library("sympy.codegen.cfunctions")
build = tables.build


# ------------------------------------------------------------------------------------------------------------ domains
_OF_GAMMA = at_least_where(Of(-2, Above(0)), Of(-1, AtLeast(0)))
_OF_BETA = at_least_where(Of(-3, Above(0)), Of(-2, Above(0)), Of(-1, AtLeast(0)), Of(-1, AtMost(1)))
_OF_ZETA = at_least_where(Of(-2, Above(1)), Of(-1, Above(0)))


def _facts(domain: Domain, sign: Any, normal_form: Any = GENERATOR) -> Facts:
    return Facts(
        domain=domain, sign=sign, values=UNBOUNDED, smooth=ANALYTIC, normal_form=normal_form,
        at_infinity=MAY_BE_FINITE,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- slopes
def _gamma_density(a: Any, x: Any) -> Any:
    """∂P/∂x = xᵃ⁻¹ e⁻ˣ/Γ(a) (NIST DLMF 8.8.13), in the form in which PyTorch computes it."""
    return sympy.exp((a - 1) * sympy.log(x) - x - sympy.loggamma(a))


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    """∂Iₓ/∂x = xᵃ⁻¹ (1 − x)ᵇ⁻¹/B(a, b) (NIST DLMF 8.17.2)."""
    factor = sympy.loggamma(a + b) - sympy.loggamma(a) - sympy.loggamma(b)
    return sympy.exp((a - 1) * sympy.log(x) + (b - 1) * cfunctions.log1p(-x) + factor)


def _gamma_density_by_order(n: Any, a: Any, x: Any) -> Any:
    t = sympy.Dummy("t", real=True)
    return _gamma_density(t, x).diff(t, n).xreplace({t: a})


def _beta_density_by_orders(m: Any, n: Any, a: Any, b: Any, x: Any) -> Any:
    s, t = sympy.Dummy("s", real=True), sympy.Dummy("t", real=True)
    return _beta_density(s, t, x).diff(s, m).diff(t, n).xreplace({s: a, t: b})


def _zeta_by_order(n: Any, s: Any, q: Any) -> Any:
    """∂/∂q of ∂ⁿζ/∂sⁿ, from ∂ζ/∂q = −s ζ(s + 1, q) (NIST DLMF 25.11.17)."""
    return -s * build("dzeta", n, s + 1, q) - n * build("dzeta", n - 1, s + 1, q)


# ------------------------------------------------------------------------------------------------------------- source
_GAMMAINCC_IN_PYTHON = Helper(
    "gammaincc",
    "def gammaincc(a, x):\n"
    "    if x < a + 1:\n"
    "        return 1 - gammainc(a, x)\n"
    "    b, c, d = x + 1 - a, 1e300, 1/(x + 1 - a)\n"
    "    total, k, change = d, 0, 0.0\n"
    "    while abs(change - 1) > 1e-16 and k < 10000:\n"
    "        k, b = k + 1, b + 2\n"
    "        d, c = 1/(b - k*(k - a)*d), b - k*(k - a)/c\n"
    "        change = c*d\n"
    "        total *= change\n"
    "    return math.exp(a*math.log(x) - x - math.lgamma(a))*total",
    arguments=2,
)
_GAMMAINC_IN_PYTHON = Helper(
    "gammainc",
    "def gammainc(a, x):\n"
    "    if x >= a + 1:\n"
    "        return 1 - gammaincc(a, x)\n"
    "    if x <= 0:\n"
    "        return 0.0 if x == 0 else math.nan\n"
    "    term, total, k = 1/a, 0.0, a\n"
    "    while total + term != total:\n"
    "        total, k = total + term, k + 1\n"
    "        term *= x/k\n"
    "    return math.exp(a*math.log(x) - x - math.lgamma(a))*total",
    arguments=2,
)
_ZETA_IN_PYTHON = Helper(
    "zeta",
    "def zeta(s, q):\n"
    "    total, z = math.fsum((q + k)**-s for k in range(16)), q + 16\n"
    "    total += z**(1 - s)/(s - 1) + z**-s/2\n"
    "    term, numbers = s*z**(-s - 1), (12, -720, 30240, -1209600, 47900160, -1307674368000/691, 74724249600)\n"
    "    for k, number in enumerate(numbers):\n"
    "        total += term/number\n"
    "        term *= (s + 2*k + 1)*(s + 2*k + 2)/z**2\n"
    "    return total",
    arguments=2,
)
_BETAINC_IN_PYTHON = Helper(
    "betainc",
    "def betainc(a, b, x):\n"
    "    if x > (a + 1)/(a + b + 2):\n"
    "        return 1 - betainc(b, a, 1 - x)\n"
    "    if x <= 0:\n"
    "        return 0.0 if x == 0 else math.nan\n"
    "    c, d, k, change = 1.0, 1/(1 - (a + b)*x/(a + 1)), 0, 0.0\n"
    "    total = d\n"
    "    while abs(change - 1) > 1e-16 and k < 10000:\n"
    "        k += 1\n"
    "        for part in (k*(b - k)*x/(a + 2*k - 1)/(a + 2*k), -(a + k)*(a + b + k)*x/(a + 2*k)/(a + 2*k + 1)):\n"
    "            d, c = 1/(1 + part*d), 1 + part/c\n"
    "            change = c*d\n"
    "            total *= change\n"
    "    size = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)\n"
    "    return math.exp(a*math.log(x) + b*math.log1p(-x) + size)*total/a",
    arguments=3,
)


#: Each calls the other one: a module that has one has both.
_GAMMAINC_AND_OTHER = Helper(
    "gammainc", _GAMMAINC_IN_PYTHON.source, arguments=2, uses=(_GAMMAINCC_IN_PYTHON,)
)  # fmt: skip
_GAMMAINCC_AND_OTHER = Helper(
    "gammaincc", _GAMMAINCC_IN_PYTHON.source, arguments=2, uses=(_GAMMAINC_IN_PYTHON,)
)  # fmt: skip

# --------------------------------------------------------------------------------------------------------- operations
#: In float64 PyTorch's kernels keep nine digits where a is beyond 20 and x is near it.
_OF_TORCH = Claim(16, absolute=64.0, double_absolute=2.0**23)

#: What Arb computes is rounded to the nearest number, but for what it cannot tell from 0.
_OF_ARB = Claim(1, absolute=2.0**-500)


def _by_arb(name: str, enclosed: Any, facts: Facts, tried: Any, **others: Any) -> Operation:
    """An operation that PyTorch lacks: Arb computes it, number by number."""

    def run(*operands: Any) -> Any:
        return slopes.by_record(name, kernels.arb_kernel(name, enclosed, *SIGNATURES[name]), *operands)

    stated = {"jax": NO_JAX, "tensorflow": NO_TENSORFLOW, "javascript": NO_JAVASCRIPT} | others
    return Operation(
        name=name, torch=run, numpy=NO_NUMPY, arb=enclosed, double=LEFT_TO_ARB, germ=getattr(germs, name),
        complex=NOT_COMPLEX, facts=facts, spread=lambda *operands: by_balls.spread(enclosed, *operands[:-1]),
        claim=_OF_ARB, tried=(Trials(tried),), zeros=(), **stated,
    )  # fmt: skip


def _by_torch(name: str, kernel: Any, near: Any, **others: Any) -> Operation:
    """An operation that PyTorch computes, and differentiates in its last argument alone.

    ``near`` is the derivative of order 0, which encloses the values on a wide ball well.
    """
    return Operation(
        name=name, torch=lambda *operands: slopes.by_record(name, kernel, *operands), numpy=NO_NUMPY,
        double=LEFT_TO_ARB, germ=getattr(germs, name), complex=NOT_COMPLEX,
        spread=lambda x, y, out: by_balls.spread(lambda *both: near(0, *both), x, y), zeros=(), **others,
    )  # fmt: skip


#: How many orders and how many numbers the operations by Arb take.
SIGNATURES = {"dgammainc": (1, 2), "dzeta": (1, 2), "betainc": (0, 3), "dbetainc": (2, 3)}

_GAMMAINC = _by_torch(
    "gammainc", torch.special.gammainc, balls.of_lower_gamma, aten="igamma", jax=jsp.gammainc,
    tensorflow=tf.math.igamma, javascript="gammainc", arb=balls.lower_gamma, facts=_facts(_OF_GAMMA, NEVER_NEGATIVE),
    claim=_OF_TORCH, tried=(Trials(trials.of_incomplete_gamma),),
    derivative_uses=("dgammainc", "exp", "log", "lgamma"),
)  # fmt: skip

_GAMMAINCC = _by_torch(
    "gammaincc", torch.special.gammaincc, balls.of_lower_gamma, aten="igammac", jax=jsp.gammaincc,
    tensorflow=tf.math.igammac, javascript="gammaincc", arb=balls.upper_gamma,
    facts=_facts(_OF_GAMMA, NEVER_NEGATIVE, Equal(lambda a, x: 1 - build("gammainc", a, x))),
    claim=_OF_TORCH, tried=(Trials(trials.of_incomplete_gamma),),
    derivative_uses=("dgammainc", "exp", "log", "lgamma"),
)  # fmt: skip

_ZETA = _by_torch(
    "zeta", torch.special.zeta, balls.of_zeta, aten="special_zeta", jax=jsp.zeta, tensorflow=tf.math.zeta,
    javascript="hurwitz", arb=balls.zeta, facts=_facts(_OF_ZETA, ALWAYS_POSITIVE), claim=Claim(16),
    tried=(Trials(trials.of_zeta),), derivative_uses=("dzeta",),
)  # fmt: skip

_BETAINC = _by_arb(
    "betainc", balls.lower_beta, _facts(_OF_BETA, NEVER_NEGATIVE), trials.of_incomplete_beta,
    jax=jsp.betainc, tensorflow=tf.math.betainc, javascript="betainc",
    derivative_uses=("dbetainc", "exp", "log", "log1p", "lgamma"),
)  # fmt: skip

FUNCTIONS: tuple[Function, ...] = (
    Function(
        building=PLAIN_ON_DOMAIN,
        name="gammainc", doc="lower incomplete gamma function P(a, x), regularised, for a > 0 and x ≥ 0", least=2,
        most=2, torch="torch.special.gammainc", python=_GAMMAINC_AND_OTHER, computed=_GAMMAINC,
        node=Defined((lambda a, x: build("dgammainc", 1, a, x), _gamma_density), "P"),
    ),
    Function(
        building=PLAIN_ON_DOMAIN,
        name="gammaincc", doc="upper incomplete gamma function 1 − P(a, x)", least=2, most=2,
        torch="torch.special.gammaincc", python=_GAMMAINCC_AND_OTHER, computed=_GAMMAINCC,
        node=Defined(
            (lambda a, x: -build("dgammainc", 1, a, x), lambda a, x: -_gamma_density(a, x)), "Q"
        ),
    ),
    Function(
        building=Building(1, UNSURE, largest_constant=1000),
        name="dgammainc", doc="n-th derivative of gammainc(a, x) in a: dgammainc(n, a, x), n a whole number up to 10",
        least=3, most=3, orders=1, of_order_0=_GAMMAINC, torch=NO_TORCH, python=NO_PYTHON,
        build=lambda n, a, x: build("gammainc", a, x) if n == 0 else tables.class_named("dgammainc")(n, a, x),
        node=Defined(
            (None, lambda n, a, x: build("dgammainc", n + 1, a, x), _gamma_density_by_order), r"P^{{\left({0}\right)}}"
        ),
        computed=_by_arb(
            "dgammainc", balls.of_lower_gamma, _facts(_OF_GAMMA, UNKNOWN_SIGN), trials.of_gamma_by_order,
            derivative_uses=("exp", "log", "lgamma", "digamma", "polygamma", "cos", "sin"),
        ),
    ),
    Function(
        building=PLAIN_ON_DOMAIN,
        name="zeta", doc="Hurwitz's zeta function Σ 1/(q + n)**s, s > 1 and q > 0; zeta(s) is Riemann's, with q = 1",
        most=2, optional=(1,), often_a_symbol=True, torch="torch.special.zeta", python=_ZETA_IN_PYTHON, computed=_ZETA,
        node=Defined((lambda s, q: build("dzeta", 1, s, q), lambda s, q: -s * build("zeta", s + 1, q)), r"\zeta"),
        build=lambda s, q=1: tables.class_named("zeta")(s, q),
    ),
    Function(
        building=PLAIN_ON_DOMAIN,
        name="dzeta", doc="n-th derivative of zeta(s, q) in s: dzeta(n, s, q), n a whole number up to 10", least=3,
        most=3, orders=1, of_order_0=_ZETA, torch=NO_TORCH, python=NO_PYTHON,
        build=lambda n, s, q: build("zeta", s, q) if n == 0 else tables.class_named("dzeta")(n, s, q),
        node=Defined(
            (None, lambda n, s, q: build("dzeta", n + 1, s, q), _zeta_by_order), r"\zeta^{{\left({0}\right)}}"
        ),
        computed=_by_arb(
            "dzeta", balls.of_zeta, _facts(_OF_ZETA, UNKNOWN_SIGN), trials.of_zeta_by_order,
            derivative_uses=("zeta",),
        ),
    ),
    Function(
        building=Building(1, UNSURE, largest_constant=1000),
        name="betainc", doc="incomplete beta function Iₓ(a, b), regularised: betainc(a, b, x), 0 ≤ x ≤ 1", least=3,
        most=3, torch=NO_TORCH, python=_BETAINC_IN_PYTHON, computed=_BETAINC,
        node=Defined(
            (
                lambda a, b, x: build("dbetainc", 1, 0, a, b, x), lambda a, b, x: build("dbetainc", 0, 1, a, b, x),
                _beta_density,
            ),
            "I",
        ),
    ),
    Function(
        building=Building(1, UNSURE, largest_constant=1000),
        name="dbetainc", least=5, most=5, orders=2, of_order_0=_BETAINC, torch=NO_TORCH, python=NO_PYTHON,
        doc="derivative of betainc(a, b, x), m times in a, n times in b: dbetainc(m, n, a, b, x)",
        build=lambda m, n, a, b, x: (
            build("betainc", a, b, x) if m == n == 0 else tables.class_named("dbetainc")(m, n, a, b, x)
        ),
        node=Defined(
            (
                None, None, lambda m, n, a, b, x: build("dbetainc", m + 1, n, a, b, x),
                lambda m, n, a, b, x: build("dbetainc", m, n + 1, a, b, x), _beta_density_by_orders,
            ),
            r"I^{{\left({0}, {1}\right)}}",
        ),
        computed=_by_arb(
            "dbetainc", balls.of_lower_beta, _facts(_OF_BETA, UNKNOWN_SIGN), trials.of_beta_by_orders,
            derivative_uses=("exp", "log", "log1p", "lgamma", "digamma", "polygamma", "cos", "sin"),
        ),
    ),
)  # fmt: skip
