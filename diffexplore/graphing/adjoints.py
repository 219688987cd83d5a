"""Reverse accumulation as formulas: the adjoint of a node is Σ over its uses of adjoint · local derivative."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sympy

from diffexplore.formula import build
from diffexplore.formula.batch_sums import BatchSum, batch_sum
from diffexplore.formula.derive import differentiate
from diffexplore.formula.order import count_ops, is_negative_term
from diffexplore.formula.size import nodes
from diffexplore.formula.text import to_text
from diffexplore.graphing.draft import Draft
from diffexplore.lists import grouped

#: A formula of more operations is not written out: it says nothing to a reader, and can be exponentially long.
_MOST_OPERATIONS = 60

#: A product of more nodes is not made: it would have to cancel to a fortieth to be readable.
_MOST_NODES = 40 * _MOST_OPERATIONS

#: Operands of max and min, beside the one that is differentiated by, with which an adjoint is written out.
_MOST_COMPARED = 8


def is_readable(expr: sympy.Expr, most: int = _MOST_OPERATIONS) -> bool:
    """Whether a formula is short enough to be shown."""
    return count_ops(expr) <= most


@dataclass(frozen=True)
class Link:
    """An operand of an operation, and the derivative of the one by the other in the symbols of nodes."""

    operand: Draft
    result: Draft
    local: sympy.Expr

    @property
    def smooth(self) -> bool:
        """Whether a derivative flows back along the link."""
        return bool(self.local != 0)

    @property
    def adds_samples(self) -> bool:
        """Whether all samples use the operand: its adjoint is the sum of what they send back."""
        return self.result.by_sample and not self.operand.by_sample


def links_of(drafts: Sequence[Draft]) -> tuple[Link, ...]:
    """Every use of a node, in the order of the results."""
    by_symbol = {draft.symbol: draft for draft in drafts}
    return tuple(
        Link(by_symbol[operand], draft, _local(draft.operation.expression, operand))
        for draft in drafts
        if draft.operation is not None
        for operand in draft.operation.operands
    )


def _local(operation: sympy.Expr, operand: sympy.Symbol) -> sympy.Expr:
    return sympy.S.One if isinstance(operation, BatchSum) else differentiate(operation, operand)


def needed(drafts: Sequence[Draft], links: Sequence[Link], requested: Collection[str] | None) -> set[int]:
    """The numbers of the nodes through which a derivative reaches the inputs ``requested``; None: all inputs."""
    found = {
        draft.number for draft in drafts if draft.operation is None and (requested is None or draft.name in requested)
    }
    for link in links:
        if link.operand.number in found:
            found.add(link.result.number)
    return found


def adjoints(
    drafts: Sequence[Draft], links: Sequence[Link], requested: Collection[int]
) -> tuple[dict[int, sympy.Expr], dict[int, str]]:
    """For the nodes ``requested`` ∂L/∂node in the inputs, and as the chain rule in names of nodes.

    The former are left out where they, or what they are made from, would be longer than anybody reads.
    """
    output = drafts[-1]
    data = [draft.symbol for draft in drafts if draft.kind == "data"]
    closed_of = {draft.symbol: draft.closed for draft in drafts}
    uses = grouped(links, lambda link: link.operand.number)
    closed: dict[int, sympy.Expr] = {output.number: sympy.S.One}
    rules: dict[int, str] = {output.number: "1"}
    for draft in reversed(drafts[:-1]):
        if draft.number not in requested:
            continue
        flowing = [link for link in uses.get(draft.number, ()) if link.smooth]
        if all(link.result.number in closed and _may_be_readable(link, closed, closed_of) for link in flowing):
            terms = [_contribution(link, closed[link.result.number], closed_of, data) for link in flowing]
            adjoint = sympy.Add(*terms)
            if is_readable(adjoint):
                closed[draft.number] = adjoint
        rules[draft.number] = "".join(_signed([_term(link, output) for link in flowing])) or "0"
    return closed, rules


def _may_be_readable(
    link: Link, closed: Mapping[int, sympy.Expr], closed_of: Mapping[sympy.Symbol, sympy.Expr]
) -> bool:
    """Whether what a link sends back may be short; decided before it is written out.

    SymPy compares the operands of max each with each whenever they are replaced: of 30 this takes minutes.
    """
    if any(len(extreme.args) > _MOST_COMPARED for extreme in link.local.atoms(sympy.Max, sympy.Min)):
        return False
    sizes: dict[sympy.Basic, int] = {name: nodes(expr) for name, expr in closed_of.items()}
    return nodes(closed[link.result.number]) + nodes(link.local, sizes) <= _MOST_NODES


def _contribution(
    link: Link, adjoint: sympy.Expr, closed_of: Mapping[sympy.Symbol, sympy.Expr], data: Sequence[sympy.Symbol]
) -> sympy.Expr:
    factors = (factor.xreplace(dict(closed_of)) for factor in sympy.Mul.make_args(link.local))
    product = build.product([adjoint, *factors])  # so that 2·(a + b) stays what it is
    return batch_sum(product, data) if link.adds_samples else product


def _term(link: Link, output: Draft) -> tuple[bool, str]:
    """Whether it is subtracted, and ``∂L/∂v5 · 2·v3`` without its sign."""
    negative = is_negative_term(link.local) and not link.local.is_Add
    local = -link.local if negative else link.local
    text = to_text(local)
    if link.result is output:  # whose adjoint is 1
        shown = text
    elif local == 1:
        shown = f"∂L/∂{link.result.name}"
    else:
        shown = f"∂L/∂{link.result.name} · {f'({text})' if local.is_Add else text}"
    return negative, f"Σ({shown})" if link.adds_samples else shown


def _signed(terms: list[tuple[bool, str]]) -> Iterator[str]:
    for place, (negative, text) in enumerate(terms):
        if place:
            yield " − " if negative else " + "
        elif negative:
            yield "−"
        yield text
