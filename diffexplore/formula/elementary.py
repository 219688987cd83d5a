"""Programs of elementary operations alone, for arithmetics that are neither torch nor NumPy: complex numbers and balls.

Torch's complex power is wrong at z⁴ for z = −2, and a ball around 0 has no power that is taken through a logarithm.
"""

from __future__ import annotations

import sympy

from diffexplore.formula.collector import Collector
from diffexplore.program.program import Program, Step


def elementary(program: Program) -> Program:
    """``program`` with each power with a constant exponent n or n + 1/2 as products.

    A half takes a square root, a negative exponent a division. The value is the same wherever there is one. A power
    with exponent 0 stays: it is 1 where its base has a value.
    """
    if not any(_is_product(program, step) for step in program.steps):
        return program
    collector = Collector(program.inputs)
    slots = list(range(len(program.inputs))) + [collector.constant(constant.exact) for constant in program.constants]
    for step in program.steps:
        arguments = [slots[slot] for slot in step.arguments]
        if not _is_product(program, step):
            slots.append(collector.step(step.operation, *arguments))
        else:
            exponent = program.number(step.arguments[1])
            assert exponent is not None
            slots.append(_power(collector, arguments[0], exponent))
    return collector.program([slots[slot] for slot in program.outputs])


def _is_product(program: Program, step: Step) -> bool:
    if step.operation != "pow":
        return False
    exponent = program.number(step.arguments[1])
    return exponent is not None and exponent.is_Rational and exponent.q in (1, 2) and exponent != 0


def _power(collector: Collector, base: int, exponent: sympy.Rational) -> int:
    whole, half = divmod(abs(exponent), 1)
    factors = [collector.whole_power(base, int(whole))] if whole else []
    factors += [collector.step("sqrt", base)] if half else []
    power = collector.product(factors)
    return collector.step("div", collector.constant(sympy.S.One), power) if exponent < 0 else power
