"""From an entry to its questions: one for each input, each case, and each way in which a formula can be run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from diffexplore.auditing.expressions import NotAnExpression
from diffexplore.auditing.functions import NotRead
from diffexplore.auditing.rulebook import RulebookEntry
from diffexplore.auditing.setup import Question, Setup, Unread
from diffexplore.torch_ops.cases import Case

_SKIPPED = ("non_differentiable", "not_implemented")
_GENERATED = ("auto_linear", "auto_element_wise")
FORWARD_MODE = "forward mode"


def backward_questions(entry: RulebookEntry, case: Case) -> Iterator[tuple[str, Question | Unread]]:
    """The formulas of gradients, with the question that each becomes for each input."""
    setup = Setup(entry, case)
    for key, text in entry.gradients.items():
        for position, name in enumerate(part.strip() for part in key.split(",")):
            if name in case.settings or text.startswith(_SKIPPED):
                continue
            for grad_mode in (True, False) if "GradMode" in text else (True,):
                label = "; ".join(filter(None, (case.label, "" if grad_mode else "without create_graph")))
                try:
                    yield text, setup.ask(name, position, text, grad_mode, label)
                except (NotRead, NotAnExpression) as error:
                    yield text, Unread(name, label, str(error))


def forward_questions(entry: RulebookEntry, case: Case) -> Iterator[tuple[str, Question | Unread]]:
    """The formulas of forward mode that are written out, with their questions.

    With the tangent t of one input and zeros for the others, the formula must be t·∂f/∂input; and with several
    tangents, the sum of what it is for each.
    """
    setup = Setup(entry, case)
    outputs = ["result", *(f"result{i}" for i in range(4)), *filter(None, entry.signature.results)]
    for key, text in entry.tangents.items():
        if text in _GENERATED or key not in outputs:
            continue
        position = entry.signature.results.index(key) if key in entry.signature.results else int(key[6:] or 0)
        try:
            yield from ((text, question) for question in _forward(setup, entry, text, position))
        except (NotRead, NotAnExpression) as error:
            yield text, Unread(FORWARD_MODE, case.label, str(error))


def _forward(setup: Setup, entry: RulebookEntry, text: str, position: int) -> Iterator[Question]:
    inputs = [name for name in _differentiable(setup, entry) if f"{name}_t" in text or name in _given(entry)]
    tangents = {name: sympy.Symbol(f"{name}_t", real=True) for name in inputs}
    parts = {name: _pushed(setup, text, {name: tangents[name]}, inputs) for name in inputs}
    for name, (claimed, notes) in parts.items():
        forward = tangents[name] * setup.outputs[position]
        yield setup.question(f"{name}, {FORWARD_MODE}", setup.case.label, forward, claimed, setup.values[name], notes)
    at_rest, notes = _pushed(setup, text, {}, inputs)
    if at_rest != 0:
        yield setup.question(f"all tangents 0, {FORWARD_MODE}", setup.case.label, sympy.S.Zero, at_rest, None, notes)
    if len(inputs) > 1:
        claimed, notes = _pushed(setup, text, tangents, inputs)
        total = sympy.Add(*(part for part, _ in parts.values()))
        yield setup.question(f"linear, {FORWARD_MODE}", setup.case.label, total, claimed, None, notes)


def _differentiable(setup: Setup, entry: RulebookEntry) -> list[str]:
    """The tensors that are numbers in this case."""
    names = [argument.name for argument in entry.signature.tensors]
    return [name for name in names if isinstance(setup.values[name], sympy.Symbol)]


def _given(entry: RulebookEntry) -> set[str]:
    """The inputs that have a gradient, whose tangents no formula of forward mode may forget."""
    formulas = ((key, text) for key, text in entry.gradients.items() if not text.startswith(_SKIPPED))
    return {name.strip() for key, _ in formulas for name in key.split(",")}


def _pushed(
    setup: Setup, text: str, tangents: dict[str, sympy.Symbol], inputs: list[str]
) -> tuple[sympy.Expr, list[str]]:
    """The formula for these tangents, and zeros for those of the other inputs."""
    names: dict[str, Any] = {f"{name}_p": value for name, value in setup.values.items()}
    names |= {f"{name}_t": None for name, value in setup.values.items() if value is None}
    names |= {f"{name}_t": tangents.get(name, sympy.S.Zero) for name in inputs}
    names |= {f"original_{name}": value for name, value in names.items()}
    notes: list[str] = []
    return setup.claimed(setup.read(text, True, names | setup.saved_results(), notes)), notes
