"""Every record of a function, which is whole: its names, its facts, and how it is printed, exported and audited.

Each other field is held against another in test_registry_values.py and test_registry_mathematics.py.

The idea is that of torch's OpInfo, with enclosures in the place of tolerances.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
import sympy
import torch
from flint import arb
from record_points import WITH_CLASS, X, Y, Z, numbers_of, orders_of

from diffexplore.bounds import claims
from diffexplore.formula.parse import parse
from diffexplore.formula.text import to_text
from diffexplore.functions import ALL, OPERATIONS, TABLE, Function, Operation
from diffexplore.functions.domains import EVERYWHERE
from diffexplore.functions.facts import (
    Facts,
)
from diffexplore.functions.lazy import Lazy, resolved
from diffexplore.functions.records import Helper, Lack
from diffexplore.functions.tables import build, by_class
from diffexplore.program.javascript import helpers
from diffexplore.torch_ops.registry import OPERATORS as AT_TORCH


# ------------------------------------------------------------------------------------------------------- the records
def every_lazy_name(record: Any) -> Iterator[Lazy]:
    if isinstance(record, Lazy):
        yield record
    elif dataclasses.is_dataclass(record):
        for field in dataclasses.fields(record):
            yield from every_lazy_name(getattr(record, field.name))
    elif isinstance(record, tuple):
        for part in record:
            yield from every_lazy_name(part)


@pytest.mark.parametrize("record", [*OPERATIONS.values(), *ALL], ids=lambda one: one.name)
def test_every_name_in_a_record_is_one(record: Operation | Function) -> None:
    for name in every_lazy_name(record):
        if not str(name).startswith(("jax", "tensorflow")):
            assert resolved(name) is not None


@pytest.mark.parametrize("field", ["facts", "spread", "claim", "tried", "zeros", "derivative_uses", "arb", "torch"])
def test_a_record_without_a_fact_is_no_record(field: str) -> None:
    given = {one.name: getattr(OPERATIONS["tan"], one.name) for one in dataclasses.fields(Operation)}
    del given[field]
    with pytest.raises(TypeError, match=field):
        Operation(**given)


@pytest.mark.parametrize("field", [one.name for one in dataclasses.fields(Facts)])
def test_facts_have_no_defaults(field: str) -> None:
    given = {one.name: getattr(OPERATIONS["tan"].facts, one.name) for one in dataclasses.fields(Facts)}
    del given[field]
    with pytest.raises(TypeError, match=field):
        Facts(**given)


def test_a_class_without_facts_is_refused() -> None:
    composed = next(one for one in ALL if one.name == "cot")
    with pytest.raises(TypeError, match="cot states no facts"):
        dataclasses.replace(composed, own_facts=None)


def test_nothing_is_claimed_of_what_has_no_record() -> None:
    with pytest.raises(KeyError, match="bessel"):
        claims.rounding_parts("bessel", torch.float64)


# ------------------------------------------------------------------------------------------------- print, source, audit
@pytest.mark.parametrize(
    "function", [one for one in TABLE if one.name not in ("where", "Piecewise")], ids=lambda f: f.name
)
def test_printed_text_is_read_back(function: Function) -> None:
    arguments = (*[sympy.Integer(2)] * function.orders, *(X, Y, Z)[: function.least - function.orders])
    expr = build(function.name, *arguments)
    assert parse(to_text(expr, unicode=False)) == expr
    for name in (function.name, *function.aliases):
        assert parse(f"{name}({', '.join(map(str, arguments))})") == expr


@pytest.mark.parametrize(
    "function", [one for one in TABLE if one.least == 1 and one.most == 1], ids=lambda one: one.name
)
def test_copies_of_an_operand_are_counted(function: Function) -> None:
    found = build(function.name, X).count(X)
    assert function.building.copies >= found or function.name == "relu", "whose Max SymPy counts by itself"


def test_each_class_has_one_record() -> None:
    assert len(by_class()) == len(WITH_CLASS)
    assert len({name for one in TABLE for name in (one.name, *one.aliases)}) == sum(
        1 + len(one.aliases) for one in TABLE
    )


@pytest.mark.parametrize("name", OPERATIONS)
def test_javascript_has_the_function(name: str) -> None:
    written = OPERATIONS[name].javascript
    if isinstance(written, Lack):
        assert not helpers(f"{name}(x)")
        return
    if isinstance(written, Helper):
        assert helpers(f"{written.name}(x)")[-1] == written.source
        return
    assert written in "+-*/" or written.startswith("Math.") or helpers(f"{written}(x)")


@pytest.mark.parametrize(
    "name", [n for n in OPERATIONS if n in AT_TORCH and numbers_of(n) == 1 and not orders_of(n) and n != "softplus"]
)
def test_the_audit_asks_inside_the_domain(name: str) -> None:
    """Its conditions are those of the open domain, or of the right of all poles."""
    known = AT_TORCH[name]
    audited_on = known.cases[0].domain if known.cases else known.defined.interior
    domain = OPERATIONS[name].facts.domain
    conditions = [condition.replace("self", "({x})") for condition in audited_on]
    for k in range(-28, 29):
        x = sympy.Rational(k, 8)
        audited = all(bool(sympy.sympify(condition.format(x=x))) for condition in conditions)
        ball, near = arb(k) / 8, arb(k / 8, 1 / 16)
        interior = domain.holds(ball) and (domain is EVERYWHERE or (not domain.fails(near) and domain.holds(near)))
        gamma = name in ("lgamma", "digamma")
        assert audited == (interior or (domain.holds(ball) and not _is_end(name, x))) or (
            gamma and audited == (x > 0)
        ), x


def _is_end(name: str, x: sympy.Rational) -> bool:
    return x in {"sqrt": (0,), "asin": (1, -1), "acos": (1, -1), "acosh": (1,)}.get(name, ())
