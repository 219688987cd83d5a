"""A traced program: its output and its partials as formulas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import sympy
from sympy.logic.boolalg import Boolean
from torch.fx import GraphModule

from diffexplore.formula.recognise import Recognised
from diffexplore.formula.text import to_text
from diffexplore.tracing.declarations import Array
from diffexplore.tracing.narrow import NarrowStep
from diffexplore.tracing.ways import WayOfReading

#: The key of the output among the domains; no symbol is called so.
OUTPUT = ""


#: The number of samples of a program that mixes them.
FEW = 4


@dataclass(frozen=True)
class Traced:
    """A torch function as formulas.

    Attributes:
        parameters, data: its arguments, with the symbols of their entries.
        output: the scalar that it returns, with sums over the samples and N; in x_1, x_2, … where it mixes samples.
        partials: for each symbol what the backward graph computes, for data that of the generic sample; None where the
            backward pass was not traced. Data that torch cannot differentiate by have none.
        second: the same of a second backward call on the same graph, where an autograd Function is part of the program.
        samples: None where the formulas hold for all N, else the number of samples traced.
        mixing: the operator and line that mixes the samples.
        guards: what is taken for granted of N, such as N ≥ 2: relations in :data:`SAMPLES`.
        notes: which numbers the floats of the program were read as, and the like.
        constants: the floats of the program that were read as other numbers.
        narrow: where it computes in a narrower dtype than that of its arguments, which is read as exact.
        conventions: where the program departs from mathematics on purpose, and why.
        domains: for each symbol of ``partials``, and for :data:`OUTPUT`, the conditions under which torch has a value;
            formulas may have more, since SymPy cancels.
        graph: the graph that was read.
        way: how it was read.
        read_again: reads it in another way.
    """

    parameters: tuple[Array, ...]
    data: tuple[Array, ...]
    output: sympy.Expr
    partials: Mapping[str, sympy.Expr] | None
    second: Mapping[str, sympy.Expr] | None
    samples: int | None
    mixing: str | None
    guards: tuple[Boolean, ...]
    notes: tuple[str, ...]
    conventions: Mapping[Boolean, str]
    domains: Mapping[str, tuple[Boolean, ...]]
    graph: GraphModule = field(compare=False, repr=False)
    way: WayOfReading
    read_again: Callable[[WayOfReading], Traced] = field(compare=False, repr=False)
    constants: tuple[Recognised, ...] = ()
    narrow: tuple[NarrowStep, ...] = ()

    def read_exactly(self) -> Traced:
        """With every float as the number that it is; raises UsageError where these have no formula."""
        return self.read_again(replace(self.way, exact=True))

    def read_as_meant(self) -> Traced:
        """Without the departures of torch from mathematics, as if each function were what its name says."""
        return self.read_again(replace(self.way, as_meant=True))

    @property
    def rounds(self) -> bool:
        """Whether some float was read as another number."""
        return any(constant.relative for constant in self.constants)

    @property
    def conditions(self) -> tuple[str, ...]:
        """The guards as texts."""
        return tuple(to_text(guard, unicode=True) for guard in self.guards)
