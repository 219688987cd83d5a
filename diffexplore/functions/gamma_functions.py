"""The gamma function, its logarithm and the derivatives of that."""

from __future__ import annotations

from diffexplore.functions.building import UNSURE, Building
from diffexplore.functions.domains import Above, Domain, NoPole, at_least_where
from diffexplore.functions.facts import ANALYTIC, GENERATOR, MAY_BE_FINITE, UNBOUNDED, UNKNOWN_SIGN, Facts
from diffexplore.functions.lazy import library
from diffexplore.functions.records import (
    LEFT_TO_ARB,
    NO_CLASS,
    NO_NUMPY,
    NO_PYTHON,
    NO_SOURCE,
    NO_TENSORFLOW,
    NOT_COMPLEX,
    Composed,
    Function,
    Kernels,
    Operation,
)
from diffexplore.functions.rounding import NO_SPREAD, SPREAD_IN_HANDLER, Claim, Interval, OwnTrial, Trials
from diffexplore.functions.sources import GAMMA_IN_TORCH

sympy, torch, arb = library("sympy"), library("torch"), library("flint").arb
jsp, tf = library("jax.scipy.special"), library("tensorflow")
torch_gamma, numpy_real = library("diffexplore.arithmetic.torch_gamma"), library("diffexplore.arithmetic.numpy_real")
balls, germ = library("diffexplore.arithmetic.balls"), library("diffexplore.arithmetic.germ_functions")
spread, trials = library("diffexplore.bounds.gamma"), library("diffexplore.bounds.trials")


def _facts(domain: Domain) -> Facts:
    return Facts(
        domain=domain, sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=ANALYTIC, normal_form=GENERATOR,
        at_infinity=MAY_BE_FINITE,
    )  # fmt: skip


_DIGAMMA = Operation(
    name="digamma", also=("special_digamma",),
    torch=torch.digamma, numpy=NO_NUMPY, jax=jsp.digamma, tensorflow=tf.math.digamma, javascript="digamma",
    arb=arb.digamma, double=LEFT_TO_ARB, germ=germ.digamma, complex=NOT_COMPLEX,
    facts=_facts(at_least_where(NoPole())),
    spread=spread.digamma, claim=Claim(16, absolute=32.0),
    tried=(Interval(0.1, 30), Trials(trials.between_poles)), zeros=(), derivative_uses=("polygamma",),
)  # fmt: skip

_POLYGAMMA = Operation(
    name="polygamma",
    torch=Kernels(torch_gamma.polygamma, of=("polygamma", "cos", "sin")), numpy=NO_NUMPY, jax=jsp.polygamma,
    tensorflow=tf.math.polygamma, javascript="polygamma",
    arb=lambda order, x: balls.polygamma(int(float(order)), x), double=LEFT_TO_ARB, germ=germ.polygamma,
    complex=NOT_COMPLEX,
    facts=_facts(at_least_where(NoPole())),
    spread=SPREAD_IN_HANDLER, claim=Claim(64), zeros=(), derivative_uses=(),
    tried=(
        OwnTrial(
            torch=lambda order, x: torch.polygamma(int(order), x),
            arb=lambda order, x: balls.polygamma(int(float(order)), x), operands=trials.of_polygamma,
        ),
    ),
)  # fmt: skip

FUNCTIONS: tuple[Function, ...] = (
    Function(
        building=Building(20, UNSURE, largest_constant=170),
        name="gamma", doc="gamma function", node=sympy.gamma, python="math.gamma", torch=GAMMA_IN_TORCH,
        computed=Operation(
            name="gamma",
            torch=Kernels(torch_gamma.gamma, of=("lgamma", "exp")), numpy=numpy_real.gamma, jax=jsp.gamma,
            tensorflow=NO_TENSORFLOW, javascript="gamma",
            arb=arb.gamma, double=LEFT_TO_ARB, germ=germ.gamma, complex=NOT_COMPLEX,
            facts=_facts(at_least_where(NoPole())),
            spread=NO_SPREAD, claim=Claim(16), tried=(Interval(0.1, 7),), zeros=(), derivative_uses=("digamma",),
        ),
    ),
    Function(
        building=Building(60, UNSURE, with_roots=160, largest_constant=170),
        name="lgamma", doc="logarithm of the gamma function, for x > 0", aliases=("loggamma",), node=sympy.loggamma,
        python="math.lgamma", torch="torch.lgamma",
        # The operation is log|Γ(x)|, which has values between the poles as well; SymPy's loggamma is complex there.
        own_facts=_facts(at_least_where(Above(0))),
        computed=Operation(
            name="lgamma", also=("special_gammaln",),
            torch=torch.lgamma, numpy=numpy_real.lgamma, jax=jsp.gammaln, tensorflow=tf.math.lgamma,
            javascript="lgamma", arb=balls.lgamma, double=LEFT_TO_ARB, germ=germ.lgamma, complex=NOT_COMPLEX,
            facts=_facts(at_least_where(NoPole())),
            spread=spread.lgamma, claim=Claim(16, absolute=16.0),
            tried=(Interval(0.1, 30), Trials(trials.between_poles)), zeros=(1.0, 2.0), derivative_uses=("digamma",),
        ),
    ),
    Function(
        building=Building(1, UNSURE, largest_constant=None),
        name="digamma", doc="derivative of lgamma", node=NO_CLASS, build=lambda x: sympy.polygamma(0, x),
        computed=_DIGAMMA, python=NO_SOURCE, torch=NO_SOURCE,
    ),
    Function(
        building=Building(10, UNSURE, largest_constant=None),
        name="trigamma", doc="derivative of digamma", node=NO_CLASS, build=lambda x: sympy.polygamma(1, x),
        computed=Composed(lambda op, x: op.polygamma(op.number(1), x)), python=NO_SOURCE, torch=NO_SOURCE,
    ),
    Function(
        building=Building(4, UNSURE, largest_constant=None),
        name="polygamma", doc="n-th derivative of digamma: polygamma(n, x), n a whole number up to 10", least=2,
        most=2, node=sympy.polygamma, computed=_POLYGAMMA, orders=1, of_order_0=_DIGAMMA, python=NO_PYTHON,
        torch=NO_SOURCE,
    ),
)  # fmt: skip
