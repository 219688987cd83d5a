"""Further ways in which torch differentiates a candidate: its forward mode, and its backward differentiated again."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor
from torch.autograd import forward_ad

from diffexplore.arguments import as_texts
from diffexplore.checking.comparisons import PointOutcome
from diffexplore.checking.records import WEIGHTED
from diffexplore.checking.tallies import Skipped
from diffexplore.errors import UsageError, unknown
from diffexplore.loss import Loss
from diffexplore.verifying.calling import torch_reasons
from diffexplore.verifying.candidates.base import Answer, Candidate, Symbols
from diffexplore.verifying.candidates.computes_loss import UPSTREAM, ComputesLoss
from diffexplore.verifying.double_backward import DoubleBackward, unequal, weighted_gradient
from diffexplore.verifying.gradients import named_gradients
from diffexplore.verifying.packs import Packed


@dataclass(frozen=True)
class ModeCheck:
    """A candidate in a mode, the loss whose gradient it then computes, and the symbols to verify it by.

    ``of`` is the parameter by which a double backward differentiates first, :data:`WEIGHTED` for a sum of all partials,
    None for a mode of the first derivative. ``instead`` makes the checks that say more where this one fails.
    """

    candidate: Candidate
    loss: Loss
    wrt: tuple[str, ...]
    of: str | None = None
    instead: tuple[Callable[[], ModeCheck], ...] = ()


class ForwardMode(Candidate):
    """A Jacobian-vector product with a tangent for each entry of each parameter."""

    title = "{} (forward mode)"
    kind = "loss"
    torch = True

    def __init__(self, inner: ComputesLoss, symbols: Symbols) -> None:
        self.name = self.title.format(inner.name)
        self._inner = inner

    def answer(self, wrt: tuple[str, ...], values: Mapping[str, Tensor]) -> Answer:
        with torch_reasons():
            gradients = {name: self._gradient(name, values) for name in wrt}
        return Answer(named_gradients(gradients, wrt, values, self.name))

    def _gradient(self, name: str, values: Mapping[str, Tensor]) -> Tensor:
        like = values[name]
        tangents = torch.eye(like.numel(), dtype=like.dtype, device=like.device).reshape(-1, *like.shape)
        return torch.stack([self._along(name, tangent, values) for tangent in tangents]).reshape(like.shape)

    def _along(self, name: str, tangent: Tensor, values: Mapping[str, Tensor]) -> Tensor:
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(values[name].detach().clone(), tangent)
            output = self._inner.output({**values, name: dual})
            found = forward_ad.unpack_dual(output).tangent
        return torch.zeros_like(output) if found is None else found


_TITLES = {"forward": ForwardMode.title, "double backward": DoubleBackward.title}

#: What may be requested; the gradient that training uses, by reverse mode, is always verified.
MODES = ("reverse", *_TITLES)

#: Up to so many parameters each entry of the Hessian is compared; beyond, their sums with weights come first.
_ENTRIES = 8


def as_modes(modes: Sequence[str] | str) -> tuple[str, ...]:
    """The modes beside the reverse one; raises UsageError for a name that is none."""
    names = as_texts(modes, "modes", "'forward' or ['reverse', 'forward']")
    for name in names:
        if name not in MODES:
            raise unknown("mode", str(name), MODES)
    return tuple(name for name in _TITLES if name in names)


def mode_checks(
    candidate: Candidate, loss: Loss, modes: Sequence[str], wrt: tuple[str, ...], seed: int
) -> tuple[list[ModeCheck], list[Skipped]]:
    """The checks of a candidate in further modes, and those that it cannot have.

    The gradient by forward mode is verified by the parameters in ``wrt``. Of the double backward each ∂L/∂θₖ is a loss
    of its own, verified by all of them: an entry of the Hessian for each pair.
    """
    checks: list[ModeCheck] = []
    skipped = []
    for mode in modes:
        adapt = _adapter(candidate, loss)
        if adapt is None:
            reason = "only a candidate that computes the loss, or an output, can be differentiated in another mode"
            skipped.append(Skipped(_TITLES[mode].format(candidate.name), reason))
            continue
        try:
            checks += [_forward(adapt, loss, wrt)] if mode == "forward" else _of_gradient(adapt, loss, wrt, seed)
        except UsageError as error:
            skipped.append(Skipped(_TITLES[mode].format(candidate.name), str(error)))
    return checks, skipped


#: What makes a mode of a candidate: a class of modes, and what it takes beside candidate and symbols.
_Adapter = Callable[..., Candidate]


def _adapter(candidate: Candidate, loss: Loss) -> _Adapter | None:
    if isinstance(candidate, Packed) and isinstance(candidate.inner, ComputesLoss):
        inner, symbols = candidate.inner, candidate.symbols
        return lambda mode, *rest: Packed(mode(inner, symbols, *rest), symbols)
    return (lambda mode, *rest: mode(candidate, loss, *rest)) if isinstance(candidate, ComputesLoss) else None


def _forward(adapt: _Adapter, loss: Loss, wrt: tuple[str, ...]) -> ModeCheck:
    parameters = tuple(name for name in wrt if name in loss.parameters)
    if not parameters:
        raise UsageError("forward mode is verified by parameters, and none is requested")
    return ModeCheck(adapt(ForwardMode), loss, parameters)


def _of_gradient(adapt: _Adapter, loss: Loss, wrt: tuple[str, ...], seed: int) -> list[ModeCheck]:
    first = tuple(name for name in loss.parameters if name != UPSTREAM)
    if not first:
        raise UsageError("the double backward starts from the gradient by the parameters, and the loss has none")

    def check(weights: Mapping[str, float], of: str, instead: tuple[Callable[[], ModeCheck], ...] = ()) -> ModeCheck:
        derived = weighted_gradient(loss, weights)
        derived.gradient(wrt)  # raises where it has none, before anything runs
        return ModeCheck(adapt(DoubleBackward, weights), derived, wrt, of, instead)

    if len(first) > _ENTRIES:
        weights = dict(zip(first, unequal(len(first), seed), strict=True))
        return [check(weights, WEIGHTED, tuple(partial(check, {name: 1.0}, name) for name in first))]
    return [check({name: 1.0}, name) for name in first]


def merged(outcome: PointOutcome, other: PointOutcome) -> PointOutcome:
    """One outcome of two at the same point; a partial that both have is settled where both settle it."""
    causes = Counter(outcome.causes)
    causes.update(other.causes)
    requested = {tally.parameter for tally in other.tallies}
    settled = {
        name: max(power, other.settled.get(name, -math.inf)) if not math.isnan(power) else power
        for name, power in outcome.settled.items()
        if name in other.settled or name not in requested
    }
    return replace(
        outcome, rows=(*outcome.rows, *other.rows), tallies=(*outcome.tallies, *other.tallies), causes=causes,
        skipped=(*outcome.skipped, *other.skipped), settled=settled, failed=outcome.failed or other.failed,
    )  # fmt: skip
