"""From a formula as it was written to the nodes that compute it: operation by operation, as torch runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import sympy

from diffexplore.errors import UsageError
from diffexplore.formula import build
from diffexplore.formula.batch_sums import SAMPLES, BatchSum
from diffexplore.formula.names import free_letter
from diffexplore.formula.text import AND as BOTH
from diffexplore.formula.text import ATOM, COMPARED, FACTOR, NOT, PRODUCT, SUM, Writer
from diffexplore.formula.text import OR as EITHER
from diffexplore.functions.tables import builders
from diffexplore.graphing.draft import LETTERS, OUTPUT, Draft
from diffexplore.graphing.operations import GraphOperation
from diffexplore.graphing.records import Kind
from diffexplore.loss import Loss
from diffexplore.program.program import Program, Step

#: A formula of more operations is not written out for a node, nor for the whole loss.
_MOST_OF_A_NODE, _MOST_OF_A_LOSS = 60, 200


@dataclass(frozen=True)
class _WrittenPart:
    """What a slot holds: in the names of nodes, in the inputs, and both as text. A condition is no node of its own.

    ``operands`` are the nodes that are named in it; ``size`` is the number of operations behind it.
    """

    named: sympy.Basic
    closed: sympy.Basic
    rule: Words
    formula: Words
    operands: tuple[sympy.Symbol, ...]
    by_sample: bool
    size: int


def _constant(number: sympy.Expr, words: Words) -> _WrittenPart:
    return _WrittenPart(number, number, words, words, (), False, 0)


def drafts_of(loss: Loss) -> tuple[tuple[Draft, ...], str | None]:
    """The nodes of a loss that was given as text, the reduction the last of them, and the loss as it was written.

    The latter is None where it is too long to be read.
    """
    drafting = _Drafting(loss)
    drafting.run(loss.written)
    return drafting.finished(), drafting.formula


class _Drafting:
    def __init__(self, loss: Loss) -> None:
        self._loss = loss
        self._drafts: list[Draft] = []
        self._letter = free_letter({*loss.parameters, *loss.data}, LETTERS)
        self._parts: list[_WrittenPart] = []
        self.formula: str | None = None

    def run(self, program: Program) -> None:
        self._parts += map(self._input, program.inputs)
        self._parts += [_constant(constant.exact, words_of_number(constant.exact)) for constant in program.constants]
        used = _used(program)
        for slot, step in enumerate(program.steps, start=program.first_step):
            operands = [self._parts[place] for place in step.arguments]
            self._parts.append(self._step(step, operands) if slot in used else operands[0])
        self._reduced(self._parts[program.outputs[0]])

    def finished(self) -> tuple[Draft, ...]:
        last = self._drafts[-1]
        taken = {draft.name for draft in self._drafts if draft.operation is None}
        return (*self._drafts[:-1], replace(last, name=OUTPUT) if OUTPUT not in taken else last)

    def _input(self, name: str) -> _WrittenPart:
        symbol = self._loss.symbols[name]
        is_data = name in self._loss.data
        kind: Kind = "data" if is_data else "parameter"
        self._drafts.append(Draft(len(self._drafts) + 1, name, kind, symbol, None, is_data))
        return _WrittenPart(symbol, symbol, (name, ATOM), (name, ATOM), (symbol,), is_data, 0)

    def _step(self, step: Step, operands: Sequence[_WrittenPart]) -> _WrittenPart:
        named = _expression(step.operation, [part.named for part in operands])
        closed = _expression(step.operation, [part.closed for part in operands])
        size = 1 + sum(part.size for part in operands)
        rule = words_of(step.operation, [part.rule for part in operands])
        # What is too long to be shown is not put together: it may be exponentially long.
        short = size <= _MOST_OF_A_LOSS
        formula = words_of(step.operation, [part.formula for part in operands]) if short else ("…", ATOM)
        used = tuple(dict.fromkeys(symbol for part in _in_order(step, operands) for symbol in part.operands))
        part = _WrittenPart(named, closed, rule, formula, used, any(part.by_sample for part in operands), size)
        return part if step.operation in _NO_NODES or not used else self._node(part)

    def _node(self, part: _WrittenPart, kind: Kind = "operation") -> _WrittenPart:
        """The part as a node, to which others refer by its name."""
        number = len(self._drafts) + 1
        name = f"{self._letter}{number}"
        text = part.formula[0] if part.size <= _MOST_OF_A_NODE else ""
        operation = GraphOperation(part.named, part.rule[0], part.operands)
        self._drafts.append(Draft(number, name, kind, part.closed, operation, part.by_sample, text))
        symbol = self._drafts[-1].symbol
        return replace(part, named=symbol, rule=(name, ATOM), operands=(symbol,))

    def _reduced(self, summand: _WrittenPart) -> None:
        """The sum over the samples, and a mean's division; of an input alone, that it is the loss."""
        if not summand.operands:
            raise UsageError("the loss does not depend on its inputs: there is nothing to draw")
        loss, total = self._loss, summand
        if loss.data:
            symbols = [loss.symbols[name] for name in loss.data]
            named, closed = (BatchSum(expression, symbols) for expression in (summand.named, summand.closed))
            rule, formula = ((f"Σ({text})", ATOM) for text in (summand.rule[0], summand.formula[0]))
            part = _WrittenPart(named, closed, rule, formula, summand.operands, False, summand.size + 1)
            total = self._node(part, "sum")
            if loss.reduction == "mean":
                total = self._step(Step("div", (0, 1)), [total, _constant(SAMPLES, (str(SAMPLES), ATOM))])
        if total.operands[0].name in loss.symbols:
            total = self._node(total)
        self.formula = total.formula[0] if total.size <= _MOST_OF_A_LOSS else None


