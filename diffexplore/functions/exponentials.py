"""Exponentials and logarithms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from diffexplore.functions.building import PLAIN, PLAIN_ON_DOMAIN, REAL, UNSURE, UNSURE_OF_FRACTIONS, Building, Trait
from diffexplore.functions.domains import EVERYWHERE, Above, AtLeast, Domain, at_least_where, where
from diffexplore.functions.facts import (
    ALWAYS_POSITIVE,
    ANALYTIC,
    MAY_BE_FINITE,
    NOT_FINITE,
    UNBOUNDED,
    UNKNOWN_SIGN,
    Equal,
    Facts,
    Increasing,
)
from diffexplore.functions.lazy import library
from diffexplore.functions.records import NO_CLASS, NO_SOURCE, Composed, Defined, Function, Helper, Operation
from diffexplore.functions.rounding import Claim, Interval

sympy, torch, np, arb = library("sympy"), library("torch"), library("numpy"), library("flint").arb
jnp, tf, cfunctions = library("jax.numpy"), library("tensorflow"), library("sympy.codegen.cfunctions")
double = library("diffexplore.arithmetic.double_functions")
germ, germ_powers = library("diffexplore.arithmetic.germ_functions"), library("diffexplore.arithmetic.germ_powers")
complex_balls, spread = library("diffexplore.bounds.complex_balls"), library("diffexplore.bounds.propagation")
normal, classes = library("diffexplore.decide.rules"), library("diffexplore.formula.functions_sympy")


def _logarithm_to(base: int) -> Composed:
    return Composed(lambda op, x: op.div(op.log(x), op.number(sympy.log(base))))


def _of_products(domain: Domain, product: Callable[..., Any]) -> Facts:
    return Facts(
        domain=domain, sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=ANALYTIC, normal_form=Equal(product),
        at_infinity=MAY_BE_FINITE,
    )  # fmt: skip


def _in_python(name: str, logarithm: str, arguments: str) -> Helper:
    text = logarithm.replace("log", "math.log")
    source = f"def {name}({arguments}):\n    return x*{text} if x else 0.0".replace("*-", "*(-1)*")
    return Helper(name, source, arguments=arguments.count(",") + 1)


def _pair_by_pair(op: Any, first: Any, *others: Any) -> Any:
    """log(exp(t) + exp(x)) = t + softplus(x − t), for one operand after the other."""
    total = first
    for x in others:
        total = op.add(total, op.softplus(op.sub(x, total)))
    return total


def _unless_zero(op: Any, x: Any, y: Any, harmless: int, end: int) -> Any:
    """The argument of a logarithm that x is multiplied by: where x is 0 and y outside, a number that does no harm.

    Elsewhere it is y, so that the derivative in x is the logarithm where x is 0 as well.
    """
    chosen = op.where(op.eq(x, op.number(0)), op.number(harmless), y)
    return op.where(op.le(y, op.number(end)), chosen, y)


FUNCTIONS: tuple[Function, ...] = (
    Function(
        building=Building(1, REAL, (Trait.SAME,), parts=2),
        name="exp", doc="exponential e**x", node=sympy.exp, python="math.exp", torch="torch.exp",
        computed=Operation(
            name="exp",
            torch=torch.exp, numpy=np.exp, jax=jnp.exp, tensorflow=tf.exp, javascript="Math.exp",
            arb=arb.exp, double=double.exp, germ=germ_powers.exp, complex=complex_balls.exp,
            facts=Facts(
                domain=EVERYWHERE, sign=ALWAYS_POSITIVE, values=UNBOUNDED, smooth=ANALYTIC,
                normal_form=normal.exp, at_infinity=MAY_BE_FINITE,
            ),
            spread=spread.exp, claim=Claim(4), tried=(Interval(-9, 9),), zeros=(), derivative_uses=(),
        ),
    ),
    Function(
        building=Building(10, UNSURE_OF_FRACTIONS, copies_of_unsure=2, copies_of_roots=3),
        name="exp2", doc="2**x", node=NO_CLASS, build=lambda x: sympy.Integer(2) ** x, python=NO_SOURCE,
        torch=NO_SOURCE, computed=Composed(lambda op, x: op.pow(op.number(2), x)),
    ),
    Function(
        building=PLAIN,
        name="expm1", doc="exp(x) − 1, accurate near 0", node=cfunctions.expm1, python="math.expm1",
        torch="torch.expm1", naive=lambda x: sympy.exp(x) - 1,
        computed=Operation(
            name="expm1", also=("special_expm1",),
            torch=torch.expm1, numpy=np.expm1, jax=jnp.expm1, tensorflow=tf.math.expm1, javascript="Math.expm1",
            arb=arb.expm1, double=double.expm1, germ=germ.expm1,
            complex=Composed(lambda op, x: op.sub(op.exp(x), op.number(1))),
            facts=Facts(
                domain=EVERYWHERE, sign=Increasing(0), values=UNBOUNDED, smooth=ANALYTIC, normal_form=normal.expm1,
                at_infinity=MAY_BE_FINITE,
            ),
            spread=spread.exp, claim=Claim(4), tried=(Interval(-9, 9),), zeros=(0.0,), derivative_uses=(),
        ),
    ),
    Function(
        building=Building(2, UNSURE, (Trait.SAME,), copies_of_constant=3, largest_constant=math.inf),
        name="log", doc="natural logarithm, or to the base given second", most=2, aliases=("ln",), node=sympy.log,
        python="math.log", torch="torch.log",
        computed=Operation(
            name="log",
            torch=torch.log, numpy=np.log, jax=jnp.log, tensorflow=tf.math.log, javascript="Math.log",
            arb=arb.log, double=double.log, germ=germ_powers.log, complex=complex_balls.log,
            facts=Facts(
                domain=where(Above(0)), sign=Increasing(1), values=UNBOUNDED, smooth=ANALYTIC,
                normal_form=normal.log, at_infinity=NOT_FINITE,
            ),
            spread=spread.log, claim=Claim(4), tried=(Interval(1e-3, 1e3),), zeros=(1.0,), derivative_uses=(),
        ),
    ),
    Function(
        building=Building(4, UNSURE),
        name="log1p", doc="log(1 + x), accurate near 0", node=cfunctions.log1p, python="math.log1p",
        torch="torch.log1p", naive=lambda x: sympy.log(1 + x),
        computed=Operation(
            name="log1p", also=("special_log1p",),
            torch=torch.log1p, numpy=np.log1p, jax=jnp.log1p, tensorflow=tf.math.log1p, javascript="Math.log1p",
            arb=arb.log1p, double=double.log1p, germ=germ.log1p,
            complex=Composed(lambda op, x: op.log(op.add(op.number(1), x))),
            facts=Facts(
                domain=where(Above(-1)), sign=Increasing(0), values=UNBOUNDED, smooth=ANALYTIC,
                normal_form=normal.log1p, at_infinity=MAY_BE_FINITE,
            ),
            spread=spread.log1p, claim=Claim(4), tried=(Interval(-0.9, 50),), zeros=(0.0,), derivative_uses=(),
        ),
    ),
    Function(
        building=Building(2, UNSURE, copies_of_constant=3),
        name="log2", doc="logarithm to base 2", node=NO_CLASS, build=lambda x: sympy.log(x) / sympy.log(2),
        computed=_logarithm_to(2), python=NO_SOURCE, torch=NO_SOURCE,
    ),
    Function(
        building=Building(4, UNSURE, copies_of_constant=3),
        name="log10", doc="logarithm to base 10", node=NO_CLASS, build=lambda x: sympy.log(x) / sympy.log(10),
        computed=_logarithm_to(10), python=NO_SOURCE, torch=NO_SOURCE,
    ),
    Function(
        building=Building(4, UNSURE_OF_FRACTIONS, copies_of_constant=3),
        name="logsumexp", doc="log(exp(x) + exp(y) + …), which does not overflow", least=2, most=None, node=NO_CLASS,
        build=lambda *terms: sympy.log(sympy.Add(*map(sympy.exp, terms))), computed=Composed(_pair_by_pair),
        python=NO_SOURCE, torch=NO_SOURCE,
    ),
    Function(
        building=Building(10, UNSURE_OF_FRACTIONS),
        name="exp10", doc="10**x", node=NO_CLASS, build=lambda x: sympy.Integer(10) ** x, python=NO_SOURCE,
        torch=NO_SOURCE, computed=Composed(lambda op, x: op.pow(op.number(10), x)),
    ),
    Function(
        building=PLAIN_ON_DOMAIN,
        name="xlogy", doc="x·log(y), 0 where x is 0", least=2, most=2, torch="torch.xlogy",
        node=Defined((lambda x, y: sympy.log(y), lambda x, y: x / y), r"\operatorname{xlogy}"),
        computed=Composed(lambda op, x, y: op.mul(x, op.log(_unless_zero(op, x, y, 1, 0)))),
        python=_in_python("xlogy", "log(y)", "x, y"),
        own_facts=_of_products(at_least_where(Above(0)), lambda x, y: x * sympy.log(y)),
    ),
    Function(
        building=PLAIN_ON_DOMAIN,
        name="xlog1py", doc="x·log(1 + y), 0 where x is 0", least=2, most=2, torch="torch.special.xlog1py",
        node=Defined(
            (lambda x, y: cfunctions.log1p(y), lambda x, y: x / (1 + y)), r"\operatorname{xlog1py}"
        ),
        computed=Composed(lambda op, x, y: op.mul(x, op.log1p(_unless_zero(op, x, y, 0, -1)))),
        python=_in_python("xlog1py", "log1p(y)", "x, y"),
        own_facts=_of_products(at_least_where(Above(-1)), lambda x, y: x * cfunctions.log1p(y)),
    ),
    Function(
        building=PLAIN_ON_DOMAIN,
        name="entr", doc="−x·log(x), 0 at 0", torch="torch.special.entr",
        node=Defined((lambda x: -sympy.log(x) - 1,), r"\operatorname{entr}"),
        computed=Composed(lambda op, x: op.neg(op.mul(x, op.log(_unless_zero(op, x, x, 1, 0))))),
        python=_in_python("entr", "-log(x)", "x"),
        own_facts=_of_products(where(AtLeast(0)), lambda x: -x * sympy.log(x)),
    ),
)  # fmt: skip
