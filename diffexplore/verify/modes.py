"""Further ways in which torch differentiates a candidate: its forward mode, and its backward differentiated again."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import sympy
import torch
from torch.autograd import forward_ad

from diffexplore.check.point import PointOutcome
from diffexplore.check.records import DOUBLE_BACKWARD, Skipped
from diffexplore.errors import UsageError, unknown
from diffexplore.loss import Loss
from diffexplore.symbolic.text import to_text
from diffexplore.verify.candidates.base import Answer, Candidate, CandidateError, Symbols
from diffexplore.verify.candidates.computes_loss import ComputesLoss
from diffexplore.verify.gradients import named_gradients
from diffexplore.verify.packs import Packed

Tensor = torch.Tensor


class ModeUnavailable(CandidateError):
    """The candidate, or torch, does not have this mode: the message is torch's reason."""


@dataclass(frozen=True)
class ModeCheck:
    """A candidate in a mode, the loss whose gradient it then computes, and the symbols to verify it by."""

    candidate: Candidate
    loss: Loss
    wrt: tuple[str, ...]


class ForwardMode:
    """A Jacobian-vector product with a tangent for each entry of each parameter."""

    title = "{} (forward mode)"
    kind = "loss"
    repeatable = True
    torch = True

    def __init__(self, inner: ComputesLoss, symbols: Symbols) -> None:
        self.name = self.title.format(inner.name)
        self._inner = inner

    def answer(self, wrt: tuple[str, ...], values: Mapping[str, Tensor]) -> Answer:
        with _torch_reasons():
            gradients = {name: self._gradient(name, values) for name in wrt}
        return Answer(named_gradients(gradients, wrt, values, self.name))

    def _gradient(self, name: str, values: Mapping[str, Tensor]) -> Tensor:
        like = values[name]
        entries = []
        for i in range(like.numel()):
            tangent = torch.zeros_like(like)
            tangent.view(-1)[i : i + 1].fill_(1)
            entries.append(self._along(name, tangent, values))
        return torch.stack(entries).reshape(like.shape)

    def _along(self, name: str, tangent: Tensor, values: Mapping[str, Tensor]) -> Tensor:
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(values[name].detach().clone(), tangent)
            output = self._inner.output({**values, name: dual})
            found = forward_ad.unpack_dual(output).tangent
        return torch.zeros_like(output) if found is None else found


class DoubleBackward:
    """The gradient of the sum of the gradient's entries, through the graph of the backward pass."""

    title = f"{{}}{DOUBLE_BACKWARD}"
    kind = "loss"
    repeatable = True
    torch = True

    def __init__(self, inner: ComputesLoss, symbols: Symbols) -> None:
        self.name = self.title.format(inner.name)
        self._inner = inner
        self._parameters = symbols.parameters

    def answer(self, wrt: tuple[str, ...], values: Mapping[str, Tensor]) -> Answer:
        names = dict.fromkeys((*self._parameters, *wrt))
        leaves = {name: values[name].detach().clone().requires_grad_() for name in names}
        first = {name: leaves[name] for name in self._parameters}
        with _torch_reasons():
            output = self._inner.output({**values, **leaves})
            gradients = self._inner.gradients(output, first, values, create_graph=True)
            total = torch.stack([gradient.sum() for gradient in gradients.values()]).sum()
            second = _again(total, {name: leaves[name] for name in wrt})
        return Answer(named_gradients(second, wrt, values, self.name))


