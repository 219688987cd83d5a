"""Records of comparisons, logic, choices between branches, limits and signs."""

from __future__ import annotations

import operator as python
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import sympy

from diffexplore.bounds import ball, branching
from diffexplore.bounds.elementwise import Elementwise
from diffexplore.torch_ops import kinks
from diffexplore.torch_ops.cases import Case, case
from diffexplore.torch_ops.domains import EVERYWHERE
from diffexplore.torch_ops.mathematics import of_function
from diffexplore.torch_ops.readers import comparisons, conventions
from diffexplore.torch_ops.readers.arrays import each
from diffexplore.torch_ops.readers.elementwise import clamp, heaviside
from diffexplore.torch_ops.readers.logic import equal, less, opposite
from diffexplore.torch_ops.records import Operator, handled, operator, unbounded
from diffexplore.torch_ops.tensor_rules import choice as tensors
from diffexplore.torch_ops.tensor_rules import larger, steps
from diffexplore.torch_ops.tensor_rules.arithmetic import stepped
from diffexplore.torch_ops.tensor_rules.operands import InSteps


def _comparison(
    name: str, sign: str, compare: Callable[..., Any], holds: Callable[..., Any],
    instead: Callable[..., Any] | None = None,
) -> Operator:  # fmt: skip
    """NaN is none of the formulas' numbers, so that "not less" is "greater or equal"."""
    return handled(
        name, EVERYWHERE, case(f"self {sign} other ? 1 : 0"), handler=branching.compare, tests_finiteness=True,
        read=comparisons.comparison(compare, instead), on_tensors=tensors.comparison(holds),
    )  # fmt: skip


_logical = partial(handled, handler=branching.logical, in_place=True, defined=EVERYWHERE, on_tensors=tensors.logical)


def _bits(names: str, of_integers: Callable[..., int], of_truths: Callable[..., Any]) -> Operator:
    """An operator on the bits of integers, and what it is of truth values."""
    return _logical(names, read=comparisons.bitwise(of_integers, of_truths))


#: Steps at 0, between which they are constant.
_sign = partial(handled, handler=branching.step, defined=EVERYWHERE)


def _chosen(names: str, *cases: Case, **facts: Any) -> Operator:
    """One of its operands, perhaps with the opposite sign, or a limit."""
    return operator(names, EVERYWHERE, *cases, **facts)


_CLAMP = Elementwise(ball.clamp, "clamp")

#: Questions about computed values alone, whose answer no ball changes.
_finiteness = partial(
    handled, handler=branching.plain, defined=EVERYWHERE, tests_finiteness=True, on_tensors=tensors.finiteness
)

OPERATORS: tuple[Operator, ...] = (
    _comparison("lt", "<", less, python.lt),
    _comparison("gt", ">", lambda x, y: less(y, x), python.gt, conventions.beyond_zero),
    _comparison("le", "<=", lambda x, y: opposite(less(y, x)), python.le),
    _comparison("ge", ">=", lambda x, y: opposite(less(x, y)), python.ge),
    _comparison("eq", "==", equal, python.eq),
    _comparison("ne", "!=", lambda x, y: opposite(equal(x, y)), python.ne),
    _logical("logical_and", read=comparisons.logic(sympy.And)),
    _logical("logical_or", read=comparisons.logic(sympy.Or)),
    _logical("logical_not", read=comparisons.logic(opposite)),
    _logical("logical_xor", read=comparisons.logic(comparisons.one_of_two)),
    _bits("bitwise_and __and__", python.and_, sympy.And),
    _bits("bitwise_or __or__", python.or_, sympy.Or),
    _bits("bitwise_xor __xor__", python.xor, comparisons.one_of_two),
    _bits("bitwise_not", python.invert, opposite),
    handled(
        "where", EVERYWHERE, case("condition ? self : other"), handler=branching.choose, read=comparisons.where,
        on_tensors=tensors.where,
        choice=(0, 1, 2),
    ),
    handled(
        "masked_fill", EVERYWHERE, case("mask ? value : self"), handler=branching.mask_fill, in_place=True,
        read=comparisons.masked_fill, on_tensors=tensors.masked_fill, choice=(1, 2, 0),
    ),
    _sign("sign sgn", formula=sympy.sign, on_tensors=stepped(np.sign)),
    _sign("heaviside", formula=heaviside),
    unbounded("signbit", EVERYWHERE, read=lambda reading, x: each(lambda x: less(x, sympy.S.Zero), reading.number(x))),
    of_function("abs", kinks=kinks.at_zero, on_tensors=larger.absolute),
    _chosen(
        "relu", bound=_CLAMP, kinks=kinks.at_zero, formula=lambda x: sympy.Max(0, x), on_tensors=larger.rectified
    ),
    of_function("maximum", kinks=kinks.at_ties, on_tensors=larger.larger_of(1.0)),
    of_function("minimum", kinks=kinks.at_ties, on_tensors=larger.larger_of(-1.0)),
    _chosen(
        "clamp", case("min(max(self, min), max)"), case("max(self, min)", max=None), case("min(self, max)", min=None),
        bound=_CLAMP, kinks=kinks.anywhere, read=clamp, on_tensors=InSteps(steps.clamp),
    ),
    _chosen(
        "clamp_min", case("max(self, min)"), bound=_CLAMP, kinks=kinks.anywhere,
        read=lambda reading, x, low: clamp(reading, x, low), on_tensors=InSteps(steps.clamp),
    ),
    _chosen(
        "clamp_max", case("min(self, max)"), bound=_CLAMP, kinks=kinks.anywhere,
        read=lambda reading, x, high: clamp(reading, x, None, high),
        on_tensors=InSteps(lambda x, high: steps.clamp(x, None, high)),
    ),
    _finiteness("isnan", read=comparisons.where_finite(lambda x: sympy.false)),
    _finiteness("isinf", read=comparisons.where_finite(lambda x: sympy.false)),
    unbounded("nan_to_num", EVERYWHERE, case("self"), tests_finiteness=True, read=comparisons.nan_to_num,
              on_tensors=InSteps(steps.nan_to_num)),
    _chosen(
        "fmax", case("max(self, other)"), bound=Elementwise(ball.largest, "maximum"), kinks=kinks.at_ties,
        tests_finiteness=True, read=comparisons.where_finite(sympy.Max), on_tensors=InSteps(steps.fmax),
    ),
    _chosen(
        "fmin", case("min(self, other)"), bound=Elementwise(ball.largest, "minimum"), kinks=kinks.at_ties,
        tests_finiteness=True, read=comparisons.where_finite(sympy.Min), on_tensors=InSteps(steps.fmin),
    ),
    # ----------------------------------------------------------------------------- on lists: those that the audit knows
    *(
        unbounded(
            f"_foreach_{which}imum", EVERYWHERE, case(f"{which}(self, scalar)"),
            case(f"{which}(self, scalars)", overload="ScalarList"),
        )
        for which in ("max", "min")
    ),
)  # fmt: skip