#: Their results are conditions and constants, which stand with the operation that uses them.
_NO_NODES = frozenset("lt le gt ge eq ne and or not full_like".split())


def _used(program: Program) -> set[int]:
    """The slots that the output needs."""
    found, waiting = set(), list(program.outputs)
    while waiting:
        slot = waiting.pop()
        if slot not in found:
            found.add(slot)
            waiting += program.steps[slot - program.first_step].arguments if slot >= program.first_step else ()
    return found


def _in_order(step: Step, operands: Sequence[_WrittenPart]) -> Sequence[_WrittenPart]:
    """Of a choice the branches before the condition; of a constant nothing."""
    if step.operation == "full_like":
        return operands[1:]
    return (*operands[1:], operands[0]) if step.operation == "where" else operands


def _expression(operation: str, operands: Sequence[sympy.Basic]) -> sympy.Basic:
    return (_EXPRESSIONS.get(operation) or builders()[operation])(*operands)


#: Operations of a program that are no functions of the formula language: what SymPy has for them, not rearranged.
_EXPRESSIONS: Mapping[str, Callable[..., sympy.Basic]] = {
    "add": lambda x, y: build.total([x, y]),
    "sub": lambda x, y: build.total([x, build.product([sympy.S.NegativeOne, y])]),
    "mul": lambda x, y: build.product([x, y]),
    "div": lambda x, y: build.product([x, sympy.Pow(y, -1)]),
    "neg": lambda x: build.product([sympy.S.NegativeOne, x]),
    "pow": build.power,
    "sqrt": sympy.sqrt,
    "full_like": lambda like, number: number,
    "lt": sympy.Lt, "le": sympy.Le, "gt": sympy.Gt, "ge": sympy.Ge, "eq": sympy.Eq, "ne": sympy.Ne,
    "and": sympy.And, "or": sympy.Or, "not": sympy.Not,
}  # fmt: skip


#: A text, and how tightly it binds.
Words = tuple[str, int]

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def words_of_number(number: sympy.Expr) -> Words:
    """A constant."""
    return Writer(unicode=True).words(number)


def words_of(operation: str, operands: Sequence[Words]) -> Words:
    """The operation with its operands in the order in which they were written."""
    write = _FORMS.get(operation)
    if write is not None:
        return write(operands)
    return f"{operation}({', '.join(text for text, _ in operands)})", ATOM


def _at(words: Words, place: int) -> str:
    text, binding = words
    return text if binding >= place else f"({text})"


def _between(sign: str, left: int, right: int, binding: int) -> Callable[[Sequence[Words]], Words]:
    return lambda operands: (f"{_at(operands[0], left)}{sign}{_at(operands[1], right)}", binding)


def _power(operands: Sequence[Words]) -> Words:
    base, (exponent, binding) = operands
    if exponent.isdecimal():
        return _at(base, ATOM) + exponent.translate(_SUPERSCRIPTS), FACTOR
    return f"{_at(base, ATOM)}^{_at((exponent, binding), ATOM)}", FACTOR


def _root(operands: Sequence[Words]) -> Words:
    text, _ = operands[0]
    return (f"√{text}" if text.isidentifier() or text.isdecimal() else f"√({text})"), FACTOR


_RELATIONS = {"lt": "<", "le": "≤", "gt": ">", "ge": "≥", "eq": "=", "ne": "≠"}

#: Operations that are written with signs; all others as calls by their names.
_FORMS: Mapping[str, Callable[[Sequence[Words]], Words]] = {
    "add": _between(" + ", SUM, PRODUCT, SUM),
    "sub": _between(" − ", SUM, PRODUCT, SUM),
    "mul": _between("·", PRODUCT, FACTOR, PRODUCT),
    "div": _between("/", PRODUCT, FACTOR, PRODUCT),
    "neg": lambda operands: (f"−{_at(operands[0], PRODUCT)}", SUM),
    "pow": _power,
    "sqrt": _root,
    "abs": lambda operands: (f"|{operands[0][0]}|", ATOM),
    "sigmoid": lambda operands: (f"σ({operands[0][0]})", ATOM),
    "full_like": lambda operands: operands[1],
    **{name: _between(f" {sign} ", SUM, SUM, COMPARED) for name, sign in _RELATIONS.items()},
    "and": _between(" and ", BOTH, NOT, BOTH),
    "or": _between(" or ", EITHER, BOTH, EITHER),
    "not": lambda operands: (f"not {_at(operands[0], NOT)}", NOT),
}