def _again(total: Tensor, leaves: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if not total.requires_grad:  # the gradient is constant, or the backward pass keeps no graph
        return {name: torch.zeros_like(leaf) for name, leaf in leaves.items()}
    if any(node.name() == _ONCE for node in _nodes(total)):
        # Its node would raise, but lies on no path to the leaves, and torch would return 0 without a word.
        raise ModeUnavailable("a function of the candidate is marked with @once_differentiable")
    found = torch.autograd.grad(total, list(leaves.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(leaves, found, strict=True))


#: What torch puts into the graph of a backward that is differentiable once only.
_ONCE = "torch::autograd::Error"


def _nodes(output: Tensor) -> Iterator[Any]:
    """All nodes of the graph behind an output."""
    waiting, seen = [output.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            yield node
            waiting += [following for following, _ in node.next_functions]


@contextmanager
def _torch_reasons() -> Iterator[None]:
    """What torch refuses to differentiate is said in its own words."""
    try:
        yield
    except (NotImplementedError, RuntimeError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModeUnavailable(f"torch refuses: {lines[0][:300]}") from error


_MODES: dict[str, type[ForwardMode] | type[DoubleBackward]] = {
    "forward": ForwardMode,
    "double backward": DoubleBackward,
}

#: What may be asked for; the gradient that training uses, by reverse mode, is always verified.
MODES = ("reverse", *_MODES)


def as_modes(modes: Sequence[str] | str) -> tuple[str, ...]:
    """The modes beside the reverse one; raises UsageError for a name that is none."""
    names = (modes,) if isinstance(modes, str) else tuple(modes)
    for name in names:
        if name not in MODES:
            raise unknown("mode", str(name), MODES)
    return tuple(name for name in _MODES if name in names)


def mode_checks(
    candidate: Candidate, loss: Loss, modes: Sequence[str], wrt: tuple[str, ...]
) -> tuple[list[ModeCheck], list[Skipped]]:
    """The checks of a candidate in further modes, and those that it cannot have.

    The gradient by forward mode is verified by the parameters in ``wrt``; the double backward is that of the loss
    Σₖ ∂ℓ/∂θₖ by all of them.
    """
    checks, skipped = [], []
    for mode in modes:
        adapted = _in_mode(candidate, loss, _MODES[mode])
        if adapted is None:
            reason = "only a candidate that computes the loss, or an output, can be differentiated in another mode"
            skipped.append(Skipped(_MODES[mode].title.format(candidate.name), reason))
            continue
        try:
            checks.append(_of_gradient(adapted, loss, wrt) if mode != "forward" else _forward(adapted, loss, wrt))
        except UsageError as error:
            skipped.append(Skipped(adapted.name, str(error)))
    return checks, skipped


def _in_mode(candidate: Candidate, loss: Loss, mode: Callable[[ComputesLoss, Symbols], Candidate]) -> Candidate | None:
    if isinstance(candidate, Packed) and isinstance(candidate.inner, ComputesLoss):
        return Packed(mode(candidate.inner, candidate.symbols), candidate.symbols)
    return mode(candidate, loss) if isinstance(candidate, ComputesLoss) else None


def _forward(candidate: Candidate, loss: Loss, wrt: tuple[str, ...]) -> ModeCheck:
    parameters = tuple(name for name in wrt if name in loss.parameters)
    if not parameters:
        raise UsageError("forward mode is verified by parameters, and none is asked for")
    return ModeCheck(candidate, loss, parameters)


def _of_gradient(candidate: Candidate, loss: Loss, wrt: tuple[str, ...]) -> ModeCheck:
    if not loss.parameters:
        raise UsageError("the double backward starts from the gradient by the parameters, and the loss has none")
    derived = gradient_sum(loss)
    derived.gradient(wrt)  # where it has none, that is said before anything runs
    return ModeCheck(candidate, derived, wrt)


def gradient_sum(loss: Loss) -> Loss:
    """The loss whose summand is the sum of the partials by the parameters; symbols that drop out stay its own."""
    gradient = loss.gradient()
    expression = sympy.Add(*(gradient[name] for name in loss.parameters))
    derived = copy.copy(loss)
    changed = {
        "expression": expression,
        "formula": to_text(expression, unicode=False),
        "_program": None,
        "_derived": {},
    }
    for attribute, value in changed.items():
        object.__setattr__(derived, attribute, value)
    return derived


def merged(outcome: PointOutcome, other: PointOutcome) -> PointOutcome:
    """One outcome of two at the same point; a partial that both have is settled where both settle it."""
    causes = dict(outcome.causes)
    for key, count in other.causes.items():
        causes[key] = causes.get(key, 0) + count
    asked = {tally.parameter for tally in other.tallies}
    settled = {
        name: max(power, other.settled.get(name, -math.inf)) if not math.isnan(power) else power
        for name, power in outcome.settled.items()
        if name in other.settled or name not in asked
    }
    return replace(
        outcome,
        rows=(*outcome.rows, *other.rows),
        tallies=(*outcome.tallies, *other.tallies),
        causes=causes,
        skipped=(*outcome.skipped, *other.skipped),
        settled=settled,
        failed=outcome.failed or other.failed,
    )
